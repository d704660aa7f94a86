/* tx_all_normal: are all elements of a constant, most often a scaled weight, numbers of full precision? */
#include "base/file.h"
#include "eval/deferred.h"
#include "eval/kernel.h"

typedef struct Bounds {
  ElemType dtype;
  double least, beyond; /* the smallest normal number; the first one that rounds to infinity */
} Bounds;

static inline bool is_normal(const Bounds *b, double x) {
  x = fabs(x);
  return x == 0 || (x >= b->least && x < b->beyond);
}

/* The end of a block may cut no element: blocks are of whole rows. */
static bool block_is_normal(void *arg, const void *bytes, size_t n) {
  const Bounds *b = arg;
  const uint64_t count = n / elem_size(b->dtype);
  switch (b->dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t i = 0; i < count; i++) {                                                                   \
      T raw;                                                                                                 \
      memcpy(&raw, (const uint8_t *)bytes + i * sizeof raw, sizeof raw);                                     \
      if (!is_normal(b, (double)LOAD(raw))) return false;                                                    \
    }                                                                                                        \
    return true;
    FLOAT_TYPES(X)
#undef X
  default: return false;
  }
}

/* The same elements in the order that costs least: without Transposes, also below an elementwise operator
 * whose other operands are single elements. */
static Tensor *in_any_order(Model *m, Tensor *t) {
  if (t->store != TS_DEFERRED || !t->expr) return t;
  const Deferred *x = t->expr;
  if (node_is(x->op, OP_Transpose) || node_is(x->op, OP_Reshape)) return in_any_order(m, x->in[0]);
  if (!node_has(x->op, OP_ELEMENTWISE)) return t;
  for (int k = 1; k < x->n_in; k++)
    if (x->in[k] && (x->in[k]->count != 1 || x->in[k]->rank > x->in[0]->rank)) return t;
  Tensor **in = arena_copy(m->arena, x->in, (size_t)x->n_in * sizeof *in);
  in[0] = in_any_order(m, in[0]);
  Tensor *other = in[0] == x->in[0] ? t : tensor_apply(m, x->op, x->n_in, in, 0);
  return other && other->count == t->count ? other : t;
}

/* --- extremes --------------------------------------------------------------------------------------------
 * What is made of a weight by scaling and casting grows with its magnitude, so the least and the largest one
 * tell enough, most of the time. */

/* The weight under factors, casts and what moves elements; NULL if there is anything else. */
static const Tensor *scaled_weight(const Tensor *t) {
  while (t->store == TS_DEFERRED && t->expr) {
    const Deferred *x = t->expr;
    switch (x->op->op->id) {
    case OP_Transpose:
    case OP_Reshape:
    case OP_Cast: break;
    case OP_Mul:
    case OP_Div:
      if (!x->in[1] || x->in[1]->store == TS_DEFERRED || x->in[1]->count != 1) return NULL;
      break;
    default: return NULL;
    }
    t = x->in[0];
  }
  return t->store != TS_DEFERRED && t->bytes && elem_is_computed_float(t->dtype) ? t : NULL;
}

/* The same made of another tensor. */
static Tensor *scaled_again(Model *m, const Tensor *t, Tensor *weight) {
  if (t->store != TS_DEFERRED) return weight;
  const Deferred *x = t->expr;
  Tensor *in[2] = {scaled_again(m, x->in[0], weight), x->n_in > 1 ? x->in[1] : NULL};
  if (node_is(x->op, OP_Transpose) || node_is(x->op, OP_Reshape)) return in[0];
  return in[0] ? tensor_apply(m, x->op, x->n_in, in, 0) : NULL;
}

/* Magnitudes in the order of their bits; the least one without 0, as one less. */
typedef struct Extremes {
  int64_t least, most;
} Extremes;

