/* fuse_conv_relu
 *
 * Standard ONNX has no operator that is a convolution and its activation. What is done instead:
 *
 * With standard operators, two activations in a row become one.
 * Before:    two of Relu, Clip, Max(x, c), Min(x, c), one over the other; their bounds constant numbers
 * After:     Clip(x, lo, hi); or one Relu, Max, Min where both bound the same side
 * Formula:   in bounds.c, with what stands in the way
 * Exactness: bitwise; rounding if a bound is 0: which zero Max and Relu take is not specified. A NaN stays
 *            one in all of them.
 *
 * With --target=ort --allow-contrib, ONNX Runtime's own operator.
 * Before:    Relu, LeakyRelu, Clip, Sigmoid, HardSigmoid or Tanh over Conv
 * After:     com.microsoft::FusedConv <activation, activation_params> (x, w, bias)
 * When not:  the type is not float; a bound of Clip is not a constant number; Conv has other readers; in a
 *            function; another version of com.microsoft is imported
 * Exactness: rounding (the operator has no specification but its kernels; those of 1.32 keep every bit)
 *
 * For the targets that convert, the pairs that the converter fuses are listed, and nothing changes:
 * target/pairs.c.
 */
#include "passes/bounds.h"
#include "passes/conv/activation.h"
#include "passes/passes.h"

static Outcome merge_exact(Rewriter *rw, Node *node) {
  return bounds_merge(rw, node, false);
}

static Outcome merge_zero(Rewriter *rw, Node *node) {
  return bounds_merge(rw, node, true);
}

/* --- FusedConv ------------------------------------------------------------------------------------------ */

static Outcome fuse_activation(Rewriter *rw, Node *node) {
  ConvActivation a;
  const char *why;
  bool read = conv_activation(node, &a);
  TRY(rw_contrib(rw) && node_out(node, 0) && a.conv);
  NEED(read, "its parameters are not constant numbers in order");
  NEED(dtype_of(node->out[0]) == DT_FLOAT, "there is a kernel of FusedConv for float only");
  Value *in[] = {node_in(a.conv, 0), node_in(a.conv, 1), node_in(a.conv, 2)};
  Node *fused = rw_node_of(rw, OP_FusedConv, 3, in, &why);
  NEED(fused, "%s", why);
  rw_attrs_of(rw, fused, a.conv);
  rw_attr_string(rw, fused, "activation", node->op_type->s);
  if (a.n_params) rw_attr_floats(rw, fused, "activation_params", a.param, (size_t)a.n_params);
  NEED(rw_can_replace(rw, node->out[0], fused->out[0], &why), "%s", why);
  rw_note(rw, "with %s", node->op_type->s);
  rw_replace(rw, node->out[0], fused->out[0]);
  return FIRED;
}

static const Rule rules[] = {
    {.name = "merge-bounds",
     .doc = "two of Relu, Clip, Max(x, c), Min(x, c) => one, no bound 0",
     .exact = BITWISE,
     .apply = merge_exact,
     .roots = {OP_Relu, OP_Clip, OP_Max, OP_Min}},
    {.name = "merge-bounds-zero",
     .doc = "two of Relu, Clip, Max(x, c), Min(x, c) => one, a bound is 0",
     .exact = ROUNDING,
     .apply = merge_zero,
     .roots = {OP_Relu, OP_Clip, OP_Max, OP_Min}},
    /* late: whatever else there is to do with the activation or the Conv goes first */
    {.name = "fused-conv",
     .doc = "an activation over Conv => com.microsoft::FusedConv, with --target=ort --allow-contrib",
     .exact = ROUNDING,
     .apply = fuse_activation,
     .roots = {OP_Relu, OP_LeakyRelu, OP_Clip, OP_Sigmoid, OP_HardSigmoid, OP_Tanh},
     .late = true},
};

const Pass pass_fuse_conv_relu = {
    "fuse_conv_relu",
    "merges activations in a row: Relu, Clip, Max and Min with numbers; for ONNX Runtime, if contributed "
    "operators are allowed, activations into Conv",
    PASS_RULES(rules)};
