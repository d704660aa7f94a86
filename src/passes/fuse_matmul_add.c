/* fuse_matmul_add
 *
 * Before:    MatMul(a, b) + c, MatMul(a, b) - c, c - MatMul(a, b) with a and b of rank 2; MatMul or Gemm with
 *            a Transpose or a constant factor at an operand or behind it, Gemm with a factor for each column,
 *            or something added behind it; the same in a view of rank 2 of something larger; projections
 *            MatMul(x, Wi) + bi of one input, such as the Q, K and V of attention
 * After:     Gemm(a, b, c); MatMul(x, b) + c without Reshapes; one product for all projections
 * Formula:   Gemm = alpha * a' * b' + beta * c, a' and b' transposed or not
 *            [x * Wq, x * Wk, x * Wv] = x * [Wq Wk Wv]
 * When not:  an operand is not of rank 2 (a Gemm would need Reshapes); c does not broadcast one way
 *            to (M, N); before opset 7, where Gemm broadcasts by attribute, and without c before
 *            opset 11, where it must be there; a scaled weight, alpha or beta is not a normal number
 * Exactness: rounding (products are accumulated onto c, and factors applied elsewhere; a projection without
 *            bias that is merged gets zeros added: -0.0 may become 0.0); bitwise for
 *            Transposes that become transA or transB of a Gemm, and for a MatMul without its view
 *
 * The rules are in gemm/.
 */
#include "passes/gemm/gemm.h"

static bool operands_of_rank_2(const Match *m) {
  const Node *product = match_node(m, "product");
  return rank_of(node_in(product, 0)) == 2 && rank_of(node_in(product, 1)) == 2;
}

static bool one_float_type(const Match *m) {
  const Node *product = match_node(m, "product");
  Value *c = match_value(m, "c");
  ElemType t = dtype_of(product->out[0]);
  return is_weight_type(t) && (!c || dtype_of(c) == t);
}

static bool broadcasts_one_way(const Match *m) {
  return shape_broadcasts_to(shape_of(match_value(m, "c")), shape_of(match_node(m, "product")->out[0]));
}

static bool gemm_broadcasts(const Match *m) {
  return m->root->opset >= 7;
}

static bool keeps_shape(const Match *m) {
  return shape_broadcasts_to(shape_of(match_value(m, "v")), shape_of(match_node(m, "product")->out[0]));
}

#define SUM_GUARDS                                                                                           \
  {one_float_type, "its type is not one of Gemm's floating point types"},                                    \
      {broadcasts_one_way, "c does not broadcast one way to (M, N)"},                                        \
      {gemm_broadcasts, "Gemm broadcasts from opset 7 on"}
#define RANK_2 {operands_of_rank_2, "an operand is not of rank 2"}

