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
#include "passes/polynomial.h"

#include <math.h>

enum { LINEAR = POLY_TERM(0, 1), CUBIC = POLY_TERM(0, 1) | POLY_TERM(0, 3) };

static bool is_gelu_argument(const Poly *p, bool tanh, ElemType t) {
  double pi = 3.14159265358979323846, k = tanh ? sqrt(2 / pi) : sqrt(0.5);
  return poly_near(p->c[0][1], k, t) && (!tanh || poly_near(p->c[0][3], 0.044715 * k, t));
}

static Outcome fuse(Rewriter *rw, Node *node) {
  static const OpId functions[] = {OP_Erf, OP_Tanh};
  Value *base[POLY_MAX_BASES];
  TRY(node->n_in == 2 && node_out(node, 0));
  Node *function = find_function(node, 4, functions, 2);
  TRY(function);
  bool tanh = node_is(function, OP_Tanh);
  Poly outer, inner;
  int n = poly_bases(node_in(function, 0), base);
  for (int i = 0; i < n; i++) {
    Variables of = poly_variables(base[i], function->out[0]);
    ElemType t = dtype_of(of.x);
    if (!poly_of(node->out[0], &of, &outer) || !poly_has_terms(&outer, LINEAR | POLY_TERM(1, 1))) continue;
    if (!poly_of(node_in(function, 0), &of, &inner) || !poly_has_terms(&inner, tanh ? CUBIC : LINEAR))
      continue;
    if (!poly_near(outer.c[0][1], 0.5, t) || !poly_near(outer.c[1][1], 0.5, t)) continue;
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
