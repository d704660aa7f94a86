/* Inputs made up for a model, so that a run of it means something.
 *
 * Sizes: a declared dim as it is, a named one the same in every input, an unknown one by its place (batch,
 * height and width, anything else). Several variants of the sizes exist where some are free: a caller tries
 * another one if ONNX Runtime refuses the first, and a model that must work at every size is tried at more
 * than one.
 *
 * Elements: what the graph does with the input decides. An integer that ends as an index (of Gather and its
 * kin, through Cast, Reshape, Unsqueeze, Add of a constant, ...) stays inside the table; one that ends as a
 * length or an axis is one that is always allowed; other integers, and what ends as a condition or is
 * subtracted from 1 and scaled by a huge number, are 0 or 1 (a mask), each row beginning with 1, so that no
 * row is masked out completely. Floats are close to normally distributed. The same seed gives the same bits
 * on every machine.
 */
#ifndef RUNTIME_FEED_H
#define RUNTIME_FEED_H

#include "ir/ir.h"
#include "runtime/ort.h"

typedef enum FeedRole {
  FEED_NOISE, /* floats: about N(0, 1); 8-bit integers: any; strings: short words */
  FEED_INDEX, /* low <= x < high */
  FEED_MASK,  /* 0 or 1 */
} FeedRole;

typedef enum DimRole { DIM_BATCH, DIM_SPATIAL, DIM_OTHER } DimRole;

typedef struct FeedDim {
  const char *name; /* NULL: none */
  DimRole role;
  int64_t size; /* -1: free */
} FeedDim;

typedef struct FeedInput {
  const char *name;
  ElemType dtype;
  FeedRole role;
  int64_t low, high; /* of FEED_INDEX */
  int rank;
  FeedDim *dim;
  Tensor *given; /* what the user feeds; NULL: generated */
} FeedInput;

typedef struct FeedPlan {
  FeedInput *at; /* in the order of the graph's inputs */
  size_t n;
} FeedPlan;

typedef struct DimSize {
  const char *name;
  int64_t size;
} DimSize;

typedef struct InputShape {
  const char *input;
  int rank;
  const int64_t *dim; /* -1: as declared */
} InputShape;

/* What the user knows of the sizes. */
typedef struct FeedOptions {
  const DimSize *dims; /* as of --freeze */
  size_t n_dims;
  const InputShape *shapes; /* as of --input-shape */
  size_t n_shapes;
  const char *const *feeds; /* as of --feed */
  size_t n_feeds;
} FeedOptions;

/* What to feed m's inputs with; initializers that are inputs too keep their default. Nothing in the plan
 * points into m. Fails with ONNXSLIM_ERR_USAGE for a shape that contradicts the declared rank or an input
 * that does not exist, with ONNXSLIM_ERR_UNAVAILABLE for inputs that are not tensors or have no declared
 * rank. */
FeedPlan *feed_plan(Arena *a, Model *m, const FeedOptions *o);

/* The sizes alone, of the inputs that are tensors of a known rank, by what the model declares. */
FeedPlan *feed_sizes(Arena *a, Model *m);
/* The size that a dim of an input gets in the first variant; -1 if the plan does not have it. */
int64_t feed_size(const FeedPlan *p, const char *input, int axis);

/* Free dims that `other` declares as constants take its size: a model and its frozen copy eat the same. */
void feed_pin(FeedPlan *p, Model *other);

/* Reads `model`, plans its feed, pins it to `pin` (may be NULL), and lets go of both. */
FeedPlan *feed_plan_of(Arena *a, const ModelSource *model, const ModelSource *pin, const FeedOptions *o);

/* How many variants of the sizes there are: 1 if none is free. The first FEED_ROTATION are of use for a model
 * that must work at every size, the rest are for models that are choosy. */
size_t feed_variants(const FeedPlan *p);
enum { FEED_ROTATION = 3 };

/* The tensors, in the order of the plan. variant < feed_variants(). */
Tensors feed_make(Arena *a, const FeedPlan *p, size_t variant, uint64_t seed);

/* Random numbers by a counter (splitmix64): the state is one integer, the sequence the same everywhere. */
uint64_t random_next(uint64_t *state);

#endif
