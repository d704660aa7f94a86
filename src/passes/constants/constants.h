/* The rooms of fold_constants. */
#ifndef PASSES_CONSTANTS_CONSTANTS_H
#define PASSES_CONSTANTS_CONSTANTS_H

#include "passes/passes.h"

/* Bytes of the input constants that nobody else reads. */
uint64_t constant_bytes_freed(const Node *n);

/* (x op c) op d => x op e, of integers and of floats. */
Outcome reassociate_exact(Rewriter *rw, Node *node);
Outcome reassociate_rounding(Rewriter *rw, Node *node);

/* (x A) B => x (A B) */
Outcome reassociate_matmul(Rewriter *rw, Node *node);

#endif
