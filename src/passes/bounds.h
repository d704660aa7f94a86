/* Activations that bound: Relu, Clip, Max(x, c), Min(x, c). */
#ifndef PASSES_BOUNDS_H
#define PASSES_BOUNDS_H

#include "passes/passes.h"

/* Makes the node and the one before it one, if both bound. `zero`: where a bound is 0, which rounds (which of
 * the zeros Max and Relu take is not specified); else where none is. */
Outcome bounds_merge(Rewriter *rw, Node *node, bool zero);

#endif
