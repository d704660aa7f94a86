/* GridSample, AffineGrid. */
#include "eval/window.h"

typedef enum Padding { ZEROS, BORDER, REFLECTION } Padding;

typedef struct Sampler {
  int n; /* spatial axes */
  int64_t dim[MAX_SPATIAL];
  int taps; /* elements along an axis: 1 nearest, 2 linear, 4 cubic */
  Padding padding;
  bool corners;
} Sampler;

static bool sampler_init(const Eval *e, Sampler *s) {
  const Node *n = e->node;
  const Tensor *t = in_tensor(e, 0), *grid = in_tensor(e, 1);
  int64_t corners;
  NEEDS(t && grid && t->rank >= 3 && t->rank <= MAX_SPATIAL && grid->rank == t->rank);
  NEEDS(elem_is_computed_float(t->dtype) && elem_is_computed_float(grid->dtype));
  NEEDS(grid->dim[0] == t->dim[0] && grid->dim[grid->rank - 1] == t->rank - 2);
  NEEDS(attr_int(n, "align_corners", &corners));
  s->n = t->rank - 2, s->corners = corners != 0;
  memcpy(s->dim, t->dim + 2, (size_t)s->n * sizeof *s->dim);
  for (int i = 0; i < s->n; i++) NEEDS(s->dim[i] > 0 && s->dim[i] < (int64_t)1 << 31);
  bool linear = attr_string_is(n, "mode", "linear") || attr_string_is(n, "mode", "bilinear");
  bool cubic = attr_string_is(n, "mode", "cubic") || attr_string_is(n, "mode", "bicubic");
  NEEDS(linear || cubic || attr_string_is(n, "mode", "nearest"));
  s->taps = linear ? 2 : cubic ? 4 : 1;
  bool border = attr_string_is(n, "padding_mode", "border"),
       zeros = attr_string_is(n, "padding_mode", "zeros");
  NEEDS(border || zeros || attr_string_is(n, "padding_mode", "reflection"));
  s->padding = border ? BORDER : zeros ? ZEROS : REFLECTION;
  return true;
}

/* Back and forth between low and high. */
static double reflect(double x, double low, double high) {
  double span = high - low, beyond = x < low ? low - x : x - high;
  if (x >= low && x <= high) return x;
  if (span == 0) return low;
  double turns = floor(beyond / span), rest = beyond - turns * span;
  return (fmod(turns, 2) == 0) == (x < low) ? low + rest : high - rest;
}

/* A coordinate on axis i of the input, moved inside as the padding says. */
static double moved_inside(const Sampler *s, int i, double x) {
  double d = (double)s->dim[i], low = s->corners ? 0 : -0.5, high = s->corners ? d - 1 : d - 0.5;
  if (s->taps == 1) x = nearbyint(x);
  if (x >= low && x <= high) return x;
  if (s->padding == BORDER) return fmin(fmax(x, 0), d - 1);
  return s->padding == REFLECTION ? reflect(x, low, high) : x;
}

/* The same of a coordinate of the grid, -1 to 1. */
static double unnormalized(const Sampler *s, int i, double x) {
  double d = (double)s->dim[i];
  return moved_inside(s, i, s->corners ? (x + 1) / 2 * (d - 1) : ((x + 1) * d - 1) / 2);
}

static double nearest_in_float(const Sampler *s, int i, float x) {
  float d = (float)s->dim[i];
  return moved_inside(s, i, (double)(s->corners ? (x + 1) / 2 * (d - 1) : ((x + 1) * d - 1) / 2));
}

/* Index of a tap within the input; -1: in the zeros around it. */
static int64_t padded(const Sampler *s, int i, int64_t at) {
  int64_t d = s->dim[i];
  if (at >= 0 && at < d) return at;
  if (s->padding == ZEROS) return -1;
  if (s->padding == BORDER) return at < 0 ? 0 : d - 1;
  double low = s->corners ? 0 : -0.5, high = s->corners ? (double)(d - 1) : (double)d - 0.5;
  int64_t r = (int64_t)reflect((double)at, low, high);
  return r < 0 ? 0 : r >= d ? d - 1 : r;
}

static void tap_weights(int taps, double x, double *w) {
  const double a = -0.75;
  if (taps == 1) w[0] = 1;
  if (taps == 2) w[0] = 1 - x, w[1] = x;
  if (taps < 4) return;
  double y = 1 - x;
  w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
  w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
  w[2] = ((a + 2) * y - (a + 3)) * y * y + 1;
  w[3] = ((a * (y + 1) - 5 * a) * (y + 1) + 8 * a) * (y + 1) - 4 * a;
}

/* Taps and weights of one point; the grid has the last axis first. */
typedef struct Point {
  int64_t at[MAX_SPATIAL][4];
  double weight[MAX_SPATIAL][4];
} Point;

