/* onnxslim_explain(): why nodes are still there, in the public structs. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "pipeline.h"

/* Optimizes m and fills in x; texts and arrays go into `arena`. node: name of a node or of an output of one;
 * NULL: all. False if there is no such node, neither before nor after. */
bool explain_model(Arena *arena, Model *m, const onnxslim_options *o, const char *node,
                   onnxslim_explanation *x);

#endif
