/* How far apart are two tensors? */
#ifndef RUNTIME_COMPARE_H
#define RUNTIME_COMPARE_H

#include "ir/tensor.h"

typedef struct Comparison {
  ElemType dtype; /* of the expected tensor */
  bool same_type, same_shape;
  bool same_nonfinite; /* NaN stands against NaN, an infinity against the same one */
  bool same_bits;      /* NaNs by their bytes, -0.0 is not 0.0 */
  bool ok;             /* within tolerance; numbers below are only about the first three being true */
  double max_diff;     /* largest |expected - actual| among finite elements; strings: 1 if any differs */
  double largest;      /* largest finite |expected| */
  double max_rel;      /* max_diff / largest; 0 if both are 0 */
  double max_ulp;      /* float16, bfloat16: max_diff in units in the last place of `largest`; else 0 */
  double tolerance;    /* what max_diff may be */
} Comparison;

/* Tolerance: float32, float64 and complex 1e-5 * max(1, largest); float16 and bfloat16 4 units in the last
 * place of `largest`; everything else must be equal. Complex numbers are compared by their parts. Both
 * tensors have bytes or strings. */
Comparison compare_tensors(const Tensor *expected, const Tensor *actual);

#endif
