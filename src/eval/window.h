/* Windows that slide over spatial axes: Conv and the pools, with all sizes known. */
#ifndef EVAL_WINDOW_H
#define EVAL_WINDOW_H

#include "eval/kernel.h"

enum { MAX_SPATIAL = 8, MAX_WORK = 1 << 28 }; /* more multiplications are not worth the time */

typedef struct Frame {
  int n; /* spatial axes */
  int64_t in[MAX_SPATIAL], kernel[MAX_SPATIAL], out[MAX_SPATIAL];
  int64_t stride[MAX_SPATIAL], dilation[MAX_SPATIAL], before[MAX_SPATIAL];
} Frame;

/* Attribute `name` with `count` numbers in low..2^31, or `preset`. */
bool frame_attr(const Node *n, const char *name, int count, int64_t low, int64_t preset, int64_t *out);
/* Output dims and pads by the attributes; w->n, w->in and w->kernel are set. */
bool frame_init(const Node *n, Frame *w);

/* Where tap number `tap` (an index per axis) of the window at `at` reads; false: in the padding. */
static inline bool frame_source(const Frame *w, const int64_t *at, const int64_t *tap, int64_t *from) {
  *from = 0;
  for (int i = 0; i < w->n; i++) {
    int64_t p = at[i] * w->stride[i] - w->before[i] + tap[i] * w->dilation[i];
    if (p < 0 || p >= w->in[i]) return false;
    *from = *from * w->in[i] + p;
  }
  return true;
}

/* Next index in order; back at the start after the last one. */
static inline void index_next(int n, const int64_t *dim, int64_t *index) {
  for (int i = n - 1; i >= 0 && ++index[i] == dim[i]; i--) index[i] = 0;
}

#endif
