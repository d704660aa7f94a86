#include "eval/kernel.h"

#include "eval/deferred.h"
#include "eval/minifloat.h"

/* --- operands ------------------------------------------------------------------------------------------ */

size_t elem_size(ElemType t) {
  if (t == DT_STRING) return sizeof(Span);
  int bits = elem_bits(t);
  return bits ? (size_t)(bits + 7) / 8 : 0;
}

static const uint8_t nothing[16];

/* One byte per element; the first one is in the lowest bits. */
static const void *unpack(Arena *a, const uint8_t *packed, int bits, uint64_t count) {
  uint8_t *out = blob_new(a, (size_t)count + 1);
  unsigned per_byte = 8u / (unsigned)bits, mask = (1u << bits) - 1;
  for (uint64_t i = 0; i < count; i++)
    out[i] = (uint8_t)(packed[i / per_byte] >> (i % per_byte * (unsigned)bits) & mask);
  return out;
}

const void *in_data(Eval *e, int i) {
  Tensor *t = in_tensor(e, i);
  if (!t || !elem_size(t->dtype)) return NULL;
  if (t->count == 0) return nothing;
  if (t->dtype == DT_STRING) return t->store == TS_STRINGS ? t->strings : NULL;
  const void *bytes = tensor_bytes(e->scratch, t);
  int bits = elem_bits(t->dtype);
  return bytes && bits < 8 ? unpack(e->scratch, bytes, bits, t->count) : bytes;
}

const int64_t *in_indices(Eval *e, int i) {
  const Tensor *t = in_tensor(e, i);
  if (!t || (t->dtype != DT_INT64 && t->dtype != DT_INT32)) return NULL;
  const void *p = in_data(e, i);
  if (!p || t->dtype == DT_INT64) return p;
  int64_t *wide = NEW_ARRAY(e->scratch, int64_t, t->count);
  for (uint64_t k = 0; k < t->count; k++) wide[k] = ((const int32_t *)p)[k];
  return wide;
}

bool in_ints(Eval *e, int i, const int64_t **at, size_t *n) {
  const Tensor *t = in_tensor(e, i);
  NEEDS(t && t->rank <= 1);
  *n = (size_t)t->count;
  *at = in_indices(e, i);
  return *at;
}

bool in_int(Eval *e, int i, int64_t *v) {
  const int64_t *at;
  size_t n;
  NEEDS(in_ints(e, i, &at, &n) && n == 1);
  *v = *at;
  return true;
}

bool in_list(Eval *e, int i, const char *attribute, int version, const int64_t **at, size_t *n) {
  *at = NULL;
  *n = 0;
  if (since(e) >= version) return !in_tensor(e, i) || in_ints(e, i, at, n);
  return !node_attr(e->node, attribute) || attr_ints(e->node, attribute, at, n);
}

static Tensor *out_tensor(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim) {
  uint64_t count, limit = e->max_bytes ? e->max_bytes : EVAL_MAX_BYTES, size = elem_size(dtype);
  if (i >= e->n_out || rank > MAX_RANK || !size || !tensor_count(rank, dim, &count)) return NULL;
  if (!e->dry && count > limit / size) return NULL;
  if (dtype != DT_STRING && elem_bytes(dtype, count) == UINT64_MAX) return NULL;
  return e->out[i] = tensor_new(e->arena, dtype, rank, dim, TS_DEFERRED, NULL);
}

void *out_new(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim) {
  enum { BLOB_ABOVE = 64 * 1024 };
  Tensor *t = out_tensor(e, i, dtype, rank, dim);
  if (!t || e->dry) return NULL;
  size_t bytes = (size_t)t->count * elem_size(dtype);
  Arena *a = elem_bits(dtype) < 8 && dtype != DT_STRING ? e->scratch : e->arena;
  void *p = bytes > BLOB_ABOVE ? blob_new(a, bytes) : arena_alloc(a, bytes);
  t->bytes = p;
  t->store = TS_OWNED;
  if (dtype == DT_STRING) {
    t->store = TS_STRINGS;
    t->strings = p;
    t->bytes = NULL;
  }
  return p;
}

