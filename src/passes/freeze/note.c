#include "passes/freeze/note.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char dims_key[] = "onnxslim.frozen_dims", axes_key[] = "onnxslim.frozen_axes";

typedef struct Note {
  Arena *scratch;
  Vec(NamedSize) items;
} Note;

static void set(Note *n, const char *name, int64_t size) {
  for (size_t i = 0; i < n->items.n; i++)
    if (strcmp(n->items.at[i].name, name) == 0) {
      n->items.at[i].size = size;
      return;
    }
  vec_push(n->scratch, &n->items, ((NamedSize){name, size}));
}

/* What somebody else wrote there, and is no NAME=N, is dropped. */
static Note note_read(const Model *m, Arena *scratch, const char *key) {
  Note n = {.scratch = scratch};
  Str text = model_metadata(m, key);
  const char *rest = text && text->len ? text->s : NULL;
  for (char *item; (item = list_next(scratch, &rest));) {
    char *equals = strrchr(item, '='), *end;
    if (!equals || equals == item) continue;
    long long size = strtoll(equals + 1, &end, 10);
    if (end == equals + 1 || *end) continue;
    *equals = 0;
    set(&n, item, size);
  }
  return n;
}

static void note_write(Model *m, const Note *n, const char *key) {
  const char *text = "";
  for (size_t i = 0; i < n->items.n; i++)
    text = arena_printf(n->scratch, "%s%s%s=%" PRId64, text, i ? "," : "",
                        list_item(n->scratch, n->items.at[i].name), n->items.at[i].size);
  if (n->items.n) model_set_metadata(m, key, text);
}

bool note_has_dim(Model *m, const char *name, int64_t *size) {
  Arena *scratch = arena_child(m->arena);
  Note n = note_read(m, scratch, dims_key);
  bool found = false;
  for (size_t i = 0; i < n.items.n && !found; i++) {
    found = strcmp(n.items.at[i].name, name) == 0;
    *size = n.items.at[i].size;
  }
  arena_free(scratch);
  return found;
}

void note_axes(Model *m, const FrozenAxis *axes, size_t n) {
  if (!n) return;
  Arena *scratch = arena_child(m->arena);
  Note dims = note_read(m, scratch, dims_key), places = note_read(m, scratch, axes_key);
  for (size_t i = 0; i < n; i++) {
    const FrozenAxis *a = &axes[i];
    if (a->dim && !a->proven) set(&dims, a->dim->s, a->size);
    set(&places, arena_printf(scratch, "%s[%d]", a->value->name->s, a->axis), a->size);
  }
  note_write(m, &dims, dims_key);
  note_write(m, &places, axes_key);
  arena_free(scratch);
}
