/* eliminate_identity_ops
 *
 * Before:    y = Op(x) with y == x for every x: Identity, Dropout at inference, Cast to the same type, Reshape,
 *            Expand, Tile, Flatten, Squeeze, Unsqueeze and Slice that keep the shape, Pad by nothing, Transpose
 *            that moves nothing, Concat, Sum, Max, Min, Mean and Split of one, x * 1, x / 1, x + 0, x - 0, x ^ 1
 * After:     x
 * When not:  y and x are both names of the interface (graph input -> output needs its Identity); the shape is not
 *            proven to stay; training-mode Dropout
 * Exactness: bitwise, but x + 0.0 and x - (-0.0), which turn -0.0 into 0.0: rounding
 */
#include "passes/passes.h"

#include <math.h>

/* y is x: replaces the first output of the node by its input i. */
static Outcome forward(Rewriter *rw, Node *node, int i) {
  const char *why;
  Value *x = node_in(node, i);
  NEED(x && rw_can_replace(rw, node->out[0], x, &why), "%s", x ? why : "its input is missing");
  rw_replace(rw, node->out[0], x);
  return FIRED;
}

static bool unused(const Node *n, int output) {
  const Value *v = node_out(n, output);
  return !v || (!v->n_uses && !v->n_outputs);
}

static Outcome identity(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0));
  return forward(rw, node, 0);
}

static Outcome dropout(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0));
  int64_t is_test = 1;
  if (node->opset < 7) NEED(attr_int(node, "is_test", &is_test) && is_test, "Dropout in training mode");
  Value *training = node_in(node, 2);
  if (training) NEED(constant_int(training, &is_test) && !is_test, "training_mode is not constant false");
  NEED(unused(node, 1), "the mask is in use");
  return forward(rw, node, 0);
}

static Outcome cast(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  ElemType from = dtype_of(node_in(node, 0)), to = dtype_of(node->out[0]);
  NEED(from && to, "the type it casts from or to is not known");
  TRY(from == to);
  return forward(rw, node, 0);
}

/* Slice keeps every element in place if the shape stays and no step is negative. */
static bool steps_positive(const Node *n) {
  Value *steps = node_in(n, 4);
  const int64_t *step;
  size_t count;
  if (!steps) return true; /* none, or Slice-1 and its attributes: steps are 1 */
  if (!value_ints(steps, &step, &count)) return false;
  for (size_t i = 0; i < count; i++)
    if (step[i] <= 0) return false;
  return true;
}

static Outcome same_shape(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  Shape in = shape_of(node_in(node, 0)), out = shape_of(node->out[0]);
  TRY(in.rank >= 0 && in.rank == out.rank);
  NEED(shape_equal(in, out), "the output's shape is not proven to be the input's");
  if (node_is(node, OP_Slice)) NEED(steps_positive(node), "a step may be negative");
  return forward(rw, node, 0);
}

static bool all_zero(Value *v) {
  const int64_t *at;
  size_t n;
  if (!value_ints(v, &at, &n)) return false;
  for (size_t i = 0; i < n; i++)
    if (at[i]) return false;
  return true;
}

static Outcome pad(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  const int64_t *pads;
  size_t n;
  if (node_in(node, 1)) {
    NEED(all_zero(node_in(node, 1)), "the pads are not all known to be 0");
    return forward(rw, node, 0);
  }
  NEED(attr_ints(node, node->opset < 2 ? "paddings" : "pads", &pads, &n), "the pads are missing");
  for (size_t i = 0; i < n; i++) TRY(pads[i] == 0);
  return forward(rw, node, 0);
}

static Outcome transpose(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  const int64_t *perm;
  size_t n;
  if (attr_ints(node, "perm", &perm, &n)) {
    for (size_t i = 0; i < n; i++) TRY(perm[i] == (int64_t)i);
    return forward(rw, node, 0);
  }
  int rank = rank_of(node_in(node, 0));
  TRY(rank == 0 || rank == 1); /* without perm the axes are reversed */
  return forward(rw, node, 0);
}

/* Variadic operators that return their only input. */
static Outcome of_one(Rewriter *rw, Node *node) {
  TRY(node->n_in == 1 && node_out(node, 0));
  return forward(rw, node, 0);
}

/* Concat with inputs that are provably empty along the axis, but one. */
static Outcome concat(Rewriter *rw, Node *node) {
  TRY(node->n_in >= 1 && node_out(node, 0));
  if (node->n_in == 1) return forward(rw, node, 0);
  int64_t axis;
  TRY(attr_int(node, "axis", &axis));
  int only = -1;
  for (int i = 0; i < node->n_in; i++) {
    Shape s = node_in(node, i) ? shape_of(node_in(node, i)) : SHAPE_UNKNOWN;
    int64_t at = axis < 0 ? axis + s.rank : axis;
    bool empty = s.rank > 0 && at >= 0 && at < s.rank && sym_is(s.dim[at], 0);
    if (empty) continue;
    TRY(only < 0);
    only = i;
  }
  TRY(only >= 0);
  return forward(rw, node, only);
}

