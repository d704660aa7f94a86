/* Signs and reciprocals that another operator takes in. */
#include "passes/identity/identity.h"

/* Integers are cut when they are divided, and their smallest has no negative. */
bool identity_is_float(const Match *m) {
  return elem_is_float(dtype_of(match_value(m, "x")));
}

/* --- -x ----------------------------------------------------------------------------------------------------
 */

/* The root, a product or quotient of x and c, or what stands under its Neg, with x as it is and -c. */
static Value *negated_constant(Rewriter *rw, const Match *m, const Node *like) {
  Value *x = match_value(m, "x"), *c = match_value(m, "c");
  Tensor *t = tx_unary(rw_model(rw), OP_Neg, constant_of(c));
  t = tx_cast(rw_model(rw), t, constant_of(c)->dtype); /* half floats are computed on as floats */
  if (!t) {
    rw_missed(rw, m->root, "the constant can't be negated");
    return NULL;
  }
  Value *minus_c = rw_const(rw, t, c->name->s), *in[2] = {x, minus_c};
  const Node *gone[] = {m->root, like};
  if (!rw_may_grow(rw, 2, gone, 1, (const Value *const[]){minus_c})) return NULL;
  if (node_in(like, 0) == c) in[0] = minus_c, in[1] = x;
  return rw_copy(rw, like, 2, in)->out[0];
}

Value *identity_negate_factor(Rewriter *rw, const Match *m) {
  return negated_constant(rw, m, m->root);
}

Value *identity_negate_product(Rewriter *rw, const Match *m) {
  return negated_constant(rw, m, match_node(m, "product"));
}

/* --- 1 / x -------------------------------------------------------------------------------------------------
 */

bool identity_numerator_is_one(const Match *m) {
  double one;
  return constant_scalar(match_value(m, "one"), &one) && one == 1 &&
         rank_of(match_value(m, "one")) <= rank_of(match_value(m, "x"));
}

/* As many divisions as before: x is not broadcast to y. */
bool identity_divides_elementwise(const Match *m) {
  Shape x = shape_of(match_value(m, "x")), out = shape_of(m->root->out[0]);
  return x.rank >= 0 && x.rank == out.rank && shape_equal(x, out);
}

/* --- log(softmax(x))
 * ----------------------------------------------------------------------------------------- */

Value *identity_log_softmax(Rewriter *rw, const Match *m) {
  Value *x = match_value(m, "x");
  int64_t axis;
  if (!attr_int(match_node(m, "softmax"), "axis", &axis)) return NULL;
  Node *n = rw_node(rw, OP_LogSoftmax, 1, &x);
  rw_attr_int(rw, n, "axis", axis);
  return n->out[0];
}
