/* What eliminate_dead_nodes does to If, Loop and Scan. */
#ifndef PASSES_BODIES_BODIES_H
#define PASSES_BODIES_BODIES_H

#include "passes/passes.h"

/* inline.c */
/* Identity of v, for what the interface names and so has to be computed. NULL: not possible at its opset. */
Value *bodies_own_value(Rewriter *rw, const Node *node, Value *v);
Outcome bodies_inline_if(Rewriter *rw, Node *node);
Outcome bodies_inline_loop(Rewriter *rw, Node *node);
/* outputs.c */
Outcome bodies_unused_output(Rewriter *rw, Node *node);
Outcome bodies_loop_invariant(Rewriter *rw, Node *node);

#endif
