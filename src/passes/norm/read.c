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

/* The last axes of n's operand that a reduction is over; *axis is the first of them. */
static bool reduces_last(Node *n, int *axis) {
  int64_t axes[MAX_RANK];
  int count, rank = rank_of(node_in(n, 0));
  if (rank < 1 || !node_axes(n, 1, rank, axes, &count) || count < 1) return false;
  for (int i = 0; i < count; i++)
    if (axes[i] < rank - count) return false;
  return *axis = rank - count, true;
}

/* v without the Unsqueeze that gives back the axes from `axis` on to a reduction that dropped them. */
static Value *without_unsqueeze(Value *v, int rank, int *axis) {
  Node *n = source(v);
  int64_t axes[MAX_RANK];
  int count;
  if (!node_is(n, OP_Unsqueeze) || !node_in(n, 0) || !node_axes(n, 1, rank, axes, &count) || count < 1)
    return NULL;
  for (int i = 0; i < count; i++)
    if (axes[i] < rank - count) return NULL;
  return *axis = rank - count, node_in(n, 0);
}

/* v = op(x) over the last axes, which stay with size 1. NULL: it is none. */
static Node *reduction(Value *v, OpId op, int rank, int *axis) {
  int64_t keep;
  int given;
  Value *dropped = without_unsqueeze(v, rank, &given);
  Node *n = source(dropped ? dropped : v);
  if (!node_is(n, op) || !node_in(n, 0) || rank_of(node_in(n, 0)) != rank || !reduces_last(n, axis))
    return NULL;
  if (!attr_int(n, "keepdims", &keep) || keep != (dropped ? 0 : 1)) return NULL;
  return dropped && given != *axis ? NULL : n;
}

/* The number of elements in x's axes from `axis` on. */
static bool count_from(Value *x, int axis, double *count) {
  Shape s = shape_of(x);
  int64_t dim;
  *count = 1;
  for (int i = axis; i < s.rank; i++) {
    if (!sym_const(s.dim[i], &dim) || dim < 1) return false;
    *count *= (double)dim;
  }
  return true;
}

/* v = sum(x) / n or sum(x) * (1 / n), where n elements are summed and 1 / n is exact; op makes the sum. */
static Node *divided_sum(Value *v, OpId op, int rank, int *axis) {
  Node *n = source(v);
  bool divides = node_is(n, OP_Div);
  double by, count;
  if (!divides && !node_is(n, OP_Mul)) return NULL;
  for (int i = 0; i < (divides ? 1 : 2); i++) {
    Node *sum = node_in(n, i) ? reduction(node_in(n, i), op, rank, axis) : NULL;
    if (!sum || !scalar(node_in(n, 1 - i), rank, &by) || !count_from(node_in(sum, 0), *axis, &count))
      continue;
    if (divides ? by == count : by * count == 1) return sum;
  }
  return NULL;
}

/* v = mean(x) over the last axes, which stay with size 1. */
static Value *read_mean(Value *v, int rank, int *axis) {
  Node *n = reduction(v, OP_ReduceMean, rank, axis);
  if (!n) n = divided_sum(v, OP_ReduceSum, rank, axis);
  return n ? node_in(n, 0) : NULL;
}

