#include "runtime/compare.h"

#include <math.h>
#include <string.h>

/* Complex tensors as twice as many real ones. */
static Tensor as_real(const Tensor *t) {
  Tensor r = *t;
  if (t->dtype == DT_COMPLEX64 || t->dtype == DT_COMPLEX128) {
    r.dtype = t->dtype == DT_COMPLEX64 ? DT_FLOAT : DT_DOUBLE;
    r.count *= 2;
  }
  return r;
}

static bool same_place(double x, double y) {
  if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
  return isfinite(x) ? isfinite(y) : x == y;
}

static void compare_floats(const Tensor *expected, const Tensor *actual, Comparison *c) {
  Tensor e = as_real(expected), a = as_real(actual);
  for (uint64_t i = 0; i < e.count; i++) {
    double x = 0, y = 0;
    if (!tensor_get_double(&e, i, &x) || !tensor_get_double(&a, i, &y)) {
      c->max_diff = INFINITY; /* a type without arithmetic whose bytes are known to differ */
      return;
    }
    if (!same_place(x, y)) c->same_nonfinite = false;
    if (isfinite(x)) c->largest = fmax(c->largest, fabs(x));
    if (isfinite(x) && isfinite(y)) c->max_diff = fmax(c->max_diff, fabs(x - y));
  }
}

/* Differences of 64-bit integers do not fit a double's digits, but they are never rounded to 0. */
static void compare_ints(const Tensor *e, const Tensor *a, Comparison *c) {
  for (uint64_t i = 0; i < e->count; i++) {
    int64_t x = 0, y = 0;
    if (!tensor_get_int(e, i, &x) || !tensor_get_int(a, i, &y)) { /* uint64 beyond int64: compared as bits */
      if (memcmp(e->bytes + 8 * i, a->bytes + 8 * i, 8) != 0) c->max_diff = INFINITY;
      continue;
    }
    uint64_t diff = x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
    c->largest = fmax(c->largest, fabs((double)x));
    c->max_diff = fmax(c->max_diff, (double)diff);
  }
}

/* Distance of the two numbers next to x in a format with these many digits behind the point and this smallest
 * exponent. */
static double ulp_at(double x, int digits, int exponent_min) {
  int exponent = exponent_min;
  if (x > 0) {
    frexp(x, &exponent);
    exponent--; /* frexp's fraction is below 1, IEEE 754's is not */
  }
  return ldexp(1, (exponent < exponent_min ? exponent_min : exponent) - digits);
}

static void judge(Comparison *c) {
  c->max_rel = c->max_diff == 0 ? 0 : c->max_diff / c->largest;
  double ulp = 0;
  switch (c->dtype) {
  case DT_FLOAT:
  case DT_DOUBLE:
  case DT_COMPLEX64:
  case DT_COMPLEX128: c->tolerance = 1e-5 * fmax(1, c->largest); break;
  case DT_FLOAT16: ulp = ulp_at(c->largest, 10, -14); break;
  case DT_BFLOAT16: ulp = ulp_at(c->largest, 7, -126); break;
  default: break;
  }
  if (ulp > 0) {
    c->max_ulp = c->max_diff / ulp;
    c->tolerance = 4 * ulp;
  }
  c->ok = c->same_nonfinite && c->max_diff <= c->tolerance;
}

Comparison compare_tensors(const Tensor *e, const Tensor *a) {
  Comparison c = {.dtype = e->dtype, .same_type = e->dtype == a->dtype, .same_nonfinite = true};
  c.same_shape =
      e->rank == a->rank && (e->rank == 0 || memcmp(e->dim, a->dim, (size_t)e->rank * sizeof *e->dim) == 0);
  if (!c.same_type || !c.same_shape) {
    c.same_nonfinite = false;
    c.max_diff = c.max_rel = INFINITY;
    return c;
  }
  c.same_bits = tensor_same(e, a);
  if (e->dtype == DT_STRING)
    c.max_diff = c.same_bits ? 0 : 1;
  else if (elem_is_int(e->dtype) || e->dtype == DT_BOOL)
    compare_ints(e, a, &c);
  else
    compare_floats(e, a, &c);
  if (c.same_bits && c.max_diff > 0) c.max_diff = 0; /* types without arithmetic */
  judge(&c);
  return c;
}
