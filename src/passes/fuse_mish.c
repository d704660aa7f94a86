/* fuse_mish
 *
 * Before:    x * Tanh(Softplus(x)), x * Tanh(Log(1 + Exp(x)))
 * After:     Mish(x)
 * When not:  nobody asked for it: ONNX Runtime has no kernel of Mish and takes it apart again; the opset is
 *            below 18; an inner value has other readers
 *            Log and Exp of doubles: there is no kernel of Softplus for them from opset 22 on
 * Exactness: bitwise for Softplus: it is the definition of the operator; rounding for Log and Exp, which
 *            overflow where Softplus need not
 */
#include "passes/passes.h"

static bool has_mish(const Match *m) {
  return m->root->opset >= 18;
}

static bool is_one(const Match *m) {
  double c;
  Value *one = match_value(m, "one");
  int rank = rank_of(match_value(m, "x")), own = constant_of(one)->rank;
  return constant_scalar(one, &c) && c == 1 && (own == 0 || own <= rank);
}

static bool has_kernel(const Match *m) {
  ElemType t = dtype_of(match_value(m, "x"));
  return t == DT_FLOAT || t == DT_FLOAT16;
}

#define OPSET {has_mish, "Mish needs opset 18"}

static const Rule rules[] = {
    {.name = "mish",
     .match = "Mul(x, Tanh(Softplus(x)))",
     .replace = "Mish(x)",
     .when = {OPSET},
     .exact = BITWISE},
    {.name = "mish-exp",
     .match = "Mul(x, Tanh(Log(Add(Exp(x), one#))))",
     .replace = "Mish(x)",
     .when = {OPSET,
              {is_one, "what is added to Exp is not 1"},
              {has_kernel, "its element type is not float or float16"}},
     .exact = ROUNDING},
};

const Pass pass_fuse_mish = {"fuse_mish", "recognises Mish in its parts (opset 18)", PASS_RULES(rules),
                             .opt_in = true};
