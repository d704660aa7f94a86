/* A constant factor commutes with everything linear, so the scale of the attention scores may be applied
 * wherever it costs nothing: to another constant factor, or to the weights of a projection, on either side of
 * the product Q * K^T, and above or below it. */
#include "passes/attention/operand.h"
#include "passes/attention/rules.h"
#include "passes/linear.h"

#include <math.h>

/* Where a factor may go. */
typedef struct Carrier {
  Factor factor; /* node == NULL: it is the projection */
  Projection projection;
  bool crosses;     /* a product lies between: rounding happens elsewhere */
  int64_t from, to; /* columns of the projection; to == 0: all of them */
} Carrier;

enum { PRODUCTS = 2 }; /* how many products a factor may be moved in front of */

static bool last_dim(Value *v, int64_t *n) {
  Shape s = v ? shape_of(v) : SHAPE_UNKNOWN;
  return s.rank >= 1 && sym_const(s.dim[s.rank - 1], n) && *n > 0;
}

/* Elements lo to hi along an axis of a value. */
typedef struct Run {
  Value *v;
  int64_t axis, lo, hi;
} Run;

static bool is_rank_axis(int64_t *axis, int rank) {
  if (*axis < 0) *axis += rank;
  return *axis >= 0 && *axis < rank;
}

/* Do all readers of v take single elements along the axis, and only one of them number `at`? */
static bool gathered_apart(const Value *v, int64_t axis, int64_t at) {
  int same = 0;
  if (v->keep || v->n_outputs) return false;
  for (const Use *u = v->uses; u; u = u->next) {
    int64_t a, i;
    if (u->node->graph != v->graph || u->index != 0 || !node_is(u->node, OP_Gather)) return false;
    if (!attr_int(u->node, "axis", &a) || !is_rank_axis(&a, rank_of((Value *)v)) || a != axis) return false;
    if (!node_in(u->node, 1) || !constant_int(node_in(u->node, 1), &i) || i < 0) return false;
    same += i == at;
  }
  return same == 1;
}

/* What of its input does a Split's or a Gather's result hold? */
static bool run_of(const Value *part, Run *r) {
  const Node *n = part->producer;
  int64_t size;
  r->v = node_in(n, 0);
  int rank = r->v ? rank_of(r->v) : -1;
  if (!attr_int(n, "axis", &r->axis) || !is_rank_axis(&r->axis, rank)) return false;
  if (node_is(n, OP_Gather)) {
    if (!node_in(n, 1) || !constant_int(node_in(n, 1), &r->lo) || r->lo < 0) return false;
    if (__builtin_add_overflow(r->lo, 1, &r->hi)) return false;
    return gathered_apart(r->v, r->axis, r->lo);
  }
  r->lo = 0;
  for (int i = 0; i < part->index; i++) {
    if (!const_dim(node_out(n, i), r->axis, &size) || __builtin_add_overflow(r->lo, size, &r->lo))
      return false;
  }
  if (!const_dim(n->out[part->index], r->axis, &size) || __builtin_add_overflow(r->lo, size, &r->hi))
    return false;
  return sole_reader(r->v) != NULL;
}

/* The same elements in front of the Transpose or Reshape that makes the value; after a Reshape they must be a
 * run of its input's last axis, which the axis and those behind it were. */
static bool run_above(Run *r) {
  Node *n = r->v->producer;
  Value *x = node_in(n, 0);
  const int64_t *perm;
  size_t count;
  int64_t tail = 1, size, whole;
  if (node_is(n, OP_Transpose)) {
    if (!attr_ints(n, "perm", &perm, &count) || r->axis >= (int64_t)count) return false;
    r->axis = perm[r->axis];
  } else {
    Shape out = shape_of(r->v);
    if (!node_is(n, OP_Reshape) || !last_dim(x, &whole)) return false;
    for (int64_t i = r->axis + 1; i < out.rank; i++)
      if (!const_dim(r->v, i, &size) || __builtin_mul_overflow(tail, size, &tail)) return false;
    if (!const_dim(r->v, r->axis, &size) || __builtin_mul_overflow(tail, size, &size) || size != whole)
      return false;
    if (__builtin_mul_overflow(r->lo, tail, &r->lo) || __builtin_mul_overflow(r->hi, tail, &r->hi))
      return false;
    r->axis = rank_of(x) - 1;
  }
  r->v = x;
  return sole_reader(x) != NULL;
}

/* Is part some of the columns of a projection (fused Q, K and V)? */
static bool columns_of(const Value *part, Carrier *c) {
  Run r;
  int64_t whole;
  if (!run_of(part, &r)) return false;
  while (r.v->producer && is_layout(r.v->producer))
    if (!run_above(&r)) return false;
  Projection *p = &c->projection;
  if (!r.v->producer || !projection_of(r.v->producer, p) || !last_dim(r.v, &whole)) return false;
  c->from = r.lo;
  c->to = r.hi;
  if (r.axis != rank_of(r.v) - 1 || c->to > whole) return false;
  return p->weight == 1 ? node_is(p->product, OP_MatMul)
                        : p->weight < 0 && constant_of(node_in(p->product, 1));
}

