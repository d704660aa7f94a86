/* What fuse_rotary reads and builds: the rotation of pairs of elements of the last axis by angles that depend
 * on the position. */
#ifndef PASSES_ROTARY_ROTARY_H
#define PASSES_ROTARY_ROTARY_H

#include "passes/passes.h"

/* Every step-th element of the last axis of root, from `from` on; count of them. */
typedef struct Part {
  Value *root;
  int64_t from, step, count;
} Part;

/* (a, b) => (a * cos - b * sin, a * sin + b * cos) for the pairs (a, b) of x. */
typedef struct Rotation {
  Value *result;
  Part x;           /* what is rotated */
  Value *source;    /* a value that holds it, or NULL */
  bool interleaved; /* a pair's elements are neighbours, not half the width apart */
  bool doubled;     /* cos and sin hold each element twice, as far apart as a pair's */
  Value *cos, *sin;
} Rotation;

/* Is n the last node of one? */
bool rotation_read(Node *n, Rotation *r);

/* Can the cosines (or sines) be had as the operator wants them: [batch, length, pairs], for x of that batch
 * and length, which are its axes 0 and `length`? NULL, or why not. */
const char *cache_refusal(const Rotation *r, Value *cache, Shape x, int length);
Value *cache_build(Rewriter *rw, const Rotation *r, Value *cache, Shape x, int length);

#endif
