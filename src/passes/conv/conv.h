/* What the rules of fuse_conv_batchnorm share: convolutions with constant weights, and the functions of one
 * factor and one summand per channel that they absorb. */
#ifndef PASSES_CONV_CONV_H
#define PASSES_CONV_CONV_H

#include "rewrite/rule.h"

/* Conv or ConvTranspose over constant weights. */
typedef struct Conv {
  const Node *node;
  Tensor *w;
  bool transposed;
  int64_t group, in, out; /* channels of the input and of the output */
} Conv;

/* False if the weights are not constant or make no sense. */
bool conv_read(const Node *node, Conv *c);

/* y = scale * x + shift in double, with one number for each channel or one for all. NULL: none. */
typedef struct Affine {
  Tensor *scale, *shift;
  const char *formula; /* of the scale, for remarks */
} Affine;

/* What BatchNormalization (parameters constant), Neg, or Add, Sub, Mul, Div with a constant in input slot
 * c_index make of their operand. False if it can't be computed, or is no such function (c / x). */
bool affine_of(Model *m, const Node *op, int c_index, Affine *a);

/* Is t one number, or one for each of the n channels (axis 1) of a tensor of that rank, without giving it
 * more axes? */
bool is_per_channel(const Tensor *t, int rank, int64_t n);

/* W * s, where s is along axis 0 of W or, with `grouped`, along group and axis 1. 16-bit weights are
 * multiplied in float and rounded once. */
Tensor *conv_scaled(Model *m, const Conv *c, Tensor *s, bool grouped);

/* (bias or 0) * scale + shift in double; NULL if there is neither bias nor shift. */
Tensor *affine_bias(Model *m, Tensor *bias, const Affine *a);

/* The checks of what is about to be stored. False after rw_missed(). */
bool scale_is_normal(Rewriter *rw, const Affine *a, ElemType stored);
bool weights_are_normal(Rewriter *rw, Tensor *w, Tensor *b, ElemType stored);

/* The convolution over x, weights w and bias b (in any type, stored in that of the old weights); NULL: as
 * they were. It takes the place of itself and of the nodes in gone[1..]; gone[0] is itself. NULL after
 * rw_missed(). */
Value *conv_rebuild(Rewriter *rw, const Conv *c, Value *x, Tensor *w, Tensor *b, const char *bias_name,
                    int n_gone, const Node *const *gone);

/* --- guards and builders, by the file they are in --- */

/* batchnorm.c: of the captured "bn" */
bool bn_is_inference(const Match *m);
bool bn_is_spatial(const Match *m);
bool bn_has_channels(const Node *bn, int64_t n); /* are its parameters constant vectors of n? */

/* affine.c: a captured "conv" and, before or behind it, "bn" or "op" (with constant "c") */
bool conv_one_float_type(const Match *m);
bool conv_out_channels(const Match *m);
bool conv_in_channels(const Match *m);
bool op_marks_no_form(const Match *m);
bool conv_shift_is_uniform(const Match *m);
Value *conv_absorb_after(Rewriter *rw, const Match *m);
Value *conv_absorb_before(Rewriter *rw, const Match *m);

/* gemm.c: captured "bn" behind "gemm" (Gemm, or MatMul with perhaps a "sum" between), or in front of it */
bool gemm_rank_2(const Match *m);
bool gemm_channels(const Match *m);
bool gemm_in_channels(const Match *m);
bool gemm_one_float_type(const Match *m);
Value *gemm_absorb(Rewriter *rw, const Match *m);
Value *gemm_absorb_before(Rewriter *rw, const Match *m);

/* branches.c: captured "conv" and "other" (another Conv), "bn" or neither (x itself); perhaps "z", which is
 * added too */
bool branch_weights(const Match *m);
bool branch_one_float_type(const Match *m);
bool branch_same_window(const Match *m);
Value *branch_merge(Rewriter *rw, const Match *m);

/* pad.c: captured "pad" before "window" (Conv, MaxPool or AveragePool) */
bool pad_is_known(const Match *m);
bool pad_is_constant(const Match *m);
bool pad_is_spatial(const Match *m);
bool pad_adds(const Match *m);
bool pad_is_zero(const Match *m);
bool pad_is_lowest(const Match *m);
bool window_is_explicit(const Match *m);
bool window_rounds_down(const Match *m);
bool window_counts_pads(const Match *m);
bool window_is_larger(const Match *m);
bool window_sees_input(const Match *m);
Value *pad_into_window(Rewriter *rw, const Match *m);

#endif
