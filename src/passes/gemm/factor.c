/* Constant factors at the operands of a product, or behind it: alpha, beta, and the columns of the weights.
 */
#include "passes/gemm/gemm.h"

/* y = x * s, x / s or -x. What Gemm needs of it is its value. */
static bool number_of(Node *n, Factor *f) {
  if (factor_of(n, f)) return true;
  if (!node_is(n, OP_Neg) || !node_in(n, 0) || !is_weight_type(dtype_of(node_in(n, 0)))) return false;
  *f = (Factor){.node = n, .x = node_in(n, 0), .value = -1};
  return true;
}

/* Gemm(x * s, b, c) or Gemm(a, x * s, c): alpha. Gemm(a, b, x * s): beta. */
Outcome gemm_operand_factor(Rewriter *rw, Node *node) {
  TRY(node->opset >= 7 && node_out(node, 0));
  for (int i = 0; i < 3; i++) {
    Value *v = node_in(node, i);
    Factor f;
    if (!v || !v->producer || !number_of(v->producer, &f)) continue;
    rw_saw(rw, f.node);
    NEED(node_is_inner(f.node), "the factor has other users");
    NEED(i == 2 || rank_of(f.x) == 2, "the operand is not known to be of rank 2");
    Outcome scaled = i == 2 ? scale_gemm_c(rw, node, &f, node) : scale_gemm(rw, node, &f, node, false);
    if (scaled != FIRED) return MISSED;
    rw_set_input(rw, node, i, f.x);
    rw_note(rw, "%s absorbs %s", i == 2 ? "beta" : "alpha", node_label(f.node));
    return FIRED;
  }
  return NO_MATCH;
}

Outcome gemm_factor(Rewriter *rw, Node *node) {
  Factor f;
  const char *why;
  TRY(node_out(node, 0) && number_of(node, &f) && node_is(f.x->producer, OP_Gemm) &&
      f.x->producer->opset >= 7);
  rw_saw(rw, f.x->producer);
  NEED(node_is_inner(f.x->producer), "the Gemm has other users");
  NEED(rw_can_replace(rw, node->out[0], f.x, &why), "%s", why);
  if (scale_gemm(rw, node, &f, f.x->producer, true) != FIRED) return MISSED;
  rw_replace(rw, node->out[0], f.x);
  rw_note(rw, "alpha and beta absorb it");
  return FIRED;
}

/* Gemm(a, b) with f in alpha, in the place of node, for a MatMul that f stands at or behind. */
static Outcome scaled_product(Rewriter *rw, Node *node, const Factor *f, const Node *matmul,
                              Value *const *in) {
  const char *why = matmul_refusal(matmul);
  NEED(!why, "%s", why);
  NEED(!constant_of(in[0]) && !constant_of(in[1]), "constant weights take the factor themselves");
  Node *gemm = rw_node(rw, OP_Gemm, 2, in);
  if (scale_gemm(rw, node, f, gemm, false) != FIRED) return MISSED;
  NEED(rw_can_replace(rw, node->out[0], gemm->out[0], &why), "%s", why);
  rw_replace(rw, node->out[0], gemm->out[0]);
  rw_note(rw, "alpha absorbs it");
  return FIRED;
}

Outcome matmul_factor(Rewriter *rw, Node *node) {
  Factor f;
  TRY(node_out(node, 0) && number_of(node, &f) && node_is(f.x->producer, OP_MatMul));
  Node *matmul = f.x->producer;
  TRY(node_in(matmul, 0) && node_in(matmul, 1) && rank_of(f.x) == 2);
  rw_saw(rw, matmul);
  NEED(node_is_inner(matmul), "the MatMul has other users");
  return scaled_product(rw, node, &f, matmul, (Value *[]){node_in(matmul, 0), node_in(matmul, 1)});
}

Outcome matmul_operand_factor(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0) && node_in(node, 0) && node_in(node, 1) && rank_of(node->out[0]) == 2);
  for (int i = 0; i < 2; i++) {
    Value *v = node_in(node, i), *in[2] = {node_in(node, 0), node_in(node, 1)};
    Factor f;
    if (!v->producer || !number_of(v->producer, &f)) continue;
    rw_saw(rw, f.node);
    NEED(node_is_inner(f.node), "the factor has other users");
    in[i] = f.x;
    return scaled_product(rw, node, &f, node, in);
  }
  return NO_MATCH;
}

/* A factor for each column: of b and of C. */
Value *scale_columns(Rewriter *rw, const Match *match) {
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