static const Rule rules[] = {
    {.name = "matmul-add-to-gemm",
     .match = "Add(MatMul:product(a, b), c)",
     .replace = "Gemm(a, b, c)",
     .when = {RANK_2, SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_sum},
    {.name = "matmul-subtract-to-gemm",
     .match = "Sub(MatMul:product(a, b), c)",
     .replace = "Gemm(a, b, c) with -beta",
     .when = {RANK_2, SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_sum},
    {.name = "matmul-subtract-from-to-gemm",
     .match = "Sub(c, MatMul:product(a, b))",
     .replace = "Gemm(a, b, c) with -alpha",
     .when = {RANK_2, SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_sum},
    {.name = "gemm-add",
     .match = "Add(Gemm:product(a, b), c)",
     .replace = "Gemm(a, b, c)",
     .when = {SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_sum},
    {.name = "gemm-subtract",
     .match = "Sub(Gemm:product(a, b), c)",
     .replace = "Gemm(a, b, c) with -beta",
     .when = {SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_sum},
    {.name = "gemm-subtract-from",
     .match = "Sub(c, Gemm:product(a, b))",
     .replace = "Gemm(a, b, c) with -alpha",
     .when = {SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_sum},
    {.name = "gemm-add-constants",
     .match = "Add(Gemm:product(a, b, C#), c#)",
     .replace = "Gemm(a, b, beta*C + c)",
     .when = {SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_constant_sum},
    {.name = "gemm-subtract-constants",
     .match = "Sub(Gemm:product(a, b, C#), c#)",
     .replace = "Gemm(a, b, beta*C - c)",
     .when = {SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_constant_sum},
    {.name = "gemm-subtract-from-constant",
     .match = "Sub(c#, Gemm:product(a, b, C#))",
     .replace = "Gemm(a, b, c - beta*C) with -alpha",
     .when = {SUM_GUARDS},
     .exact = ROUNDING,
     .build = gemm_take_constant_sum},
    {.name = "gemm-transpose",
     .doc = "Gemm(Transpose(a), b, c) => Gemm(a, b, c) with transA or transB",
     .apply = gemm_transpose,
     .roots = {OP_Gemm}},
    {.name = "matmul-transpose-to-gemm",
     .doc = "MatMul(Transpose(a), b) of rank 2 => Gemm(a, b) with transA or transB",
     .exact = ROUNDING,
     .apply = matmul_transpose,
     .roots = {OP_MatMul}},
    {.name = "product-transposed",
     .doc = "Transpose(Gemm(a, b, c)) => Gemm(b, a, c') with transA and transB; MatMul of rank 2 likewise",
     .exact = ROUNDING,
     .apply = product_transposed,
     .roots = {OP_Transpose}},
    {.name = "gemm-operand-factor",
     .doc = "Gemm(x * s, b, c) => Gemm(x, b, c) with alpha * s; a factor of c: beta",
     .exact = ROUNDING,
     .apply = gemm_operand_factor,
     .roots = {OP_Gemm}},
    {.name = "gemm-factor",
     .doc = "Gemm(a, b, c) * s => Gemm(a, b, c) with alpha * s and beta * s",
     .exact = ROUNDING,
     .apply = gemm_factor,
     .roots = {OP_Mul, OP_Div, OP_Neg}},
    {.name = "matmul-operand-factor",
     .doc = "MatMul(x * s, b) of rank 2, computed => Gemm(x, b) with alpha = s",
     .exact = ROUNDING,
     .apply = matmul_operand_factor,
     .roots = {OP_MatMul}},
    {.name = "matmul-factor",
     .doc = "MatMul(a, b) * s of rank 2, computed => Gemm(a, b) with alpha = s",
     .exact = ROUNDING,
     .apply = matmul_factor,
     .roots = {OP_Mul, OP_Div, OP_Neg}},
    {.name = "gemm-columns-factor",
     .match = "Mul(Gemm:product(a, b#, C#?), v#)",
     .replace = "Gemm(a, b * v, C * v)",
     .when = {{keeps_shape, "v does not broadcast one way to (M, N)"}},
     .exact = ROUNDING,
     .build = scale_columns},
    {.name = "gemm-columns-divisor",
     .match = "Div(Gemm:product(a, b#, C#?), v#)",
     .replace = "Gemm(a, b / v, C / v)",
     .when = {{keeps_shape, "v does not broadcast one way to (M, N)"}},
     .exact = ROUNDING,
     .build = scale_columns},
    {.name = "matmul-in-a-view",
     .doc = "Reshape(MatMul(Reshape(x), W) + b) that keeps the rows => MatMul(x, W) + b",
     .apply = view_matmul,
     .roots = {OP_Reshape}},
    {.name = "gemm-in-a-view",
     .doc = "Reshape(Gemm(Reshape(x), W, b)) that keeps the rows => MatMul(x, W) + b",
     .exact = ROUNDING,
     .apply = view_gemm,
     .roots = {OP_Reshape}},
    {.name = "merge-sibling-projections",
     .doc = "MatMul(x, W0) + b0, MatMul(x, W1) + b1, ... => Split(MatMul(x, [W0 W1 ...]) + [b0 b1 ...]); "
            "Gemm likewise",
     .exact = ROUNDING,
     .apply = merge_sibling_projections,
     .roots = {OP_MatMul, OP_Gemm},
     .late = true},
};

const Pass pass_fuse_matmul_add = {"fuse_matmul_add", "turns matrix products with a sum into Gemm",
                                   PASS_RULES(rules)};
