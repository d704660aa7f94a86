/* Building normalisation operators, and letting them take in a scale, a bias and the Casts around them. */
#include "passes/norm/norm.h"

#include <math.h>

/* The sizes of the normalised axes; false unless all are known and not 0 (no kernel divides by nothing). */
static bool norm_dims(Value *x, int axis, int64_t *dim, uint64_t *count) {
  Shape s = shape_of(x);
  for (int i = axis; i < s.rank; i++)
    if (!sym_const(s.dim[i], &dim[i - axis]) || dim[i - axis] < 1) return false;
  return tensor_count(s.rank - axis, dim, count);
}

/* Is v multiplied by something of the normalised axes' size, and by nothing else in use? Then the ones go
 * again. */
static bool scale_follows(const Value *v, int axis) {
  const Use *u = v->uses;
  if (v->n_uses == 1 && node_is(u->node, OP_Cast) && node_out(u->node, 0)) u = u->node->out[0]->uses;
  if (!u || u->next || !node_is(u->node, OP_Mul) || !node_in(u->node, 1 - u->index)) return false;
  Shape x = shape_of(u->value), s = shape_of(node_in(u->node, 1 - u->index));
  return s.rank == x.rank - axis && shape_equal(s, (Shape){s.rank, x.dim + axis});
}

/* Does everything between w and the division go away with it? */
static bool is_private(const RootMeanSquare *r) {
  for (Value *v = r->by; v != r->w;) {
    const Node *n = v->producer;
    if (!node_is_inner(n)) return false;
    v = constant_of(node_in(n, 0)) ? node_in(n, 1) : node_in(n, 0);
  }
  return true;
}

enum { MOST_ONES = 1 << 22 }; /* elements: made even where they do not stay */

const char *norm_refusal(Rewriter *rw, const Node *root, Value *x, const RootMeanSquare *r) {
  int64_t dim[MAX_RANK];
  uint64_t count;
  ElemType t = dtype_of(x);
  if (t != DT_FLOAT && t != DT_FLOAT16) return "the operator computes in float, the model does not";
  if (t != dtype_of(root->out[0])) return "it ends in another type than it starts from";
  if (!is_private(r))
    return "another node reads its deviation or what leads to it: that would be computed twice";
  if (r->epsilon != 0 && (r->epsilon < 0 || !isnormal((float)r->epsilon)))
    return "epsilon is no positive normal float";
  if (!norm_dims(x, r->axis, dim, &count)) return "the sizes of the normalised axes are not known, or 0";
  if (count > MOST_ONES)
    return "the normalised axes are so large that a vector of ones for them is no small thing";
  if (elem_bytes(t, count) > rw_max_growth(rw) && !r->scale && !scale_follows(root->out[0], r->axis))
    return "there is no scale, and as many ones would make the file larger (--max-growth)";
  return NULL;
}

static Value *ones(Rewriter *rw, Value *x, int axis) {
  int64_t dim[MAX_RANK];
  uint64_t count;
  void *bytes;
  norm_dims(x, axis, dim, &count);
  Tensor *t = tensor_alloc(rw_model(rw)->arena, DT_FLOAT, rank_of(x) - axis, dim, &bytes);
  for (uint64_t i = 0; i < count; i++) ((float *)bytes)[i] = 1;
  return rw_const(rw, tx_cast(rw_model(rw), t, dtype_of(x)), "ones");
}

Value *norm_build(Rewriter *rw, OpId op, Value *x, const RootMeanSquare *r) {
  Value *in[] = {x, ones(rw, x, r->axis)};
  Node *n = rw_node(rw, op, 2, in);
  rw_attr_int(rw, n, "axis", r->axis - r->rank);
  rw_attr_float(rw, n, "epsilon", (float)r->epsilon);
  if (!r->scale) return n->out[0];
  return rw_node(rw, OP_Mul, 2, (Value *[]){n->out[0], r->scale})->out[0];
}

