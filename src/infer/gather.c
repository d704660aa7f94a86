/* Gather, Scatter and other operators that select elements by index. */
#include "infer/family.h"

/* Dims a[0..na) then b[0..nb) then c[0..nc) as the shape of output 0. */
static void out_joined(Infer *f, int na, const Dim *a, int nb, const Dim *b, int nc, const Dim *c) {
  if (na + nb + nc > MAX_RANK) return;
  Dim dim[MAX_RANK];
  int n = 0;
  for (int i = 0; i < na; i++) dim[n++] = a[i];
  for (int i = 0; i < nb; i++) dim[n++] = b[i];
  for (int i = 0; i < nc; i++) dim[n++] = c[i];
  out_dims(f, 0, in_dtype(f, 0), n, dim);
}

/* An index with negative ones counted from the end of a dim of d; -1 if it is not known or out of range. */
static int64_t index_at(Dim e, int64_t d) {
  int64_t i;
  if (!sym_const(e, &i) || i < -d || i >= d) return -1;
  return i < 0 ? i + d : i;
}

static void gather_elements_of(Infer *f, int axis) {
  Small s, x, r;
  if (!in_small(f, 0, &s) || !small_any(&s) || !in_small(f, 1, &x)) return;
  if (s.rank - 1 + x.rank > SMALL_RANK) return;
  r = (Small){.dtype = s.dtype, .n = 1};
  size_t inner = 1;
  for (int i = 0; i < s.rank; i++) {
    if (i > axis) inner *= (size_t)s.dim[i];
    if (i != axis) r.dim[r.rank++] = s.dim[i];
    for (int k = 0; i == axis && k < x.rank; k++) r.dim[r.rank++] = x.dim[k];
  }
  for (int i = 0; i < r.rank; i++) {
    r.n *= (size_t)r.dim[i];
    if (r.n > PARTIAL_MAX) return;
  }
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) {
    int64_t i = index_at(x.at[k / inner % x.n], s.dim[axis]);
    at[k] = i < 0 ? NULL : s.at[(k / inner / x.n * (size_t)s.dim[axis] + (size_t)i) * inner + k % inner];
  }
  r.at = at;
  out_elements(f, 0, &r);
}

/* Gather: data[:axis] ++ indices ++ data[axis + 1:] */
void infer_gather(Infer *f) {
  Shape in = in_shape(f, 0), x = in_shape(f, 1);
  int axis;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || x.rank < 0 || !axis_in(attr_int_or(f, "axis", 0), in.rank, &axis)) return;
  out_joined(f, axis, in.dim, x.rank, x.dim, in.rank - axis - 1, in.dim + axis + 1);
  gather_elements_of(f, axis);
}

/* GatherElements: the shape of indices. */
void infer_gather_elements(Infer *f) {
  out_tensor(f, 0, in_dtype(f, 0), in_shape(f, 1));
}

/* GatherND: indices[:-1] ++ data[batch_dims + indices[-1]:] */
void infer_gather_nd(Infer *f) {
  Shape in = in_shape(f, 0), x = in_shape(f, 1);
  int64_t batch = attr_int_or(f, "batch_dims", 0), width;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || x.rank < 1 || batch < 0 || !sym_const(x.dim[x.rank - 1], &width)) return;
  if (width < 0 || width > in.rank || batch > in.rank - width) return;
  int from = (int)(batch + width);
  out_joined(f, x.rank - 1, x.dim, in.rank - from, in.dim + from, 0, NULL);
  Small s, p, r;
  if (batch || from != in.rank || !in_small(f, 0, &s) || !in_small(f, 1, &p) || !small_any(&s)) return;
  r = (Small){.dtype = s.dtype, .rank = p.rank - 1, .n = 1};
  for (int i = 0; i < r.rank; i++) r.n *= (size_t)(r.dim[i] = p.dim[i]);
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) {
    int64_t index = 0;
    for (int i = 0; i < s.rank && index >= 0; i++) {
      int64_t j = index_at(p.at[k * (size_t)width + (size_t)i], s.dim[i]);
      index = j < 0 ? -1 : index * s.dim[i] + j;
    }
    at[k] = index < 0 ? NULL : s.at[index];
  }
  r.at = at;
  out_elements(f, 0, &r);
}

/* Scatter, ScatterElements, ScatterND: data's shape. Elements are followed for vectors without reduction,
 * where an index that is not known could be any. */
void infer_scatter(Infer *f) {
  Small s, x, u;
  out_same(f, 0, 0);
  Span reduction;
  bool plain = !attr_string(f->node, "reduction", &reduction) || attr_string_is(f->node, "reduction", "none");
  if (!plain || !in_small(f, 0, &s) || s.rank != 1 || !in_small(f, 1, &x) || !in_small(f, 2, &u)) return;
  if (x.n != u.n || x.rank < 1 || (x.rank > 1 && x.dim[x.rank - 1] != 1)) return;
  Dim *at = dims_new(f, s.n);
  for (size_t i = 0; i < s.n; i++) at[i] = s.at[i];
  for (size_t k = 0; k < x.n; k++) {
    int64_t i = index_at(x.at[k], s.dim[0]);
    if (i < 0) return;
    at[i] = u.at[k];
    for (size_t j = 0; j < k; j++) /* which of two writes wins is not defined */
      if (index_at(x.at[j], s.dim[0]) == i && u.at[j] != u.at[k]) at[i] = NULL;
  }
  s.at = at;
  out_elements(f, 0, &s);
}

