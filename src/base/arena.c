#include "base/arena.h"

#include <stdio.h>
#include <string.h>

enum {
  BLOCK_MIN = 64 * 1024,
  BLOCK_MAX = 4 * 1024 * 1024,
  ALIGN = 16,
  BLOB_ALIGN = 64,
  SPARES = 4,
  SPARE_MAX = (16 << 20) + 4096, /* 16 MiB and what stands around them */
  IDLE_MAX = 16
};

typedef struct Block {
  struct Block *next;
  size_t size, used; /* of the bytes behind the header */
  _Alignas(ALIGN) uint8_t bytes[];
} Block;

typedef struct Blob {
  struct Blob *prev, *next;
  void *base;        /* what the allocator gave */
  size_t size, room; /* asked for; allocated in all */
} Blob;

struct Finaliser {
  void (*fn)(void *);
  void *arg;
  struct Finaliser *next;
};

struct Arena {
  Ctx *cx;
  Arena **siblings; /* the list it is on: the context's or its parent's */
  Arena *prev, *next;
  Arena *children;
  uint64_t serial;
  Block *blocks;
  Blob *blobs;
  Finaliser *finalisers;
  size_t bytes;
  /* The outermost arena keeps some freed blobs for the next ones of about their size, and some blocks of the
   * least size: fresh pages from the system cost more than what is done with them. */
  Arena *root;
  Block *idle;
  int n_idle;
  struct {
    void *base;
    size_t room;
  } spare[SPARES];
};

static void blob_release(Arena *a, const Blob *b);

static Arena *arena_on(Ctx *cx, Arena **siblings, Arena *root) {
  Arena *a = mem_alloc(cx, sizeof *a);
  a->cx = cx;
  a->root = root ? root : a;
  a->siblings = siblings;
  a->serial = ++cx->n_arenas;
  a->next = *siblings;
  if (a->next) a->next->prev = a;
  return *siblings = a;
}

Arena *arena_new(Ctx *cx) {
  return arena_on(cx, &cx->arenas, NULL);
}

Arena *arena_child(Arena *parent) {
  return arena_on(parent->cx, &parent->children, parent->root);
}

/* Blocks of children go to the outermost arena while it wants any. */
static void block_release(Arena *a, Block *b) {
  Arena *root = a->root;
  if (a == root || b->size != BLOCK_MIN || root->n_idle == IDLE_MAX) {
    mem_free(a->cx, b);
    return;
  }
  b->next = root->idle;
  root->idle = b;
  root->n_idle++;
}

static Block *block_reuse(Arena *root) {
  Block *b = root->idle;
  if (!b) return NULL;
  root->idle = b->next;
  root->n_idle--;
  return b;
}

void arena_free(Arena *a) {
  if (!a) return;
  Ctx *cx = a->cx;
  while (a->children) arena_free(a->children);
  for (Finaliser *f = a->finalisers; f; f = f->next)
    if (f->fn) f->fn(f->arg);
  for (Blob *b = a->blobs, *next; b; b = next) {
    next = b->next;
    blob_release(a, b);
  }
  for (Block *b = a->blocks, *next; b; b = next) {
    next = b->next;
    block_release(a, b);
  }
  for (Block *b; (b = block_reuse(a));) mem_free(cx, b);
  if (a->prev)
    a->prev->next = a->next;
  else
    *a->siblings = a->next;
  if (a->next) a->next->prev = a->prev;
  for (int i = 0; i < SPARES; i++) mem_free(cx, a->spare[i].base);
  mem_free(cx, a);
}

void arenas_free_since(Ctx *cx, uint64_t n_arenas) {
  for (Arena *a = cx->arenas, *next; a; a = next) {
    next = a->next;
    if (a->serial > n_arenas) arena_free(a);
  }
}

Ctx *arena_ctx(const Arena *a) {
  return a->cx;
}

size_t arena_bytes(const Arena *a) {
  return a->bytes;
}

static size_t round_up(size_t n, size_t to) {
  return (n + to - 1) / to * to;
}