static Outcome split_into_one(Rewriter *rw, Node *node) {
  TRY(node->n_out == 1 && node_out(node, 0) && node_in(node, 0));
  NEED(shape_equal(shape_of(node_in(node, 0)), shape_of(node->out[0])), "the part is not proven to be the whole");
  return forward(rw, node, 0);
}

/* --- x op c ------------------------------------------------------------------------------------------- */

enum { POSITIVE = 1, NEGATIVE = 2 };

/* Is input i a constant whose every element is `c`, and does it leave x's shape alone? *signs: those of its elements. */
static bool neutral(const Node *n, int i, double c, unsigned *signs) {
  Value *v = node_in(n, i), *x = node_in(n, 1 - i);
  Tensor *t = v && x ? constant_of(v) : NULL;
  if (!t || !t->count || t->count > 65536 || t->store == TS_DEFERRED) return false;
  if (!shape_broadcasts_to(shape_of(v), shape_of(x))) return false;
  *signs = 0;
  for (uint64_t k = 0; k < t->count; k++) {
    double e;
    if (!tensor_get_double(t, k, &e) || e != c) return false;
    *signs |= signbit(e) ? NEGATIVE : POSITIVE;
  }
  return true;
}

static Outcome neutral_operand(Rewriter *rw, Node *node, bool may_round) {
  TRY(node->n_in == 2 && node_out(node, 0));
  OpId op = node->op->id;
  bool additive = op == OP_Add || op == OP_Sub;
  unsigned signs;
  for (int i = op == OP_Add || op == OP_Mul ? 0 : 1; i < 2; i++) {
    if (!neutral(node, i, additive ? 0.0 : 1.0, &signs)) continue;
    /* x + -0.0 and x - 0.0 are x, bit for bit; the other zero turns x = -0.0 into 0.0. Integers have one zero. */
    bool exact = !additive || elem_is_int(dtype_of(node_in(node, i))) || signs == (op == OP_Add ? NEGATIVE : POSITIVE);
    TRY(exact != may_round);
    if (op == OP_Pow) NEED(dtype_of(node_in(node, 0)) == dtype_of(node->out[0]), "the types differ");
    return forward(rw, node, 1 - i);
  }
  return NO_MATCH;
}

static Outcome neutral_exact(Rewriter *rw, Node *node) {
  return neutral_operand(rw, node, false);
}

static Outcome neutral_rounding(Rewriter *rw, Node *node) {
  return neutral_operand(rw, node, true);
}

static const Rule rules[] = {
    {.name = "identity", .doc = "Identity(x) => x", .apply = identity, .roots = {OP_Identity}},
    {.name = "inference-dropout", .doc = "Dropout(x) outside training => x", .apply = dropout, .roots = {OP_Dropout}},
    {.name = "cast-to-same", .doc = "Cast(x) to x's own type => x", .apply = cast, .roots = {OP_Cast, OP_CastLike}},
    {.name = "same-shape",
     .doc = "Reshape, Expand, Tile, Flatten, Squeeze, Unsqueeze or Slice that keeps the shape => x",
     .apply = same_shape,
     .roots = {OP_Reshape, OP_Expand, OP_Tile, OP_Flatten, OP_Squeeze, OP_Unsqueeze, OP_Slice}},
    {.name = "pad-by-nothing", .doc = "Pad(x) with zero pads => x", .apply = pad, .roots = {OP_Pad}},
    {.name = "transpose-nothing", .doc = "Transpose(x) that keeps the order => x", .apply = transpose, .roots = {OP_Transpose}},
    {.name = "of-one", .doc = "Sum, Max, Min or Mean of one value => x", .apply = of_one, .roots = {OP_Sum, OP_Max, OP_Min, OP_Mean}},
    {.name = "concat-of-one", .doc = "Concat of one value, or with empty ones => x", .apply = concat, .roots = {OP_Concat}},
    {.name = "split-into-one", .doc = "Split into one part => x", .apply = split_into_one, .roots = {OP_Split}},
    {.name = "neutral-operand",
     .doc = "x * 1, x / 1, x ^ 1, x - 0, x + -0.0 (integers: + 0) => x",
     .apply = neutral_exact,
     .roots = {OP_Add, OP_Sub, OP_Mul, OP_Div, OP_Pow}},
    {.name = "add-zero",
     .doc = "x + 0.0, x - -0.0 => x (but -0.0 => 0.0)",
     .exact = ROUNDING,
     .apply = neutral_rounding,
     .roots = {OP_Add, OP_Sub}},
};

const Pass pass_eliminate_identity_ops = {"eliminate_identity_ops", "removes nodes that return their input",
                                          PASS_RULES(rules)};
