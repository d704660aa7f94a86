#ifndef PASSES_TRANSPOSES_ACROSS_H
#define PASSES_TRANSPOSES_ACROSS_H

#include "rewrite/rewriter.h"

/* Transpose(Reshape(Transpose(x))) as one Transpose of finer axes. */
Outcome transposes_across_reshape(Rewriter *rw, Node *node);

#endif
