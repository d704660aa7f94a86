/* Operators that only change the shape, or report it: Reshape and relatives, Shape, Size. No element is
 * copied. */
#include "eval/list.h"

bool eval_identity(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t);
  return is_list(t) ? out_as_it_is(e, 0, e->in[0]) : out_reshaped(e, 0, 0, t->rank, t->dim);
}

/* 0 copies the input's dim (unless allowzero), one -1 takes what remains. */
static bool reshape_dims(const Eval *e, const Tensor *t, const int64_t *want, size_t n, int64_t *dim) {
  int64_t allow_zero = 0;
  if (since(e) >= 14) NEEDS(attr_int(e->node, "allowzero", &allow_zero));
  NEEDS(n <= MAX_RANK);
  int open = -1;
  bool zero = false;
  for (int i = 0; i < (int)n; i++) {
    dim[i] = want[i];
    if (want[i] == 0 && !allow_zero) {
      NEEDS(i < t->rank);
      dim[i] = t->dim[i];
    }
    if (want[i] == -1) {
      NEEDS(open < 0);
      open = i;
      dim[i] = 1;
    }
    NEEDS(dim[i] >= 0);
    zero = zero || dim[i] == 0;
  }
  if (open < 0) return true;
  uint64_t known;
  NEEDS(!zero && tensor_count((int)n, dim, &known) && t->count % known == 0);
  dim[open] = (int64_t)(t->count / known);
  return true;
}

bool eval_reshape(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *want;
  size_t n;
  int64_t dim[MAX_RANK];
  uint64_t count;
  NEEDS(t && in_list(e, 1, "shape", 5, &want, &n) && want && reshape_dims(e, t, want, n, dim));
  NEEDS(tensor_count((int)n, dim, &count) && count == t->count);
  return out_reshaped(e, 0, 0, (int)n, dim);
}

bool eval_flatten(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t axis;
  NEEDS(t && attr_int(e->node, "axis", &axis));
  if (axis < 0) axis += t->rank;
  NEEDS(axis >= 0 && axis <= t->rank);
  int64_t dim[2] = {dims_product(t->dim, 0, (int)axis), dims_product(t->dim, (int)axis, t->rank)};
  return out_reshaped(e, 0, 0, 2, dim);
}

/* Without axes every dim of 1 goes; what an empty list of axes means is not specified. */
bool eval_squeeze(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *axes;
  size_t n;
  bool drop[MAX_RANK];
  int64_t dim[MAX_RANK];
  int rank = 0;
  NEEDS(t && t->rank <= MAX_RANK && in_list(e, 1, "axes", 13, &axes, &n));
  if (axes) NEEDS(n && axes_mark(axes, n, t->rank, drop));
  for (int i = 0; i < t->rank; i++) {
    bool gone = axes ? drop[i] : t->dim[i] == 1;
    NEEDS(!gone || t->dim[i] == 1);
    if (!gone) dim[rank++] = t->dim[i];
  }
  return out_reshaped(e, 0, 0, rank, dim);
}

/* Axes are those of the result. */
bool eval_unsqueeze(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *axes;
  size_t n;
  bool added[MAX_RANK];
  int64_t dim[MAX_RANK];
  NEEDS(t && in_list(e, 1, "axes", 13, &axes, &n) && axes && n + (size_t)t->rank <= MAX_RANK);
  int rank = t->rank + (int)n, from = 0;
  NEEDS(axes_mark(axes, n, rank, added));
  for (int i = 0; i < rank; i++) dim[i] = added[i] ? 1 : t->dim[from++];
  return out_reshaped(e, 0, 0, rank, dim);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
  return v < low ? low : v > high ? high : v;
}

/* Since opset 15 a part of the shape, by start and end, which are clamped. */
bool eval_shape(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t);
  int64_t start = 0, end = t->rank;
  if (since(e) >= 15) {
    NEEDS(attr_int(e->node, "start", &start));
    if (node_attr(e->node, "end")) NEEDS(attr_int(e->node, "end", &end));
    start = clamp(start < 0 ? start + t->rank : start, 0, t->rank);
    end = clamp(end < 0 ? end + t->rank : end, 0, t->rank);
  }
  int64_t n = end > start ? end - start : 0;
  int64_t *out = out_new(e, 0, DT_INT64, 1, &n);
  NEEDS(out);
  for (int64_t i = 0; i < n; i++) out[i] = t->dim[start + i];
  return true;
}

bool eval_size(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t);
  int64_t *out = out_new(e, 0, DT_INT64, 0, NULL);
  NEEDS(out);
  *out = (int64_t)t->count;
  return true;
}
