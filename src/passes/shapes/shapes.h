/* The rooms of simplify_shape_chains. */
#ifndef PASSES_SHAPES_SHAPES_H
#define PASSES_SHAPES_SHAPES_H

#include "passes/passes.h"

typedef Outcome ShapeRule(Rewriter *rw, Node *node);

/* dims.c */
ShapeRule shapes_dims_of_tensor, shapes_vector_of_parts, shapes_shared_shape, shapes_shape_before;
/* targets.c */
ShapeRule shapes_reshape_target, shapes_reshape_target_part, shapes_expand_target, shapes_resize_scales;

#endif
