/* fuse_rmsnorm
 *
 * Before:    y = x / sqrt(mean(x ^ 2) + epsilon) * scale, the mean over the last axes, in the spellings of
 *            fuse_layernorm
 * After:     RMSNormalization(x, scale): first with ones for the scale, then Cast and Mul behind it join it
 * Formula:   the operator's own definition
 * When not:  the opset is below 23; x is centred (that is fuse_layernorm's); the axes are not the last ones,
 *            or their sizes unknown or 0 (no kernel takes them); x is double (the operator computes in float)
 *            or bfloat16 (no kernel); the scale is not of the normalised axes' shape; another node reads the
 *            root mean square
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
  TRY(core && read_rms(core, &r) && uncast(r.w) == uncast(r.v) && !read_centred(r.v, &x, &axis));
  x = dtype_of(r.v) == type ? r.v : uncast(r.v);
  rw_saw_from(rw, node, 1, &x);
  NEED(node->opset >= 23, "RMSNormalization needs opset 23, this is %d", node->opset);
  const char *why = norm_refusal(rw, node, x, &r);
  NEED(!why, "%s", why);
  Value *y = norm_build(rw, OP_RMSNormalization, x, &r);
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  return FIRED;
}

static const Rule rules[] = {
    {.name = "rmsnorm",
     .doc = "x / sqrt(mean(x ^ 2) + epsilon) => RMSNormalization(x, 1)",
     .exact = ROUNDING,
     .apply = normalize,
     .roots = {OP_Div, OP_Mul, OP_Cast}},
    {.name = "rmsnorm-casts",
     .match = "Cast(RMSNormalization:norm(Cast&(x), ones#))",
     .replace = "RMSNormalization(x, 1)",
     .when = {{norm_scale_is_one, "its scale is not 1"},
              {norm_casts_cancel, "the Casts do not lead from float16 to float and back"}},
     .exact = ROUNDING,
     .build = norm_take_casts},
    {.name = "rmsnorm-scale",
     .match = "Mul(RMSNormalization:norm(x, ones#), scale)",
     .replace = "RMSNormalization(x, scale)",
     .when = {{norm_scale_is_one, "it has a scale already"},
              {norm_scale_fits, "the factor is not of the normalised axes' shape and type"}},
     .exact = ROUNDING,
     .build = norm_take_scale},
};

const Pass pass_fuse_rmsnorm = {"fuse_rmsnorm", "recognises RMSNormalization in its parts (opset 23)",
                                PASS_RULES(rules), .makes = OP_RMSNormalization};
