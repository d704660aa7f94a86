/* What is added to a product, or taken away from it, or what it is taken away from: C, with the signs in
 * alpha and beta. */
#include "passes/gemm/gemm.h"

/* root = product_sign * product + c_sign * c */
static void signs(const Match *m, float *product_sign, float *c_sign) {
  const Node *root = m->root;
  bool c_first = node_in(root, 0) == match_value(m, "c");
  *product_sign = *c_sign = 1;
  if (node_is(root, OP_Sub)) *(c_first ? product_sign : c_sign) = -1;
}

/* sign * alpha * a * b + beta * c, the product's own C left out */
static Value *rebuild(Rewriter *rw, const Match *m, float sign, Value *c, float beta) {
  Node *product = match_node(m, "product");
  Value *in[] = {node_in(product, 0), node_in(product, 1), c};
  bool is_gemm = node_is(product, OP_Gemm);
  float alpha = 1;
  if (is_gemm && !attr_float(product, "alpha", &alpha)) return NULL;
  Node *gemm = is_gemm ? rw_copy(rw, product, 3, in) : rw_node(rw, OP_Gemm, 3, in);
  if (sign < 0) rw_attr_float(rw, gemm, "alpha", -alpha);
  if (beta != 1)
    rw_attr_float(rw, gemm, "beta", beta);
  else if (is_gemm)
    rw_attr_remove(rw, gemm, "beta");
  return gemm->out[0];
}

Value *gemm_take_sum(Rewriter *rw, const Match *m) {
  float sign, beta;
  signs(m, &sign, &beta);
  return rebuild(rw, m, sign, match_value(m, "c"), beta);
}

/* t * by, in a type that does not round it yet */
static Tensor *times(Model *m, Tensor *t, float by) {
  ElemType wide = t->dtype == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  return by == 1 ? t
                 : tx_binary(m, OP_Mul, tx_cast(m, t, wide), tx_cast(m, tensor_float(m->arena, by), wide));
}

Value *gemm_take_constant_sum(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Tensor *old = constant_of(match_value(match, "C")), *c = constant_of(match_value(match, "c"));
  ElemType stored = old->dtype;
  float sign, c_sign, beta;
  signs(match, &sign, &c_sign);
  if (!attr_float(match_node(match, "product"), "beta", &beta)) return NULL;
  Tensor *scaled = times(m, old, beta);
  Tensor *first = c_sign < 0 || sign > 0 ? scaled : c, *second = first == c ? scaled : c;
  Tensor *sum = tx_cast(m, tx_binary(m, sign * c_sign < 0 ? OP_Sub : OP_Add, first, second), stored);
  ElemType range = stored == DT_FLOAT ? DT_DOUBLE : stored;
  if (!sum || !tx_all_normal(m, sum, range)) {
    rw_missed(rw, match->root, "beta * C and c together are not a normal number in %s", elem_name(stored));
    return NULL;
  }
  if (sum->nbytes > old->nbytes + c->nbytes + rw_max_growth(rw)) {
    rw_missed(rw, match->root, "the file would grow by %llu bytes", (unsigned long long)sum->nbytes);
    return NULL;
  }
  return rebuild(rw, match, sign, rw_const(rw, sum, match_value(match, "C")->name->s), 1);
}
