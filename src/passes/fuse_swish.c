/* fuse_swish
 *
 * Before:    x * Sigmoid(x), x * Sigmoid(alpha * x), x * Sigmoid(x / c), x / (1 + Exp(-x))
 * After:     Swish(x), with alpha where it is not 1
 * When not:  nobody asked for it: ONNX Runtime has no kernel of Swish and takes it apart again, while
 *            x * Sigmoid(x) becomes its own fast form; the opset is below 24, or above it, where ONNX
 *            Runtime does not take it apart any more; alpha is no number that a float attribute holds
 *            exactly; Sigmoid has other readers
 * Exactness: bitwise for the products: they are the definition of the operator, alpha cast to the type of x;
 *            else rounding
 */
#include "passes/passes.h"

#include <math.h>

static bool has_swish(const Match *m) {
  return m->root->opset >= 24;
}

/* The operator's definition is written in operators of opset 24, some of which changed in 25. */
static bool is_taken_apart(const Match *m) {
  return m->root->opset < 25;
}

/* The constant called `name`, if it is one number that adds no axes to x. */
static bool number(const Match *m, const char *name, double *c) {
  Value *v = match_value(m, name);
  int rank = rank_of(match_value(m, "x")), own = constant_of(v)->rank;
  return constant_scalar(v, c) && (own == 0 || own <= rank);
}

static bool alpha_is_exact(const Match *m) {
  double c;
  return number(m, "alpha", &c) && (double)(float)c == c;
}

static bool quotient_is_alpha(const Match *m) {
  double c;
  return number(m, "c", &c) && isfinite(c) && isnormal((float)(1 / c));
}

static bool is_one(const Match *m) {
  double c;
  return number(m, "one", &c) && c == 1;
}

static Value *swish(Rewriter *rw, const Match *m, double alpha) {
  Value *x = match_value(m, "x");
  Node *n = rw_node(rw, OP_Swish, 1, &x);
  if (alpha != 1) rw_attr_float(rw, n, "alpha", (float)alpha);
  return n->out[0];
}

static Value *build(Rewriter *rw, const Match *m) {
  return swish(rw, m, 1);
}

static Value *build_product(Rewriter *rw, const Match *m) {
  double alpha = 1;
  number(m, "alpha", &alpha);
  return swish(rw, m, alpha);
}

static Value *build_quotient(Rewriter *rw, const Match *m) {
  double c = 1;
  number(m, "c", &c);
  return swish(rw, m, 1 / c);
}

#define OPSET                                                                                                \
  {has_swish, "Swish needs opset 24"},                                                                       \
      {is_taken_apart, "from opset 25 on ONNX Runtime neither has a kernel of Swish nor takes it apart"}

static const Rule rules[] = {
    {.name = "swish",
     .match = "Mul(x, Sigmoid(x))",
     .replace = "Swish(x)",
     .when = {OPSET},
     .exact = BITWISE,
     .build = build},
    {.name = "swish-alpha",
     .match = "Mul(x, Sigmoid(Mul(x, alpha#)))",
     .replace = "Swish(x)",
     .when = {OPSET, {alpha_is_exact, "the factor is no number that the attribute alpha holds exactly"}},
     .exact = BITWISE,
     .build = build_product},
    {.name = "swish-divided",
     .match = "Mul(x, Sigmoid(Div(x, c#)))",
     .replace = "Swish(x)",
     .when = {OPSET, {quotient_is_alpha, "the divisor is no number whose reciprocal is a normal float"}},
     .exact = ROUNDING,
     .build = build_quotient},
    {.name = "swish-exp",
     .match = "Div(x, Add(Exp(Neg(x)), one#))",
     .replace = "Swish(x)",
     .when = {OPSET, {is_one, "what is added to Exp is not 1"}},
     .exact = ROUNDING,
     .build = build},
};

const Pass pass_fuse_swish = {"fuse_swish", "recognises Swish (SiLU) in its parts (opset 24)",
                              PASS_RULES(rules), .opt_in = true};
