/* Resize, Upsample: one axis after the other, each result a weighted sum of a few elements of its line.
 *
 * Runtimes compute coordinates in float, the specification does not say how. Linear and cubic weights change
 * little by that; where the nearest element or a dim would be another one, the operator is refused.
 */
#include "eval/window.h"

typedef enum Coordinates {
  HALF_PIXEL,
  HALF_PIXEL_SYMMETRIC,
  PYTORCH_HALF_PIXEL,
  ALIGN_CORNERS,
  ASYMMETRIC,
  CROP_AND_RESIZE
} Coordinates;
typedef enum Mode { NEAREST, LINEAR, CUBIC } Mode;

typedef struct Resize {
  Mode mode;
  Coordinates coordinates;
  Span nearest; /* nearest_mode */
  bool antialias, exclude_outside;
  double cubic_a, extrapolation;
  int64_t dim[MAX_RANK];
  double scale[MAX_RANK], roi_start[MAX_RANK], roi_end[MAX_RANK];
} Resize;

/* --- attributes and inputs ------------------------------------------------------------------------------ */

static int word_index(const Node *n, const char *attribute, const char *const *word, int count) {
  for (int i = 0; i < count; i++)
    if (attr_string_is(n, attribute, word[i])) return i;
  return -1;
}

static bool resize_attributes(const Eval *e, Resize *r) {
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const coordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                            "align_corners", "asymmetric",           "tf_crop_and_resize"};
  const Node *n = e->node;
  int64_t outside = 0, antialias = 0;
  float a = -0.75f, extrapolation = 0;
  int mode = word_index(n, "mode", modes, 3), at = ASYMMETRIC;
  r->nearest = (Span){(const uint8_t *)"floor", 5};
  if (node_is(n, OP_Resize) && since(e) >= 11) {
    at = word_index(n, "coordinate_transformation_mode", coordinates, 6);
    NEEDS(attr_string(n, "nearest_mode", &r->nearest) && attr_int(n, "exclude_outside", &outside));
    NEEDS(attr_float(n, "cubic_coeff_a", &a) && attr_float(n, "extrapolation_value", &extrapolation));
    if (since(e) >= 18) NEEDS(attr_int(n, "antialias", &antialias));
  }
  NEEDS(mode >= 0 && at >= 0);
  *r = (Resize){(Mode)mode,
                (Coordinates)at,
                r->nearest,
                antialias != 0,
                outside != 0,
                (double)a,
                (double)extrapolation,
                {0},
                {0},
                {0},
                {0}};
  return true;
}

/* The axes that are resized: all, unless attribute "axes" lists some. */
static bool resize_axes(const Eval *e, int rank, int64_t *axis, size_t *n) {
  const int64_t *listed;
  bool marked[MAX_RANK];
  if (!node_attr(e->node, "axes")) {
    for (int i = 0; i < rank; i++) axis[i] = i;
    *n = (size_t)rank;
    return true;
  }
  NEEDS(attr_ints(e->node, "axes", &listed, n) && *n <= (size_t)rank && axes_mark(listed, *n, rank, marked));
  for (size_t i = 0; i < *n; i++) axis[i] = listed[i] < 0 ? listed[i] + rank : listed[i];
  return true;
}

/* Dims as the product says, whether in float or in double. */
static bool scaled_dim(int64_t dim, double scale, int64_t *out) {
  double d = (double)dim * scale;
  NEEDS(scale > 0 && d < 0x1p31);
  *out = (int64_t)d;
  return (int64_t)(float)d == *out;
}

static bool resize_by_scales(Eval *e, Resize *r, const double *scale, uint64_t count, const int64_t *axis,
                             size_t n) {
  const Tensor *t = e->in[0];
  NEEDS(scale && count == n);
  for (size_t i = 0; i < n; i++) {
    r->scale[axis[i]] = scale[i];
    NEEDS(scaled_dim(t->dim[axis[i]], scale[i], &r->dim[axis[i]]));
  }
  return true;
}

/* Sizes, perhaps only as bounds of the one scale for all axes. */
static bool resize_by_sizes(Eval *e, Resize *r, const int64_t *size, size_t count, const int64_t *axis,
                            size_t n) {
  const Tensor *t = e->in[0];
  NEEDS(size && count == n);
  bool larger = attr_string_is(e->node, "keep_aspect_ratio_policy", "not_larger"),
       smaller = attr_string_is(e->node, "keep_aspect_ratio_policy", "not_smaller");
  double one = larger ? INFINITY : 0;
  for (size_t i = 0; i < n; i++) {
    NEEDS(size[i] > 0 && size[i] < (int64_t)1 << 31 && t->dim[axis[i]] > 0);
    r->dim[axis[i]] = size[i];
    double scale = r->scale[axis[i]] = (double)size[i] / (double)t->dim[axis[i]];
    one = larger ? fmin(one, scale) : fmax(one, scale);
  }
  for (size_t i = 0; i < n && (larger || smaller); i++) {
    r->scale[axis[i]] = one;
    r->dim[axis[i]] = (int64_t)(one * (double)t->dim[axis[i]] + 0.5);
  }
  return true;
}

