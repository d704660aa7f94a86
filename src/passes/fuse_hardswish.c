/* fuse_hardswish
 *
 * Before:    x * HardSigmoid <alpha = 1/6, beta = 0.5> (x), or
 *            x * Clip(x + 3, 0, 6) / 6, x * Clip(x / 6 + 0.5, 0, 1), Min and Max for Clip, factors in any
 *            order and association, divisions for products
 * After:     HardSwish(x)
 * Formula:   s * clip(a * x + b, 0, hi) = clip(x / 6 + 1 / 2, 0, 1) if s * a = 1 / 6, s * b = 1 / 2,
 *            s * hi = 1; every product within two units in the last place of the element type
 * When not:  nobody asked for it: ONNX Runtime has no kernel of HardSwish and takes it apart again; the opset
 *            is below 14; other constants (a remark says so); a value between Clip and the result has other
 *            readers; the element type is not float or float16
 * Exactness: bitwise for HardSigmoid with the float nearest to 1/6: it is the definition of the operator;
 *            else rounding
 */
#include "passes/polynomial.h"

static bool is_definition(const Match *m) {
  float alpha, beta;
  const Node *n = match_node(m, "h");
  return attr_float(n, "alpha", &alpha) && attr_float(n, "beta", &beta) && alpha == 1.0f / 6 && beta == 0.5f;
}

static bool has_hardswish(const Match *m) {
  return m->root->opset >= 14;
}

/* --- the other spellings ------------------------------------------------------------------------------- */

/* clip(argument, lo, hi) */
typedef struct Clipped {
  Value *argument;
  double lo, hi;
} Clipped;

/* Max or Min of a value and a number. */
static bool read_extreme(const Node *n, Value **x, double *bound) {
  for (int i = 0; n->n_in == 2 && i < 2; i++)
    if (node_in(n, i) && node_in(n, 1 - i) && constant_scalar(node_in(n, 1 - i), bound)) {
      *x = node_in(n, i);
      int own = constant_of(node_in(n, 1 - i))->rank;
      return own == 0 || own <= rank_of(*x);
    }
  return false;
}

/* Min(Max(x, lo), hi) or Max(Min(x, hi), lo): n is the outer one. */
static bool read_extremes(const Node *n, Clipped *c) {
  bool outer_is_min = node_is(n, OP_Min);
  Value *v;
  if (!read_extreme(n, &v, outer_is_min ? &c->hi : &c->lo) || !v->producer) return false;
  const Node *inner = v->producer;
  if (!node_is(inner, outer_is_min ? OP_Max : OP_Min) || !node_is_inner(inner)) return false;
  return read_extreme(inner, &c->argument, outer_is_min ? &c->lo : &c->hi);
}

static bool read_clipped(const Node *n, Clipped *c) {
  if (node_is(n, OP_Min) || node_is(n, OP_Max)) return read_extremes(n, c);
  *c = (Clipped){.argument = node_in(n, 0)};
  if (node_is(n, OP_HardSigmoid)) return c->hi = 1, true;
  float lo, hi;
  if (n->opset >= 11)
    return node_in(n, 1) && node_in(n, 2) && constant_scalar(node_in(n, 1), &c->lo) &&
           constant_scalar(node_in(n, 2), &c->hi);
  if (!attr_float(n, "min", &lo) || !attr_float(n, "max", &hi)) return false;
  return c->lo = (double)lo, c->hi = (double)hi, true;
}

/* The argument of the clip as a * x + b. */
static bool read_argument(const Node *n, const Clipped *c, const Variables *of, double *a, double *b) {
  Poly p;
  float alpha, beta;
  if (node_is(n, OP_HardSigmoid)) {
    if (c->argument != of->x || !attr_float(n, "alpha", &alpha) || !attr_float(n, "beta", &beta))
      return false;
    return *a = (double)alpha, *b = (double)beta, true;
  }
  if (!poly_of(c->argument, of, &p) || !poly_has_terms(&p, POLY_TERM(0, 0) | POLY_TERM(0, 1))) return false;
  return *a = p.c[0][1], *b = p.c[0][0], true;
}

static Outcome fuse(Rewriter *rw, Node *node) {
  static const OpId functions[] = {OP_Clip, OP_HardSigmoid, OP_Min, OP_Max};
  Value *base[POLY_MAX_BASES];
  Clipped c;
  TRY(node->n_in == 2 && node_out(node, 0));
  const Node *clip = find_function(node, 3, functions, 4);
  TRY(clip && read_clipped(clip, &c));
  int n = poly_bases(c.argument, base);
  for (int i = 0; i < n; i++) {
    Variables of = poly_variables(base[i], clip->out[0]);
    ElemType t = dtype_of(of.x);
    Poly product;
    double a, b;
    if (!poly_of(node->out[0], &of, &product) || !poly_has_terms(&product, POLY_TERM(1, 1))) continue;
    if (!read_argument(clip, &c, &of, &a, &b)) continue;
    double s = product.c[1][1];
    rw_saw_from(rw, node, 1, &of.x);
    NEED(c.lo == 0 && poly_near(s * c.hi, 1, t) && poly_near(s * a, 1.0 / 6, t) && poly_near(s * b, 0.5, t),
         "the constants are not those of HardSwish");
    NEED(t == DT_FLOAT || t == DT_FLOAT16, "there is no kernel of HardSigmoid, its definition, for %s",
         elem_name(t));
    NEED(node->opset >= 14, "HardSwish needs opset 14, this is %d", node->opset);
    Node *hardswish = rw_node(rw, OP_HardSwish, 1, &of.x);
    const char *why;
    NEED(rw_can_replace(rw, node->out[0], hardswish->out[0], &why), "%s", why);
    rw_replace(rw, node->out[0], hardswish->out[0]);
    return FIRED;
  }
  return NO_MATCH;
}

static const Rule rules[] = {
    {.name = "hardswish",
     .match = "Mul(x, HardSigmoid:h(x))",
     .replace = "HardSwish(x)",
     .when = {{is_definition, "its alpha and beta are not 1/6 and 0.5"},
              {has_hardswish, "HardSwish needs opset 14"}},
     .exact = BITWISE},
    {.name = "hardswish-parts",
     .doc = "x * Clip(x + 3, 0, 6) / 6 in every spelling => HardSwish(x)",
     .exact = ROUNDING,
     .apply = fuse,
     .roots = {OP_Mul, OP_Div}},
};

const Pass pass_fuse_hardswish = {"fuse_hardswish", "recognises HardSwish in its parts (opset 14)",
                                  PASS_RULES(rules), .opt_in = true};
