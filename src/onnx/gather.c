#include "onnx/gather.h"

enum { CHUNK = 8192, HEADER = 20, COPY_UP_TO = 16 };

void gather_init(Gather *g, Arena *arena, Span home) {
  *g = (Gather){.arena = arena, .home = home};
}

static void push(Gather *g, const uint8_t *p, size_t n) {
  Piece *last = g->at.n ? &g->at.at[g->at.n - 1] : NULL;
  g->size += n;
  if (last && !last->tensor && last->n && last->p + last->n == p) {
    last->n += n;
    return;
  }
  Piece piece = {p, n, NULL};
  vec_push(g->arena, &g->at, piece);
}

void put_span(Gather *g, Span s) {
  if (s.n) push(g, s.p, s.n);
}

static uint8_t *room(Gather *g, size_t n) {
  if (g->cap - g->used < n) {
    g->cap = n > CHUNK ? n : CHUNK;
    g->buf = arena_alloc(g->arena, g->cap);
    g->used = 0;
  }
  uint8_t *p = g->buf + g->used;
  g->used += n;
  return p;
}

void put_copy(Gather *g, const void *bytes, size_t n) {
  if (!n) return;
  uint8_t *p = room(g, n);
  memcpy(p, bytes, n);
  push(g, p, n);
}

void put_tensor_bytes(Gather *g, Tensor *t) {
  if (!t->nbytes) return;
  if (t->store != TS_DEFERRED) {
    put_span(g, (Span){t->bytes, (size_t)t->nbytes});
    return;
  }
  Piece piece = {NULL, (size_t)t->nbytes, t};
  vec_push(g->arena, &g->at, piece);
  g->size += t->nbytes;
}

static size_t encode(uint8_t *p, uint64_t v) {
  size_t n = 0;
  for (; v >= 0x80; v >>= 7) p[n++] = (uint8_t)(v | 0x80);
  p[n++] = (uint8_t)v;
  return n;
}

void put_varint(Gather *g, uint32_t tag, uint64_t v) {
  uint8_t b[HEADER];
  size_t n = encode(b, tag);
  put_copy(g, b, n + encode(b + n, v));
}

void put_fixed32(Gather *g, uint32_t tag, float v) {
  uint8_t b[HEADER];
  size_t n = encode(b, tag);
  memcpy(b + n, &v, 4);
  put_copy(g, b, n + 4);
}

void put_header(Gather *g, uint32_t tag, uint64_t n) {
  put_varint(g, tag, n);
}

void put_bytes(Gather *g, uint32_t tag, Span s) {
  uint8_t b[HEADER];
  size_t n = encode(b, tag);
  n += encode(b + n, s.n);
  const Span h = g->home;
  bool at_home = h.p && s.p && s.p >= h.p + n && s.p <= h.p + h.n;
  if (at_home && memcmp(s.p - n, b, n) == 0) {
    put_span(g, (Span){s.p - n, s.n + n});
    return;
  }
  put_copy(g, b, n);
  if (s.n <= COPY_UP_TO)
    put_copy(g, s.p, s.n);
  else
    put_span(g, s);
}

Open put_begin(Gather *g, uint32_t tag) {
  Piece header = {NULL, 0, NULL};
  vec_push(g->arena, &g->at, header);
  return (Open){g->at.n - 1, g->size, tag};
}

void put_end(Gather *g, Open o) {
  uint8_t b[HEADER];
  size_t n = encode(b, o.tag);
  n += encode(b + n, g->size - o.size);
  uint8_t *p = room(g, n);
  memcpy(p, b, n);
  g->at.at[o.piece] = (Piece){p, n, NULL};
  g->size += n;
}

void gather_finish(Gather *g) {
  size_t n = 0;
  for (size_t i = 0; i < g->at.n; i++) {
    Piece p = g->at.at[i], *last = n ? &g->at.at[n - 1] : NULL;
    if (!p.n) continue;
    if (last && !last->tensor && !p.tensor && last->p + last->n == p.p)
      last->n += p.n;
    else
      g->at.at[n++] = p;
  }
  g->at.n = n;
}