bool out_reshaped(Eval *e, int i, int from, int rank, const int64_t *dim) {
  Tensor *src = in_tensor(e, from);
  if (src->dtype != DT_STRING &&
      elem_bits(src->dtype) < 8) { /* outputs are packed afterwards: give it unpacked */
    void *copy = out_new(e, i, src->dtype, rank, dim);
    const void *p = copy ? in_data(e, from) : NULL;
    NEEDS(p && e->out[i]->count == src->count);
    memcpy(copy, p, (size_t)src->count);
    return true;
  }
  Tensor *t = out_tensor(e, i, src->dtype, rank, dim);
  if (!t || e->dry || t->count != src->count) return false;
  if (src->dtype == DT_STRING) {
    t->store = TS_STRINGS;
    t->strings = src->strings;
    return t->strings || !t->count;
  }
  t->store = src->store == TS_SPAN ? TS_SPAN : TS_OWNED;
  t->bytes = src->store == TS_DEFERRED ? tensor_bytes(e->arena, src) : src->bytes;
  if (!t->count && !t->bytes) t->bytes = nothing;
  return t->bytes;
}

/* --- dims and axes ------------------------------------------------------------------------------------- */

int64_t dims_product(const int64_t *dim, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; i++)
    if (dim[i] == 0) return 0;
  for (int i = from; i < to; i++) n *= dim[i];
  return n;
}

bool attr_axis(const Eval *e, int rank, int *axis) {
  int64_t a;
  NEEDS(attr_int(e->node, "axis", &a) && index_ok(&a, rank));
  *axis = (int)a;
  return true;
}

bool axes_mark(const int64_t *axes, size_t n, int rank, bool *marked) {
  memset(marked, 0, (size_t)rank * sizeof *marked);
  for (size_t i = 0; i < n; i++) {
    int64_t a = axes[i];
    NEEDS(index_ok(&a, rank) && !marked[a]);
    marked[a] = true;
  }
  return true;
}

void strides_of(int rank, const int64_t *dim, int64_t *stride) {
  int64_t n = 1;
  for (int i = rank - 1; i >= 0; i--) {
    stride[i] = n;
    n *= dim[i] ? dim[i] : 1;
  }
}

bool dims_broadcast(int *rank, int64_t *dim, int b_rank, const int64_t *b_dim) {
  NEEDS(b_rank <= MAX_RANK);
  if (b_rank > *rank) {
    int more = b_rank - *rank;
    memmove(dim + more, dim, (size_t)*rank * sizeof *dim);
    for (int i = 0; i < more; i++) dim[i] = 1;
    *rank = b_rank;
  }
  for (int i = 0; i < b_rank; i++) {
    int64_t *d = &dim[*rank - b_rank + i];
    if (*d == 1)
      *d = b_dim[i];
    else
      NEEDS(b_dim[i] == *d || b_dim[i] == 1);
  }
  return true;
}

int dims_reduced(const Tensor *t, const bool *marked, bool keep, int64_t *dim) {
  int rank = 0;
  for (int i = 0; i < t->rank; i++)
    if (!marked[i] || keep) dim[rank++] = marked[i] ? 1 : t->dim[i];
  return rank;
}

bool dims_same(const Tensor *a, const Tensor *b) {
  return a->rank == b->rank &&
         (a->rank == 0 || memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0);
}

/* --- iteration ----------------------------------------------------------------------------------------- */

/* Axis i, walked within axis `outer` right before it, is one long axis for every operand. */
static bool mergeable(const Loop *l, int outer, int64_t dim, const int64_t *stride) {
  for (int k = 0; k < l->operands; k++)
    if (l->stride[k][outer] != stride[k] * dim) return false;
  return true;
}

