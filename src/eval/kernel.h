/* What the operator families share: views of inputs and outputs, axes, broadcasting, strided copies, dtype
 * tables.
 *
 * A kernel sees each tensor as an array of whole elements: the 2- and 4-bit types stand in a byte each, a
 * string is a Span; dtypes without a C type are moved as bytes. An operator function
 *   1. works out dtype and dims of its outputs and asks for them with out_new(), which refuses what is too
 * large (and everything in a dry run, after it has noted dtype and dims);
 *   2. asks for elements with in_data(), which evaluates deferred operands;
 *   3. fills the outputs.
 * It returns false to refuse; then nothing happened.
 */
#ifndef EVAL_KERNEL_H
#define EVAL_KERNEL_H

#include "eval/eval.h"

#include <math.h>
#include <string.h>

#define NEEDS(cond)                                                                                          \
  do {                                                                                                       \
    if (!(cond)) return false;                                                                               \
  } while (0)

/* --- operands ------------------------------------------------------------------------------------------ */

/* Bytes of one element in a kernel's view; 0 if the dtype has none. */
size_t elem_size(ElemType t);

static inline Tensor *in_tensor(const Eval *e, int i) {
  return i < e->n_in ? e->in[i] : NULL;
}
static inline bool out_used(const Eval *e, int i) {
  return i < e->n_out;
}

/* The elements of input i (never NULL for an empty tensor); NULL if it is absent or they cannot be had. */
const void *in_data(Eval *e, int i);
/* Input i, int32 or int64 of any rank, widened; NULL if it is neither. */
const int64_t *in_indices(Eval *e, int i);
/* The same of rank 0 or 1. */
bool in_ints(Eval *e, int i, const int64_t **at, size_t *n);
/* A single integer: int32 or int64 with one element. */
bool in_int(Eval *e, int i, int64_t *v);
/* A list of integers that is an attribute before version `since` and input i from then on; absent: *at is
 * NULL. */
bool in_list(Eval *e, int i, const char *attribute, int since, const int64_t **at, size_t *n);

/* New output i; NULL if it is refused (or in a dry run). Zeroed. */
void *out_new(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim);
/* Output i has the elements of input `from` in another shape; nothing is copied. */
bool out_reshaped(Eval *e, int i, int from, int rank, const int64_t *dim);

/* Is an intermediate of so many 64-bit words within bounds? Asked before it is allocated. */
static inline bool affordable(const Eval *e, uint64_t words) {
  return words <= (e->max_bytes ? e->max_bytes : EVAL_MAX_BYTES) / 4;
}

/* The since-version of the operator in force at this node. */
static inline int since(const Eval *e) {
  return op_since(e->node->op, e->node->opset);
}

/* --- dims and axes ------------------------------------------------------------------------------------- */

/* Product of the dims from..to-1, which are part of a valid tensor's. */
int64_t dims_product(const int64_t *dim, int from, int to);
/* A possibly negative index or axis into 0..n-1. */
static inline bool index_ok(int64_t *i, int64_t n) {
  if (*i < 0) *i += n;
  return *i >= 0 && *i < n;
}
/* Attribute "axis" of a tensor of this rank. */
bool attr_axis(const Eval *e, int rank, int *axis);
/* Marks the axes of a list; refuses repeated and invalid ones. `marked` has `rank` elements, zeroed here. */
bool axes_mark(const int64_t *axes, size_t n, int rank, bool *marked);
/* Strides in elements of a packed tensor. */
void strides_of(int rank, const int64_t *dim, int64_t *stride);
/* dims of b broadcast into dims `*rank, dim` (multidirectional), in place; dim has room for MAX_RANK. */
bool dims_broadcast(int *rank, int64_t *dim, int b_rank, const int64_t *b_dim);
bool dims_same(const Tensor *a, const Tensor *b);

/* Dims after a reduction over the marked axes; returns the rank. */
int dims_reduced(const Tensor *t, const bool *marked, bool keep, int64_t *dim);

/* A tensor along one axis: element k of line (o, i) is (o * n + k) * inner + i. */
typedef struct Lines {
  int64_t outer, n, inner;
} Lines;
static inline Lines lines_of(const Tensor *t, int axis) {
  return (Lines){dims_product(t->dim, 0, axis), t->dim[axis], dims_product(t->dim, axis + 1, t->rank)};
}

/* --- iteration ----------------------------------------------------------------------------------------- */

enum { LOOP_OPERANDS = 4 };

/* Walks the elements of a shape in order, in runs along the last (merged) axis:
 *
 *   for (loop_start(&l); loop_run(&l); loop_next(&l))
 *     for (int64_t i = 0; i < l.n; i++) out[k++] = f(a[l.at[0] + i * l.by[0]], b[l.at[1] + i * l.by[1]]);
 */
