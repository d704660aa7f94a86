/* Concat, Split and Slice that undo each other, and Concat of Concat. */
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

/* --- Slice that takes one operand of a Concat -------------------------------------------------------- */

enum { FAR = INT32_MAX }; /* exporters write INT_MAX, of whatever width, for "to the end" */

/* The one element that input i, or the attribute before opset 10, holds. */
static Dim only_element(const Node *n, int i, const char *name) {
  const int64_t *at;
  size_t count;
  if (n->opset < 10)
    return attr_ints(n, name, &at, &count) && count == 1 ? sym_int(n->graph->model->syms, *at) : NULL;
  const Partial *p = node_in(n, i) ? value_of(node_in(n, i)) : NULL;
  return p && p->n == 1 ? p->at[0] : NULL;
}

static bool is_axis_of(const Node *slice, int axis, int rank) {
  int64_t at[MAX_RANK];
  int count;
  if (!node_axes(slice, 3, rank, at, &count)) return false;
  return count < 0 ? axis == 0 : count == 1 && at[0] == axis;
}

/* A place counted from the front, given the length of the axis. */
static Dim place(SymTable *t, Dim at, Dim length) {
  if (sym_lower(at) >= FAR) return length;
  return sym_upper(at) < 0 ? sym_add(t, length, at) : at;
}

Outcome identity_concat_slice(Rewriter *rw, Node *node) {
  Node *concat = identity_producer(node, 0);
  int axis;
  TRY(node_is(concat, OP_Concat) && node_out(node, 0));
  int rank = rank_of(concat->out[0]);
  Dim start = only_element(node, 1, "starts"), end = only_element(node, 2, "ends");
  TRY(rank > 0 && rank <= MAX_RANK && node_axis(concat, rank, &axis) && start && end &&
      is_axis_of(node, axis, rank));
  TRY(!node_in(node, 4) || (only_element(node, 4, "") && sym_is(only_element(node, 4, ""), 1)));
  SymTable *t = rw_model(rw)->syms;
  Dim length = dim_at(concat->out[0], axis), from = sym_int(t, 0);
  start = place(t, start, length);
  end = place(t, end, length);
  for (int i = 0; i < concat->n_in && start && end; i++) {
    Dim d = dim_at(node_in(concat, i), axis), to = sym_add(t, from, d);
    if (!to) break;
    bool whole =
        sym_equal(start, from) && (sym_equal(end, to) || (i + 1 == concat->n_in && sym_equal(end, length)));
    if (whole) {
      rw_note(rw, "it is operand %d of the Concat", i);
      return identity_forward(rw, node, node_in(concat, i));
    }
    from = to;
  }
  return rw_missed(rw, node, "it is not proven to take exactly one operand of the Concat");
}
