/* Sliding windows: what Conv, pooling and their relatives share. */
#ifndef INFER_WINDOW_H
#define INFER_WINDOW_H

#include "infer/family.h"

/* The attributes of a window over `rank` spatial axes. */
typedef struct Window {
  int rank;
  Dim kernel[MAX_RANK]; /* NULL: not known */
  int64_t stride[MAX_RANK], dilation[MAX_RANK], begin[MAX_RANK], end[MAX_RANK];
  enum { PAD_EXPLICIT, PAD_SAME, PAD_VALID } pad;
  bool ceil;
} Window;

/* Reads them; the kernel comes from "kernel_shape", else from the weights' spatial dims (may be NULL). False
 * if an attribute has the wrong length or a value that is not allowed. */
bool window_read(const Infer *f, int rank, const Dim *weights, Window *w);
/* Spatial output dim for input dim D along axis i; NULL if not known. */
Dim window_out(const Infer *f, const Window *w, int i, Dim D);
/* (kernel - 1)*dilation + 1 */
Dim window_extent(const Infer *f, const Window *w, int i);

#endif
