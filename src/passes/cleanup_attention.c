/* cleanup_attention
 *
 * Before:    softmax(Q * s * (K * s)^T + mask) * V as exporters write it: the scale on one side, split over
 *            both, or behind the product; one projection that an axis of 3 takes apart; a mask that is
 *            expanded to the scores, computed with detours, or arithmetic on bools
 * After:     the scale in the weights of one projection (or as one Mul); Q, K and V split by heads; the mask
 *            as one Where on a comparison, as small as it came, for all layers
 * Formula:   (x * Wq) * s = x * (Wq * s)
 *            1 - m is not 0 exactly where m is not 1
 * When not:  a value on the way has another reader, is a graph output or a --keep name; weights have
 *            other readers (the file would grow); a scaled weight, or the product of two scales, is
 *            not a normal number in the stored type. A guard that replaces the NaN of a Softmax
 *            stays: a NaN may come from the inputs
 * Exactness: rounding where scales move; bitwise for masks and heads
 *
 * The rules are in passes/attention/: scale.c, heads.c, mask.c, select.c. None of them knows a
 * whole attention core: each is right for any graph it fits, and together they clean up every export form.
 * (That Q, K and V become one product is a rule of fuse_matmul_add.)
 */
#include "passes/attention/rules.h"

static const Rule rules[] = {
    {.name = "fold-scale",
     .doc = "x * s or x / s, constant s => s in another constant factor, or in the weights of a projection, "
            "around the same product",
     .exact = ROUNDING,
     .apply = fold_scale,
     .roots = {OP_Mul, OP_Div}},
    {.name = "fill-inverted-mask",
     .doc = "Where(Cast(1 - m), fill, 1 - m) => Where(Equal(m, 1), 0, fill)",
     .apply = fill_inverted_mask,
     .roots = {OP_Where}},
    {.name = "choose-result",
     .doc = "Cast(b) op c, Where(b, p, q) op c, numbers p, q, c => Where(b, p op c, q op c)",
     .apply = choose_result,
     .roots = {OP_Add, OP_Sub, OP_Mul, OP_Div, OP_Neg, OP_Cast}},
    {.name = "split-by-heads",
     .doc = "Q, K, V = Gathers or Squeezes along an axis of 3 in front of the heads => Split of 3 * H heads",
     .apply = split_by_heads,
     .roots = {OP_Transpose, OP_Reshape}},
    {.name = "drop-mask-expand",
     .doc = "Expand(x) in front of elementwise operators whose results are broadcast anyway => x",
     .apply = drop_mask_expand,
     .roots = {OP_Expand},
     .late = true}, /* it looks at all that follows, which changes while others are at work */
};

const Pass pass_cleanup_attention = {"cleanup_attention", "simplifies scaled dot-product attention",
                                     PASS_RULES(rules)};
