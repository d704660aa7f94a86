/* Convolutions and pooling: [N, C, spatial dims ...]. */
#include "infer/window.h"

/* Conv of input x with weights w [M, C/group, kernel ...] -> [N, M, ...]. */
static void conv(Infer *f, int x, int w, ElemType t) {
  Shape in = in_shape(f, x), weights = in_shape(f, w);
  Window win;
  out_tensor(f, 0, t, SHAPE_UNKNOWN);
  int rank = in.rank >= 0 ? in.rank : weights.rank;
  if (rank < 2 || (in.rank >= 0 && weights.rank >= 0 && in.rank != weights.rank)) return;
  if (!window_read(f, rank - 2, weights.rank >= 0 ? weights.dim + 2 : NULL, &win)) return;
  Dim *dim = dims_new(f, (size_t)rank);
  if (in.rank >= 0) dim[0] = in.dim[0];
  if (weights.rank >= 0) dim[1] = weights.dim[0];
  for (int i = 2; in.rank >= 0 && i < rank; i++) dim[i] = window_out(f, &win, i - 2, in.dim[i]);
  out_dims(f, 0, t, rank, dim);
}

/* Conv, and DeformConv, whose offsets don't change the shape. */
void infer_conv(Infer *f) {
  conv(f, 0, 1, in_dtype(f, 0));
}
void infer_conv_integer(Infer *f) {
  conv(f, 0, 1, DT_INT32);
}
/* QLinearConv: the type of the output's zero point. */
void infer_qlinear_conv(Infer *f) {
  conv(f, 0, 3, in_dtype(f, 7));
}

/* ConvTranspose: weights [C, M/group, kernel ...]; output stride*(D - 1) + output_padding + extent - pads, or
 * what output_shape says. With auto_pad SAME it should be D*stride, but a window shorter than the stride
 * would need negative pads for that, which ONNX Runtime does not use. */
static void conv_transpose_spatial(const Infer *f, const Window *w, const Dim *in, Dim *out) {
  const int64_t *shape, *more;
  size_t n_shape, n_more;
  bool stated = attr_ints(f->node, "output_shape", &shape, &n_shape);
  bool padded = attr_ints(f->node, "output_padding", &more, &n_more);
  size_t n = (size_t)w->rank;
  if ((stated && n_shape != n && n_shape != n + 2) || (padded && n_more != n)) return;
  for (int i = 0; i < w->rank; i++) {
    Dim step = num(f, w->stride[i]), d = NULL;
    if (stated) {
      d = num(f, shape[n_shape - n + (size_t)i]);
    } else if (w->pad == PAD_SAME) {
      bool reaches = sym_nonneg(sym_sub(f->syms, window_extent(f, w, i), step));
      if (!padded && reaches) d = sym_mul(f->syms, in[i], step);
    } else {
      d = sym_mul(f->syms, sym_sub(f->syms, in[i], num(f, 1)), step);
      d = sym_add(f->syms, sym_add(f->syms, d, window_extent(f, w, i)), num(f, padded ? more[i] : 0));
      d = sym_sub(f->syms, d, num(f, w->begin[i] + w->end[i]));
    }
    out[i] = d;
  }
}