static Block *block_new(Arena *a, size_t want) {
  size_t size = a->blocks ? a->blocks->size * 2 : BLOCK_MIN;
  if (size > BLOCK_MAX) size = BLOCK_MAX;
  if (size < want) size = want;
  if (size > SIZE_MAX / 2) fail(a->cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu bytes wanted)", size);
  /* Not zeroed here: arena_alloc zeroes what it hands out. */
  Block *b = size == BLOCK_MIN ? block_reuse(a->root) : NULL;
  if (!b) b = a->cx->alloc.alloc(a->cx->alloc.user, sizeof *b + size);
  if (!b) fail(a->cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu bytes wanted)", size);
  *b = (Block){.next = a->blocks, .size = size};
  a->blocks = b;
  return b;
}

void *arena_alloc(Arena *a, size_t size) {
  if (size > SIZE_MAX / 4) fail(a->cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu bytes wanted)", size);
  size = round_up(size ? size : 1, ALIGN);
  Block *b = a->blocks;
  if (!b || b->size - b->used < size) b = block_new(a, size);
  void *p = b->bytes + b->used;
  b->used += size;
  a->bytes += size;
  return memset(p, 0, size);
}

void *arena_array(Arena *a, size_t count, size_t size) {
  if (size && count > SIZE_MAX / 4 / size)
    fail(a->cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu elements wanted)", count);
  return arena_alloc(a, count * size);
}

void *arena_copy(Arena *a, const void *src, size_t size) {
  void *p = arena_alloc(a, size);
  if (size) memcpy(p, src, size);
  return p;
}

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) n = 0;
  char *s = arena_alloc(a, (size_t)n + 1);
  vsnprintf(s, (size_t)n + 1, fmt, again);
  va_end(again);
  return s;
}

/* A blob is [padding][Blob header][bytes aligned to BLOB_ALIGN]. */
void *blob_raw(Arena *a, size_t size) {
  if (size > SIZE_MAX / 4) fail(a->cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu bytes wanted)", size);
  size_t room = size + sizeof(Blob) + BLOB_ALIGN;
  Arena *root = a->root;
  uint8_t *base = NULL;
  for (int i = 0; i < SPARES && !base; i++) {
    if (!root->spare[i].base || root->spare[i].room < room || root->spare[i].room / 4 > room) continue;
    base = root->spare[i].base;
    room = root->spare[i].room;
    root->spare[i].base = NULL;
  }
  if (!base) base = a->cx->alloc.alloc(a->cx->alloc.user, room);
  if (!base) fail(a->cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu bytes wanted)", size);
  uintptr_t bytes = round_up((uintptr_t)base + sizeof(Blob), BLOB_ALIGN);
  Blob *b = (Blob *)(bytes - sizeof(Blob));
  *b = (Blob){.next = a->blobs, .base = base, .size = size, .room = room};
  if (a->blobs) a->blobs->prev = b;
  a->blobs = b;
  a->bytes += size;
  return (void *)bytes;
}

void *blob_new(Arena *a, size_t size) {
  return memset(blob_raw(a, size), 0, size);
}

static void blob_release(Arena *a, const Blob *b) {
  Arena *root = a->root;
  void *base = b->base;
  size_t room = b->room;
  for (int i = 0; i < SPARES && a != root && room <= SPARE_MAX; i++) {
    if (root->spare[i].base && root->spare[i].room >= room) continue;
    void *smaller = root->spare[i].base;
    size_t its_room = root->spare[i].room;
    root->spare[i].base = base;
    root->spare[i].room = room;
    base = smaller;
    room = its_room;
    if (!base) return;
  }
  mem_free(a->cx, base);
}

void blob_free(Arena *a, void *blob) {
  if (!blob) return;
  Blob *b = (Blob *)((uintptr_t)blob - sizeof(Blob));
  if (b->prev)
    b->prev->next = b->next;
  else
    a->blobs = b->next;
  if (b->next) b->next->prev = b->prev;
  a->bytes -= b->size;
  blob_release(a, b);
}

Finaliser *arena_finally(Arena *a, void (*fn)(void *), void *arg) {
  Finaliser *f = NEW(a, Finaliser);
  *f = (Finaliser){fn, arg, a->finalisers};
  a->finalisers = f;
  return f;
}

void finaliser_cancel(Arena *a, Finaliser *f) {
  (void)a;
  f->fn = NULL;
}
