/* Reductions that reduce nothing, reductions of reductions, and sums over a stack. */
#include "passes/identity/identity.h"

/* Is the operand of the kind that the rule is about? Sums of floats start at 0.0 and add in an order of their
 * own, so -0.0 and rounding differ; the largest and the smallest of floats are the implementation's choice
 * among zeros and NaNs. Integers are exact. */
static bool is_of_kind(const Node *n, bool exact) {
  ElemType t = dtype_of(node_in(n, 0));
  return exact ? elem_is_int(t) : elem_is_float(t);
}

static bool keeps_dims(const Node *n) {
  int64_t keep;
  return attr_int(n, "keepdims", &keep) && keep;
}

bool identity_reduced_axes(const Node *n, int rank, uint64_t *mask) {
  int64_t at[MAX_RANK], noop = 0;
  int count, axis;
  if (node_is(n, OP_ArgMax) || node_is(n, OP_ArgMin)) {
    if (rank > MAX_RANK || !node_axis(n, rank, &axis)) return false;
    *mask = (uint64_t)1 << axis;
    return true;
  }
  if (rank < 0 || rank > MAX_RANK || !node_axes(n, 1, rank, at, &count)) return false;
  *mask = 0;
  for (int i = 0; i < count; i++) *mask |= (uint64_t)1 << at[i];
  attr_int(n, "noop_with_empty_axes", &noop);
  if (count <= 0 && !noop)
    for (int i = 0; i < rank; i++) *mask |= (uint64_t)1 << i;
  return true;
}

/* --- of one element, in place ------------------------------------------------------------------------ */

static Outcome reduce_units(Rewriter *rw, Node *node, bool exact) {
  TRY(node_in(node, 0) && node_out(node, 0) && is_of_kind(node, exact));
  Shape s = shape_of(node_in(node, 0));
  uint64_t mask;
  TRY(identity_reduced_axes(node, s.rank, &mask) && (keeps_dims(node) || !mask));
  for (int i = 0; i < s.rank; i++) TRY(!(mask >> i & 1) || sym_is(s.dim[i], 1));
  return identity_forward(rw, node, node_in(node, 0));
}

Outcome identity_reduce_units_exact(Rewriter *rw, Node *node) {
  return reduce_units(rw, node, true);
}

Outcome identity_reduce_units_rounding(Rewriter *rw, Node *node) {
  return reduce_units(rw, node, false);
}

/* --- twice ------------------------------------------------------------------------------------------- */

/* Axes of the first's input that the second reduces. */
static uint64_t spread_mask(uint64_t second, uint64_t first, bool keep, int rank) {
  uint64_t all = 0;
  for (int i = 0, k = 0; i < rank; i++) {
    if (!keep && first >> i & 1) continue;
    if (second >> k & 1) all |= (uint64_t)1 << i;
    k++;
  }
  return all;
}

static Outcome reduce_chain(Rewriter *rw, Node *node, bool exact) {
  Node *first = identity_producer(node, 0);
  TRY(first && first->op == node->op && node_out(node, 0) && node_in(first, 0) && is_of_kind(node, exact));
  /* A mean of integers would round twice, or once. */
  TRY(!exact || !node_is(node, OP_ReduceMean));
  NEED(node_is_inner(first), "the reduction before it has other users");
  NEED(keeps_dims(first) == keeps_dims(node), "only one of them keeps the reduced axes");
  int rank = rank_of(node_in(first, 0));
  uint64_t a, b;
  NEED(identity_reduced_axes(first, rank, &a) && identity_reduced_axes(node, rank_of(first->out[0]), &b),
       "the axes are not known");
  b = spread_mask(b, a, keeps_dims(first), rank);
  int64_t axes[MAX_RANK];
  size_t n = 0;
  for (int i = 0; i < rank; i++)
    if ((a | b) >> i & 1) axes[n++] = i;
  NEED(n, "neither reduces anything");
  bool as_input = node->opset >= (node_is(node, OP_ReduceSum) ? 13 : 18);
  if (as_input)
    rw_set_input(rw, node, 1, rw_const_ints(rw, axes, n));
  else
    rw_attr_ints(rw, node, "axes", axes, n);
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_note(rw, "over the axes of both");
  return FIRED;
}

Outcome identity_reduce_chain_exact(Rewriter *rw, Node *node) {
  return reduce_chain(rw, node, true);
}

Outcome identity_reduce_chain_rounding(Rewriter *rw, Node *node) {
  return reduce_chain(rw, node, false);
}

/* --- over a stack ------------------------------------------------------------------------------------ */

