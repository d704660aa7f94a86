/* RoiAlign: each region, cut into bins, sampled at a few points of each by bilinear interpolation. */
#include "eval/window.h"

typedef struct Align {
  int64_t height, width, rows, columns,
      samples; /* of the plane; of the output; per bin and axis, 0: as many as fit */
  double scale, shift;
  bool max;
} Align;

static bool align_init(const Eval *e, Align *a) {
  const Node *n = e->node;
  const Tensor *t = in_tensor(e, 0), *rois = in_tensor(e, 1), *batch = in_tensor(e, 2);
  float scale;
  NEEDS(t && rois && batch && t->rank == 4 && rois->rank == 2 && rois->dim[1] == 4 && batch->rank == 1);
  NEEDS(batch->dim[0] == rois->dim[0] && elem_is_computed_float(t->dtype) && rois->dtype == t->dtype);
  NEEDS(attr_int(n, "output_height", &a->rows) && attr_int(n, "output_width", &a->columns) && a->rows > 0 &&
        a->columns > 0);
  NEEDS(a->rows < 1 << 16 && a->columns < 1 << 16 && attr_int(n, "sampling_ratio", &a->samples) &&
        a->samples >= 0);
  NEEDS(attr_float(n, "spatial_scale", &scale));
  a->max = attr_string_is(n, "mode", "max");
  NEEDS(a->max || attr_string_is(n, "mode", "avg"));
  bool half = since(e) >= 16 && attr_string_is(n, "coordinate_transformation_mode", "half_pixel");
  a->height = t->dim[2], a->width = t->dim[3], a->scale = (double)scale, a->shift = half ? 0.5 : 0;
  return a->height > 0 && a->width > 0;
}

/* One point: four elements and their weights; outside the plane they are 0. */
typedef struct Sample {
  int64_t at[4];
  double weight[4];
} Sample;

static Sample sample_at(const Align *a, double y, double x) {
  Sample s = {{0}, {0}};
  if (y < -1 || y > (double)a->height || x < -1 || x > (double)a->width) return s;
  y = fmin(fmax(y, 0), (double)(a->height - 1));
  x = fmin(fmax(x, 0), (double)(a->width - 1));
  int64_t top = (int64_t)y, left = (int64_t)x;
  int64_t bottom = top + 1 < a->height ? top + 1 : top, right = left + 1 < a->width ? left + 1 : left;
  double dy = y - (double)top, dx = x - (double)left;
  return (Sample){
      {top * a->width + left, top * a->width + right, bottom * a->width + left, bottom * a->width + right},
      {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx}};
}

/* The points of a bin that starts at (y, x): their mean, or the largest of their weighted elements. */
static double pooled(const Align *a, const double *plane, double y, double x, double bin_y, double bin_x,
                     int64_t ny, int64_t nx) {
  double sum = 0, max = -INFINITY;
  for (int64_t i = 0; i < ny; i++)
    for (int64_t j = 0; j < nx; j++) {
      Sample s = sample_at(a, y + ((double)i + 0.5) * bin_y / (double)ny,
                           x + ((double)j + 0.5) * bin_x / (double)nx);
      for (int k = 0; k < 4; k++) {
        double v = s.weight[k] * plane[s.at[k]];
        sum += v;
        max = fmax(max, v);
      }
    }
  if (ny * nx == 0) return 0;
  return a->max ? max : sum / (double)(ny * nx);
}

/* Points along one axis of a bin of that size: runtimes compute it in float. */
static bool sample_count(const Align *a, double bin, int64_t *n) {
  if (a->samples) {
    *n = a->samples;
    return *n < 1 << 12;
  }
  NEEDS(bin >= 0 && bin < 1 << 12);
  *n = (int64_t)ceil(bin);
  return (int64_t)ceil(bin * (1 + 1e-6)) == *n && (int64_t)ceil(bin * (1 - 1e-6)) == *n;
}

static bool align_region(const Align *a, const double *roi, const double *plane, int64_t channels,
                         double *out) {
  double left = roi[0] * a->scale - a->shift, top = roi[1] * a->scale - a->shift;
  double width = roi[2] * a->scale - a->shift - left, height = roi[3] * a->scale - a->shift - top;
  if (a->shift == 0) width = fmax(width, 1), height = fmax(height, 1);
  double bin_y = height / (double)a->rows, bin_x = width / (double)a->columns;
  int64_t ny, nx, work;
  NEEDS(sample_count(a, bin_y, &ny) && sample_count(a, bin_x, &nx));
  NEEDS(!__builtin_mul_overflow(channels * a->rows * a->columns, ny * nx, &work) && work <= MAX_WORK / 4);
  for (int64_t c = 0; c < channels; c++, plane += a->height * a->width)
    for (int64_t i = 0; i < a->rows; i++)
      for (int64_t j = 0; j < a->columns; j++)
        *out++ = pooled(a, plane, top + (double)i * bin_y, left + (double)j * bin_x, bin_y, bin_x, ny, nx);
  return true;
}

bool eval_roi_align(Eval *e) {
  Align a;
  NEEDS(align_init(e, &a));
  const Tensor *t = e->in[0];
  int64_t n = e->in[1]->dim[0], channels = t->dim[1], dim[4] = {n, channels, a.rows, a.columns};
  uint64_t count;
  if (e->dry) return out_new(e, 0, t->dtype, 4, dim);
  NEEDS(tensor_count(4, dim, &count));
  const double *v = in_doubles(e, 0), *roi = in_doubles(e, 1);
  const int64_t *batch = in_indices(e, 2);
  double *r = doubles_new(e, (int64_t)count);
  NEEDS(v && roi && batch && r && n <= 1 << 12);
  for (int64_t i = 0; i < n; i++) {
    NEEDS(batch[i] >= 0 && batch[i] < t->dim[0]);
    NEEDS(align_region(&a, roi + i * 4, v + batch[i] * channels * a.height * a.width, channels,
                       r + i * channels * a.rows * a.columns));
  }
  return out_doubles(e, 0, t->dtype, 4, dim, r);
}
