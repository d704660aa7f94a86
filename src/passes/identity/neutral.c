/* Operands that change nothing, or everything. */
#include "passes/bounds.h"
#include "passes/identity/identity.h"

#include <math.h>

enum { POSITIVE = 1, NEGATIVE = 2, MAX_LOOKED_AT = 65536 };

static bool element_is(const Tensor *t, uint64_t k, int c, bool *negative) {
  int64_t i;
  double d;
  *negative = false;
  if (tensor_get_int(t, k, &i)) return i == c;
  if (!tensor_get_double(t, k, &d)) return false;
  *negative = signbit(d);
  return d == c;
}

/* Is every element of this constant c? *signs: those of its elements. */
static bool constant_all(Value *v, int c, unsigned *signs) {
  Tensor *t = v ? constant_of(v) : NULL;
  if (!t || !t->count || t->count > MAX_LOOKED_AT || t->store == TS_DEFERRED) return false;
  *signs = 0;
  for (uint64_t k = 0; k < t->count; k++) {
    bool negative;
    if (!element_is(t, k, c, &negative)) return false;
    *signs |= negative ? NEGATIVE : POSITIVE;
  }
  return true;
}

/* --- x op c is x --------------------------------------------------------------------------------------- */

static int neutral_element(OpId op) {
  return op == OP_Mul || op == OP_Div || op == OP_Pow || op == OP_And || op == OP_Equal;
}

/* Is input i neutral, and does it leave x's shape alone? */
static bool neutral(const Node *n, int i, unsigned *signs) {
  Value *v = node_in(n, i), *x = node_in(n, 1 - i);
  return v && x && constant_all(v, neutral_element(n->op->id), signs) &&
         shape_broadcasts_to(shape_of(v), shape_of(x));
}

static Outcome neutral_operand(Rewriter *rw, Node *node, bool may_round) {
  TRY(node->n_in == 2 && node_out(node, 0));
  OpId op = node->op->id;
  unsigned signs;
  for (int i = node_has(node, OP_COMMUTES) ? 0 : 1; i < 2; i++) {
    if (!neutral(node, i, &signs)) continue;
    /* x + -0.0 and x - 0.0 are x, bit for bit; the other zero turns x = -0.0 into 0.0. Integers have one
     * zero. */
    bool additive = (op == OP_Add || op == OP_Sub) && !elem_is_int(dtype_of(node_in(node, i)));
    bool exact = !additive || signs == (op == OP_Add ? NEGATIVE : POSITIVE);
    TRY(exact != may_round);
    if (op == OP_Equal) TRY(dtype_of(node_in(node, i)) == DT_BOOL);
    if (op == OP_Pow) NEED(dtype_of(node_in(node, 0)) == dtype_of(node->out[0]), "the types differ");
    return identity_forward(rw, node, node_in(node, 1 - i));
  }
  return NO_MATCH;
}

Outcome identity_neutral_exact(Rewriter *rw, Node *node) {
  return neutral_operand(rw, node, false);
}

Outcome identity_neutral_rounding(Rewriter *rw, Node *node) {
  return neutral_operand(rw, node, true);
}

/* An activation whose slope is 1, or which bounds nothing. A Clip of floats without bounds still takes
 * infinity to the largest number. */
Outcome identity_activation(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0);
  float alpha;
  unsigned signs;
  TRY(x && node_out(node, 0));
  if (node_is(node, OP_LeakyRelu)) TRY(attr_float(node, "alpha", &alpha) && alpha == 1);
  if (node_is(node, OP_PRelu))
    TRY(constant_all(node_in(node, 1), 1, &signs) &&
        shape_broadcasts_to(shape_of(node_in(node, 1)), shape_of(x)));
  if (node_is(node, OP_Clip)) {
    TRY(node->opset >= 11 && !node_in(node, 1) && !node_in(node, 2));
    NEED(elem_is_int(dtype_of(x)), "a Clip without bounds takes infinity to the largest number");
  }
  return identity_forward(rw, node, x);
}

/* Clip of Clip; the other pairs of activations are fuse_conv_relu's. */
static Outcome merge_clips(Rewriter *rw, Node *node, bool zero) {
  TRY(node_is(identity_producer(node, 0), OP_Clip));
  return bounds_merge(rw, node, zero);
}

Outcome identity_clips_exact(Rewriter *rw, Node *node) {
  return merge_clips(rw, node, false);
}

Outcome identity_clips_rounding(Rewriter *rw, Node *node) {
  return merge_clips(rw, node, true);
}

/* --- the result is a constant, whatever x is --------------------------------------------------------------
 */

/* Makes the first output a constant of c, 0 or 1 (bools), everywhere. */
static Outcome fill(Rewriter *rw, Node *node, int c) {
  Value *y = node->out[0];
  ElemType dtype = dtype_of(y);
  Shape s = shape_of(y);
  NEED(dtype && shape_known(s), "its result's shape is not known");
  NEED(!y->keep, "'%s' is kept (--keep)", y->name->s);
  int64_t *dim = NEW_ARRAY(rw_scratch(rw), int64_t, s.rank + 1);
  uint64_t count;
  shape_ints(s, dim);
  NEED(tensor_count(s.rank, dim, &count) && elem_bytes(dtype, count) <= rw_max_growth(rw),
       "the constant would be larger than --max-growth %llu", (unsigned long long)rw_max_growth(rw));
  void *bytes;
  Tensor *t = tensor_alloc(rw_model(rw)->arena, dtype, s.rank, dim, &bytes);
  for (uint64_t i = 0; c && i < count; i++) ((uint8_t *)bytes)[i] = 1; /* bools */
  rw_make_constant(rw, y, t);
  return FIRED;
}

/* x op c is c. Integers and bools only: 0.0 times infinity is a NaN. */
Outcome identity_absorbing(Rewriter *rw, Node *node) {
  TRY(node->n_in == 2 && node_out(node, 0));
  ElemType dtype = dtype_of(node->out[0]);
  int c = node_is(node, OP_Or);
  unsigned signs;
  TRY(elem_is_int(dtype) || dtype == DT_BOOL);
  TRY(constant_all(node_in(node, 0), c, &signs) || constant_all(node_in(node, 1), c, &signs));
  return fill(rw, node, c);
}

/* Is the axis of an ArgMax or ArgMin one element long? Then its only index is 0. */
static bool takes_from_one(const Node *n) {
  Shape s = shape_of(node_in(n, 0));
  int axis;
  return s.rank > 0 && node_axis(n, s.rank, &axis) && sym_is(s.dim[axis], 1);
}

/* 0 for every x. A NaN is neither larger nor smaller than itself, but minus itself it is a NaN. */
Outcome identity_zeros(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0) && node_in(node, 0));
  if (node_is(node, OP_ArgMax) || node_is(node, OP_ArgMin)) {
    TRY(takes_from_one(node));
  } else {
    TRY(node->n_in == 2 && node_in(node, 0) == node_in(node, 1));
    TRY(!node_is(node, OP_Sub) || elem_is_int(dtype_of(node->out[0])));
  }
  return fill(rw, node, 0);
}

/* --- x op x -------------------------------------------------------------------------------------------- */

Outcome identity_same_operands(Rewriter *rw, Node *node) {
  TRY(node->n_in >= 2 && node_out(node, 0) && node_in(node, 0));
  for (int i = 1; i < node->n_in; i++) TRY(node_in(node, i) == node_in(node, 0));
  return identity_forward(rw, node, node_in(node, 0));
}
