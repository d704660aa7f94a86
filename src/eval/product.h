/* Products of matrices and of windows, shared with their quantized relatives. */
#ifndef EVAL_PRODUCT_H
#define EVAL_PRODUCT_H

#include "eval/window.h"

/* Matrix operands of one product, by strides in elements. */
typedef struct Product {
  int64_t m, k, n;
  int64_t a_row, a_col, b_row, b_col;
} Product;

typedef struct Batched {
  Product p;
  Loop batches; /* operands a and b */
  int rank, n_batch;
  int64_t dim[MAX_RANK];
} Batched;

/* NumPy's matmul: vectors are promoted to matrices, leading dims broadcast. */
bool matmul_dims(const Tensor *a, const Tensor *b, Batched *m);
/* The products in scratch, NULL if that is too much work. */
double *matmul_real(Eval *e, const Batched *m, const double *a, const double *b);
uint64_t *matmul_words(Eval *e, const Batched *m, const uint64_t *a, const uint64_t *b);

typedef struct Convolution {
  Frame w;
  int64_t group, channels, filters; /* channels of a filter */
  int rank;
  int64_t dim[MAX_SPATIAL + 2];
} Convolution;

/* x [N, C, spatial] with filters k [F, C / group, spatial], by the node's attributes. */
bool conv_init(const Eval *e, const Tensor *x, const Tensor *k, Convolution *c);
/* The sums in scratch, NULL if that is too much work. */
double *conv_real(Eval *e, const Convolution *c, const double *x, const double *k);

#endif