void loop_init(Loop *l, int rank, const int64_t *dim, int operands, const int64_t *const *stride) {
  l->rank = 0;
  l->operands = operands;
  for (int i = 0; i < rank; i++) {
    if (dim[i] == 1) continue;
    int64_t step[LOOP_OPERANDS];
    for (int k = 0; k < operands; k++) step[k] = stride[k][i];
    if (l->rank && mergeable(l, l->rank - 1, dim[i], step))
      l->rank--;
    else
      l->dim[l->rank] = 1;
    l->dim[l->rank] *= dim[i];
    for (int k = 0; k < operands; k++) l->stride[k][l->rank] = step[k];
    l->rank++;
  }
  if (l->rank == 0) {
    l->dim[0] = 1;
    for (int k = 0; k < operands; k++) l->stride[k][0] = 0;
    l->rank = 1;
  }
}

void loop_broadcast(Loop *l, int rank, const int64_t *dim, int operands, const Tensor *const *operand) {
  int64_t stride[LOOP_OPERANDS][MAX_RANK];
  const int64_t *list[LOOP_OPERANDS];
  for (int k = 0; k < operands; k++) {
    const Tensor *t = operand[k];
    int64_t packed[MAX_RANK];
    strides_of(t->rank, t->dim, packed);
    for (int i = 0; i < rank; i++) {
      int own = i - (rank - t->rank);
      stride[k][i] = own < 0 || t->dim[own] == 1 ? 0 : packed[own];
    }
    list[k] = stride[k];
  }
  loop_init(l, rank, dim, operands, list);
}

void loop_start(Loop *l) {
  l->n = l->dim[l->rank - 1];
  l->done = false;
  for (int i = 0; i < l->rank; i++) {
    l->index[i] = 0;
    if (l->dim[i] == 0) l->done = true;
  }
  for (int k = 0; k < l->operands; k++) {
    l->at[k] = 0;
    l->by[k] = l->stride[k][l->rank - 1];
  }
}

void loop_next(Loop *l) {
  for (int i = l->rank - 2; i >= 0; i--) {
    bool wraps = ++l->index[i] == l->dim[i];
    for (int k = 0; k < l->operands; k++) l->at[k] += l->stride[k][i] * (wraps ? 1 - l->dim[i] : 1);
    if (!wraps) return;
    l->index[i] = 0;
  }
  l->done = true;
}

#define COPY_RUN(T)                                                                                          \
  {                                                                                                          \
    const T *s = (const T *)src + l.at[0];                                                                   \
    T *d = dst;                                                                                              \
    for (int64_t i = 0; i < l.n; i++) d[i] = s[i * l.by[0]];                                                 \
    break;                                                                                                   \
  }

void copy_strided(void *dst, const void *src, size_t size, int rank, const int64_t *dim,
                  const int64_t *stride) {
  Loop l;
  loop_init(&l, rank, dim, 1, (const int64_t *const[]){stride});
  for (loop_start(&l); loop_run(&l); loop_next(&l), dst = (uint8_t *)dst + (size_t)l.n * size) {
    const uint8_t *from = (const uint8_t *)src + l.at[0] * (int64_t)size;
    if (l.by[0] == 1) {
      memcpy(dst, from, (size_t)l.n * size);
      continue;
    }
    switch (size) {
    case 1: COPY_RUN(uint8_t)
    case 2: COPY_RUN(Loose16)
    case 4: COPY_RUN(Loose32)
    case 8: COPY_RUN(Loose64)
    default:
      for (int64_t i = 0; i < l.n; i++)
        memcpy((uint8_t *)dst + (size_t)i * size, from + i * l.by[0] * (int64_t)size, size);
    }
  }
}

void fill(void *dst, const void *value, size_t size, uint64_t n) {
  uint8_t *d = dst;
  for (uint64_t i = 0; i < n; i++) memcpy(d + i * size, value, size);
}

/* --- wide views ---------------------------------------------------------------------------------------- */

