/* What fuse_layernorm and fuse_rmsnorm share: reading v / sqrt(mean(v ^ 2) + epsilon) in all its spellings,
 * and letting the operator that stands for it take in what follows. */
#ifndef PASSES_NORM_NORM_H
#define PASSES_NORM_NORM_H

#include "passes/passes.h"

/* v / sqrt(mean(w ^ 2) + epsilon) * scale, the mean over the axes from `axis` to the last one. */
typedef struct RootMeanSquare {
  Value *v, *w; /* w holds v's elements, or is computed like it */
  Value *by;    /* what v is divided by or multiplied with */
  Value *scale; /* a factor of v or of `by`; NULL: none, or it follows */
  int axis, rank;
  double epsilon;
} RootMeanSquare;

/* Is n the last node of one? Casts between float16, float and double may stand in
 * between. */
bool read_rms(Node *n, RootMeanSquare *r);

/* Is n x * f + (bias - mean(x) * f) with f = scale / sqrt(mean((x - mean(x)) ^ 2) + epsilon)? r->v is x. */
bool read_moments(Node *n, RootMeanSquare *r, Value **bias);

/* v = x - mean(x), the mean over the axes from *axis to the last one. */
bool read_centred(Value *v, Value **x, int *axis);

/* The value behind Casts between float16, float and double. */
Value *uncast(Value *v);

/* The node that read_rms() wants: n, or in front of the Cast to float16 that n is. *type: of n's result. */
Node *norm_core(Node *n, ElemType *type);

/* Why LayerNormalization and its relatives can't compute it; NULL if they can. */
const char *norm_refusal(Rewriter *rw, const Node *root, Value *x, const RootMeanSquare *r);
/* op(x, ones), times r->scale if there is one; the operator takes it in later. */
Value *norm_build(Rewriter *rw, OpId op, Value *x, const RootMeanSquare *r);

/* Guards and builders of the rules that let a normalisation `norm` of x take in what follows it. */
bool norm_scale_is_one(const Match *m);
bool norm_scale_fits(const Match *m);
bool norm_bias_fits(const Match *m);
bool norm_casts_cancel(const Match *m);
Value *norm_take_scale(Rewriter *rw, const Match *m);
Value *norm_take_bias(Rewriter *rw, const Match *m);
Value *norm_take_casts(Rewriter *rw, const Match *m);

#endif
