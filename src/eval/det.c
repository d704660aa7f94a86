/* Det: of the matrices in the last two axes, by elimination with pivots. */
#include "eval/window.h"

static double determinant(double *m, int64_t n) {
  double det = 1;
  for (int64_t k = 0; k < n; k++) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; i++)
      if (fabs(m[i * n + k]) > fabs(m[pivot * n + k])) pivot = i;
    if (m[pivot * n + k] == 0) return 0;
    if (pivot != k) {
      det = -det;
      for (int64_t j = 0; j < n; j++) {
        double x = m[k * n + j];
        m[k * n + j] = m[pivot * n + j];
        m[pivot * n + j] = x;
      }
    }
    det *= m[k * n + k];
    for (int64_t i = k + 1; i < n; i++) {
      double factor = m[i * n + k] / m[k * n + k];
      for (int64_t j = k; j < n; j++) m[i * n + j] -= factor * m[k * n + j];
    }
  }
  return det;
}

bool eval_det(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->rank >= 2 && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype));
  int64_t n = t->dim[t->rank - 1], count = dims_product(t->dim, 0, t->rank - 2), work;
  NEEDS(t->dim[t->rank - 2] == n && !__builtin_mul_overflow((int64_t)t->count, n, &work) && work <= MAX_WORK);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank - 2, t->dim);
  const double *v = in_doubles(e, 0);
  double *m = doubles_new(e, n * n), *r = doubles_new(e, count);
  NEEDS(v && m && r);
  for (int64_t i = 0; i < count; i++) {
    if (n) memcpy(m, v + i * n * n, (size_t)(n * n) * sizeof *m);
    r[i] = determinant(m, n);
  }
  return out_doubles(e, 0, t->dtype, t->rank - 2, t->dim, r);
}