static bool resize_roi(Eval *e, Resize *r, const int64_t *axis, size_t n) {
  const Tensor *t = in_tensor(e, 1);
  const double *roi = t ? in_doubles(e, 1) : NULL;
  NEEDS(roi && t->count == 2 * n);
  for (size_t i = 0; i < n; i++) {
    r->roi_start[axis[i]] = roi[i];
    r->roi_end[axis[i]] = roi[n + i];
  }
  return true;
}

static bool resize_init(Eval *e, Resize *r) {
  const Tensor *t = in_tensor(e, 0);
  int64_t axis[MAX_RANK];
  size_t n, sizes = 0;
  const int64_t *size = NULL;
  NEEDS(t && t->rank <= MAX_RANK && resize_attributes(e, r) && resize_axes(e, t->rank, axis, &n));
  for (int i = 0; i < t->rank; i++) {
    r->dim[i] = t->dim[i];
    r->scale[i] = r->roi_end[i] = 1;
  }
  int scales = node_is(e->node, OP_Upsample) || since(e) < 11 ? 1 : 2;
  NEEDS(since(e) >= 9);
  if (r->coordinates == CROP_AND_RESIZE) NEEDS(resize_roi(e, r, axis, n));
  if (in_tensor(e, scales) && e->in[scales]->count)
    NEEDS(resize_by_scales(e, r, in_doubles(e, scales), e->in[scales]->count, axis, n));
  else
    NEEDS(scales == 2 && in_ints(e, 3, &size, &sizes) && resize_by_sizes(e, r, size, sizes, axis, n));
  for (int i = 0; i < t->rank && scales == 1; i++)
    NEEDS(r->scale[i] >= 1); /* shrinking was not defined then */
  return true;
}

/* --- one axis ------------------------------------------------------------------------------------------- */

/* Where element x of the result lies on the input's axis. */
static bool source(const Resize *r, int axis, int64_t in, int64_t x, double *at) {
  double scale = r->scale[axis], width = scale * (double)in, out = (double)r->dim[axis];
  switch (r->coordinates) {
  case ASYMMETRIC: *at = (double)x / scale; return true;
  case HALF_PIXEL: *at = ((double)x + 0.5) / scale - 0.5; return true;
  case PYTORCH_HALF_PIXEL: /* one element: 0 or -0.5, which is the first one but to a cubic kernel */
    *at = out == 1 ? 0 : ((double)x + 0.5) / scale - 0.5;
    return out != 1 || r->mode != CUBIC;
  case HALF_PIXEL_SYMMETRIC:
    *at = (double)in / 2 * (1 - out / width) + ((double)x + 0.5) / scale - 0.5;
    return true;
  case ALIGN_CORNERS:
    NEEDS(fabs(width - out) < 1e-5); /* else: the scaled width, or the dim? */
    *at = out == 1 ? 0 : (double)x * (double)(in - 1) / (out - 1);
    return true;
  default:
    NEEDS(fabs(width - out) < 1e-5);
    double span = (r->roi_end[axis] - r->roi_start[axis]) * (double)(in - 1);
    *at = r->roi_start[axis] * (double)(in - 1) + (out == 1 ? span / 2 : (double)x * span / (out - 1));
    return true;
  }
}

static bool nearest_index(const Resize *r, double x, int64_t *index) {
  const char *mode = (const char *)r->nearest.p;
  size_t n = r->nearest.n;
  if (n == 5 && memcmp(mode, "floor", n) == 0)
    *index = (int64_t)floor(x);
  else if (n == 4 && memcmp(mode, "ceil", n) == 0)
    *index = (int64_t)ceil(x);
  else if (n == 18 && memcmp(mode, "round_prefer_floor", n) == 0)
    *index = (int64_t)ceil(x - 0.5);
  else
    *index = (int64_t)floor(x + 0.5);
  return (n == 17 && memcmp(mode, "round_prefer_ceil", n) == 0) || n != 17;
}

