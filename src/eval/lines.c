/* Along an axis or over a set of them: LpNormalization, MeanVarianceNormalization, LRN, GlobalLpPool. */
#include "eval/kernel.h"

/* A line of zeros stays as it is. */
bool eval_lp_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int axis;
  int64_t p;
  NEEDS(t && elem_is_computed_float(t->dtype) && attr_axis(e, t->rank, &axis));
  NEEDS(attr_int(e->node, "p", &p) && (p == 1 || p == 2));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(v && r);
  Lines l = lines_of(t, axis);
  for (int64_t line = 0; line < l.outer * l.inner; line++) {
    int64_t at = line / l.inner * l.n * l.inner + line % l.inner;
    double norm = 0;
    for (int64_t k = 0; k < l.n; k++) {
      double x = v[at + k * l.inner];
      norm += p == 1 ? fabs(x) : x * x;
    }
    if (p == 2) norm = sqrt(norm);
    for (int64_t k = 0; k < l.n; k++) r[at + k * l.inner] = norm == 0 ? 0 : v[at + k * l.inner] / norm;
  }
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

/* Strides that are 0 on the marked axes: every element's place among the sums. Returns their number. */
static int64_t group_strides(const Tensor *t, const bool *marked, int64_t *stride) {
  int64_t n = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    stride[i] = marked[i] ? 0 : n;
    if (!marked[i]) n *= t->dim[i];
  }
  return n;
}

#define EACH(l, k, i)                                                                                        \
  k = 0;                                                                                                     \
  for (loop_start(&(l)); loop_run(&(l)); loop_next(&(l)))                                                    \
    for (int64_t i = 0; i < (l).n; i++, k++)

/* (x - mean) / (sqrt(mean of squares - square of mean) + 1e-9), as its function body says. */
bool eval_mean_variance_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *axes;
  size_t n_axes;
  bool marked[MAX_RANK];
  int64_t stride[MAX_RANK], k;
  NEEDS(t && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype) && t->count);
  NEEDS(attr_ints(e->node, "axes", &axes, &n_axes) && axes_mark(axes, n_axes, t->rank, marked));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  int64_t groups = group_strides(t, marked, stride);
  int64_t size = (int64_t)t->count / groups;
  double each = (double)size;
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, (int64_t)t->count), *mean = doubles_new(e, groups),
         *variance = doubles_new(e, groups);
  NEEDS(v && r && mean && variance);
  Loop l;
  loop_init(&l, t->rank, t->dim, 1, (const int64_t *const[]){stride});
  EACH(l, k, i) mean[l.at[0] + i * l.by[0]] += v[k] / each;
  EACH(l, k, i) {
    int64_t g = l.at[0] + i * l.by[0];
    variance[g] += (v[k] - mean[g]) * (v[k] - mean[g]) / each;
  }
  EACH(l, k, i) {
    int64_t g = l.at[0] + i * l.by[0];
    r[k] = (v[k] - mean[g]) / (sqrt(variance[g]) + 1e-9);
  }
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

/* x / (bias + alpha / size * sum of the squares of neighbouring channels) ^ beta */
bool eval_lrn(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  float alpha, beta, bias;
  int64_t size;
  NEEDS(t && t->rank >= 2 && elem_is_computed_float(t->dtype) && attr_int(e->node, "size", &size));
  NEEDS(size >= 1 && size < 1 << 20 && attr_float(e->node, "alpha", &alpha));
  NEEDS(attr_float(e->node, "beta", &beta) && attr_float(e->node, "bias", &bias));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(v && r && affordable(e, t->count * (uint64_t)(size < t->dim[1] ? size : t->dim[1])));
  Lines l = lines_of(t, 1);
  for (int64_t i = 0; i < (int64_t)t->count; i++) {
    int64_t c = i / l.inner % l.n, from = c - (size - 1) / 2, to = c + size / 2;
    double squares = 0;
    for (int64_t k = from < 0 ? 0 : from; k <= to && k < l.n; k++) {
      double x = v[i + (k - c) * l.inner];
      squares += x * x;
    }
    r[i] = v[i] / pow((double)bias + (double)alpha / (double)size * squares, (double)beta);
  }
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

bool eval_global_lp_pool(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t p, dim[MAX_RANK];
  NEEDS(t && t->rank >= 3 && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype) && since(e) >= 2);
  NEEDS(attr_int(e->node, "p", &p) && p >= 1);
  for (int i = 0; i < t->rank; i++) dim[i] = i < 2 ? t->dim[i] : 1;
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, dim);
  int64_t planes = t->dim[0] * t->dim[1], n = dims_product(t->dim, 2, t->rank);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, planes);
  NEEDS(v && r);
  for (int64_t k = 0; k < planes; k++) {
    for (int64_t i = 0; i < n; i++) r[k] += pow(fabs(v[k * n + i]), (double)p);
    r[k] = pow(r[k], 1 / (double)p);
  }
  return out_doubles(e, 0, t->dtype, t->rank, dim, r);
}
