/* The three parts of feed generation: feed.c (sizes), feed_role.c (what the graph does with an input),
 * feed_fill.c (elements). */
#ifndef RUNTIME_FEED_T_H
#define RUNTIME_FEED_T_H

#include "runtime/feed.h"

/* Sets role, low and high from the uses of v; name and dtype are set. Scratch memory comes from a child of
 * `a`. */
void feed_role(Arena *a, Value *v, FeedInput *in);

/* A tensor of in's type and these dims. */
Tensor *feed_fill(Arena *a, const FeedInput *in, const int64_t *dim, uint64_t seed);

#endif
