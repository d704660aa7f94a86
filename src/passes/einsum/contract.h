/* Products and sums of labelled operands, out of Transpose, Unsqueeze, Reshape, ReduceSum, Mul and MatMul. */
#ifndef PASSES_EINSUM_CONTRACT_H
#define PASSES_EINSUM_CONTRACT_H

#include "passes/einsum/equation.h"

typedef struct Operand {
  Value *v;
  Labels axes;
} Operand;

typedef struct Build {
  Rewriter *rw;
  int opset;
  int nodes; /* made so far; those that only prepare a constant for its one reader do not count, as they fold
              */
  const char *why; /* why it can't be done */
} Build;

/* o summed over the axes that are not in out, the others in out's order. All of out must be in o. */
bool reduce_to(Build *b, Operand *o, const Labels *out);
/* a * c summed over the axes that are not in out, the others in out's order. */
bool contract(Build *b, Operand a, Operand c, const Labels *out, Operand *result);

#endif
