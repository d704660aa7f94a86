/* Operators that return their input. */
#include "passes/identity/identity.h"

Outcome identity_forward(Rewriter *rw, Node *node, Value *x) {
  const char *why;
  NEED(x && rw_can_replace(rw, node->out[0], x, &why), "%s", x ? why : "its input is missing");
  rw_replace(rw, node->out[0], x);
  return FIRED;
}

Node *identity_producer(const Node *n, int i) {
  const Value *v = node_in(n, i);
  return v && v->index == 0 ? v->producer : NULL;
}

Outcome identity_identity(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0));
  return identity_forward(rw, node, node_in(node, 0));
}

/* In training mode elements are kept and scaled by 1 where the ratio is 0. */
static bool drops_nothing(const Node *n) {
  double ratio;
  return node_in(n, 1) && constant_scalar(node_in(n, 1), &ratio) && ratio == 0;
}

Outcome identity_dropout(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0));
  int64_t is_test = 1;
  if (node->opset < 7) NEED(attr_int(node, "is_test", &is_test) && is_test, "Dropout in training mode");
  Value *training = node_in(node, 2);
  bool infers = !training || (constant_int(training, &is_test) && !is_test);
  NEED(infers || drops_nothing(node), "training_mode is not constant false");
  NEED(!value_in_use(node_out(node, 1)), "the mask is in use");
  return identity_forward(rw, node, node_in(node, 0));
}

Outcome identity_cast(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  ElemType from = dtype_of(node_in(node, 0)), to = dtype_of(node->out[0]);
  NEED(from && to, "the type it casts from or to is not known");
  TRY(from == to);
  return identity_forward(rw, node, node_in(node, 0));
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

Outcome identity_same_shape(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  Shape in = shape_of(node_in(node, 0)), out = shape_of(node->out[0]);
  TRY(in.rank >= 0 && in.rank == out.rank);
  NEED(shape_equal(in, out), "the output's shape is not proven to be the input's");
  if (node_is(node, OP_Slice)) NEED(steps_positive(node), "a step may be negative");
  return identity_forward(rw, node, node_in(node, 0));
}

static bool all_zero(Value *v) {
  const int64_t *at;
  size_t n;
  if (!value_ints(v, &at, &n)) return false;
  for (size_t i = 0; i < n; i++)
    if (at[i]) return false;
  return true;
}

Outcome identity_pad(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  const int64_t *pads;
  size_t n;
  if (node_in(node, 1)) {
    NEED(all_zero(node_in(node, 1)), "the pads are not all known to be 0");
    return identity_forward(rw, node, node_in(node, 0));
  }
  NEED(attr_ints(node, node->opset < 2 ? "paddings" : "pads", &pads, &n), "the pads are missing");
  for (size_t i = 0; i < n; i++) TRY(pads[i] == 0);
  return identity_forward(rw, node, node_in(node, 0));
}

Outcome identity_transpose(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  const int64_t *perm;
  size_t n;
  if (attr_ints(node, "perm", &perm, &n)) {
    for (size_t i = 0; i < n; i++) TRY(perm[i] == (int64_t)i);
    return identity_forward(rw, node, node_in(node, 0));
  }
  int rank = rank_of(node_in(node, 0));
  TRY(rank == 0 || rank == 1); /* without perm the axes are reversed */
  return identity_forward(rw, node, node_in(node, 0));
}

/* Variadic operators that return their only input. */
Outcome identity_of_one(Rewriter *rw, Node *node) {
  TRY(node->n_in == 1 && node_out(node, 0));
  return identity_forward(rw, node, node_in(node, 0));
}

/* Concat with inputs that are provably empty along the axis, but one. */
Outcome identity_concat(Rewriter *rw, Node *node) {
  TRY(node->n_in >= 1 && node_out(node, 0));
  if (node->n_in == 1) return identity_forward(rw, node, node_in(node, 0));
  int64_t axis;
  TRY(attr_int(node, "axis", &axis));
  int only = -1;
  for (int i = 0; i < node->n_in; i++) {
    Shape s = node_in(node, i) ? shape_of(node_in(node, i)) : SHAPE_UNKNOWN;
    bool valid = s.rank > 0 && axis >= -s.rank && axis < s.rank;
    bool empty = valid && sym_is(s.dim[axis < 0 ? axis + s.rank : axis], 0);
    if (empty) continue;
    TRY(only < 0);
    only = i;
  }
  TRY(only >= 0);
  return identity_forward(rw, node, node_in(node, only));
}

Outcome identity_split(Rewriter *rw, Node *node) {
  TRY(node->n_out == 1 && node_out(node, 0) && node_in(node, 0));
  NEED(shape_equal(shape_of(node_in(node, 0)), shape_of(node->out[0])),
       "the part is not proven to be the whole");
  return identity_forward(rw, node, node_in(node, 0));
}

/* 0, 1, ..., n - 1, perhaps counted from the end. */
static bool counts_up(const Tensor *index) {
  int64_t k, n = (int64_t)index->count;
  if (index->rank != 1) return false;
  for (int64_t i = 0; i < n; i++)
    if (!tensor_get_int(index, (uint64_t)i, &k) || (k != i && k != i - n)) return false;
  return true;
}

/* The n of Range(0, n, 1); NULL if it is another. */
static Dim range_end(const Node *n) {
  int64_t start, step;
  if (!node_is(n, OP_Range) || n->n_in != 3 || !node_in(n, 0) || !node_in(n, 1) || !node_in(n, 2))
    return NULL;
  if (!constant_int(node_in(n, 0), &start) || !constant_int(node_in(n, 2), &step) || start || step != 1)
    return NULL;
  const Partial *p = value_of(node_in(n, 1));
  return p && p->n == 1 ? p->at[0] : NULL;
}

/* Gather of 0, 1, ..., n - 1 along an axis of n. */
Outcome identity_gather(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_in(node, 1) && node_out(node, 0));
  Shape s = shape_of(node_in(node, 0));
  const Tensor *index = constant_of(node_in(node, 1));
  int axis;
  TRY(s.rank > 0 && node_axis(node, s.rank, &axis));
  Dim n = range_end(identity_producer(node, 1));
  if (index && counts_up(index)) n = sym_int(rw_model(rw)->syms, (int64_t)index->count);
  TRY(n);
  NEED(sym_equal(s.dim[axis], n), "it is not proven to take all of axis %d", axis);
  return identity_forward(rw, node, node_in(node, 0));
}

/* Are all results integers? */
static bool is_integral(const Node *n) {
  if (!node_is(n, OP_Cast) || !node_in(n, 0)) return node_has(n, OP_INTEGRAL);
  ElemType from = dtype_of(node_in(n, 0));
  return elem_is_int(from) || from == DT_BOOL;
}

/* Op(Op(x)): Op(x) where the operator is idempotent, x where it is its own inverse. */
Outcome identity_repeated(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(first && node_out(node, 0) && node->n_in == 1);
  if (node_has(node, OP_INTEGRAL) && is_integral(first)) return identity_forward(rw, node, first->out[0]);
  TRY(first->op == node->op);
  return identity_forward(rw, node, node_has(node, OP_INVOLUTION) ? node_in(first, 0) : first->out[0]);
}