typedef struct Loop {
  int rank, operands;
  int64_t dim[MAX_RANK];
  int64_t stride[LOOP_OPERANDS][MAX_RANK];
  int64_t index[MAX_RANK];
  int64_t at[LOOP_OPERANDS]; /* element of each operand where this run starts */
  int64_t by[LOOP_OPERANDS]; /* its stride along the run */
  int64_t n;                 /* length of a run */
  bool done;
} Loop;

/* Over dims, each operand with strides of its own (in elements). Axes that can be are merged. */
void loop_init(Loop *l, int rank, const int64_t *dim, int operands, const int64_t *const *stride);
/* Operands are tensors that broadcast into dims. */
void loop_broadcast(Loop *l, int rank, const int64_t *dim, int operands, const Tensor *const *operand);
void loop_start(Loop *l);
void loop_next(Loop *l);
static inline bool loop_run(const Loop *l) {
  return !l->done;
}

/* Elements at any address: contents of a mapped file stand where they stand. */
typedef uint16_t Loose16 __attribute__((aligned(1), may_alias));
typedef uint32_t Loose32 __attribute__((aligned(1), may_alias));
typedef uint64_t Loose64 __attribute__((aligned(1), may_alias));

/* dst, packed with dims, gets src's elements at the strides (in elements; 0 and negative ones are fine).
 * src need not be aligned. */
void copy_strided(void *dst, const void *src, size_t size, int rank, const int64_t *dim,
                  const int64_t *stride);
/* The same for a permutation of a packed tensor, in tiles that suit the caches (eval/transpose.c); along the
 * first axis dst has `d_row` elements from one index to the next. */
void transpose_copy(void *dst, int64_t d_row, const void *src, size_t size, int rank, const int64_t *dim,
                    const int64_t *stride);
/* n elements with the value at `value`. */
void fill(void *dst, const void *value, size_t size, uint64_t n);

/* --- dtypes -------------------------------------------------------------------------------------------- */

/* X(dtype, stored type, type computed in, load, store). Half floats are computed in float and rounded once.
 */
#define AS_IS(x) (x)
#define FLOAT_TYPES(X)                                                                                       \
  X(DT_FLOAT, float, float, AS_IS, AS_IS)                                                                    \
  X(DT_DOUBLE, double, double, AS_IS, AS_IS)                                                                 \
  X(DT_FLOAT16, uint16_t, float, half_to_float, float_to_half)                                               \
  X(DT_BFLOAT16, uint16_t, float, bfloat16_to_float, float_to_bfloat16)
#define SIGNED_TYPES(X)                                                                                      \
  X(DT_INT8, int8_t, int64_t, AS_IS, (int8_t))                                                               \
  X(DT_INT16, int16_t, int64_t, AS_IS, (int16_t))                                                            \
  X(DT_INT32, int32_t, int64_t, AS_IS, (int32_t))                                                            \
  X(DT_INT64, int64_t, int64_t, AS_IS, (int64_t))
#define UNSIGNED_TYPES(X)                                                                                    \
  X(DT_UINT8, uint8_t, uint64_t, AS_IS, (uint8_t))                                                           \
  X(DT_UINT16, uint16_t, uint64_t, AS_IS, (uint16_t))                                                        \
  X(DT_UINT32, uint32_t, uint64_t, AS_IS, (uint32_t))                                                        \
  X(DT_UINT64, uint64_t, uint64_t, AS_IS, (uint64_t))
#define INT_TYPES(X) SIGNED_TYPES(X) UNSIGNED_TYPES(X)
#define REAL_TYPES(X) FLOAT_TYPES(X) INT_TYPES(X)

static inline bool elem_is_real(ElemType t) { /* has a row above */
  switch (t) {
#define X(DT, T, C, LOAD, STORE) case DT:
    REAL_TYPES(X) return true;
#undef X
  default: return false;
  }
}
static inline bool elem_is_computed_float(ElemType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

/* Floats of any width as double (float64 as it is), widened into scratch; and back, rounded once to the
 * dtype. For families whose results round anyway (libm functions, reductions, products). NULL for other
 * dtypes. */
const double *in_doubles(Eval *e, int i);
bool out_doubles(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim, const double *v);
/* Integers of 8 to 64 bits, and bools, as 64-bit patterns, sign- or zero-extended, and back, wrapping. */
const uint64_t *in_words(Eval *e, int i);
bool out_words(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim, const uint64_t *v);

/* Numbers of any dtype (the 2- to 8-bit ones and bools too) as double: NULL if one does not fit exactly. */
const double *in_numbers(Eval *e, int i);
/* The same of one element. */
bool in_number(Eval *e, int i, double *v);
/* Scratch for n doubles, zeroed; NULL if that is too much. */
double *doubles_new(Eval *e, int64_t n);

/* --- operator functions --------------------------------------------------------------------------------- */

#define EVAL(op, fn) EvalFn fn;
#include "eval/eval.def"
#undef EVAL

#endif
