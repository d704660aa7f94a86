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

/* --- some of the parts of a Split
 * --------------------------------------------------------------------------- */

/* The Split whose neighbouring parts, read by nobody else, are operands i and i + 1 of a Concat. */
static Node *split_of_neighbours(const Node *concat, int i) {
  const Value *a = node_in(concat, i), *b = node_in(concat, i + 1);
  if (!a || !b || !a->producer || a->producer != b->producer || b->index != a->index + 1) return NULL;
  bool alone = a->n_uses == 1 && b->n_uses == 1 && !a->n_outputs && !b->n_outputs && !a->keep && !b->keep;
  Node *split = a->producer;
  return alone && node_is(split, OP_Split) && split->graph == concat->graph && same_axis(split, concat)
             ? split
             : NULL;
}

/* The sizes of a Split's parts, that at `joined` together with the next; NULL: one is not known. */
static int64_t *sizes_joined(Rewriter *rw, const Node *split, int64_t axis, int joined) {
  int64_t *size = NEW_ARRAY(rw_scratch(rw), int64_t, split->n_out), part;
  for (int i = 0, k = 0; i < split->n_out; i++) {
    Dim d = dim_at(node_out(split, i), axis);
    if (!d || !sym_const(d, &part)) return NULL;
    if (i != joined + 1)
      size[k++] = part;
    else if (__builtin_add_overflow(size[k - 1], part, &size[k - 1]))
      return NULL;
  }
  return size;
}

/* Splits in one part less, in front of `split`. */
static Node *split_into(Rewriter *rw, Node *split, int64_t axis, const int64_t *size) {
  int parts = split->n_out - 1;
  rw_insert_before(rw, split);
  bool takes_sizes = split->opset >= 13;
  Value *in[] = {node_in(split, 0), takes_sizes ? rw_const_ints(rw, size, (size_t)parts) : NULL};
  Node *n = rw_node_n(rw, OP_Split, 2, in, parts);
  rw_attr_int(rw, n, "axis", axis);
  if (!takes_sizes) rw_attr_ints(rw, n, "split", size, (size_t)parts);
  return n;
}

/* Concat(..., s1, s2, ...) of neighbouring parts of a Split that has more of them. */
Outcome identity_join_parts(Rewriter *rw, Node *node) {
  Node *split = NULL;
  int at = 0;
  int64_t axis;
  TRY(node_out(node, 0) && joint_axis(node, &axis));
  while (at + 1 < node->n_in && !(split = split_of_neighbours(node, at))) at++;
  TRY(split && split->n_out > 2);
  int joined = node_in(node, at)->index;
  const int64_t *size = sizes_joined(rw, split, axis, joined);
  NEED(size, "the sizes of the parts are not known");
  Node *now = split_into(rw, split, axis, size);
  const char *why;
  for (int i = 0; i < split->n_out; i++)
    if (i != joined && i != joined + 1 && value_in_use(split->out[i]))
      NEED(rw_can_replace(rw, split->out[i], now->out[i - (i > joined)], &why), "%s", why);
  for (int i = 0; i < split->n_out; i++)
    if (i != joined && i != joined + 1 && value_in_use(split->out[i]))
      rw_replace(rw, split->out[i], now->out[i - (i > joined)]);
  Value **in = NEW_ARRAY(rw_scratch(rw), Value *, node->n_in);
  for (int i = 0, k = 0; i < node->n_in; i++)
    if (i != at + 1) in[k++] = i == at ? now->out[joined] : node_in(node, i);
  rw_insert_before(rw, node);
  rw_note(rw, "parts %d and %d are one", joined, joined + 1);
  return concat_of(rw, node, in, node->n_in - 1);
}
