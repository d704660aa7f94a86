/* Axes that a node names, counted from 0. */
#ifndef INFER_AXES_H
#define INFER_AXES_H

#include "infer/facts.h"

/* Attribute "axis" or its default, for a tensor of this rank. False: there is none, or it is out of range. */
bool node_axis(const Node *n, int rank, int *axis);
/* The list in attribute "axes" or, from the opset that moved it there, in input i: distinct, as many as
 * *count, in at[rank]. *count < 0: no list is given. False: not known, out of range, or an axis is listed
 * twice. */
bool node_axes(const Node *n, int i, int rank, int64_t *at, int *count);

#endif
