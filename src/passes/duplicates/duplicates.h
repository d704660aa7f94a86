/* The rooms of eliminate_duplicate_constants. */
#ifndef PASSES_DUPLICATES_DUPLICATES_H
#define PASSES_DUPLICATES_DUPLICATES_H

#include "passes/passes.h"

/* Does a stand where n can read it: before n, or before the node whose body n is in? */
bool duplicates_sees(const Node *n, const Node *a);

/* constants.c */
size_t duplicates_initializers(Rewriter *rw, Graph *g);
Outcome duplicates_constant_node(Rewriter *rw, Node *node);

#endif
