/* Conv and ConvTranspose take a factor and a summand per channel, behind them or before them, into weights
 * and bias.
 *
 * Behind: W is multiplied along its output channels, the bias becomes B*s + t.
 * Before: W is multiplied along its input channels, the bias becomes B + sum(W*t) over input channels and
 *         kernel. This sum belongs to windows that lie inside of the input, so t must be 0, or there must
 *         be no padding.
 */
#include "eval/window.h"
#include "passes/conv/conv.h"
#include "rewrite/forms.h"

/* The node beside the convolution, and where its constant is. */
static const Node *partner(const Match *m, int *c_index) {
  const Node *bn = match_node(m, "bn"), *op = bn ? bn : match_node(m, "op");
  *c_index = !bn && node_in(op, 0) == match_value(m, "c") ? 0 : 1;
  return op;
}

/* Of the constants in slots `from` on. */
static bool constants_are(const Node *n, int from, ElemType t) {
  for (int i = from; i < n->n_in; i++)
    if (node_in(n, i) && dtype_of(node_in(n, i)) != t) return false;
  return true;
}

bool conv_one_float_type(const Match *m) {
  const Node *bn = match_node(m, "bn");
  Value *c = match_value(m, "c");
  ElemType t = dtype_of(match_value(m, "W"));
  if (t != DT_FLOAT && t != DT_DOUBLE && t != DT_FLOAT16 && t != DT_BFLOAT16) return false;
  return constants_are(match_node(m, "conv"), 1, t) && (!bn || constants_are(bn, 1, t)) &&
         (!c || dtype_of(c) == t);
}

static bool bias_fits(const Conv *c) {
  Value *b = node_in(c->node, 2);
  const Tensor *t = b ? constant_of(b) : NULL;
  return !b || (t && t->rank == 1 && t->dim[0] == c->out);
}

bool conv_out_channels(const Match *m) {
  Conv c;
  if (!conv_read(match_node(m, "conv"), &c) || !bias_fits(&c)) return false;
  if (match_node(m, "bn")) return bn_has_channels(match_node(m, "bn"), c.out);
  return !match_value(m, "c") || is_per_channel(constant_of(match_value(m, "c")), c.w->rank, c.out);
}

/* The operand must have all channels by itself, and all axes: the operator may not broadcast it to them. */
bool conv_in_channels(const Match *m) {
  Conv c;
  if (!conv_read(match_node(m, "conv"), &c) || !bias_fits(&c)) return false;
  if (match_node(m, "bn")) return bn_has_channels(match_node(m, "bn"), c.in);
  if (!match_value(m, "c")) return true;
  const Tensor *t = constant_of(match_value(m, "c"));
  Shape x = shape_of(match_value(m, "x"));
  return is_per_channel(t, c.w->rank, c.in) && x.rank == c.w->rank &&
         (t->count == 1 || sym_is(x.dim[1], c.in));
}

bool op_marks_no_form(const Match *m) {
  return !runtime_form(match_node(m, "op"));
}

static bool all_zero(const Tensor *t) {
  double v;
  for (uint64_t i = 0; i < t->count; i++)
    if (!tensor_get_double(t, i, &v) || v != 0) return false;
  return true;
}

static bool pads_nothing(const Conv *c) {
  int64_t pads[2 * MAX_RANK];
  int n = c->w->rank - 2;
  bool same =
      attr_string_is(c->node, "auto_pad", "SAME_UPPER") || attr_string_is(c->node, "auto_pad", "SAME_LOWER");
  if (attr_string_is(c->node, "auto_pad", "VALID")) return true;
  if (c->w->rank > MAX_RANK || !frame_attr(c->node, "pads", 2 * n, INT32_MIN, 0, pads)) return false;
  for (int i = 0; i < n; i++)
    if (same ? c->w->dim[2 + i] != 1 : pads[i] || pads[n + i]) return false; /* one tap is always inside */
  return true;
}

bool conv_shift_is_uniform(const Match *m) {
  Conv c;
  Affine a;
  int c_index;
  const Node *op = partner(m, &c_index);
  if (!conv_read(match_node(m, "conv"), &c) || !affine_of(op->graph->model, op, c_index, &a)) return false;
  if (!a.shift || all_zero(a.shift)) return true;
  return !c.transposed && pads_nothing(&c);
}

/* The name a new bias is derived from. */
static const char *bias_name(const Node *conv, const Node *op, int c_index) {
  const Value *v = node_is(op, OP_BatchNormalization) ? node_in(op, 2)
                   : node_in(conv, 2)                 ? node_in(conv, 2)
                                                      : node_in(op, c_index);
  return v ? v->name->s : NULL;
}

Value *conv_absorb_after(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Conv c;
  Affine a;
  int c_index;
  const Node *op = partner(match, &c_index), *gone[2] = {match_node(match, "conv"), op};
  if (!conv_read(gone[0], &c) || !affine_of(m, op, c_index, &a)) {
    rw_missed(rw, op, "its constants can't be computed");
    return NULL;
  }
  if (!scale_is_normal(rw, &a, c.w->dtype)) return NULL;
  Tensor *w = a.scale ? conv_scaled(m, &c, a.scale, c.transposed) : NULL;
  Value *bias = node_in(c.node, 2);
  Tensor *b = affine_bias(m, bias ? constant_of(bias) : NULL, &a);
  if ((a.scale && !w) || ((a.shift || bias) && !b)) {
    rw_missed(rw, op, "weights can't be computed");
    return NULL;
  }
  return conv_rebuild(rw, &c, match_value(match, "x"), w, b, bias_name(c.node, op, c_index), 2, gone);
}

/* sum(W * t) for each output channel of a Conv, in double. */
static Tensor *carried_shift(Model *m, const Conv *c, Tensor *t) {
  const Tensor *w = c->w;
  Conv wide = *c;
  wide.w = tx_cast(m, c->w, DT_DOUBLE);
  Tensor *product = wide.w ? conv_scaled(m, &wide, t, true) : NULL;
  int64_t rows[2] = {w->dim[0], (int64_t)(w->count / (uint64_t)w->dim[0])};
  return tx_sum_from(m, tx_reshape(m, product, 2, rows), 1);
}

Value *conv_absorb_before(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Conv c;
  Affine a;
  int c_index;
  const Node *op = partner(match, &c_index), *gone[2] = {match_node(match, "conv"), op};
  bool known = conv_read(gone[0], &c) && affine_of(m, op, c_index, &a);
  if (known && !scale_is_normal(rw, &a, c.w->dtype)) return NULL;
  Tensor *w = known && a.scale ? conv_scaled(m, &c, a.scale, !c.transposed) : NULL, *b = NULL;
  known = known && (!a.scale || w);
  if (known && a.shift && !all_zero(a.shift)) {
    Value *bias = node_in(c.node, 2);
    Affine carried = {.shift = carried_shift(m, &c, a.shift)};
    b = affine_bias(m, bias ? constant_of(bias) : NULL, &carried);
    known = carried.shift && b;
  }
  if (!known) {
    rw_missed(rw, op, "weights can't be computed");
    return NULL;
  }
  return conv_rebuild(rw, &c, match_value(match, "x"), w, b, bias_name(c.node, op, c_index), 2, gone);
}
