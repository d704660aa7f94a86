/* cleanup_attention
 *
 * Before:    softmax(Q * s * (K * s)^T + mask) * V as exporters write it
 * After:     one product for Q, K and V where they come from one input; the scale in its weights
 * Exactness: rounding, where scales and projections are moved
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
    {.name = "drop-mask-expand",
     .doc = "Expand(x) in front of elementwise operators whose results are broadcast anyway => x",
     .apply = drop_mask_expand,
     .roots = {OP_Expand}},
    {.name = "merge-sibling-projections",
     .doc = "MatMul(x, W0) + b0, MatMul(x, W1) + b1, ... => Split(MatMul(x, [W0 W1 ...]) + [b0 b1 ...])",
     .exact = ROUNDING,
     .apply = merge_sibling_projections,
     .roots = {OP_MatMul},
     .late = true}, /* when every scale has found its weights */
};

const Pass pass_cleanup_attention = {"cleanup_attention", "simplifies scaled dot-product attention", PASS_RULES(rules)};