void infer_conv_transpose(Infer *f) {
  Shape in = in_shape(f, 0), weights = in_shape(f, 1);
  Window w;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 2 || (weights.rank >= 0 && weights.rank != in.rank)) return;
  if (!window_read(f, in.rank - 2, weights.rank >= 0 ? weights.dim + 2 : NULL, &w)) return;
  Dim *dim = dims_new(f, (size_t)in.rank);
  dim[0] = in.dim[0];
  if (weights.rank >= 0) dim[1] = sym_mul(f->syms, weights.dim[1], num(f, attr_int_or(f, "group", 1)));
  conv_transpose_spatial(f, &w, in.dim + 2, dim + 2);
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* MaxPool (with indices as a second output), AveragePool, LpPool */
void infer_pool(Infer *f) {
  Shape in = in_shape(f, 0);
  Window w;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  out_tensor(f, 1, DT_INT64, SHAPE_UNKNOWN);
  if (in.rank < 2 || !window_read(f, in.rank - 2, NULL, &w)) return;
  Dim *dim = dims_of(f, in, 0);
  for (int i = 2; i < in.rank; i++) {
    bool vague = w.pad == PAD_SAME && w.dilation[i - 2] > 1; /* runtimes differ */
    dim[i] = vague ? NULL : window_out(f, &w, i - 2, in.dim[i]);
    if (!dim[i]) dim[i] = sym_fresh(f->syms); /* the same for both outputs */
  }
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
  out_dims(f, 1, DT_INT64, in.rank, dim);
}

/* GlobalAveragePool, GlobalMaxPool, GlobalLpPool */
void infer_global_pool(Infer *f) {
  Shape in = in_shape(f, 0);
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 2) return;
  Dim *dim = dims_of(f, in, 0);
  for (int i = 2; i < in.rank; i++) dim[i] = num(f, 1);
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* MaxUnpool: output_shape (input 2), else the inverse of the pooling's formula. */
void infer_max_unpool(Infer *f) {
  Shape in = in_shape(f, 0);
  const Dim *at;
  size_t n;
  Window w;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 2) return;
  Dim *dim = dims_of(f, in, 0);
  if (has_in(f, 2)) {
    bool known = in_vector(f, 2, &at, &n) && n == (size_t)in.rank;
    for (int i = 0; i < in.rank; i++) dim[i] = known ? at[i] : NULL;
  } else {
    if (!window_read(f, in.rank - 2, NULL, &w)) return;
    conv_transpose_spatial(f, &w, in.dim + 2, dim + 2);
  }
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* MaxRoiPool: [number of regions, C, pooled_shape ...] */
void infer_max_roi_pool(Infer *f) {
  Shape in = in_shape(f, 0), rois = in_shape(f, 1);
  const int64_t *pooled;
  size_t n;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (!attr_ints(f->node, "pooled_shape", &pooled, &n) || n != 2) return;
  Dim dim[4] = {rois.rank == 2 ? rois.dim[0] : NULL, in.rank == 4 ? in.dim[1] : NULL, num(f, pooled[0]),
                num(f, pooled[1])};
  out_dims(f, 0, in_dtype(f, 0), 4, dim);
}

/* RoiAlign: [number of regions, C, output_height, output_width] */
void infer_roi_align(Infer *f) {
  Shape in = in_shape(f, 0), rois = in_shape(f, 1);
  Dim dim[4] = {rois.rank == 2 ? rois.dim[0] : NULL, in.rank == 4 ? in.dim[1] : NULL,
                num(f, attr_int_or(f, "output_height", 1)), num(f, attr_int_or(f, "output_width", 1))};
  out_dims(f, 0, in_dtype(f, 0), 4, dim);
}

/* Col2Im(input [N, C*prod(block), L], image_shape, block_shape) -> [N, C, image_shape ...] */
void infer_col2im(Infer *f) {
  Shape in = in_shape(f, 0);
  const Dim *image, *block;
  size_t n, m;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (!in_vector(f, 1, &image, &n) || n + 2 > MAX_RANK) return;
  Dim *dim = dims_new(f, n + 2), area = num(f, 1);
  if (in.rank == 3) dim[0] = in.dim[0];
  if (in.rank == 3 && in_vector(f, 2, &block, &m)) {
    for (size_t i = 0; i < m; i++) area = sym_mul(f->syms, area, block[i]);
    dim[1] = sym_floordiv(f->syms, in.dim[1], area);
  }
  for (size_t i = 0; i < n; i++) dim[2 + i] = sym_nonneg(image[i]) ? image[i] : NULL;
  out_dims(f, 0, in_dtype(f, 0), (int)n + 2, dim);
}
