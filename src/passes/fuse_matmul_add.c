/* fuse_matmul_add
 *
 * Before:    MatMul(a, b) + c with a and b of rank 2; Gemm with a Transpose or a constant factor at
 *            an operand, with a constant factor, a factor for each column, or something added behind
 *            it
 * After:     Gemm(a, b, c)
 * Formula:   Gemm = alpha * a' * b' + beta * c, a' and b' transposed or not
 * When not:  an operand is not of rank 2 (a Gemm would need Reshapes); c does not broadcast one way
 *            to (M, N); before opset 7, where Gemm broadcasts by attribute, and without c before
 *            opset 11, where it must be there; a scaled weight, alpha or beta is not a normal number
 * Exactness: rounding (products are accumulated onto c, and factors applied elsewhere); bitwise for
 *            Transposes that become transA or transB of a Gemm
 */
#include "passes/linear.h"

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

/* --- what is added behind a Gemm ------------------------------------------------------------------------ */

static Value *add_as_c(Rewriter *rw, const Match *m) {
  Node *gemm = match_node(m, "product");
  Value *in[] = {node_in(gemm, 0), node_in(gemm, 1), match_value(m, "c")};
  Node *n = rw_copy(rw, gemm, 3, in);
  rw_attr_remove(rw, n, "beta");
  return n->out[0];
}

/* beta * C + c, both constant. */
static Value *add_to_c(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Node *gemm = match_node(match, "product");
  Tensor *old = constant_of(match_value(match, "C")), *c = constant_of(match_value(match, "c"));
  ElemType stored = old->dtype, wide = stored == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  float beta;
  if (!attr_float(gemm, "beta", &beta)) return NULL;
  Tensor *scaled =
      tx_binary(m, OP_Mul, tx_cast(m, old, wide), tx_cast(m, tensor_float(m->arena, beta), wide));
  Tensor *sum = tx_cast(m, tx_binary(m, OP_Add, beta == 1 ? old : scaled, c), stored);
  ElemType range = stored == DT_FLOAT ? DT_DOUBLE : stored;
  if (!sum || !tx_all_normal(m, sum, range)) {
    rw_missed(rw, match->root, "beta * C + c is not a normal number in %s", elem_name(stored));
    return NULL;
  }
  if (sum->nbytes > old->nbytes + c->nbytes + rw_max_growth(rw)) {
    rw_missed(rw, match->root, "the file would grow by %llu bytes", (unsigned long long)sum->nbytes);
    return NULL;
  }
  Value *in[] = {node_in(gemm, 0), node_in(gemm, 1), rw_const(rw, sum, match_value(match, "C")->name->s)};
  Node *n = rw_copy(rw, gemm, 3, in);
  rw_attr_remove(rw, n, "beta");
  return n->out[0];
}

/* --- Transposes ----------------------------------------------------------------------------------------- */

/* What v transposes, if both are matrices. */
static Value *untransposed(const Value *v) {
  Node *t = v ? v->producer : NULL;
  const int64_t *perm;
  size_t n;
  if (!node_is(t, OP_Transpose) || !node_in(t, 0) || rank_of(node_in(t, 0)) != 2) return NULL;
  if (attr_ints(t, "perm", &perm, &n) && (n != 2 || perm[0] != 1 || perm[1] != 0)) return NULL;
  return node_in(t, 0);
}

static Outcome gemm_transpose(Rewriter *rw, Node *node) {
  static const char *const trans[] = {"transA", "transB"};
  TRY(node->opset >= 7 && node_out(node, 0));
  for (int i = 0; i < 2; i++) {
    Value *x = untransposed(node_in(node, i));
    int64_t flag;
    if (!x || !attr_int(node, trans[i], &flag)) continue;
    NEED(node_is_inner(node_in(node, i)->producer), "the Transpose has other users");
    rw_set_input(rw, node, i, x);
    if (flag)
      rw_attr_remove(rw, node, trans[i]);
    else
      rw_attr_int(rw, node, trans[i], 1);
    rw_note(rw, "%s absorbs the Transpose", trans[i]);
    return FIRED;
  }
  return NO_MATCH;
}

static Outcome matmul_transpose(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_in(node, 1) && node_out(node, 0));
  Value *a = untransposed(node_in(node, 0)), *b = untransposed(node_in(node, 1));
  if (a && !node_is_inner(node_in(node, 0)->producer)) a = NULL;
  if (b && !node_is_inner(node_in(node, 1)->producer)) b = NULL;
  TRY((a || b) && rank_of(node_in(node, 0)) == 2 && rank_of(node_in(node, 1)) == 2);
  NEED(node->opset >= 11, "Gemm without C needs opset 11");
  NEED(is_weight_type(dtype_of(node->out[0])), "its type is not one of Gemm's floating point types");
  Value *in[] = {a ? a : node_in(node, 0), b ? b : node_in(node, 1)};
  Node *gemm = rw_node(rw, OP_Gemm, 2, in);
  if (a) rw_attr_int(rw, gemm, "transA", 1);
  if (b) rw_attr_int(rw, gemm, "transB", 1);
  rw_replace(rw, node->out[0], gemm->out[0]);
  return FIRED;
}

/* --- factors -------------------------------------------------------------------------------------------- */

/* Gemm(x * s, b, c) or Gemm(a, x * s, c): alpha. */
static Outcome gemm_operand_factor(Rewriter *rw, Node *node) {
  TRY(node->opset >= 7 && node_out(node, 0));
  for (int i = 0; i < 2; i++) {
    Value *v = node_in(node, i);
    Factor f;
    if (!v || !v->producer || !factor_of(v->producer, &f)) continue;
    NEED(node_is_inner(f.node), "the factor has other users");
    NEED(rank_of(f.x) == 2, "the operand is not known to be of rank 2");
    if (scale_gemm(rw, node, &f, node, false) != FIRED) return MISSED;
    rw_set_input(rw, node, i, f.x);
    rw_note(rw, "alpha absorbs %s", node_label(f.node));
    return FIRED;
  }
  return NO_MATCH;
}

