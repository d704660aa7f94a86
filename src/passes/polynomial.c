#include "passes/polynomial.h"

#include <math.h>

/* --- arithmetic ---------------------------------------------------------------------------------------- */

static bool poly_constant(Value *v, int rank, Poly *p) {
  *p = (Poly){0};
  return constant_scalar(v, &p->c[0][0]) && constant_of(v)->rank <= rank && isfinite(p->c[0][0]);
}

static void poly_add(const Poly *a, const Poly *b, double sign, Poly *sum) {
  for (int j = 0; j < 2; j++)
    for (int i = 0; i <= POLY_DEGREE; i++) sum->c[j][i] = a->c[j][i] + sign * b->c[j][i];
}

static bool poly_mul(const Poly *a, const Poly *b, Poly *product) {
  enum { TERMS = POLY_DEGREE + 1 };
  Poly p = {0};
  for (int j = 0; j < 4; j++)
    for (int i = 0; i < TERMS * TERMS; i++) {
      int ja = j / 2, jb = j % 2, ia = i / TERMS, ib = i % TERMS;
      double c = a->c[ja][ia] * b->c[jb][ib];
      if (c == 0) continue;
      if (ja + jb > 1 || ia + ib > POLY_DEGREE) return false;
      p.c[ja + jb][ia + ib] += c;
    }
  *product = p;
  return true;
}

/* --- reading ------------------------------------------------------------------------------------------- */

bool is_arithmetic(const Node *n) {
  return node_is(n, OP_Mul) || node_is(n, OP_Add) || node_is(n, OP_Div) || node_is(n, OP_Sub) ||
         node_is(n, OP_Neg);
}

static bool read_value(Value *v, const Variables *of, int depth, Poly *p);

static bool read_power(Value *base, Value *exponent, const Variables *of, int depth, Poly *p) {
  double e;
  Poly b;
  if (!constant_scalar(exponent, &e) || constant_of(exponent)->rank > of->rank || (e != 2 && e != 3))
    return false;
  return read_value(base, of, depth, &b) && poly_mul(&b, &b, p) && (e == 2 || poly_mul(p, &b, p));
}

static bool read_value(Value *v, const Variables *of, int depth, Poly *p) {
  *p = (Poly){0};
  if (v == of->x) return p->c[0][1] = 1, true;
  if (v == of->g) return p->c[1][0] = 1, true;
  if (constant_of(v)) return poly_constant(v, of->rank, p);
  Node *n = v->producer;
  if (!n || !n->op || !node_in(n, 0) || n->graph != of->x->graph || !depth) return false;
  if (node_is(n, OP_Neg)) {
    Poly zero = {0}, b;
    if (!read_value(node_in(n, 0), of, depth - 1, &b)) return false;
    return poly_add(&zero, &b, -1, p), true;
  }
  if (n->n_in != 2) return false;
  Value *left = node_in(n, 0), *right = node_in(n, 1);
  if (!left || !right) return false;
  if (node_is(n, OP_Pow)) return read_power(left, right, of, depth - 1, p);
  Poly a, b;
  if (!is_arithmetic(n) || !read_value(left, of, depth - 1, &a) || !read_value(right, of, depth - 1, &b))
    return false;
  switch (n->op->id) {
  case OP_Add: return poly_add(&a, &b, 1, p), true;
  case OP_Sub: return poly_add(&a, &b, -1, p), true;
  case OP_Mul: return poly_mul(&a, &b, p);
  default: /* Div */
    if (!constant_of(right) || b.c[0][0] == 0) return false;
    b.c[0][0] = 1 / b.c[0][0];
    return poly_mul(&a, &b, p);
  }
}

Variables poly_variables(Value *x, Value *g) {
  return (Variables){x, g, rank_of(x) > 0 ? rank_of(x) : 0};
}

bool poly_of(Value *v, const Variables *of, Poly *p) {
  return read_value(v, of, POLY_DEPTH, p);
}

/* --- looking at it ------------------------------------------------------------------------------------- */

bool poly_has_terms(const Poly *p, unsigned terms) {
  for (int j = 0; j < 2; j++)
    for (int i = 0; i <= POLY_DEGREE; i++)
      if ((p->c[j][i] != 0) != ((terms & POLY_TERM(j, i)) != 0)) return false;
  return true;
}

bool poly_near(double c, double wanted, ElemType t) {
  double unit = t == DT_FLOAT ? 0x1p-23 : t == DT_FLOAT16 ? 0x1p-10 : 0x1p-52;
  return fabs(c - wanted) <= 2 * unit * fabs(wanted);
}

static void add_bases(Value *v, int depth, Value **at, int *n) {
  if (!v || constant_of(v) || *n == POLY_MAX_BASES) return;
  for (int i = 0; i < *n; i++)
    if (at[i] == v) return;
  at[(*n)++] = v;
  const Node *above = v->producer;
  if (!depth || !above || (!is_arithmetic(above) && !node_is(above, OP_Pow))) return;
  for (int i = 0; i < above->n_in; i++) add_bases(node_in(above, i), depth - 1, at, n);
}

int poly_bases(Value *v, Value **at) {
  int n = 0;
  add_bases(v, POLY_DEPTH, at, &n);
  return n;
}

static bool is_one_of(const Node *n, const OpId *ops, int count) {
  for (int i = 0; i < count; i++)
    if (node_is(n, ops[i])) return true;
  return false;
}

Node *find_function(Node *n, int depth, const OpId *one_of, int count) {
  for (int i = 0; i < n->n_in && depth; i++) {
    Value *v = node_in(n, i);
    Node *above = v ? v->producer : NULL;
    if (!above || above->graph != n->graph || !node_is_inner(above)) continue;
    if (is_one_of(above, one_of, count)) return node_in(above, 0) ? above : NULL;
    Node *found = is_arithmetic(above) ? find_function(above, depth - 1, one_of, count) : NULL;
    if (found) return found;
  }
  return NULL;
}