/* Signed numbers, which any processor can compare many of at once. */
#define EXTREMES(T, MOST, LOOSE)                                                                             \
  {                                                                                                          \
    T least = MOST, most = 0;                                                                                \
    for (size_t i = 0; i < n / sizeof(T); i++) {                                                             \
      T each = (T)(((const LOOSE *)bytes)[i] & MOST), below = (T)(((const LOOSE *)bytes)[i] - 1) & MOST;     \
      least = below < least ? below : least;                                                                 \
      most = each > most ? each : most;                                                                      \
    }                                                                                                        \
    if (least < x->least) x->least = least;                                                                  \
    if (most > x->most) x->most = most;                                                                      \
    return;                                                                                                  \
  }

static void extremes_add(Extremes *x, const void *bytes, size_t n, size_t size) {
  switch (size) {
  case 2: EXTREMES(int16_t, INT16_MAX, Loose16)
  case 4: EXTREMES(int32_t, INT32_MAX, Loose32)
  default: EXTREMES(int64_t, INT64_MAX, Loose64)
  }
}

/* The least and the largest magnitude of a weight as a tensor, read in pieces that stay in the caches. NULL
 * if all are 0. */
static Tensor *extremes_of(Model *m, const Tensor *t) {
  enum { PIECE = 256 << 10, WORTH_IT = 64 << 10 };
  size_t size = elem_size(t->dtype);
  Extremes x = {INT64_MAX, 0};
  Arena *scratch = arena_child(m->arena);
  uint8_t *piece = t->nbytes < WORTH_IT ? NULL : blob_raw(scratch, PIECE);
  for (uint64_t at = 0; at < t->nbytes; at += PIECE) {
    Span s = {t->bytes + at, (size_t)(t->nbytes - at < PIECE ? t->nbytes - at : PIECE)};
    extremes_add(&x, piece && file_fetch(m->files.at, m->files.n, s, piece) ? piece : s.p, s.n, size);
  }
  arena_free(scratch);
  if (!x.most) return NULL;
  int64_t least = x.least + 1;
  uint8_t both[2 * sizeof least];
  switch (size) {
  case 2: memcpy(both, (int16_t[]){(int16_t)least, (int16_t)x.most}, 2 * size); break;
  case 4: memcpy(both, (int32_t[]){(int32_t)least, (int32_t)x.most}, 2 * size); break;
  default: memcpy(both, (int64_t[]){least, x.most}, 2 * size);
  }
  return tensor_new(m->arena, t->dtype, 1, &(int64_t){2}, TS_OWNED, arena_copy(m->arena, both, 2 * size));
}

/* True is certain. */
static bool extremes_are_normal(Model *m, const Tensor *a, const Bounds *b) {
  const Tensor *weight = scaled_weight(a);
  Tensor *ends = weight ? extremes_of(m, weight) : NULL, *made = ends ? scaled_again(m, a, ends) : NULL;
  double x;
  for (uint64_t i = 0; i < 2; i++)
    if (!made || !tensor_get_double(made, i, &x) || x == 0 || !is_normal(b, x)) return false;
  return true;
}

/* ------------------------------------------------------------------------------------------------------- */

bool tx_all_normal(Model *m, Tensor *a, ElemType stored) {
  if (!a || !elem_is_computed_float(a->dtype)) return false;
  a = in_any_order(m, a);
  Bounds b = {.dtype = a->dtype};
  switch (stored) {
  case DT_FLOAT: b.least = 0x1p-126, b.beyond = 0x1.ffffffp127; break;
  case DT_DOUBLE: b.least = 0x1p-1022, b.beyond = INFINITY; break;
  case DT_FLOAT16: b.least = 0x1p-14, b.beyond = 0x1.ffep15; break;
  case DT_BFLOAT16: b.least = 0x1p-126, b.beyond = 0x1.ffp127; break;
  default: return false;
  }
  if (extremes_are_normal(m, a, &b)) return true;
  Arena *scratch = arena_child(m->arena);
  bool normal = tensor_stream(scratch, a, 0, tensor_rows(scratch, a), &(StreamTo){block_is_normal, NULL, &b});
  arena_free(scratch);
  return normal;
}