static bool carrier_above(Value *v, bool want_factor, int products, Carrier *c) {
  v = source_value(v);
  Node *n = v ? v->producer : NULL;
  if (!n) return false;
  if (want_factor ? factor_of(n, &c->factor) : projection_of(n, &c->projection)) return true;
  if (!want_factor && (node_is(n, OP_Split) || node_is(n, OP_Gather))) return columns_of(v, c);
  if (!node_is(n, OP_MatMul) || !node_in(n, 0) || !node_in(n, 1) || !products) return false;
  c->crosses = true;
  return carrier_above(node_in(n, 0), want_factor, products - 1, c) ||
         carrier_above(node_in(n, 1), want_factor, products - 1, c);
}

/* The product that reads the factor's result, if nothing but layout lies between; *other: its other operand.
 */
static Node *product_below(Value *v, Value **other) {
  for (const Use *u = sole_reader(v); u; u = sole_reader(v)) {
    Node *n = u->node;
    if (node_is(n, OP_MatMul)) return *other = node_in(n, 1 - u->index), n;
    if (!is_layout(n) || u->index != 0) return NULL;
    v = n->out[0];
  }
  return NULL;
}

static bool find_carrier(const Factor *f, bool want_factor, Carrier *c) {
  Value *other;
  *c = (Carrier){0};
  if (carrier_above(f->x, want_factor, PRODUCTS, c)) return true;
  *c = (Carrier){.crosses = true};
  return product_below(f->node->out[0], &other) && other &&
         carrier_above(other, want_factor, PRODUCTS - 1, c);
}

/* --- weights that others read too ---------------------------------------------------------------------- */

/* All the factors that a projection's result meets up to and around the product it goes into. */
static double total_factor(Node *product) {
  Factor f;
  double total = 1;
  int products = 0;
  Value *v = product->out[0];
  for (const Use *u = sole_reader(v); u; u = sole_reader(v)) {
    Node *n = u->node;
    if (factor_of(n, &f))
      total *= f.value;
    else if (node_is(n, OP_MatMul) && node_in(n, 1 - u->index) && !products++) {
      Node *other = source_of(node_in(n, 1 - u->index));
      if (other && factor_of(other, &f)) total *= f.value;
    } else if (!(node_is(n, OP_Add) && !products && node_in(n, 1 - u->index) &&
                 constant_of(node_in(n, 1 - u->index))) &&
               !is_layout(n))
      break;
    v = n->out[0];
  }
  return total;
}

/* Will every reader of these weights want them scaled like that? Then one scaled copy replaces them in the
 * end. */
static bool all_scaled_alike(const Value *w, double total) {
  if (w->n_outputs || w->keep) return false;
  for (const Use *u = w->uses; u; u = u->next) {
    Node *n = u->node;
    if (is_layout(n) && constant_of(n->out[0])) {
      if (!all_scaled_alike(n->out[0], total)) return false;
      continue;
    }
    if (!node_is(n, OP_MatMul) || !node_out(n, 0)) return false;
    double there = total_factor(n);
    if (fabs(there - total) > 1e-5 * fabs(total)) return false;
  }
  return true;
}

/* The value as the file has it, before layout operators. */
static const Value *stored(const Value *v) {
  while (v->producer && is_layout(v->producer)) v = node_in(v->producer, 0);
  return v;
}

static bool may_rescale(Rewriter *rw, const Projection *p) {
  const Value *w = stored(node_in(p->product, p->weight));
  if (w->n_uses == 1 || constant_of(node_in(p->product, p->weight))->nbytes <= rw_max_growth(rw)) return true;
  return all_scaled_alike(w, total_factor(p->product));
}

/* --- arithmetic ---------------------------------------------------------------------------------------- */

static bool is_narrow(ElemType t) {
  return t == DT_FLOAT16 || t == DT_BFLOAT16;
}

static void set_constant(Rewriter *rw, Node *n, int slot, Tensor *t) {
  rw_insert_before(rw, n);
  rw_set_input(rw, n, slot, rw_const(rw, t, node_in(n, slot)->name->s));
}

static Outcome join(Rewriter *rw, Node *node, const Factor *f, const Factor *into) {
  Model *m = rw_model(rw);
  double value;
  Factor onto = *f;
  onto.divides = f->divides != into->divides; /* x / t * s is x / (t / s) */
  Tensor *t = scale_tensor(m, &onto, into->by);
  NEED(t && tx_all_normal(m, t, t->dtype) && tensor_get_double(t, 0, &value) && value != 0,
       "the product of the two factors is not a normal number in %s", elem_name(f->by->dtype));
  set_constant(rw, into->node, into->slot, t);
  rw_note(rw, "joined with the factor of %s", node_label(into->node));
  return FIRED;
}

