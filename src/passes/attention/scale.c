/* A constant factor commutes with everything linear, so the scale of the attention scores may be applied wherever it
 * costs nothing: to another constant factor, or to the weights of a projection, on either side of the product
 * Q * K^T, and above or below it. */
#include "passes/linear.h"
#include "passes/attention/rules.h"

#include <math.h>

/* Where a factor may go. */
typedef struct Carrier {
  Factor factor;         /* node == NULL: it is the projection */
  Projection projection;
  bool crosses; /* a product lies between: rounding happens elsewhere */
} Carrier;

enum { PRODUCTS = 2 }; /* how many products a factor may be moved in front of */

static bool carrier_above(Value *v, bool want_factor, int products, Carrier *c) {
  Node *n = source_of(v);
  if (!n) return false;
  if (want_factor ? factor_of(n, &c->factor) : projection_of(n, &c->projection)) return true;
  if (!node_is(n, OP_MatMul) || !node_in(n, 0) || !node_in(n, 1) || !products) return false;
  c->crosses = true;
  return carrier_above(node_in(n, 0), want_factor, products - 1, c) ||
         carrier_above(node_in(n, 1), want_factor, products - 1, c);
}

/* The product that reads the factor's result, if nothing but layout lies between; *other: its other operand. */
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
  return product_below(f->node->out[0], &other) && other && carrier_above(other, want_factor, PRODUCTS - 1, c);
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
    if (factor_of(n, &f)) total *= f.value;
    else if (node_is(n, OP_MatMul) && node_in(n, 1 - u->index) && !products++) {
      Node *other = source_of(node_in(n, 1 - u->index));
      if (other && factor_of(other, &f)) total *= f.value;
    } else if (!(node_is(n, OP_Add) && !products && node_in(n, 1 - u->index) && constant_of(node_in(n, 1 - u->index))) &&
               !is_layout(n))
      break;
    v = n->out[0];
  }
  return total;
}

/* Will every reader of these weights want them scaled like that? Then one scaled copy replaces them in the end. */
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
  if (bias) NEED(bias = scale_tensor(m, f, bias), "a scaled bias is not a normal number in %s", elem_name(f->by->dtype));
  if (p->weight >= 0) {
    NEED(may_rescale(rw, p), "the weights of %s have other readers: the file would grow", node_label(product));
    w = scale_tensor(m, f, constant_of(node_in(product, p->weight)));
    NEED(w, "a scaled weight is not a normal number in %s", elem_name(f->by->dtype));
    own = node_in(product, 2) ? constant_of(node_in(product, 2)) : NULL;
    if (own) NEED(own = scale_tensor(m, f, own), "a scaled bias is not a normal number in %s", elem_name(f->by->dtype));
  } else if (scale_gemm(rw, node, f, product, true) != FIRED) return MISSED;
  if (w) set_constant(rw, product, p->weight, w);
  if (own) set_constant(rw, product, 2, own);
  if (bias) set_constant(rw, p->add, p->bias, bias);
  rw_note(rw, "%s %g folded into %s", f->divides ? "division by" : "factor", f->divides ? 1 / f->value : f->value,
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
  Outcome done = joins ? join(rw, node, &f, &c.factor) : fold_into_projection(rw, node, &f, &c.projection);
  if (done == FIRED) rw_replace(rw, node->out[0], f.x);
  return done;
}