bool read_centred(Value *v, Value **x, int *axis) {
  Node *sub = source(v);
  if (!node_is(sub, OP_Sub) || !node_in(sub, 0) || !node_in(sub, 1)) return false;
  *x = node_in(sub, 0);
  Value *of = read_mean(node_in(sub, 1), rank_of(*x), axis);
  return of && uncast(of) == uncast(*x);
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

/* v = mean(w ^ 2) */
static Value *mean_square(Value *v, int rank, int *axis) {
  Value *of = read_mean(v, rank, axis);
  if (of) return squared(of, rank);
  Node *n = divided_sum(v, OP_ReduceSumSquare, rank, axis);
  return n ? node_in(n, 0) : NULL;
}

/* e = mean(w ^ 2) + epsilon */
static bool read_mean_square(Value *e, RootMeanSquare *r) {
  Node *add = source(e);
  if (!node_is(add, OP_Add)) return false;
  for (int i = 0; i < 2; i++) {
    if (!node_in(add, i) || !scalar(node_in(add, 1 - i), r->rank, &r->epsilon)) continue;
    r->w = mean_square(node_in(add, i), r->rank, &r->axis);
    if (r->w && rank_of(r->w) == r->rank && !constant_of(r->w)) return true;
  }
  return false;
}

/* Does w hold v's elements, or is it computed like it? */
static bool are_alike(Value *v, Value *w) {
  Value *x, *again;
  int axis, second;
  if (uncast(v) == uncast(w)) return true;
  return read_centred(v, &x, &axis) && read_centred(w, &again, &second) && uncast(x) == uncast(again) &&
         axis == second;
}

/* Is `by` sqrt(mean(w ^ 2) + epsilon), or 1 over it, for a w of v's rank? */
static bool read_by(Value *v, Value *by, bool divides, RootMeanSquare *r) {
  *r = (RootMeanSquare){.v = v, .by = by, .rank = v ? rank_of(v) : -1};
  if (r->rank < 1 || !by) return false;
  Value *e = divides ? under_root(by, r->rank) : under_inverse_root(by, r->rank);
  return e && read_mean_square(e, r);
}

static bool read_root(Value *v, Value *by, bool divides, RootMeanSquare *r) {
  return read_by(v, by, divides, r) && are_alike(v, r->w);
}

/* The product that v is, if nobody else reads it. */
static Node *inner_product(Value *v) {
  Node *n = producer(v);
  return node_is(n, OP_Mul) && node_is_inner(n) && node_in(n, 0) && node_in(n, 1) ? n : NULL;
}

bool read_rms(Node *n, RootMeanSquare *r) {
  bool divides = node_is(n, OP_Div);
  if ((!divides && !node_is(n, OP_Mul)) || !node_in(n, 0) || !node_in(n, 1)) return false;
  for (int i = 0; i < (divides ? 1 : 2); i++)
    if (read_root(node_in(n, i), node_in(n, 1 - i), divides, r)) return true;
  /* (v * scale) / root; (v * scale) * inverse, v * (inverse * scale) */
  for (int i = 0; i < (divides ? 1 : 2); i++) {
    Node *m = inner_product(node_in(n, i));
    for (int k = 0; m && k < 2; k++) {
      Value *first = node_in(m, k), *last = node_in(n, 1 - i);
      if (!read_root(first, last, divides, r) && (divides || !read_root(last, first, false, r))) continue;
      r->scale = node_in(m, 1 - k);
      return true;
    }
  }
  return false;
}

/* product = x * factor, factor = inverse * scale: the deviation's inverse for x's own mean. */
static bool read_scaled_inverse(Value *x, Value *factor, RootMeanSquare *r) {
  Node *n = producer(factor);
  Value *again;
  int axis;
  if (!node_is(n, OP_Mul) || factor->n_uses != 2 || factor->n_outputs || factor->keep) return false;
  for (int i = 0; i < 2; i++) {
    if (!node_in(n, i) || !read_by(x, node_in(n, i), false, r)) continue;
    r->scale = node_in(n, 1 - i);
    return r->scale && read_centred(r->w, &again, &axis) && again == x && axis == r->axis;
  }
  return false;
}

bool read_moments(Node *add, RootMeanSquare *r, Value **bias) {
  for (int i = 0; node_is(add, OP_Add) && i < 2; i++) {
    Node *left = inner_product(node_in(add, i)), *sub = producer(node_in(add, 1 - i)), *right;
    if (!left || !node_is(sub, OP_Sub) || !node_is_inner(sub) || !(right = inner_product(node_in(sub, 1))))
      continue;
    for (int k = 0; k < 4; k++) {
      Value *x = node_in(left, k / 2), *factor = node_in(left, 1 - k / 2), *mean = node_in(right, k % 2);
      int axis;
      if (node_in(right, 1 - k % 2) != factor || rank_of(x) < 1 || read_mean(mean, rank_of(x), &axis) != x)
        continue;
      *bias = node_in(sub, 0);
      return *bias && read_scaled_inverse(x, factor, r) && axis == r->axis;
    }
  }
  return false;
}

Node *norm_core(Node *n, ElemType *type) {
  *type = dtype_of(n->out[0]);
  if (!node_is(n, OP_Cast)) return n;
  Value *wide = node_in(n, 0);
  if (!wide) return NULL;
  Node *core = producer(wide);
  bool narrows = *type == DT_FLOAT16 && is_stash_type(dtype_of(wide));
  return core && narrows && node_is_inner(core) ? core : NULL;
}