static double cubic_weight(double x, double a) {
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Weights of elements first..first+taps-1 around x. Shrinking with antialias widens the kernel. */
static int64_t kernel_weights(const Resize *r, int axis, int64_t in, double x, int64_t taps, double *weight) {
  double scale = r->antialias ? fmin(r->scale[axis], 1) : 1, sum = 0;
  int64_t first = (int64_t)floor(x) - taps / 2 + 1;
  for (int64_t k = 0; k < taps; k++) {
    double d = ((double)(first + k) - x) * scale;
    weight[k] = r->mode == CUBIC ? cubic_weight(d, r->cubic_a) : fmax(0, 1 - fabs(d));
    if (r->exclude_outside && (first + k < 0 || first + k >= in)) weight[k] = 0;
    sum += weight[k];
  }
  for (int64_t k = 0; k < taps && (r->antialias || r->exclude_outside); k++) weight[k] /= sum;
  return first;
}

static int64_t kernel_taps(const Resize *r, int axis) {
  double reach = r->mode == CUBIC ? 2 : 1;
  if (r->antialias && r->scale[axis] < 1) reach = ceil(reach / r->scale[axis]);
  return reach < 1 << 20 ? 2 * (int64_t)reach : 0;
}

/* The lines of v resized along the axis. */
static const double *resize_lines(Eval *e, const Resize *r, int axis, const double *v, Lines l) {
  int64_t out = r->dim[axis], taps = kernel_taps(r, axis), work, first;
  if (taps == 0 || __builtin_mul_overflow(l.outer * l.inner * out, taps, &work) || work > MAX_WORK)
    return NULL;
  double *o = doubles_new(e, l.outer * out * l.inner), *weight = doubles_new(e, taps), x;
  if (!o || !weight) return NULL;
  for (int64_t k = 0; k < out; k++) {
    if (!source(r, axis, l.n, k, &x) || !(fabs(x) < 0x1p40)) return NULL;
    bool outside = r->coordinates == CROP_AND_RESIZE && (x < 0 || x > (double)(l.n - 1));
    first = kernel_weights(r, axis, l.n, x, taps, weight);
    for (int64_t line = 0; line < l.outer * l.inner; line++) {
      double *to = &o[(line / l.inner * out + k) * l.inner + line % l.inner];
      for (int64_t j = 0; j < taps; j++) {
        int64_t from = first + j < 0 ? 0 : first + j >= l.n ? l.n - 1 : first + j;
        if (weight[j] != 0) *to += weight[j] * v[(line / l.inner * l.n + from) * l.inner + line % l.inner];
      }
      if (outside) *to = r->extrapolation;
    }
  }
  return o;
}

static bool resize_weighted(Eval *e, const Resize *r) {
  const Tensor *t = e->in[0];
  int64_t dim[MAX_RANK];
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  const Tensor now = {.rank = t->rank, .dim = dim};
  const double *v = in_doubles(e, 0);
  for (int i = 0; i < t->rank && v; i++) {
    if (r->dim[i] == dim[i] && r->scale[i] == 1 && r->coordinates != CROP_AND_RESIZE) continue;
    NEEDS(dim[i] > 0);
    v = resize_lines(e, r, i, v, lines_of(&now, i));
    dim[i] = r->dim[i];
  }
  return v && out_doubles(e, 0, t->dtype, t->rank, dim, v);
}

/* Elements are only picked: any dtype. */
static bool resize_nearest(Eval *e, const Resize *r) {
  const Tensor *t = e->in[0];
  NEEDS(r->coordinates != CROP_AND_RESIZE || elem_is_computed_float(t->dtype));
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, r->dim);
  const uint8_t *p = in_data(e, 0);
  NEEDS(out && p && !r->antialias && r->coordinates != CROP_AND_RESIZE);
  int64_t *pick[MAX_RANK], stride[MAX_RANK], index[MAX_RANK] = {0};
  strides_of(t->rank, t->dim, stride);
  for (int i = 0; i < t->rank; i++) {
    pick[i] = NEW_ARRAY(e->scratch, int64_t, r->dim[i]);
    for (int64_t k = 0; k < r->dim[i]; k++) {
      double x;
      int64_t again;
      NEEDS(source(r, i, t->dim[i], k, &x) && fabs(x) < 0x1p40 && nearest_index(r, x, &pick[i][k]));
      NEEDS(nearest_index(r, (double)(float)x, &again) && again == pick[i][k]);
      pick[i][k] = pick[i][k] < 0 ? 0 : pick[i][k] >= t->dim[i] ? t->dim[i] - 1 : pick[i][k];
    }
  }
  size_t size = elem_size(t->dtype);
  for (uint64_t i = 0; i < e->out[0]->count; i++, out += size) {
    int64_t from = 0;
    for (int a = 0; a < t->rank; a++) from += pick[a][index[a]] * stride[a];
    memcpy(out, p + (size_t)from * size, size);
    index_next(t->rank, r->dim, index);
  }
  return true;
}

bool eval_resize(Eval *e) {
  Resize r;
  NEEDS(resize_init(e, &r));
  const Tensor *t = e->in[0];
  uint64_t count;
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, r.dim);
  NEEDS(tensor_count(t->rank, r.dim, &count) && affordable(e, count));
  return r.mode == NEAREST ? resize_nearest(e, &r) : resize_weighted(e, &r);
}
