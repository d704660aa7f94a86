/* Reshape, Flatten, Squeeze and Unsqueeze on top of each other: the elements stay in their order, so only the
 * first input and the last shape matter. */
#include "passes/identity/identity.h"

static bool is_view(const Node *n) {
  return node_is(n, OP_Reshape) || node_is(n, OP_Flatten) || node_is(n, OP_Squeeze) ||
         node_is(n, OP_Unsqueeze);
}

/* --- two of a kind: the axes of both ------------------------------------------------------------------- */

typedef struct AxisList {
  int64_t at[MAX_RANK];
  int n;
} AxisList;

static bool axes_of(const Node *n, int rank, AxisList *axes) {
  return rank >= 0 && rank <= MAX_RANK && node_axes(n, 1, rank, axes->at, &axes->n) && axes->n >= 0;
}

static uint64_t axis_set(const AxisList *a) {
  uint64_t set = 0;
  for (int i = 0; i < a->n; i++) set |= (uint64_t)1 << a->at[i];
  return set;
}

/* `outer` are axes of a tensor of `rank` axes, `inner` of the one without them: all, ascending, in the
 * former. */
static AxisList join_axes(const AxisList *outer, const AxisList *inner, int rank) {
  uint64_t out = axis_set(outer), in = axis_set(inner);
  AxisList all = {.n = 0};
  for (int i = 0, k = 0; i < rank; i++) {
    bool listed = out >> i & 1;
    if (listed || in >> k & 1) all.at[all.n++] = i;
    if (!listed) k++;
  }
  return all;
}

/* What Unsqueeze adds to the result, or Squeeze takes from the input. */
static bool merged_axes(const Node *first, const Node *second, AxisList *all) {
  AxisList a, b;
  int rank = rank_of(node_in(first, 0));
  if (node_is(first, OP_Squeeze)) {
    if (rank < 0 || !axes_of(first, rank, &a) || !axes_of(second, rank - a.n, &b)) return false;
    *all = join_axes(&a, &b, rank);
    return true;
  }
  int middle = rank_of(first->out[0]), last = rank_of(second->out[0]);
  if (rank < 0 || middle < 0 || !axes_of(first, middle, &a) || !axes_of(second, last, &b)) return false;
  *all = join_axes(&b, &a, last);
  return true;
}

static Outcome merge_axes(Rewriter *rw, Node *node, Node *first, const AxisList *axes) {
  if (node->opset >= 13) {
    rw_set_input(rw, node, 1, rw_const_ints(rw, axes->at, (size_t)axes->n));
  } else {
    rw_attr_ints(rw, node, "axes", axes->at, (size_t)axes->n);
  }
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_note(rw, "one for both");
  return FIRED;
}

/* --- any two: one Reshape ------------------------------------------------------------------------------ */

/* The elements of a Reshape's target; NULL: not known. */
static const Partial *target_of(const Node *n) {
  return node_is(n, OP_Reshape) && node_in(n, 1) ? value_of(node_in(n, 1)) : NULL;
}

/* Does the target mean the same over any input of that many elements? A 0 that copies a dim does not. */
static bool target_is_free(const Node *n) {
  const Partial *p = target_of(n);
  int64_t keep_zeros = 0;
  if (!p) return false;
  if (attr_int(n, "allowzero", &keep_zeros) && keep_zeros) return true;
  for (size_t i = 0; i < p->n; i++)
    if (!p->at[i] || !sym_nonzero(p->at[i])) return false;
  return true;
}

/* A target that makes `out` of `in`: numbers, 0 where a dim is copied, one -1. NULL, or why there is none. */
static const char *write_target(Shape in, Shape out, const Partial *given, int64_t *dims) {
  int open = -1;
  bool others_nonzero = true;
  for (int i = 0; i < out.rank; i++) {
    if (sym_const(out.dim[i], &dims[i]) && dims[i] > 0) continue;
    if (i < in.rank && sym_equal(out.dim[i], in.dim[i])) {
      dims[i] = 0;
      others_nonzero = others_nonzero && sym_nonzero(in.dim[i]);
      continue;
    }
    if (open >= 0) return "two dims of the result can't be copied from the input";
    open = i;
    dims[i] = -1;
  }
  bool was_open =
      open >= 0 && given && given->n == (size_t)out.rank && given->at[open] && sym_is(given->at[open], -1);
  if (open >= 0 && !others_nonzero && !was_open) return "-1 would be wrong where another dim is 0";
  return NULL;
}

static Outcome merge_into_reshape(Rewriter *rw, Node *node, Node *first) {
  Value *x = node_in(first, 0);
  if (target_is_free(node)) {
    rw_set_input(rw, node, 0, x);
    facts_forget(node->out[0]); /* a Squeeze also said which dims are 1: a second run would not know */
    rw_note(rw, "reads what stood before the %s", first->op->name);
    return FIRED;
  }
  Shape in = shape_of(x), out = shape_of(node->out[0]);
  NEED(node->opset >= 5, "Reshape has its target in an attribute");
  NEED(out.rank >= 0, "the rank of its result is not known");
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, out.rank + 1);
  const char *why = write_target(in, out, target_of(node), dims);
  NEED(!why, "%s", why);
  Value *args[] = {x, rw_const_ints(rw, dims, (size_t)out.rank)}, *y;
  if (node_is(node, OP_Reshape)) {
    rw_set_input(rw, node, 0, x);
    rw_set_input(rw, node, 1, args[1]);
    rw_attr_remove(rw, node, "allowzero");
  } else {
    y = rw_node(rw, OP_Reshape, 2, args)->out[0];
    NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
    rw_replace(rw, node->out[0], y);
  }
  rw_note(rw, "%s and %s are one Reshape", first->op->name, node->op->name);
  return FIRED;
}

