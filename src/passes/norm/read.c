/* Reading a normalisation from its last node upwards. */
#include "passes/norm/norm.h"

#include "infer/axes.h"

static Node *producer(Value *v) {
  return v && v->index == 0 && v->producer && v->producer->graph == v->graph ? v->producer : NULL;
}

static bool is_stash_type(ElemType t) {
  return t == DT_FLOAT || t == DT_FLOAT16 || t == DT_DOUBLE;
}

Value *uncast(Value *v) {
  Node *n = producer(v);
  while (node_is(n, OP_Cast) && node_in(n, 0) && is_stash_type(dtype_of(v)) &&
         is_stash_type(dtype_of(node_in(n, 0)))) {
    v = node_in(n, 0);
    n = producer(v);
  }
  return v;
}

/* The node that computes v, Casts aside. */
static Node *source(Value *v) {
  return v ? producer(uncast(v)) : NULL;
}

/* A constant of one element that broadcasts without adding axes to `rank`. */
static bool scalar(Value *v, int rank, double *out) {
  return v && constant_scalar(v, out) && constant_of(v)->rank <= rank;
}

static bool scalar_is(Value *v, int rank, double wanted) {
  double c;
  return scalar(v, rank, &c) && c == wanted;
}

/* ReduceMean that keeps its dims, over the axes from the result to the last one; -1 if n is none. */
static int mean_axis(Node *n) {
  int64_t keep, axes[MAX_RANK];
  int count, rank;
  if (!node_is(n, OP_ReduceMean) || !node_in(n, 0) || !attr_int(n, "keepdims", &keep) || keep != 1) return -1;
  rank = rank_of(node_in(n, 0));
  if (rank < 1 || !node_axes(n, 1, rank, axes, &count) || count < 1) return -1;
  for (int i = 0; i < count; i++)
    if (axes[i] < rank - count) return -1;
  return rank - count;
}

bool read_centred(Value *v, Value **x, int *axis) {
  Node *sub = source(v), *mean;
  if (!node_is(sub, OP_Sub) || !node_in(sub, 0) || !node_in(sub, 1)) return false;
  mean = source(node_in(sub, 1));
  *axis = mean_axis(mean);
  *x = node_in(sub, 0);
  return *axis >= 0 && uncast(node_in(mean, 0)) == uncast(*x);
}

/* v = w ^ 2 */
static Value *squared(Value *v, int rank) {
  Node *n = source(v);
  if (node_is(n, OP_Pow) && scalar_is(node_in(n, 1), rank, 2)) return node_in(n, 0);
  if (node_is(n, OP_Mul) && node_in(n, 0) && node_in(n, 1) && uncast(node_in(n, 0)) == uncast(node_in(n, 1)))
    return node_in(n, 0);
  return NULL;
}

/* v = sqrt(e) */
static Value *under_root(Value *v, int rank) {
  Node *n = source(v);
  if (node_is(n, OP_Sqrt)) return node_in(n, 0);
  return node_is(n, OP_Pow) && scalar_is(node_in(n, 1), rank, 0.5) ? node_in(n, 0) : NULL;
}

/* v = 1 / sqrt(e) */
static Value *under_inverse_root(Value *v, int rank) {
  Node *n = source(v);
  if (node_is(n, OP_Reciprocal)) return under_root(node_in(n, 0), rank);
  if (node_is(n, OP_Sqrt)) {
    n = source(node_in(n, 0));
    return node_is(n, OP_Reciprocal) ? node_in(n, 0) : NULL;
  }
  if (node_is(n, OP_Div)) return scalar_is(node_in(n, 0), rank, 1) ? under_root(node_in(n, 1), rank) : NULL;
  return node_is(n, OP_Pow) && scalar_is(node_in(n, 1), rank, -0.5) ? node_in(n, 0) : NULL;
}

/* e = mean(w ^ 2) + epsilon */
static bool read_mean_square(Value *e, RootMeanSquare *r) {
  Node *add = source(e);
  if (!node_is(add, OP_Add)) return false;
  for (int i = 0; i < 2; i++) {
    Node *mean = source(node_in(add, i));
    r->axis = mean_axis(mean);
    if (r->axis < 0 || !scalar(node_in(add, 1 - i), r->rank, &r->epsilon)) continue;
    r->w = squared(node_in(mean, 0), r->rank);
    if (r->w && rank_of(r->w) == r->rank) return true;
  }
  return false;
}

bool read_rms(Node *n, RootMeanSquare *r) {
  bool divides = node_is(n, OP_Div);
  if ((!divides && !node_is(n, OP_Mul)) || !node_in(n, 0) || !node_in(n, 1)) return false;
  for (int i = 0; i < (divides ? 1 : 2); i++) {
    r->v = node_in(n, i);
    r->rank = rank_of(r->v);
    if (r->rank < 1) continue;
    r->by = node_in(n, 1 - i);
    Value *e = divides ? under_root(r->by, r->rank) : under_inverse_root(r->by, r->rank);
    if (e && read_mean_square(e, r) && !constant_of(r->w)) return true;
  }
  return false;
}

Node *norm_core(Node *n, ElemType *type) {
  *type = dtype_of(n->out[0]);
  if (!node_is(n, OP_Cast)) return n;
  Node *core = node_in(n, 0) ? producer(node_in(n, 0)) : NULL;
  bool narrows = *type == DT_FLOAT16 && is_stash_type(dtype_of(node_in(n, 0)));
  return core && narrows && node_is_inner(core) ? core : NULL;
}