static bool point_init(const Sampler *s, const double *grid, Point *p) {
  for (int i = 0; i < s->n; i++) {
    double g = grid[s->n - 1 - i], x = unnormalized(s, i, g);
    NEEDS(fabs(x) < 0x1p31);                                        /* false for NaN */
    if (s->taps == 1) NEEDS(nearest_in_float(s, i, (float)g) == x); /* runtimes compute in float */
    int64_t first = (int64_t)floor(x) - (s->taps == 4);
    tap_weights(s->taps, x - floor(x), p->weight[i]);
    for (int k = 0; k < s->taps; k++) p->at[i][k] = padded(s, i, first + k);
  }
  return true;
}

static double sample(const Sampler *s, const Point *p, const double *plane) {
  int64_t each[MAX_SPATIAL], tap[MAX_SPATIAL] = {0}, n = 1;
  double sum = 0;
  for (int i = 0; i < s->n; i++) each[i] = s->taps, n *= s->taps;
  for (int64_t k = 0; k < n; k++, index_next(s->n, each, tap)) {
    double weight = 1;
    int64_t at = 0;
    bool inside = true;
    for (int i = 0; i < s->n; i++) {
      weight *= p->weight[i][tap[i]];
      at = at * s->dim[i] + p->at[i][tap[i]];
      inside = inside && p->at[i][tap[i]] >= 0;
    }
    if (inside) sum += weight * plane[at];
  }
  return sum;
}

bool eval_grid_sample(Eval *e) {
  Sampler s;
  NEEDS(sampler_init(e, &s));
  const Tensor *t = e->in[0], *grid = e->in[1];
  int64_t dim[MAX_SPATIAL], channels = t->dim[1], work, taps = 1;
  memcpy(dim, t->dim, 2 * sizeof *dim);
  memcpy(dim + 2, grid->dim + 1, (size_t)s.n * sizeof *dim);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, dim);
  int64_t spots = dims_product(dim, 2, t->rank), plane = dims_product(s.dim, 0, s.n);
  for (int i = 0; i < s.n; i++) taps *= s.taps;
  NEEDS(!__builtin_mul_overflow(t->dim[0] * channels * spots, taps, &work) && work <= MAX_WORK);
  const double *v = in_doubles(e, 0), *g = in_doubles(e, 1);
  double *r = doubles_new(e, t->dim[0] * channels * spots);
  NEEDS(v && g && r);
  for (int64_t b = 0; b < t->dim[0]; b++)
    for (int64_t i = 0; i < spots; i++) {
      Point p;
      NEEDS(point_init(&s, g + (b * spots + i) * s.n, &p));
      for (int64_t c = 0; c < channels; c++)
        r[(b * channels + c) * spots + i] = sample(&s, &p, v + (b * channels + c) * plane);
    }
  return out_doubles(e, 0, t->dtype, t->rank, dim, r);
}

/* --- AffineGrid ----------------------------------------------------------------------------------------- */

/* theta [N, n, n + 1] applied to the points of a grid of n axes from -1 to 1, last axis first. */
bool eval_affine_grid(Eval *e) {
  const Tensor *theta = in_tensor(e, 0);
  const int64_t *size;
  size_t n_size;
  int64_t corners, dim[5] = {0}, index[3] = {0};
  NEEDS(theta && theta->rank == 3 && elem_is_computed_float(theta->dtype) && in_ints(e, 1, &size, &n_size));
  int n = (int)n_size - 2;
  NEEDS((n == 2 || n == 3) && attr_int(e->node, "align_corners", &corners) && size[0] == theta->dim[0]);
  NEEDS(theta->dim[1] == n && theta->dim[2] == n + 1);
  dim[0] = size[0], dim[n + 1] = n;
  for (int i = 0; i < n; i++) NEEDS((dim[i + 1] = size[i + 2]) > 0);
  uint64_t count;
  NEEDS(tensor_count(n + 2, dim, &count) && affordable(e, count));
  const double *m = in_doubles(e, 0);
  double *r = doubles_new(e, (int64_t)count), *o = r;
  NEEDS(m && r);
  for (int64_t i = 0; i < (int64_t)count / n; i++, index_next(n, dim + 1, index)) {
    const double *row = m + i / dims_product(dim, 1, n + 1) * n * (n + 1);
    for (int k = 0; k < n; k++, o++) {
      *o = row[k * (n + 1) + n];
      for (int a = 0; a < n; a++) {
        int64_t d = size[n + 1 - a], at = index[n - 1 - a];
        double x = corners ? (d == 1 ? 0 : 2 * (double)at / (double)(d - 1) - 1)
                           : (2 * (double)at + 1) / (double)d - 1;
        *o += row[k * (n + 1) + a] * x;
      }
    }
  }
  return out_doubles(e, 0, theta->dtype, n + 2, dim, r);
}
