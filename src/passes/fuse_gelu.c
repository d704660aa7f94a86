/* fuse_gelu
 *
 * Before:    0.5 * x * (1 + erf(x / sqrt(2))), or
 *            0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ^ 3))), factors and summands in any order
 *            and association, multiplied out or not, divisions for products, Mul for Pow
 * After:     Gelu(x), Gelu <approximate = "tanh"> (x)
 * Formula:   both sides are read as polynomials: the result of x and g = erf(...) or tanh(...), g's argument
 *            of x. They are Gelu's if every coefficient is within two units in the last place of the element
 *            type (a product of two rounded constants is at most one off)
 * When not:  the opset is below 20; other constants (a remark says so); a value between g and the result has
 *            other readers; the element type is not float, float16 or double
 * Exactness: rounding
 */
#include "passes/passes.h"

#include <math.h>

enum { DEGREE = 3, DEPTH = 7, MAX_BASES = 24 };

/* c[j][i] is the coefficient of g^j * x^i. */
typedef struct Poly {
  double c[2][DEGREE + 1];
} Poly;

typedef struct Variables {
  Value *x, *g;
  int rank; /* of x, 0 if unknown: constants must not have more axes */
} Variables;

static bool poly_constant(Value *v, int rank, Poly *p) {
  *p = (Poly){0};
  return constant_scalar(v, &p->c[0][0]) && constant_of(v)->rank <= rank && isfinite(p->c[0][0]);
}

static void poly_add(const Poly *a, const Poly *b, double sign, Poly *sum) {
  for (int j = 0; j < 2; j++)
    for (int i = 0; i <= DEGREE; i++) sum->c[j][i] = a->c[j][i] + sign * b->c[j][i];
}

static bool poly_mul(const Poly *a, const Poly *b, Poly *product) {
  Poly p = {0};
  for (int j = 0; j < 4; j++)
    for (int i = 0; i < (DEGREE + 1) * (DEGREE + 1); i++) {
      int ja = j / 2, jb = j % 2, ia = i / (DEGREE + 1), ib = i % (DEGREE + 1);
      double c = a->c[ja][ia] * b->c[jb][ib];
      if (c == 0) continue;
      if (ja + jb > 1 || ia + ib > DEGREE) return false;
      p.c[ja + jb][ia + ib] += c;
    }
  *product = p;
  return true;
}

static bool poly_of(Value *v, const Variables *of, int depth, Poly *p);

static bool poly_power(Value *base, Value *exponent, const Variables *of, int depth, Poly *p) {
  double e;
  Poly b;
  if (!constant_scalar(exponent, &e) || constant_of(exponent)->rank > of->rank || (e != 2 && e != 3))
    return false;
  return poly_of(base, of, depth, &b) && poly_mul(&b, &b, p) && (e == 2 || poly_mul(p, &b, p));
}

/* Fails on anything that is not arithmetic on x, g and constants. */
static bool poly_of(Value *v, const Variables *of, int depth, Poly *p) {
  *p = (Poly){0};
  if (v == of->x) return p->c[0][1] = 1, true;
  if (v == of->g) return p->c[1][0] = 1, true;
  if (constant_of(v)) return poly_constant(v, of->rank, p);
  Node *n = v->producer;
  if (!n || !n->op || n->n_in != 2 || n->graph != of->x->graph || !depth) return false;
  Value *left = node_in(n, 0), *right = node_in(n, 1);
  if (!left || !right) return false;
  if (node_is(n, OP_Pow)) return poly_power(left, right, of, depth - 1, p);
  Poly a, b;
  if (!node_has(n, OP_ELEMENTWISE) || !poly_of(left, of, depth - 1, &a) || !poly_of(right, of, depth - 1, &b))
    return false;
  switch (n->op->id) {
  case OP_Add: return poly_add(&a, &b, 1, p), true;
  case OP_Sub: return poly_add(&a, &b, -1, p), true;
  case OP_Mul: return poly_mul(&a, &b, p);
  case OP_Div:
    if (!constant_of(right) || b.c[0][0] == 0) return false;
    b.c[0][0] = 1 / b.c[0][0];
    return poly_mul(&a, &b, p);
  default: return false;
  }
}

/* --- where it is --------------------------------------------------------------------------------------- */

static bool is_arithmetic(const Node *n) {
  return node_is(n, OP_Mul) || node_is(n, OP_Add) || node_is(n, OP_Div) || node_is(n, OP_Sub);
}

