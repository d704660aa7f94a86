/* fuse_gelu
 *
 * Before:    0.5 * x * (1 + erf(x / sqrt(2))), or
 *            0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ^ 3))), or
 *            x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x ^ 3)), which is the same; factors and summands
 *            in any order and association, multiplied out or not, divisions for products, Mul for Pow;
 *            1 - erf(-x / sqrt(2)) for 1 + erf(x / sqrt(2))
 * After:     Gelu(x), Gelu <approximate = "tanh"> (x)
 * Formula:   both sides are read as polynomials: the result of x and g = erf(...), tanh(...) or sigmoid(...),
 *            g's argument of x. They are Gelu's if every coefficient is within two units in the last place of
 *            the element type (a product of two rounded constants is at most one off)
 * When not:  the opset is below 20; other constants (a remark says so); a value between g and the result has
 *            other readers; the element type is not float, float16 or double
 * Exactness: rounding
 */
#include "passes/polynomial.h"

#include <math.h>

/* The coefficients of x, x * g and x^3 that the result and the argument of g must have; all others are 0. */
typedef struct Gelu {
  const char *approximate;
  double x, xg;                   /* of the result */
  double argument_x, argument_x3; /* of g's argument */
} Gelu;

static Gelu gelu_by(const Node *function) {
  double pi = 3.14159265358979323846, k = sqrt(2 / pi);
  switch (function->op->id) {
  case OP_Tanh: return (Gelu){"tanh", 0.5, 0.5, k, 0.044715 * k};
  case OP_Sigmoid: return (Gelu){"tanh", 0, 1, 2 * k, 2 * 0.044715 * k}; /* (1 + tanh(z)) / 2 is that of 2z */
  default: return (Gelu){NULL, 0.5, 0.5, sqrt(0.5), 0};
  }
}

static uint32_t terms(double x, double xg, double x3) {
  return (x != 0 ? POLY_TERM(0, 1) : 0) | (xg != 0 ? POLY_TERM(1, 1) : 0) | (x3 != 0 ? POLY_TERM(0, 3) : 0);
}

/* erf(-z) = -erf(z), and so for tanh. */
static void make_positive(const Node *function, Poly *outer, Poly *inner) {
  if (node_is(function, OP_Sigmoid) || inner->c[0][1] > 0) return;
  for (int i = 0; i <= POLY_DEGREE; i++) {
    inner->c[0][i] = -inner->c[0][i];
    outer->c[1][i] = -outer->c[1][i];
  }
}

static Outcome fuse(Rewriter *rw, Node *node) {
  static const OpId functions[] = {OP_Erf, OP_Tanh, OP_Sigmoid};
  Value *base[POLY_MAX_BASES];
  TRY(node_out(node, 0));
  Node *function = find_function(node, 4, functions, 3);
  TRY(function);
  Gelu gelu = gelu_by(function);
  Poly outer, inner;
  int n = poly_bases(node_in(function, 0), base);
  for (int i = 0; i < n; i++) {
    Variables of = poly_variables(base[i], function->out[0]);
    ElemType t = dtype_of(of.x);
    if (!poly_of(node->out[0], &of, &outer) || !poly_has_terms(&outer, terms(gelu.x, gelu.xg, 0))) continue;
    if (!poly_of(node_in(function, 0), &of, &inner) ||
        !poly_has_terms(&inner, terms(gelu.argument_x, 0, gelu.argument_x3)))
      continue;
    make_positive(function, &outer, &inner);
    if (!poly_near(outer.c[0][1], gelu.x, t) || !poly_near(outer.c[1][1], gelu.xg, t)) continue;
    rw_saw_from(rw, node, 1, &of.x);
    NEED(t == DT_FLOAT || t == DT_FLOAT16 || t == DT_DOUBLE, "there is no kernel of Gelu for %s",
         elem_name(t));
    NEED(poly_near(inner.c[0][1], gelu.argument_x, t) && poly_near(inner.c[0][3], gelu.argument_x3, t),
         "the constants in %s are not those of Gelu", function->op->name);
    NEED(node->opset >= 20, "Gelu needs opset 20, this is %d", node->opset);
    Node *now = rw_node(rw, OP_Gelu, 1, &of.x);
    if (gelu.approximate) rw_attr_string(rw, now, "approximate", gelu.approximate);
    const char *why;
    NEED(rw_can_replace(rw, node->out[0], now->out[0], &why), "%s", why);
    rw_replace(rw, node->out[0], now->out[0]);
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

const Pass pass_fuse_gelu = {"fuse_gelu", "recognises Gelu in its parts (opset 20)", PASS_RULES(rules),
                             .makes = OP_Gelu};