const double *in_doubles(Eval *e, int i) {
  const Tensor *t = in_tensor(e, i);
  if (!t || !elem_is_computed_float(t->dtype)) return NULL;
  const void *p = in_data(e, i);
  if (!p || t->dtype == DT_DOUBLE) return p;
  double *wide = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *wide);
  switch (t->dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t k = 0; k < t->count; k++) wide[k] = (double)LOAD(((const T *)p)[k]);                       \
    break;
    FLOAT_TYPES(X)
#undef X
  default: return NULL;
  }
  return wide;
}

bool out_doubles(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim, const double *v) {
  void *p = out_new(e, i, dtype, rank, dim);
  NEEDS(p);
  uint64_t count = e->out[i]->count;
  switch (dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t k = 0; k < count; k++) ((T *)p)[k] = STORE((C)v[k]);                                       \
    return true;
    FLOAT_TYPES(X)
#undef X
  default: return false;
  }
}

const uint64_t *in_words(Eval *e, int i) {
  const Tensor *t = in_tensor(e, i);
  if (!t || !(t->dtype == DT_BOOL || elem_is_real(t->dtype)) || elem_is_computed_float(t->dtype)) return NULL;
  const void *p = in_data(e, i);
  if (!p || elem_bits(t->dtype) == 64) return p;
  uint64_t *wide = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *wide);
  switch (t->dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t k = 0; k < t->count; k++) wide[k] = (uint64_t)(C)((const T *)p)[k];                        \
    break;
    INT_TYPES(X)
    X(DT_BOOL, uint8_t, bool, AS_IS, AS_IS)
#undef X
  default: return NULL;
  }
  return wide;
}

bool out_words(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim, const uint64_t *v) {
  void *p = out_new(e, i, dtype, rank, dim);
  NEEDS(p);
  uint64_t count = e->out[i]->count;
  switch (dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t k = 0; k < count; k++) ((T *)p)[k] = (T)v[k];                                              \
    return true;
    INT_TYPES(X)
    X(DT_BOOL, bool, bool, AS_IS, AS_IS)
#undef X
  default: return false;
  }
}

/* One element that has no C type of its own. */
static double small_number(ElemType t, uint8_t bits) {
  if (minifloat_known(t) || t == DT_FLOAT8E8M0) return (double)minifloat_decode(t, bits);
  int width = elem_bits(t);
  return (double)bits - (elem_is_signed(t) && bits >> (width - 1) ? ldexp(1, width) : 0);
}

const double *in_numbers(Eval *e, int i) {
  const double exact = 0x1p53;
  const Tensor *t = in_tensor(e, i);
  if (!t || !(elem_is_float(t->dtype) || elem_is_int(t->dtype) || t->dtype == DT_BOOL)) return NULL;
  if (elem_is_computed_float(t->dtype)) return in_doubles(e, i);
  const uint8_t *p = in_data(e, i);
  double *wide = doubles_new(e, (int64_t)t->count);
  if (!p || !wide) return NULL;
  switch (t->dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t k = 0; k < t->count; k++) {                                                                \
      wide[k] = (double)((const T *)(const void *)p)[k];                                                     \
      if (fabs(wide[k]) > exact) return NULL;                                                                \
    }                                                                                                        \
    return wide;
    INT_TYPES(X)
#undef X
  default:
    for (uint64_t k = 0; k < t->count; k++)
      wide[k] = t->dtype == DT_BOOL ? p[k] != 0 : small_number(t->dtype, p[k]);
    return wide;
  }
}

bool in_number(Eval *e, int i, double *v) {
  const Tensor *t = in_tensor(e, i);
  NEEDS(t && t->count == 1);
  const double *p = in_numbers(e, i);
  NEEDS(p);
  *v = *p;
  return true;
}

double *doubles_new(Eval *e, int64_t n) {
  if (n < 0 || !affordable(e, (uint64_t)n)) return NULL;
  return blob_new(e->scratch, ((size_t)n + 1) * sizeof(double));
}
