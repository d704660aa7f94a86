/* Resize and other operators on images. */
#include "infer/family.h"

/* Scales of Resize and Upsample: a literal, or simple numbers computed from shapes. */
static bool read_scales(const Infer *f, int i, double *scale, size_t *n) {
  Small s;
  const Tensor *t = has_in(f, i) ? value_literal(node_in(f->node, i)) : NULL;
  bool literal = t && t->rank == 1 && t->count <= MAX_RANK;
  if (!literal && (!in_small(f, i, &s) || s.rank != 1 || s.n > MAX_RANK)) return false;
  *n = literal ? (size_t)t->count : s.n;
  for (size_t k = 0; k < *n; k++) {
    int64_t v = 0;
    if (literal ? !tensor_get_double(t, k, &scale[k]) : !sym_const(s.at[k], &v)) return false;
    if (!literal) scale[k] = (double)v / FLOAT_UNIT;
  }
  return true;
}

/* floor(D*scale). Runtimes multiply in float: a symbolic result needs a scale with a short binary fraction,
 * and a number has to come out the same in float and in double. */
static Dim scaled(const Infer *f, Dim D, double scale) {
  enum { FRACTION = 256, MOST = 4096 };
  if (!(scale > 0) || scale > MOST) return NULL;
  int64_t parts = (int64_t)(scale * FRACTION), d;
  if ((double)parts == scale * FRACTION)
    return sym_floordiv(f->syms, sym_mul(f->syms, D, num(f, parts)), num(f, FRACTION));
  if (!sym_const(D, &d) || d < 0 || d > (1 << 24)) return NULL;
  int64_t in_double = (int64_t)((double)d * scale), in_float = (int64_t)((float)d * (float)scale);
  return in_double == in_float ? num(f, in_double) : NULL;
}

static void resize_by_scales(Infer *f, Shape in, int i, const int64_t *axes, size_t n_axes, Dim *dim) {
  double scale[MAX_RANK];
  size_t n;
  bool cropped = attr_string_is(f->node, "coordinate_transformation_mode", "tf_crop_and_resize");
  bool known = !cropped && read_scales(f, i, scale, &n) && n == n_axes;
  for (size_t k = 0; k < n_axes; k++) {
    int axis = 0;
    axis_in(axes[k], in.rank, &axis);
    dim[axis] = known ? scaled(f, in.dim[axis], scale[k]) : NULL;
  }
}

static void resize_to_sizes(Infer *f, Shape in, const int64_t *axes, size_t n_axes, Dim *dim) {
  const Dim *at;
  size_t n;
  Span policy;
  bool stretch = !attr_string(f->node, "keep_aspect_ratio_policy", &policy) ||
                 attr_string_is(f->node, "keep_aspect_ratio_policy", "stretch");
  bool known = stretch && in_vector(f, 3, &at, &n) && n == n_axes;
  for (size_t k = 0; k < n_axes; k++) {
    int axis = 0;
    axis_in(axes[k], in.rank, &axis);
    dim[axis] = known ? at[k] : NULL;
  }
}

/* Is there something in this input? Resize-11 has empty tensors for what is left out. */
static bool filled(const Infer *f, int i, bool *sure) {
  Shape s = in_shape(f, i);
  *sure = !has_in(f, i) || (s.rank == 1 && (sym_is(s.dim[0], 0) || sym_nonzero(s.dim[0])));
  return has_in(f, i) && s.rank == 1 && !sym_is(s.dim[0], 0);
}

/* Resize: (X, scales) in 10; (X, roi, scales, sizes) from 11 on, one of the last two; axes from 18 on. */
void infer_resize(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t axes[MAX_RANK];
  size_t n_axes = 0;
  bool mask[MAX_RANK], sure_sizes, sure_scales;
  const int64_t *at;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0) return;
  if (attr_ints(f->node, "axes", &at, &n_axes)) {
    if (!axes_in(at, n_axes, in.rank, mask)) return;
    for (size_t k = 0; k < n_axes; k++) axes[k] = at[k];
  } else {
    n_axes = (size_t)in.rank;
    for (size_t k = 0; k < n_axes; k++) axes[k] = (int64_t)k;
  }
  Dim *dim = dims_of(f, in, 0);
  bool sizes = since(f) >= 11 && filled(f, 3, &sure_sizes),
       scales = filled(f, since(f) >= 11 ? 2 : 1, &sure_scales);
  if (sizes && !scales)
    resize_to_sizes(f, in, axes, n_axes, dim);
  else if (scales && !sizes && sure_scales)
    resize_by_scales(f, in, since(f) >= 11 ? 2 : 1, axes, n_axes, dim);
  else
    for (int i = 0; i < in.rank; i++) dim[i] = NULL;
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* Upsample: scales are an attribute (7) or an input (9). */
void infer_upsample(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t axes[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || since(f) < 7) return;
  Dim *dim = dims_of(f, in, 0);
  for (int k = 0; k < in.rank; k++) axes[k] = k;
  if (since(f) >= 9) {
    resize_by_scales(f, in, 1, axes, (size_t)in.rank, dim);
  } else {
    const Attr *a = node_attr(f->node, "scales");
    bool known = a && a->type == ATTR_FLOATS && a->v.floats.n == (size_t)in.rank;
    for (int k = 0; k < in.rank; k++) dim[k] = known ? scaled(f, in.dim[k], (double)a->v.floats.at[k]) : NULL;
  }
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* GridSample(X [N, C, ...], grid [N, out ..., dims]) -> [N, C, out ...] */
void infer_grid_sample(Infer *f) {
  Shape in = in_shape(f, 0), grid = in_shape(f, 1);
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 3 || grid.rank != in.rank) return;
  Dim *dim = dims_of(f, in, 0);
  for (int i = 2; i < in.rank; i++) dim[i] = grid.dim[i - 1];
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* AffineGrid(theta, size): size [N, C, out ...] -> [N, out ..., number of spatial axes] */
void infer_affine_grid(Infer *f) {
  const Dim *at;
  size_t n;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (!in_vector(f, 1, &at, &n) || (n != 4 && n != 5)) return;
  Dim dim[5];
  dim[0] = at[0];
  for (size_t i = 2; i < n; i++) dim[i - 1] = at[i];
  dim[n - 1] = num(f, (int64_t)n - 2);
  out_dims(f, 0, in_dtype(f, 0), (int)n, dim);
}

/* NonMaxSuppression: int64[count, 3] */
void infer_nms(Infer *f) {
  Dim dim[2] = {NULL, num(f, 3)};
  out_dims(f, 0, DT_INT64, 2, dim);
}

/* CenterCropPad(x, shape): the axes listed get the dims of shape. */
void infer_center_crop_pad(Infer *f) {
  Shape in = in_shape(f, 0);
  const Dim *at = NULL;
  const int64_t *axes = NULL;
  size_t n = 0, n_axes;
  bool mask[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0) return;
  bool listed = attr_ints(f->node, "axes", &axes, &n_axes);
  if (!listed) n_axes = (size_t)in.rank;
  if (listed && !axes_in(axes, n_axes, in.rank, mask)) return;
  bool known = in_vector(f, 1, &at, &n) && n == n_axes;
  Dim *dim = dims_of(f, in, 0);
  for (size_t k = 0; k < n_axes; k++) {
    int axis = (int)k;
    if (listed) axis_in(axes[k], in.rank, &axis);
    dim[axis] = known ? at[k] : NULL;
  }
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* ImageDecoder: uint8[height, width, channels] */
void infer_image_decoder(Infer *f) {
  out_dims(f, 0, DT_UINT8, 3, dims_new(f, 3));
}
