#include "base/str.h"

#include "base/map.h"

#include <string.h>

/* Open addressing; nothing is ever removed. The hash stands in the slot, so that others' texts are not
 * touched. */
typedef struct StrSlot {
  uint32_t hash;
  StrObj *str; /* NULL: free */
} StrSlot;

struct StrPool {
  Arena *arena;
  StrSlot *slots;
  size_t cap, n;
};

StrPool *strpool_new(Arena *a) {
  StrPool *p = NEW(a, StrPool);
  *p = (StrPool){.arena = a, .cap = 512};
  p->slots = NEW_ARRAY(a, StrSlot, p->cap);
  return p;
}

static uint32_t str_hash(const char *s, size_t len) {
  return (uint32_t)hash_bytes(0, s, len);
}

/* The slot that holds the text, or the free one where it would go. */
static StrSlot *slot_of(const StrPool *p, uint32_t hash, const char *s, size_t len) {
  size_t i = hash & (p->cap - 1);
  for (const StrObj *o; (o = p->slots[i].str) != NULL; i = (i + 1) & (p->cap - 1))
    if (p->slots[i].hash == hash && o->len == len && memcmp(o->s, s, len) == 0) break;
  return &p->slots[i];
}

static void grow(StrPool *p) {
  StrPool old = *p;
  p->cap *= 4;
  p->slots = NEW_ARRAY(p->arena, StrSlot, p->cap);
  for (size_t k = 0; k < old.cap; k++) {
    if (!old.slots[k].str) continue;
    size_t i = old.slots[k].hash & (p->cap - 1);
    while (p->slots[i].str) i = (i + 1) & (p->cap - 1);
    p->slots[i] = old.slots[k];
  }
}

Str str_intern(StrPool *p, const char *s, size_t len) {
  if (len > UINT32_MAX / 2) fail(arena_ctx(p->arena), ONNXSLIM_ERR_MODEL, "a name of %zu bytes", len);
  if (p->n * 2 >= p->cap) grow(p);
  uint32_t hash = str_hash(s, len);
  StrSlot *slot = slot_of(p, hash, s, len);
  if (slot->str) return slot->str;
  StrObj *o = arena_alloc(p->arena, sizeof *o + len + 1);
  o->len = (uint32_t)len;
  if (len) memcpy(o->s, s, len);
  p->n++;
  *slot = (StrSlot){hash, o};
  return o;
}

Str str_internz(StrPool *p, const char *s) {
  return str_intern(p, s, strlen(s));
}

Str str_find(const StrPool *p, const char *s, size_t len) {
  return slot_of(p, str_hash(s, len), s, len)->str;
}

bool str_is(Str s, const char *z) {
  return s && s->len == strlen(z) && memcmp(s->s, z, s->len) == 0;
}

bool glob_match(const char *pattern, const char *text) {
  const char *star = NULL, *resume = NULL;
  while (*text) {
    if (*pattern == '*') {
      star = ++pattern;
      resume = text;
    } else if (*pattern == '?' || *pattern == *text) {
      pattern++;
      text++;
    } else if (star) {
      pattern = star;
      text = ++resume;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return !*pattern;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_mentions(const char *text, const char *part) {
  for (;; text++) {
    size_t n = 0;
    while (part[n] && lower(text[n]) == lower(part[n])) n++;
    if (!part[n]) return true;
    if (!*text) return false;
  }
}

char *list_next(Arena *a, const char **at) {
  const char *p = *at;
  if (!p) return NULL;
  char *item = arena_alloc(a, strlen(p) + 1);
  size_t n = 0;
  while (*p && *p != ',') {
    if (p[0] == '\\' && p[1] == ',') p++;
    item[n++] = *p++;
  }
  *at = *p ? p + 1 : NULL;
  return item;
}

const char *list_item(Arena *a, const char *text) {
  char *item = arena_alloc(a, 2 * strlen(text) + 1);
  size_t n = 0;
  for (; *text; text++) {
    if (*text == ',') item[n++] = '\\';
    item[n++] = *text;
  }
  return item;
}