/* Erf or Tanh above n, through values that nobody else reads. */
static Node *find_function(Node *n, int depth) {
  for (int i = 0; i < n->n_in && depth; i++) {
    Value *v = node_in(n, i);
    Node *above = v ? v->producer : NULL;
    if (!above || above->graph != n->graph || !node_is_inner(above)) continue;
    if (node_is(above, OP_Erf) || node_is(above, OP_Tanh)) return node_in(above, 0) ? above : NULL;
    Node *found = is_arithmetic(above) ? find_function(above, depth - 1) : NULL;
    if (found) return found;
  }
  return NULL;
}

/* Every value that the argument may be a polynomial of. */
static void find_bases(Value *v, int depth, Value **at, int *n) {
  if (!v || constant_of(v) || *n == MAX_BASES) return;
  for (int i = 0; i < *n; i++)
    if (at[i] == v) return;
  at[(*n)++] = v;
  const Node *above = v->producer;
  if (!depth || !above || (!is_arithmetic(above) && !node_is(above, OP_Pow))) return;
  for (int i = 0; i < above->n_in; i++) find_bases(node_in(above, i), depth - 1, at, n);
}

/* --- is it Gelu? --------------------------------------------------------------------------------------- */

static double unit(ElemType t) {
  return t == DT_FLOAT ? 0x1p-23 : t == DT_FLOAT16 ? 0x1p-10 : 0x1p-52;
}

static bool near(double c, double wanted, ElemType t) {
  return fabs(c - wanted) <= 2 * unit(t) * fabs(wanted);
}

/* c1 * x * g^j + c3 * x^3, and no other terms? */
static bool has_terms(const Poly *p, bool outer, bool cube) {
  for (int j = 0; j < 2; j++)
    for (int i = 0; i <= DEGREE; i++) {
      bool wanted = (i == 1 && (j == 0 || outer)) || (i == 3 && j == 0 && cube);
      if ((p->c[j][i] != 0) != wanted) return false;
    }
  return true;
}

static bool is_gelu_argument(const Poly *p, bool tanh, ElemType t) {
  double pi = 3.14159265358979323846, k = tanh ? sqrt(2 / pi) : sqrt(0.5);
  return near(p->c[0][1], k, t) && (!tanh || near(p->c[0][3], 0.044715 * k, t));
}

static Outcome fuse(Rewriter *rw, Node *node) {
  Value *base[MAX_BASES];
  int n = 0;
  TRY(node->n_in == 2 && node_out(node, 0));
  Node *function = find_function(node, 4);
  TRY(function);
  bool tanh = node_is(function, OP_Tanh);
  Variables of = {.g = function->out[0]};
  Poly outer, inner;
  find_bases(node_in(function, 0), DEPTH, base, &n);
  for (int i = 0; i < n; i++) {
    of.x = base[i];
    of.rank = rank_of(of.x) > 0 ? rank_of(of.x) : 0;
    ElemType t = dtype_of(of.x);
    if (!poly_of(node->out[0], &of, DEPTH, &outer) || !has_terms(&outer, true, false)) continue;
    if (!poly_of(node_in(function, 0), &of, DEPTH, &inner) || !has_terms(&inner, false, tanh)) continue;
    if (!near(outer.c[0][1], 0.5, t) || !near(outer.c[1][1], 0.5, t)) continue;
    NEED(t == DT_FLOAT || t == DT_FLOAT16 || t == DT_DOUBLE, "there is no kernel of Gelu for %s",
         elem_name(t));
    NEED(is_gelu_argument(&inner, tanh, t), "the constants in %s are not those of Gelu",
         tanh ? "Tanh" : "Erf");
    NEED(node->opset >= 20, "Gelu needs opset 20, this is %d", node->opset);
    Node *gelu = rw_node(rw, OP_Gelu, 1, &of.x);
    if (tanh) rw_attr_string(rw, gelu, "approximate", "tanh");
    const char *why;
    NEED(rw_can_replace(rw, node->out[0], gelu->out[0], &why), "%s", why);
    rw_replace(rw, node->out[0], gelu->out[0]);
    return FIRED;
  }
  return NO_MATCH;
}

static const Rule rules[] = {
    {.name = "gelu",
     .doc = "0.5 * x * (1 + erf(x / sqrt(2))), 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ^ 3))) "
            "=> Gelu(x)",
     .exact = ROUNDING,
     .apply = fuse,
     .roots = {OP_Mul, OP_Div, OP_Add, OP_Sub}},
};

const Pass pass_fuse_gelu = {"fuse_gelu", "recognises Gelu in its parts (opset 20)", PASS_RULES(rules)};