static Outcome fold_into_projection(Rewriter *rw, Node *node, const Factor *f, const Projection *p) {
  Model *m = rw_model(rw);
  Node *product = p->product;
  Tensor *bias = p->add ? constant_of(node_in(p->add, p->bias)) : NULL, *own = NULL, *w = NULL;
  if (bias)
    NEED(bias = scale_tensor(m, f, bias), "a scaled bias is not a normal number in %s",
         elem_name(f->by->dtype));
  if (p->weight >= 0) {
    NEED(may_rescale(rw, p), "the weights of %s have other readers: the file would grow",
         node_label(product));
    w = scale_tensor(m, f, constant_of(node_in(product, p->weight)));
    NEED(w, "a scaled weight is not a normal number in %s", elem_name(f->by->dtype));
    own = node_in(product, 2) ? constant_of(node_in(product, 2)) : NULL;
    if (own)
      NEED(own = scale_tensor(m, f, own), "a scaled bias is not a normal number in %s",
           elem_name(f->by->dtype));
  } else if (scale_gemm(rw, node, f, product, true) != FIRED)
    return MISSED;
  if (w) set_constant(rw, product, p->weight, w);
  if (own) set_constant(rw, product, 2, own);
  if (bias) set_constant(rw, p->add, p->bias, bias);
  rw_note(rw, "%s %g folded into %s", f->divides ? "division by" : "factor",
          f->divides ? 1 / f->value : f->value, node_label(product));
  return FIRED;
}

/* t with the columns scaled that stand along `axis`; a tensor without columns is refused. */
static Tensor *scale_part(Model *m, const Factor *f, Tensor *t, int axis, const Carrier *c, int64_t columns) {
  if (!t || axis < 0 || axis >= t->rank || t->dim[axis] != columns) return NULL;
  Tensor *part[3] = {tx_slice(m, t, axis, 0, c->from),
                     scale_tensor(m, f, tx_slice(m, t, axis, c->from, c->to)),
                     tx_slice(m, t, axis, c->to, columns)};
  return tx_concat(m, 3, part, axis);
}

/* The same for some of a projection's columns. */
static Outcome fold_into_columns(Rewriter *rw, Node *node, const Factor *f, const Carrier *c) {
  Model *m = rw_model(rw);
  const Projection *p = &c->projection;
  Node *product = p->product;
  int64_t trans = 0, columns;
  TRY(last_dim(product->out[0], &columns));
  if (p->weight < 0) TRY(attr_int(product, "transB", &trans));
  const Value *stored_w = stored(node_in(product, 1));
  Tensor *w = constant_of(node_in(product, 1)), *bias = p->add ? constant_of(node_in(p->add, p->bias)) : NULL;
  Value *cv = p->weight < 0 ? node_in(product, 2) : NULL;
  Tensor *own = cv ? constant_of(cv) : NULL;
  NEED(stored_w->n_uses == 1 || w->nbytes <= rw_max_growth(rw),
       "the weights of %s have other readers: the file would grow", node_label(product));
  NEED(!cv || own, "C of %s is not constant", node_label(product));
  const char *type = elem_name(f->by->dtype);
  NEED(w = scale_part(m, f, w, trans ? w->rank - 2 : w->rank - 1, c, columns),
       "a scaled weight is not a normal number in %s", type);
  if (own)
    NEED(own = scale_part(m, f, own, own->rank - 1, c, columns),
         "C has no columns, or a scaled one is not a normal number");
  if (bias)
    NEED(bias = scale_part(m, f, bias, bias->rank - 1, c, columns),
         "the bias has no columns, or a scaled one is not a normal number");
  set_constant(rw, product, 1, w);
  if (own) set_constant(rw, product, 2, own);
  if (bias) set_constant(rw, p->add, p->bias, bias);
  rw_note(rw, "folded into columns %lld to %lld of %s", (long long)c->from, (long long)c->to - 1,
          node_label(product));
  return FIRED;
}

Outcome fold_scale(Rewriter *rw, Node *node) {
  Factor f;
  Carrier c;
  const char *why;
  TRY(factor_of(node, &f));
  bool joins = find_carrier(&f, true, &c);
  TRY(joins || find_carrier(&f, false, &c));
  NEED(rw_can_replace(rw, node->out[0], f.x, &why), "%s", why);
  NEED(!c.crosses || !is_narrow(f.by->dtype) || fabs(f.value) <= 1,
       "in %s a factor above 1 may overflow in front of the product", elem_name(f.by->dtype));
  Outcome done = joins  ? join(rw, node, &f, &c.factor)
                 : c.to ? fold_into_columns(rw, node, &f, &c)
                        : fold_into_projection(rw, node, &f, &c.projection);
  if (done == FIRED) rw_replace(rw, node->out[0], f.x);
  return done;
}
