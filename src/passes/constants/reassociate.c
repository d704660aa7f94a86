/* Chains of Add and Sub, or of Mul and Div, with constants: (x op c) op d => x op e.
 *
 * Formula    sums: each node is s*x + t*c with s, t of +1 or -1; products: x^s * c^t with exponents of +1 or
 *            -1. Two nodes on top of each other are one of the same kind, over e = c combined with d, in
 *            double and rounded once.
 * When not   e is larger than both constants; it is not a normal number in the stored type; the two nearly
 *            cancel (adding and taking away a large number rounds x, and is sometimes meant to); the constant
 *            is the mark of a form that runtimes fuse; integers are divided
 */
#include "passes/constants/constants.h"
#include "rewrite/forms.h"

#include <math.h>

enum { MAX_ELEMENTS = 1 << 22 };
#define LEAST_LEFT 0x1p-8 /* of the larger constant, after a sum */

typedef struct Term {
  Node *node;
  Value *x, *c;
  bool product;
  int s, t; /* signs or exponents of x and c */
} Term;

/* x op c or c op x; false if both or neither are constant. */
static bool read_term(Node *n, Term *term) {
  bool sum = node_is(n, OP_Add) || node_is(n, OP_Sub), product = node_is(n, OP_Mul) || node_is(n, OP_Div);
  if (!(sum || product) || n->n_in != 2 || !node_in(n, 0) || !node_in(n, 1) || !node_out(n, 0)) return false;
  bool first = constant_of(node_in(n, 0)), second = constant_of(node_in(n, 1));
  if (first == second) return false;
  bool inverts = node_is(n, OP_Sub) || node_is(n, OP_Div);
  *term = (Term){n,       node_in(n, first),         node_in(n, !first),
                 product, inverts && first ? -1 : 1, inverts && !first ? -1 : 1};
  return true;
}

/* c^p * d^q or p*c + q*d, where not both of p and q are -1. */
static Tensor *combine(Model *m, bool product, Tensor *c, int p, Tensor *d, int q) {
  OpId with = product ? OP_Mul : OP_Add, against = product ? OP_Div : OP_Sub;
  if (p == q) return tx_binary(m, with, c, d);
  return p > 0 ? tx_binary(m, against, c, d) : tx_binary(m, against, d, c);
}

static const double *doubles(Rewriter *rw, Tensor *t) {
  return t && t->dtype == DT_DOUBLE ? tensor_bytes(rw_scratch(rw), t) : NULL;
}

static const char *check_product(Rewriter *rw, Tensor *e) {
  const double *at = doubles(rw, e);
  if (!at) return "the constants can't be evaluated";
  for (uint64_t i = 0; i < e->count; i++)
    if (at[i] == 0) return "a factor is 0";
  return NULL;
}

/* Is what is left of the constants c and d in e not much smaller than they are? */
static const char *check_sum(Rewriter *rw, Tensor *c, Tensor *d, Tensor *e) {
  Model *m = rw_model(rw);
  Tensor *larger = tx_binary(m, OP_Max, tx_unary(m, OP_Abs, c), tx_unary(m, OP_Abs, d));
  const double *left = doubles(rw, e), *of = doubles(rw, larger);
  if (!left || !of || larger->count != e->count) return "the constants can't be evaluated";
  for (uint64_t i = 0; i < e->count; i++)
    if (!(fabs(left[i]) >= of[i] * LEAST_LEFT)) return "the constants nearly cancel";
  return NULL;
}

/* The combined constant of floats; NULL with the reason. */
static Tensor *combine_floats(Rewriter *rw, bool product, Tensor *c, int p, Tensor *d, int q,
                              const char **why) {
  Model *m = rw_model(rw);
  ElemType stored = c->dtype;
  Tensor *wide_c = tx_cast(m, c, DT_DOUBLE), *wide_d = tx_cast(m, d, DT_DOUBLE);
  Tensor *e = combine(m, product, wide_c, p, wide_d, q);
  *why = "the combined constant is not a normal number in the stored type";
  if (!e || !tx_all_normal(m, e, stored)) return NULL;
  *why = product ? check_product(rw, e) : check_sum(rw, wide_c, wide_d, e);
  return *why ? NULL : tx_cast(m, e, stored);
}

static bool may_combine_ints(const Term *a, const Term *b) {
  return !a->product || (node_is(a->node, OP_Mul) && node_is(b->node, OP_Mul));
}

static Value *build(Rewriter *rw, bool product, int s, bool both_inverted, Value *x, Value *e) {
  OpId plain = product ? OP_Mul : OP_Add, inverse = product ? OP_Div : OP_Sub;
  Value *in[] = {x, e}, *turned[] = {e, x};
  if (s < 0) return rw_node(rw, inverse, 2, turned)->out[0];
  return rw_node(rw, both_inverted ? inverse : plain, 2, in)->out[0];
}

static uint64_t larger_of(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static Outcome reassociate(Rewriter *rw, Node *node, bool exact) {
  Term a, b;
  TRY(read_term(node, &b) && b.x->producer && b.x->index == 0 && read_term(b.x->producer, &a) &&
      a.product == b.product);
  Tensor *c = constant_of(a.c), *d = constant_of(b.c), *e;
  TRY(c->dtype == d->dtype && (exact ? elem_is_int(c->dtype) : elem_is_float(c->dtype)));
  NEED(node_is_inner(a.node), "the %s before it has other users", a.node->op->name);
  NEED(!exact || may_combine_ints(&a, &b), "integers are rounded when they are divided");
  for (int i = 0; i < 2; i++) {
    const char *form = runtime_form(i ? b.node : a.node);
    NEED(!form, "it would hide a %s", form);
  }
  NEED(c->count && d->count && c->count <= MAX_ELEMENTS && d->count <= MAX_ELEMENTS,
       "the constants are empty, or too large");
  int s = a.s * b.s, p = b.s * a.t, q = b.t;
  bool both_inverted = p < 0 && q < 0;
  const char *why = "the constants can't be combined";
  if (exact)
    e = combine(rw_model(rw), a.product, c, p, d, q);
  else
    e = combine_floats(rw, a.product, c, p, d, q, &why);
  NEED(e, "%s", why);
  NEED(e->nbytes <= larger_of(c->nbytes, d->nbytes), "the combined constant would be larger than both");
  uint64_t freed = constant_bytes_freed(a.node) + constant_bytes_freed(b.node);
  NEED(e->nbytes <= freed || e->nbytes - freed <= rw_max_growth(rw),
       "the file would grow by %llu bytes (--max-growth %llu)", (unsigned long long)(e->nbytes - freed),
       (unsigned long long)rw_max_growth(rw));
  Value *y = build(rw, a.product, s, both_inverted, a.x, rw_const(rw, e, b.c->name->s));
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  rw_note(rw, "%s and %s are one %s", a.node->op->name, b.node->op->name, y->producer->op->name);
  return FIRED;
}

Outcome reassociate_exact(Rewriter *rw, Node *node) {
  return reassociate(rw, node, true);
}

Outcome reassociate_rounding(Rewriter *rw, Node *node) {
  return reassociate(rw, node, false);
}
