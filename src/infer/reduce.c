/* Reductions. */
#include "infer/family.h"

/* Which axes go: 1 known, -1 not known. From the version on that made axes an input, an empty list means all,
 * or none with noop_with_empty_axes. */
static int reduced_axes(const Infer *f, int rank, bool *mask) {
  int64_t axes[MAX_RANK];
  size_t n = 0;
  int given = axes_given(f, 1, axes, &n);
  if (given < 0) return -1;
  if (given == 0 || n == 0) {
    bool keep = attr_int_or(f, "noop_with_empty_axes", 0) != 0;
    for (int i = 0; i < rank; i++) mask[i] = !keep;
    return 1;
  }
  return axes_in(axes, n, rank, mask) ? 1 : -1;
}

static void reduce_shape(Infer *f, ElemType t, bool keepdims, int known, const bool *mask) {
  Shape in = in_shape(f, 0);
  Dim dim[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < in.rank; i++) {
    if (known < 0)
      dim[rank++] = sym_is(in.dim[i], 1) ? in.dim[i] : NULL;
    else if (!mask[i])
      dim[rank++] = in.dim[i];
    else if (keepdims)
      dim[rank++] = num(f, 1);
  }
  out_dims(f, 0, t, rank, dim);
}

typedef Dim ReduceFold(SymTable *t, Dim a, Dim b);

/* All elements of a vector into one. Floats only if all are positive: then every partial result, in whatever
 * order, is bounded by the last one; products of floats are not followed. */
static void reduce_elements(Infer *f, ReduceFold *fold, int64_t start) {
  Small s;
  Shape out = f->out[0].shape;
  if (!in_small(f, 0, &s) || s.rank != 1 || !shape_known(out) || (out.rank && !sym_is(out.dim[0], 1))) return;
  if ((s.n == 0 && start == INT64_MIN) || (elem_is_float(s.dtype) && fold == sym_mul)) return;
  Dim all = s.n && start == INT64_MIN ? s.at[0] : num(f, start);
  for (size_t i = 0; i < s.n; i++) {
    if (elem_is_float(s.dtype) && sym_lower(s.at[i]) < 1) return;
    all = fold(f->syms, all, s.at[i]);
  }
  Small r = {.dtype = s.dtype, .rank = out.rank, .dim = {1}, .n = 1, .at = &all};
  out_elements(f, 0, &r);
}

static void reduce(Infer *f, ReduceFold *fold, int64_t start) {
  Shape in = in_shape(f, 0);
  bool mask[MAX_RANK], keepdims = attr_int_or(f, "keepdims", 1) != 0;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0) return;
  int known = reduced_axes(f, in.rank, mask);
  if (known < 0 && !keepdims) return;
  reduce_shape(f, in_dtype(f, 0), keepdims, known, mask);
  if (!fold || known < 0) return;
  if (in.rank == 1 && mask[0]) reduce_elements(f, fold, start);
}

/* ReduceMean, ReduceL2, ...: elements not followed. */
void infer_reduce(Infer *f) {
  reduce(f, NULL, 0);
}
void infer_reduce_sum(Infer *f) {
  reduce(f, sym_add, 0);
}
void infer_reduce_prod(Infer *f) {
  reduce(f, sym_mul, 1);
}
void infer_reduce_max(Infer *f) {
  reduce(f, sym_max, INT64_MIN);
}
void infer_reduce_min(Infer *f) {
  reduce(f, sym_min, INT64_MIN);
}

/* ArgMax, ArgMin: one axis, int64. */
void infer_arg(Infer *f) {
  Shape in = in_shape(f, 0);
  bool mask[MAX_RANK];
  int64_t axis = attr_int_or(f, "axis", 0);
  out_tensor(f, 0, DT_INT64, SHAPE_UNKNOWN);
  if (in.rank < 0 || !axes_in(&axis, 1, in.rank, mask)) return;
  reduce_shape(f, DT_INT64, attr_int_or(f, "keepdims", 1) != 0, 1, mask);
}