/* The operator that reduces n tensors of this type elementwise; OP_NONE: none that runtimes know. */
static OpId elementwise(const Node *reduce, int n, ElemType t) {
  bool ints = elem_is_int(t), wide = elem_bits(t) >= 32;
  switch (reduce->op->id) {
  case OP_ReduceSum: return n == 2 ? OP_Add : !ints && wide ? OP_Sum : OP_NONE;
  case OP_ReduceProd: return n == 2 ? OP_Mul : OP_NONE;
  case OP_ReduceMean: return t == DT_FLOAT ? OP_Mean : OP_NONE;
  case OP_ReduceMax: return wide && (!ints || reduce->opset >= 12) ? OP_Max : OP_NONE;
  case OP_ReduceMin: return wide && (!ints || reduce->opset >= 12) ? OP_Min : OP_NONE;
  default: return OP_NONE;
  }
}

/* Does a view turn x into v by a new axis of size 1 at `axis`? */
static bool adds_axis(Value *x, Value *v, int axis) {
  Shape from = shape_of(x), to = shape_of(v);
  if (from.rank < 0 || to.rank != from.rank + 1 || !sym_is(to.dim[axis], 1)) return false;
  for (int i = 0; i < from.rank; i++)
    if (!sym_equal(from.dim[i], to.dim[i < axis ? i : i + 1])) return false;
  return true;
}

/* The tensor that operand i of the stack is, with a new axis of size 1 at `axis`; NULL: it is none. */
static Value *layer(const Node *concat, int i, int rank, int axis) {
  Node *n = identity_producer(concat, i);
  int64_t axes[MAX_RANK];
  int count;
  if (node_is(n, OP_Reshape) && node_in(n, 0) && adds_axis(node_in(n, 0), n->out[0], axis))
    return node_in(n, 0);
  if (!node_is(n, OP_Unsqueeze) || !node_axes(n, 1, rank, axes, &count)) return NULL;
  return count == 1 && axes[0] == axis ? node_in(n, 0) : NULL;
}

/* All layers of the stack. *thick: they have its axis, of size 1. */
static bool read_layers(const Node *concat, int rank, int axis, Value **x, bool *thick) {
  *thick = false;
  for (int i = 0; i < concat->n_in && !*thick; i++) *thick = !(x[i] = layer(concat, i, rank, axis));
  for (int i = 0; i < concat->n_in && *thick; i++) {
    x[i] = node_in(concat, i);
    Shape s = x[i] ? shape_of(x[i]) : SHAPE_UNKNOWN;
    if (s.rank != rank || !sym_is(s.dim[axis], 1)) return false;
  }
  return true;
}

static Value *unsqueezed(Rewriter *rw, Value *v, int axis, int opset) {
  int64_t at = axis;
  Node *n = rw_node(rw, OP_Unsqueeze, 2, (Value *[]){v, opset >= 13 ? rw_const_ints(rw, &at, 1) : NULL});
  if (opset < 13) rw_attr_ints(rw, n, "axes", &at, 1);
  return n->out[0];
}

/* Reduce(Concat(Unsqueeze(x1, a), ..., Unsqueeze(xn, a), a), a) is Add, Sum, Mean, Max, Min or Mul of x1 ...
 * xn; if the axis stays, with an Unsqueeze behind it, or of layers that have it. */
static Outcome stack(Rewriter *rw, Node *node, bool exact) {
  Node *concat = identity_producer(node, 0);
  int axis;
  uint64_t mask;
  bool thick;
  TRY(node_is(concat, OP_Concat) && node_out(node, 0) && concat->n_in >= 2 && is_of_kind(node, exact));
  int rank = rank_of(concat->out[0]);
  TRY(rank > 0 && node_axis(concat, rank, &axis) && identity_reduced_axes(node, rank, &mask) &&
      mask == (uint64_t)1 << axis);
  Value **x = NEW_ARRAY(rw_scratch(rw), Value *, concat->n_in);
  TRY(read_layers(concat, rank, axis, x, &thick) && (keeps_dims(node) || !thick));
  NEED(node_is_inner(concat), "the stack has other users");
  OpId op = elementwise(node, concat->n_in, dtype_of(concat->out[0]));
  NEED(op, "no operator reduces %d tensors of this type elementwise", concat->n_in);
  NEED(node->opset >= 8, "Sum, Max, Min and Mean do not broadcast yet");
  Value *y = rw_node(rw, op, concat->n_in, x)->out[0];
  if (keeps_dims(node) && !thick) y = unsqueezed(rw, y, axis, node->opset);
  const char *why;
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  rw_note(rw, "%s of the %d layers of the stack", op_def(op)->name, concat->n_in);
  return FIRED;
}

Outcome identity_stack_exact(Rewriter *rw, Node *node) {
  return stack(rw, node, true);
}

Outcome identity_stack_rounding(Rewriter *rw, Node *node) {
  return stack(rw, node, false);
}
