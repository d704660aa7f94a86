/* Transposes of matrices, at an operand of a product or behind it: transA and transB.
 *
 * Formula: (a' * b' + c)^T = b'^T * a'^T + c^T, where a' and b' are transposed or not */
#include "passes/gemm/gemm.h"

static const char *const trans[] = {"transA", "transB"};

const char *matmul_refusal(const Node *matmul) {
  if (rank_of(node_in(matmul, 0)) != 2 || rank_of(node_in(matmul, 1)) != 2)
    return "an operand is not of rank 2";
  if (matmul->opset < 11) return "Gemm without C needs opset 11";
  return is_weight_type(dtype_of(matmul->out[0])) ? NULL
                                                  : "its type is not one of Gemm's floating point types";
}

/* What v transposes, if both are matrices. */
static Value *untransposed(const Value *v) {
  Node *t = v ? v->producer : NULL;
  const int64_t *perm;
  size_t n;
  if (!node_is(t, OP_Transpose) || !node_in(t, 0) || rank_of(node_in(t, 0)) != 2) return NULL;
  if (attr_ints(t, "perm", &perm, &n) && (n != 2 || perm[0] != 1 || perm[1] != 0)) return NULL;
  return node_in(t, 0);
}

static void set_flag(Rewriter *rw, Node *gemm, int i, bool on) {
  if (on)
    rw_attr_int(rw, gemm, trans[i], 1);
  else if (node_attr(gemm, trans[i]))
    rw_attr_remove(rw, gemm, trans[i]);
}

Outcome gemm_transpose(Rewriter *rw, Node *node) {
  TRY(node->opset >= 7 && node_out(node, 0));
  for (int i = 0; i < 2; i++) {
    Value *x = untransposed(node_in(node, i));
    int64_t flag;
    if (!x || !attr_int(node, trans[i], &flag)) continue;
    rw_saw(rw, node_in(node, i)->producer);
    NEED(node_is_inner(node_in(node, i)->producer), "the Transpose has other users");
    rw_set_input(rw, node, i, x);
    set_flag(rw, node, i, !flag);
    rw_note(rw, "%s absorbs the Transpose", trans[i]);
    return FIRED;
  }
  return NO_MATCH;
}

Outcome matmul_transpose(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_in(node, 1) && node_out(node, 0));
  Value *a = untransposed(node_in(node, 0)), *b = untransposed(node_in(node, 1));
  if (a && !node_is_inner(node_in(node, 0)->producer)) a = NULL;
  if (b && !node_is_inner(node_in(node, 1)->producer)) b = NULL;
  TRY((a || b) && rank_of(node_in(node, 0)) == 2 && rank_of(node_in(node, 1)) == 2);
  if (a) rw_saw(rw, node_in(node, 0)->producer);
  if (b) rw_saw(rw, node_in(node, 1)->producer);
  const char *why = matmul_refusal(node);
  NEED(!why, "%s", why);
  Value *in[] = {a ? a : node_in(node, 0), b ? b : node_in(node, 1)};
  Node *gemm = rw_node(rw, OP_Gemm, 2, in);
  if (a) rw_attr_int(rw, gemm, "transA", 1);
  if (b) rw_attr_int(rw, gemm, "transB", 1);
  rw_replace(rw, node->out[0], gemm->out[0]);
  return FIRED;
}

/* c as it broadcasts to the transposed product: a constant, or one number. NULL: it would take a Transpose.
 */
static Value *turned_c(Rewriter *rw, Value *c) {
  Tensor *t = constant_of(c);
  Shape s = shape_of(c);
  if (s.rank == 0 || (s.rank == 1 && sym_is(s.dim[0], 1))) return c;
  if (!t || t->rank > 2) return NULL;
  Model *m = rw_model(rw);
  int64_t column[2] = {t->dim[0], 1};
  Tensor *now = t->rank == 1 ? tx_reshape(m, t, 2, column) : tx_transpose(m, t, 2, (int64_t[]){1, 0});
  return now ? rw_const(rw, now, c->name->s) : NULL;
}

/* Does the product that reads v, and nobody else, transpose it by itself? */
static bool absorbed_behind(const Value *v) {
  const Use *u = sole_reader(v);
  if (!u || u->index > 1) return false;
  return node_is(u->node, OP_Gemm) ? u->node->opset >= 7
                                   : node_is(u->node, OP_MatMul) && !matmul_refusal(u->node);
}

Outcome product_transposed(Rewriter *rw, Node *node) {
  Value *v = node_in(node, 0);
  Node *product = v ? v->producer : NULL;
  bool is_gemm = node_is(product, OP_Gemm);
  int64_t flag[2] = {0, 0};
  TRY((is_gemm || node_is(product, OP_MatMul)) && node_out(node, 0) && untransposed(node->out[0]));
  TRY(node_in(product, 0) && node_in(product, 1));
  rw_saw(rw, product);
  NEED(node_is_inner(product), "the product has other users");
  NEED(!absorbed_behind(node->out[0]), "the product behind it absorbs the Transpose");
  const char *why = is_gemm ? NULL : matmul_refusal(product);
  NEED(!why, "%s", why);
  NEED(!is_gemm || product->opset >= 7, "Gemm broadcasts from opset 7 on");
  if (is_gemm) TRY(attr_int(product, "transA", &flag[0]) && attr_int(product, "transB", &flag[1]));
  Value *old = is_gemm ? node_in(product, 2) : NULL, *c = old ? turned_c(rw, old) : NULL;
  NEED(c || !old, "C would have to be transposed");
  Value *in[] = {node_in(product, 1), node_in(product, 0), c};
  const Node *gone[] = {product};
  const Value *made[] = {c};
  if (!rw_may_grow(rw, 1, gone, 1, made)) return MISSED;
  Node *gemm = is_gemm ? rw_copy(rw, product, 3, in) : rw_node(rw, OP_Gemm, 2, in);
  set_flag(rw, gemm, 0, !flag[1]);
  set_flag(rw, gemm, 1, !flag[0]);
  NEED(rw_can_replace(rw, node->out[0], gemm->out[0], &why), "%s", why);
  rw_replace(rw, node->out[0], gemm->out[0]);
  rw_note(rw, "its operands change places");
  return FIRED;
}
