/* The core of scaled dot product attention: Softmax(Q * K^T * scale + mask) * V. */
#ifndef PASSES_ATTENTION_CORE_H
#define PASSES_ATTENTION_CORE_H

#include "passes/attention/operand.h"

enum { MAX_BIASES = 2 };

typedef struct Core {
  Value *scores;  /* Q * K^T as it leaves the product */
  Value *weights; /* what Softmax is taken of */
  Value *result;  /* of the core */
  int rank; /* 4, or 3 with one head. Where batch and heads are one axis of the products, the Reshapes that
               merge and part them belong to the core, and the rank is 4 */
  int64_t merged; /* the number of those heads; 0: no such axis */
  Operand q, k, v;
  double scale;            /* of the scores, besides those of q and k */
  double cap;              /* cap * tanh(scores / cap); 0: none */
  Value *bias[MAX_BIASES]; /* added to the scores */
  int n_biases;
  Value *kept;        /* bool: where it is not, a score becomes -inf; NULL: all stay */
  bool inverted;      /* where kept is, instead */
  ElemType precision; /* that Softmax is computed in */
  const char *why;    /* it is nearly a core, but */
} Core;

/* Is root, a MatMul, the last node of one but Reshapes? All nodes between Q * K^T and root have one reader.
 * If not, c->why says what is missing; NULL if it is none at all. */
bool core_read(Node *root, Core *c);

#endif
