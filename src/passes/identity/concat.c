/* Concat and Split that undo each other, and Concat of Concat. */
#include "passes/identity/identity.h"

/* The axis of a Concat or Split, comparable between nodes whose tensors have the same rank: counted from the
 * front if the rank is known. */
static bool joint_axis(const Node *n, int64_t *axis) {
  Value *v = node_in(n, 0);
  int rank = v ? rank_of(v) : -1, at;
  if (rank < 0) return attr_int(n, "axis", axis);
  if (!node_axis(n, rank, &at)) return false;
  *axis = at;
  return true;
}

static bool same_axis(const Node *a, const Node *b) {
  int64_t x, y;
  return joint_axis(a, &x) && joint_axis(b, &y) && x == y;
}

/* Replaces the Concat by one of these operands. */
static Outcome concat_of(Rewriter *rw, Node *node, Value *const *in, int n) {
  if (n == 1) return identity_forward(rw, node, in[0]);
  Value *y = rw_copy(rw, node, n, in)->out[0];
  const char *why;
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  return FIRED;
}

typedef Vec(Value *) Operands;

Outcome identity_concat_chain(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0));
  Operands all = {0};
  int merged = 0;
  bool shared = false;
  for (int i = 0; i < node->n_in; i++) {
    Node *first = identity_producer(node, i);
    bool same = node_is(first, OP_Concat) && same_axis(first, node);
    shared = shared || (same && !node_is_inner(first));
    if (!same || !node_is_inner(first)) {
      vec_push(rw_scratch(rw), &all, node_in(node, i));
      continue;
    }
    merged++;
    for (int k = 0; k < first->n_in; k++) vec_push(rw_scratch(rw), &all, node_in(first, k));
  }
  NEED(merged || !shared, "the Concat before it has other users");
  TRY(merged);
  rw_note(rw, "takes in %d Concat%s before it", merged, merged > 1 ? "s" : "");
  return concat_of(rw, node, all.at, (int)all.n);
}

/* Are the operands from i on all the parts of one Split, in order? Their number, or 0. */
static int parts_of_split(const Node *concat, int i, Node **split) {
  const Value *v = node_in(concat, i);
  if (!v || v->index != 0 || !node_is(v->producer, OP_Split)) return 0;
  Node *n = v->producer;
  if (!same_axis(n, concat) || i + n->n_out > concat->n_in) return 0;
  for (int k = 0; k < n->n_out; k++)
    if (!n->out[k] || node_in(concat, i + k) != n->out[k]) return 0;
  *split = n;
  return n->n_out;
}

/* Concat(..., s1, ..., sn, ...) with s1, ..., sn = Split(x) is Concat(..., x, ...). */
Outcome identity_split_concat(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0));
  Operands all = {0};
  bool any = false;
  for (int i = 0; i < node->n_in;) {
    Node *split;
    int parts = parts_of_split(node, i, &split);
    vec_push(rw_scratch(rw), &all, parts ? node_in(split, 0) : node_in(node, i));
    any = any || parts > 1;
    i += parts ? parts : 1;
  }
  TRY(any);
  rw_note(rw, "joins what was split");
  return concat_of(rw, node, all.at, (int)all.n);
}

static Dim dim_at(Value *v, int64_t axis) {
  Shape s = v ? shape_of(v) : SHAPE_UNKNOWN;
  return axis >= 0 && axis < s.rank ? s.dim[axis] : NULL;
}

/* Split of a Concat into its operands. */
Outcome identity_concat_split(Rewriter *rw, Node *node) {
  Node *concat = identity_producer(node, 0);
  int64_t axis;
  TRY(node_is(concat, OP_Concat) && concat->n_in == node->n_out);
  TRY(same_axis(concat, node) && joint_axis(node, &axis));
  const char *why;
  for (int i = 0; i < node->n_out; i++) {
    Dim part = dim_at(node->out[i], axis), operand = dim_at(node_in(concat, i), axis);
    NEED(part && operand && sym_equal(part, operand),
         "part %d is not proven to be as long as the Concat's operand", i);
    if (value_in_use(node->out[i]))
      NEED(rw_can_replace(rw, node->out[i], node_in(concat, i), &why), "%s", why);
  }
  for (int i = 0; i < node->n_out; i++)
    if (value_in_use(node->out[i])) rw_replace(rw, node->out[i], node_in(concat, i));
  rw_note(rw, "its parts are the Concat's operands");
  return FIRED;
}