/* --- what follows -------------------------------------------------------------------------------------- */

bool norm_scale_is_one(const Match *m) {
  const Tensor *t = constant_of(match_value(m, "ones"));
  if (t->store == TS_DEFERRED) return false;
  for (uint64_t i = 0; i < t->count; i++) {
    double c;
    if (!tensor_get_double(t, i, &c) || c != 1) return false;
  }
  return true;
}

/* Does p hold one element for each normalised one? A constant may have further axes of 1 in front. */
static bool parameter_fits(const Match *m, const char *name) {
  Value *x = match_value(m, "x"), *p = match_value(m, name);
  Shape s = shape_of(x), own = shape_of(p);
  int64_t axis;
  if (!attr_int(match_node(m, "norm"), "axis", &axis) || s.rank < 1 || dtype_of(x) != dtype_of(p))
    return false;
  if (axis < 0) axis += s.rank;
  if (axis < 0 || axis >= s.rank) return false;
  int inner = s.rank - (int)axis, extra = own.rank - inner;
  if (extra < 0 || extra > axis || (extra && !constant_of(p))) return false;
  for (int i = 0; i < own.rank; i++)
    if (i < extra ? !sym_is(own.dim[i], 1) : !sym_equal(own.dim[i], s.dim[axis + i - extra])) return false;
  return true;
}

bool norm_scale_fits(const Match *m) {
  return parameter_fits(m, "scale");
}

bool norm_bias_fits(const Match *m) {
  return parameter_fits(m, "bias");
}

/* The parameter without its further axes. */
static Value *parameter(Rewriter *rw, const Match *m, const char *name) {
  Value *p = match_value(m, name);
  int64_t axis;
  int rank = rank_of(match_value(m, "x"));
  attr_int(match_node(m, "norm"), "axis", &axis);
  int inner = axis < 0 ? (int)-axis : rank - (int)axis;
  Tensor *t = constant_of(p);
  if (!t || t->rank == inner) return p;
  Tensor *flat = tx_reshape(rw_model(rw), t, inner, t->dim + t->rank - inner);
  return flat ? rw_const(rw, flat, p->name->s) : NULL;
}

static Value *rebuilt(Rewriter *rw, const Match *m, Value *x, Value *scale, Value *bias) {
  Value *in[] = {x, scale, bias};
  return rw_copy(rw, match_node(m, "norm"), 3, in)->out[0];
}

Value *norm_take_scale(Rewriter *rw, const Match *m) {
  Value *scale = parameter(rw, m, "scale");
  if (!scale) rw_missed(rw, m->root, "the scale can't be reshaped");
  return scale ? rebuilt(rw, m, match_value(m, "x"), scale, NULL) : NULL;
}

Value *norm_take_bias(Rewriter *rw, const Match *m) {
  Value *bias = parameter(rw, m, "bias");
  if (!bias) rw_missed(rw, m->root, "the bias can't be reshaped");
  return bias ? rebuilt(rw, m, match_value(m, "x"), match_value(m, "scale"), bias) : NULL;
}

/* float16 -> float -> float16: what the operator does by itself with stash_type 1. */
bool norm_casts_cancel(const Match *m) {
  int64_t stash;
  return dtype_of(match_value(m, "x")) == DT_FLOAT16 && dtype_of(m->root->out[0]) == DT_FLOAT16 &&
         dtype_of(match_value(m, "ones")) == DT_FLOAT &&
         attr_int(match_node(m, "norm"), "stash_type", &stash) && stash == DT_FLOAT;
}

Value *norm_take_casts(Rewriter *rw, const Match *m) {
  Tensor *t = tx_cast(rw_model(rw), constant_of(match_value(m, "ones")), DT_FLOAT16);
  if (!t) {
    rw_missed(rw, m->root, "the scale can't be cast");
    return NULL;
  }
  return rebuilt(rw, m, match_value(m, "x"), rw_const(rw, t, "ones"), NULL);
}