Outcome identity_merge_views(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(first && is_view(first) && node_out(node, 0) && node_in(first, 0));
  Shape in = shape_of(node_in(first, 0)), out = shape_of(node->out[0]);
  if (in.rank >= 0 && in.rank == out.rank && shape_equal(in, out))
    return identity_forward(rw, node, node_in(first, 0));
  NEED(node_is_inner(first), "the %s before it has other users", first->op->name);
  AxisList axes;
  bool alike = first->op == node->op && (node_is(node, OP_Squeeze) || node_is(node, OP_Unsqueeze));
  if (alike && merged_axes(first, node, &axes)) return merge_axes(rw, node, first, &axes);
  return merge_into_reshape(rw, node, first);
}

/* --- with elementwise operators in between ---------------------------------------------------------------
 */

enum { MOST_BETWEEN = 8 };

/* Does the constant c broadcast over `inside` as over `outside`, changing neither? */
static bool broadcasts_alike(const Tensor *c, Shape inside, Shape outside) {
  if (c->rank > inside.rank || c->rank > outside.rank) return false;
  for (int i = 1; c->count != 1 && i <= c->rank; i++)
    if (c->dim[c->rank - i] != 1 && !sym_equal(inside.dim[inside.rank - i], outside.dim[outside.rank - i]))
      return false;
  return true;
}

/* The input that n handles element by element, whatever the shape: another operand is a constant, and x, of
 * the same elements as n's input, may stand in its place. -1: there is none. */
static int data_input(const Node *n, Value *x) {
  if (node_has(n, OP_LAYOUT_AGNOSTIC)) return 0;
  if (!node_has(n, OP_ELEMENTWISE | OP_BROADCASTS) || n->n_in != 2) return -1;
  for (int i = 0; i < 2; i++) {
    Value *v = node_in(n, i), *other = node_in(n, 1 - i);
    const Tensor *c = v && other ? constant_of(other) : NULL;
    if (!c || constant_of(v)) continue;
    Shape s = shape_of(v), out = shape_of(n->out[0]), outside = shape_of(x);
    bool keeps = s.rank >= 0 && s.rank == out.rank && shape_equal(s, out);
    return keeps && outside.rank >= 0 && broadcasts_alike(c, s, outside) ? i : -1;
  }
  return -1;
}

/* The nodes between two views, the last first; -1 if there is no view above them. */
static int between_views(const Node *node, Node **between) {
  for (int n = 0; n < MOST_BETWEEN; n++) {
    const Node *above = n ? between[n - 1] : node;
    int i = 0;
    if (n && !node_has(above, OP_LAYOUT_AGNOSTIC))
      i = node_in(above, 0) && constant_of(node_in(above, 0)) ? 1 : 0;
    between[n] = identity_producer(above, i);
    if (!between[n] || between[n]->graph != node->graph) return -1;
    if (is_view(between[n])) return n;
    if (!node_has(between[n], OP_ELEMENTWISE) || !node_out(between[n], 0)) return -1;
  }
  return -1;
}

/* View(f(View(x))) is View'(f(x)), and f(x) where the shape is x's. */
Outcome identity_views_apart(Rewriter *rw, Node *node) {
  Node *between[MOST_BETWEEN];
  int n = between_views(node, between), slot[MOST_BETWEEN];
  TRY(n > 0 && node_out(node, 0) && node_in(between[n], 0));
  Value *x = node_in(between[n], 0);
  for (int i = 0; i < n; i++) TRY((slot[i] = data_input(between[i], x)) >= 0);
  for (int i = 0; i <= n; i++) NEED(node_is_inner(between[i]), "%s has other users", node_label(between[i]));
  Shape in = shape_of(x), out = shape_of(node->out[0]);
  NEED(in.rank >= 0 && out.rank >= 0, "a rank is not known");
  bool same = in.rank == out.rank && shape_equal(in, out);
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, out.rank + 1);
  NEED(same || node->opset >= 5, "Reshape has its target in an attribute");
  const char *why = same ? NULL : write_target(in, out, target_of(node), dims);
  NEED(!why, "%s", why);
  for (int i = n - 1; i >= 0; i--) {
    Value **args = NEW_ARRAY(rw_scratch(rw), Value *, between[i]->n_in);
    for (int k = 0; k < between[i]->n_in; k++) args[k] = k == slot[i] ? x : node_in(between[i], k);
    x = rw_copy(rw, between[i], between[i]->n_in, args)->out[0];
  }
  Value *target[] = {x, same ? NULL : rw_const_ints(rw, dims, (size_t)out.rank)};
  if (!same) x = rw_node(rw, OP_Reshape, 2, target)->out[0];
  rw_note(rw, "no %s before %s", between[n]->op->name, between[n - 1]->op->name);
  return identity_forward(rw, node, x);
}
