/* fuse_layernorm
 *
 * Before:    d = x - mean(x);  y = d / sqrt(mean(d ^ 2) + epsilon) * scale + bias, means over the last axes.
 *            Squares are Pow or Mul; means are ReduceMean, sums divided by the count, with or without the
 *            reduced axes; the division is by Sqrt, or a product with Reciprocal, 1 / Sqrt or
 *            Pow(-0.5); d is computed once or twice; float16 may be cast to float or double and back;
 *            scale and bias are optional, and the scale may be a factor of d or of 1 / sqrt(...).
 *            Keras: x * f + (bias - mean(x) * f), f = scale / sqrt(variance(x) + epsilon)
 * After:     LayerNormalization(x, scale, bias): first without bias and with ones for the scale, then Cast,
 *            Mul and Add behind it join it one by one
 * Formula:   the operator's own definition
 * When not:  the opset is below 17; the axes are not the last ones, or their sizes unknown or 0 (no kernel
 *            takes them); x is double (the operator computes in float) or bfloat16 (no kernel); scale or bias
 *            is not of the normalised axes' shape; another node reads the deviation
 * Exactness: rounding
 */
#include "passes/norm/norm.h"

static Outcome normalize(Rewriter *rw, Node *node) {
  RootMeanSquare r;
  Value *x;
  int axis;
  TRY(node_out(node, 0));
  ElemType type;
  Node *core = norm_core(node, &type);
  TRY(core && read_rms(core, &r) && read_centred(r.v, &x, &axis));
  if (dtype_of(x) != type) x = uncast(x);
  rw_saw_from(rw, node, 1, &x);
  NEED(axis == r.axis, "mean and variance are taken over different axes");
  NEED(node->opset >= 17, "LayerNormalization needs opset 17, this is %d", node->opset);
  const char *why = norm_refusal(rw, node, x, &r);
  NEED(!why, "%s", why);
  Value *y = norm_build(rw, OP_LayerNormalization, x, &r);
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  return FIRED;
}

static Outcome normalize_by_moments(Rewriter *rw, Node *node) {
  RootMeanSquare r;
  Value *bias;
  TRY(node_out(node, 0) && read_moments(node, &r, &bias));
  rw_saw_from(rw, node, 1, &r.v);
  NEED(node->opset >= 17, "LayerNormalization needs opset 17, this is %d", node->opset);
  const char *why = norm_refusal(rw, node, r.v, &r);
  NEED(!why, "%s", why);
  Value *sum[] = {norm_build(rw, OP_LayerNormalization, r.v, &r), bias};
  Value *y = rw_node(rw, OP_Add, 2, sum)->out[0];
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  return FIRED;
}

static const Rule rules[] = {
    {.name = "layernorm",
     .doc = "(x - mean(x)) / sqrt(mean((x - mean(x)) ^ 2) + epsilon) => LayerNormalization(x, 1)",
     .exact = ROUNDING,
     .apply = normalize,
     .roots = {OP_Div, OP_Mul, OP_Cast}},
    {.name = "layernorm-moments",
     .doc = "x * f + (bias - mean(x) * f), f = scale / sqrt(variance(x) + epsilon) => LayerNormalization(x, "
            "1) * "
            "scale + bias",
     .exact = ROUNDING,
     .apply = normalize_by_moments,
     .roots = {OP_Add}},
    {.name = "layernorm-casts",
     .match = "Cast(LayerNormalization:norm(Cast&(x), ones#))",
     .replace = "LayerNormalization(x, 1)",
     .when = {{norm_scale_is_one, "its scale is not 1"},
              {norm_casts_cancel, "the Casts do not lead from float16 to float and back"}},
     .exact = ROUNDING,
     .build = norm_take_casts},
    {.name = "layernorm-scale",
     .match = "Mul(LayerNormalization:norm(x, ones#), scale)",
     .replace = "LayerNormalization(x, scale)",
     .when = {{norm_scale_is_one, "it has a scale already"},
              {norm_scale_fits, "the factor is not of the normalised axes' shape and type"}},
     .exact = ROUNDING,
     .build = norm_take_scale},
    {.name = "layernorm-bias",
     .match = "Add(LayerNormalization:norm(x, scale), bias)",
     .replace = "LayerNormalization(x, scale, bias)",
     .when = {{norm_bias_fits, "the summand is not of the normalised axes' shape and type"}},
     .exact = ROUNDING,
     .build = norm_take_bias},
};

const Pass pass_fuse_layernorm = {"fuse_layernorm", "recognises LayerNormalization in its parts (opset 17)",
                                  PASS_RULES(rules), .makes = OP_LayerNormalization};