static Outcome gemm_factor(Rewriter *rw, Node *node) {
  Factor f;
  const char *why;
  TRY(factor_of(node, &f) && node_is(f.x->producer, OP_Gemm) && f.x->producer->opset >= 7);
  NEED(node_is_inner(f.x->producer), "the Gemm has other users");
  NEED(rw_can_replace(rw, node->out[0], f.x, &why), "%s", why);
  if (scale_gemm(rw, node, &f, f.x->producer, true) != FIRED) return MISSED;
  rw_replace(rw, node->out[0], f.x);
  rw_note(rw, "alpha and beta absorb it");
  return FIRED;
}

/* A factor for each column: of b and of C. */
static Value *scale_columns(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Node *gemm = match_node(match, "product");
  Value *bv = match_value(match, "b"), *cv = match_value(match, "C");
  Tensor *b = constant_of(bv), *c = cv ? constant_of(cv) : NULL, *v = constant_of(match_value(match, "v"));
  int64_t trans, columns = 0;
  if (attr_int(gemm, "transB", &trans) && b->rank == 2) columns = b->dim[trans ? 0 : 1];
  bool fits = columns > 1 && v->count == (uint64_t)columns && v->rank >= 1 && v->rank <= 2 &&
              v->dtype == b->dtype && v->dim[v->rank - 1] == columns &&
              (!c || c->count == 1 || c->count == (uint64_t)columns) &&
              (!c || c->rank == 0 || c->dim[c->rank - 1] == (int64_t)c->count);
  if (!fits) {
    rw_missed(rw, match->root, "it is no factor for each column");
    return NULL;
  }
  if (bv->n_uses > 1 && b->nbytes > rw_max_growth(rw)) {
    rw_missed(rw, match->root, "the weights have other readers: the file would grow");
    return NULL;
  }
  Factor f = {.by = tx_reshape(m, v, trans ? 2 : 1, trans ? (int64_t[]){columns, 1} : &columns),
              .divides = node_is(match->root, OP_Div)};
  Tensor *scaled = f.by ? scale_tensor(m, &f, b) : NULL, *bias = NULL;
  f.by = tx_reshape(m, v, 1, &columns);
  if (c) bias = scale_tensor(m, &f, tx_reshape(m, c, 1, &(int64_t){(int64_t)c->count}));
  if (!scaled || (c && !bias)) {
    rw_missed(rw, match->root, "a scaled weight is not a normal number in %s", elem_name(b->dtype));
    return NULL;
  }
  Value *in[] = {match_value(match, "a"), rw_const(rw, scaled, bv->name->s),
                 c ? rw_const(rw, bias, cv->name->s) : NULL};
  return rw_copy(rw, gemm, 3, in)->out[0];
}

static bool keeps_shape(const Match *m) {
  return shape_broadcasts_to(shape_of(match_value(m, "v")), shape_of(match_node(m, "product")->out[0]));
}

static const Rule rules[] = {
    {.name = "matmul-add-to-gemm",
     .match = "Add(MatMul:product(a, b), c)",
     .replace = "Gemm(a, b, c)",
     .when = {{operands_of_rank_2, "an operand is not of rank 2"},
              {one_float_type, "its type is not one of Gemm's floating point types"},
              {broadcasts_one_way, "c does not broadcast one way to (M, N)"},
              {gemm_broadcasts, "Gemm broadcasts from opset 7 on"}},
     .exact = ROUNDING},
    {.name = "gemm-add",
     .match = "Add(Gemm:product(a, b), c)",
     .replace = "Gemm(a, b, c)",
     .when = {{one_float_type, "its type is not one of Gemm's floating point types"},
              {broadcasts_one_way, "c does not broadcast one way to (M, N)"},
              {gemm_broadcasts, "Gemm broadcasts from opset 7 on"}},
     .exact = ROUNDING,
     .build = add_as_c},
    {.name = "gemm-add-constants",
     .match = "Add(Gemm:product(a, b, C#), c#)",
     .replace = "Gemm(a, b, beta*C + c)",
     .when = {{one_float_type, "its type is not one of Gemm's floating point types"},
              {broadcasts_one_way, "c does not broadcast one way to (M, N)"},
              {gemm_broadcasts, "Gemm broadcasts from opset 7 on"}},
     .exact = ROUNDING,
     .build = add_to_c},
    {.name = "gemm-transpose",
     .doc = "Gemm(Transpose(a), b, c) => Gemm(a, b, c) with transA or transB",
     .apply = gemm_transpose,
     .roots = {OP_Gemm}},
    {.name = "matmul-transpose-to-gemm",
     .doc = "MatMul(Transpose(a), b) of rank 2 => Gemm(a, b) with transA or transB",
     .exact = ROUNDING,
     .apply = matmul_transpose,
     .roots = {OP_MatMul}},
    {.name = "gemm-operand-factor",
     .doc = "Gemm(x * s, b, c) => Gemm(x, b, c) with alpha * s",
     .exact = ROUNDING,
     .apply = gemm_operand_factor,
     .roots = {OP_Gemm}},
    {.name = "gemm-factor",
     .doc = "Gemm(a, b, c) * s => Gemm(a, b, c) with alpha * s and beta * s",
     .exact = ROUNDING,
     .apply = gemm_factor,
     .roots = {OP_Mul, OP_Div}},
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
};

const Pass pass_fuse_matmul_add = {"fuse_matmul_add", "turns matrix products with a sum into Gemm",
                                   PASS_RULES(rules)};
