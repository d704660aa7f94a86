/* Expand and Tile, and Where whose choice is known. */
#include "passes/identity/identity.h"

/* --- Expand in front of an operator that broadcasts by itself ------------------------------------------- */

/* Dim i of a broadcast result of `rank` axes, as this operand has it; NULL: it has no such axis. */
static Dim aligned(Shape s, int i, int rank) {
  int k = i - (rank - s.rank);
  return k >= 0 ? s.dim[k] : NULL;
}

/* Would user compute the same, of the same shape, with x where it reads e = Expand(x)? Every dim of the
 * result must be that of x or of another operand: what they broadcast to is then the result, whatever the
 * dims are. */
static bool broadcasts_alone(const Node *user, Value *e, Value *x) {
  if (!node_has(user, OP_BROADCASTS) || !node_out(user, 0)) return false;
  if (node_has(user, OP_VARIADIC) && user->opset < 8) return false; /* Sum, Max, Min and Mean did not, yet */
  Shape out = shape_of(user->out[0]);
  if (out.rank < 0) return false;
  for (int k = 0; k < user->n_in; k++)
    if (!node_in(user, k) || rank_of(node_in(user, k)) < 0) return false;
  if (rank_of(x) < 0) return false;
  for (int i = 0; i < out.rank; i++) {
    bool found = false;
    for (int k = 0; k < user->n_in && !found; k++) {
      Value *v = node_in(user, k);
      Dim d = aligned(shape_of(v == e ? x : v), i, out.rank);
      found = d && sym_equal(d, out.dim[i]);
    }
    if (!found) return false;
  }
  return true;
}

/* Does a Tile repeat axes of size 1 only, as an Expand does? Other repeats are known to be 1. */
static bool tile_expands(const Node *n) {
  Shape s = shape_of(node_in(n, 0));
  const Partial *repeats = n->opset >= 6 && node_in(n, 1) ? value_of(node_in(n, 1)) : NULL;
  if (s.rank < 0 || !repeats || repeats->n != (size_t)s.rank) return false;
  for (int i = 0; i < s.rank; i++)
    if (!sym_is(s.dim[i], 1) && !(repeats->at[i] && sym_is(repeats->at[i], 1))) return false;
  return true;
}

Outcome identity_expand_before_broadcast(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0), *y = node_out(node, 0);
  TRY(x && y && y->n_uses && (node_is(node, OP_Expand) || tile_expands(node)));
  bool any = false;
  for (const Use *u = y->uses; u; u = u->next) any = any || node_has(u->node, OP_BROADCASTS);
  TRY(any);
  NEED(!y->n_outputs && !y->keep, "its value is a graph output or kept");
  for (const Use *u = y->uses; u; u = u->next)
    NEED(broadcasts_alone(u->node, y, x), "%s may need the expanded shape", node_label(u->node));
  while (y->uses) rw_set_input(rw, y->uses->node, y->uses->index, x);
  rw_note(rw, "what reads it broadcasts by itself");
  return FIRED;
}

/* --- Expand of Expand, Tile of Tile --------------------------------------------------------------------- */

Outcome identity_expand_chain(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(node_is(first, OP_Expand) && node_out(node, 0) && node_in(first, 0));
  NEED(node_is_inner(first), "the Expand before it has other users");
  Shape in = shape_of(node_in(first, 0)), out = shape_of(node->out[0]);
  NEED(in.rank >= 0 && out.rank >= in.rank, "a rank is not known");
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, out.rank + 1);
  for (int i = 0; i < out.rank; i++) {
    Dim d = aligned(in, i, out.rank);
    if (sym_const(out.dim[i], &dims[i])) continue;
    NEED(d && sym_equal(d, out.dim[i]), "dim %d of its result is neither a number nor the input's", i);
    dims[i] = 1;
  }
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_set_input(rw, node, 1, rw_const_ints(rw, dims, (size_t)out.rank));
  return FIRED;
}

Outcome identity_tile_chain(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(node_is(first, OP_Tile) && node_out(node, 0) && node->opset >= 6 && node_in(first, 1) &&
      node_in(node, 1));
  NEED(node_is_inner(first), "the Tile before it has other users");
  const int64_t *a, *b;
  size_t n, m;
  NEED(value_ints(node_in(first, 1), &a, &n) && value_ints(node_in(node, 1), &b, &m) && n == m,
       "the repeats are not known");
  int64_t *both = NEW_ARRAY(rw_scratch(rw), int64_t, n + 1);
  for (size_t i = 0; i < n; i++)
    NEED(!__builtin_mul_overflow(a[i], b[i], &both[i]) && a[i] >= 0 && b[i] >= 0, "the repeats are odd");
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_set_input(rw, node, 1, rw_const_ints(rw, both, n));
  return FIRED;
}

/* --- Where --------------------------------------------------------------------------------------------- */

/* 1 or 0 if every element of these bools is that; -1: neither. */
static int constant_choice(Value *bools) {
  const Tensor *t = constant_of(bools);
  int64_t first, next;
  if (!t || !t->count || !tensor_get_int(t, 0, &first)) return -1;
  for (uint64_t i = 1; i < t->count; i++)
    if (!tensor_get_int(t, i, &next) || next != first) return -1;
  return first != 0;
}

/* Where(true, x, y) and Where(c, x, x) are x, where x has the result's shape. */
Outcome identity_where(Rewriter *rw, Node *node) {
  TRY(node->n_in == 3 && node_in(node, 0) && node_in(node, 1) && node_in(node, 2) && node_out(node, 0));
  int choice = node_in(node, 1) == node_in(node, 2) ? 1 : constant_choice(node_in(node, 0));
  TRY(choice >= 0);
  Value *x = node_in(node, choice ? 1 : 2);
  Shape s = shape_of(x), out = shape_of(node->out[0]);
  NEED(s.rank >= 0 && s.rank == out.rank && shape_equal(s, out),
       "what it always takes is not proven to have the result's shape");
  return identity_forward(rw, node, x);
}

/* Where(c, true, false) is c, and the other way round Not(c). */
Outcome identity_where_bool(Rewriter *rw, Node *node) {
  TRY(node->n_in == 3 && node_in(node, 0) && node_in(node, 1) && node_in(node, 2) && node_out(node, 0));
  TRY(dtype_of(node->out[0]) == DT_BOOL);
  int then = constant_choice(node_in(node, 1)), otherwise = constant_choice(node_in(node, 2));
  TRY(then >= 0 && otherwise >= 0 && then != otherwise);
  Value *c = node_in(node, 0);
  Shape s = shape_of(c), out = shape_of(node->out[0]);
  NEED(s.rank >= 0 && s.rank == out.rank && shape_equal(s, out),
       "the condition is not proven to have the result's shape");
  if (then) return identity_forward(rw, node, c);
  return identity_forward(rw, node, rw_node(rw, OP_Not, 1, &c)->out[0]);
}

/* Where(Not(c), x, y) is Where(c, y, x). */
Outcome identity_where_not(Rewriter *rw, Node *node) {
  Node *not = identity_producer(node, 0);
  TRY(node->n_in == 3 && node_is(not, OP_Not) && node_in(not, 0));
  NEED(node_is_inner(not), "the negated condition has other users");
  Value *x = node_in(node, 1), *y = node_in(node, 2);
  rw_set_input(rw, node, 0, node_in(not, 0));
  rw_set_input(rw, node, 1, y);
  rw_set_input(rw, node, 2, x);
  return FIRED;
}
