/* The rooms of fold_constants. */
#ifndef PASSES_CONSTANTS_CONSTANTS_H
#define PASSES_CONSTANTS_CONSTANTS_H

#include "passes/passes.h"

/* The name of the form that this node belongs to with its constant operand, if runtimes know the form by that
 * constant and have a kernel for the whole of it; else NULL. Such a node keeps its constant. */
const char *runtime_form(const Node *n);

/* Bytes of the input constants that nobody else reads. */
uint64_t constant_bytes_freed(const Node *n);

/* (x op c) op d => x op e, of integers and of floats. */
Outcome reassociate_exact(Rewriter *rw, Node *node);
Outcome reassociate_rounding(Rewriter *rw, Node *node);

#endif