/* Compress: along axis, or of the flattened input. */
void infer_compress(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t axis;
  int at;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (!attr_int(f->node, "axis", &axis)) {
    out_dims(f, 0, in_dtype(f, 0), 1, &(Dim){NULL});
  } else if (in.rank >= 0 && axis_in(axis, in.rank, &at)) {
    Dim *dim = dims_of(f, in, 0);
    dim[at] = NULL;
    out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
  }
}

/* NonZero: int64[rank, count]; a scalar counts as a vector of one. */
void infer_nonzero(Infer *f) {
  Shape in = in_shape(f, 0);
  Dim dim[2] = {in.rank < 0 ? NULL : num(f, in.rank ? in.rank : 1), NULL};
  Small s;
  int64_t index[PARTIAL_MAX], count = 0;
  bool known = in_small(f, 0, &s) && s.rank == 1;
  for (size_t i = 0; known && i < s.n; i++) {
    bool zero = sym_is(s.at[i], 0);
    known = zero || sym_nonzero(s.at[i]);
    if (known && !zero) index[count++] = (int64_t)i;
  }
  if (known) dim[1] = num(f, count);
  out_dims(f, 0, DT_INT64, 2, dim);
  if (!known) return;
  Small r = {.dtype = DT_INT64, .rank = 2, .dim = {1, count}, .n = (size_t)count};
  Dim *at = dims_new(f, r.n);
  for (int64_t i = 0; i < count; i++) at[i] = num(f, index[i]);
  r.at = at;
  out_elements(f, 0, &r);
}

/* OneHot(indices, depth, values): depth goes in at axis. */
void infer_one_hot(Infer *f) {
  Shape x = in_shape(f, 0);
  int axis;
  out_tensor(f, 0, in_dtype(f, 2), SHAPE_UNKNOWN);
  if (x.rank < 0 || x.rank >= MAX_RANK || !axis_in(attr_int_or(f, "axis", -1), x.rank + 1, &axis)) return;
  Dim dim[MAX_RANK];
  for (int i = 0, k = 0; i <= x.rank; i++) dim[i] = i == axis ? NULL : x.dim[k++];
  dim[axis] = in_element(f, 1);
  out_dims(f, 0, in_dtype(f, 2), x.rank + 1, dim);
}

/* TopK: k is an attribute before 10. */
void infer_top_k(Infer *f) {
  Shape in = in_shape(f, 0);
  int axis;
  int64_t written;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  out_tensor(f, 1, DT_INT64, SHAPE_UNKNOWN);
  if (in.rank < 0 || !axis_in(attr_int_or(f, "axis", -1), in.rank, &axis)) return;
  Dim *dim = dims_of(f, in, 0);
  dim[axis] = NULL;
  if (since(f) < 10 && attr_int(f->node, "k", &written)) dim[axis] = num(f, written);
  if (since(f) >= 10) dim[axis] = in_element(f, 1);
  if (!dim[axis]) dim[axis] = sym_fresh(f->syms); /* the same for both outputs */
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
  out_dims(f, 1, DT_INT64, in.rank, dim);
}

/* Unique: values, first indices, inverse, counts. */
void infer_unique(Infer *f) {
  Shape in = in_shape(f, 0);
  Dim found = sym_fresh(f->syms), inverse = shape_size(f->syms, in);
  int64_t axis;
  int at;
  if (!attr_int(f->node, "axis", &axis)) {
    out_dims(f, 0, in_dtype(f, 0), 1, &found);
  } else {
    out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
    inverse = NULL;
    if (in.rank >= 0 && axis_in(axis, in.rank, &at)) {
      Dim *dim = dims_of(f, in, 0);
      inverse = dim[at];
      dim[at] = found;
      out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
    }
  }
  out_dims(f, 1, DT_INT64, 1, &found);
  out_dims(f, 2, DT_INT64, 1, &inverse);
  out_dims(f, 3, DT_INT64, 1, &found);
}

/* DepthToSpace: [N, C, H, W] -> [N, C/b^2, H*b, W*b]; SpaceToDepth the other way. */
void infer_depth_to_space(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t b = attr_int_or(f, "blocksize", 0);
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank != 4 || b < 1 || b > INT32_MAX) return;
  Dim by = num(f, b), area = num(f, b * b);
  Dim dim[4] = {in.dim[0], sym_floordiv(f->syms, in.dim[1], area), sym_mul(f->syms, in.dim[2], by),
                sym_mul(f->syms, in.dim[3], by)};
  out_dims(f, 0, in_dtype(f, 0), 4, dim);
}

void infer_space_to_depth(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t b = attr_int_or(f, "blocksize", 0);
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank != 4 || b < 1 || b > INT32_MAX) return;
  Dim by = num(f, b), area = num(f, b * b);
  Dim dim[4] = {in.dim[0], sym_mul(f->syms, in.dim[1], area), sym_floordiv(f->syms, in.dim[2], by),
                sym_floordiv(f->syms, in.dim[3], by)};
  out_dims(f, 0, in_dtype(f, 0), 4, dim);
}
