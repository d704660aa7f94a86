/* Gemm and MatMul of rank 2 take the BatchNormalization behind them: its channels are the columns of the
 * product. */
#include "passes/conv/conv.h"

/* The columns, where they stand in the weights (which are constant and of rank 2), and the bias. */
typedef struct Product {
  Tensor *w, *bias; /* bias NULL: none */
  int64_t columns;
  bool transposed; /* the columns are W's rows */
  float beta;
} Product;

static bool product_read(const Match *m, Product *p) {
  const Node *n = match_node(m, "gemm");
  Value *bias = match_value(m, "B");
  int64_t flag = 0;
  *p = (Product){.w = constant_of(match_value(m, "W")), .bias = bias ? constant_of(bias) : NULL, .beta = 1};
  if (!p->w || p->w->rank != 2 || !p->w->count) return false;
  if (node_is(n, OP_Gemm) && (!attr_int(n, "transB", &flag) || !attr_float(n, "beta", &p->beta)))
    return false;
  p->transposed = flag != 0;
  p->columns = p->w->dim[p->transposed ? 0 : 1];
  return true;
}

bool gemm_rank_2(const Match *m) {
  const Node *n = match_node(m, "gemm");
  return n->opset >= 7 && (node_is(n, OP_Gemm) || rank_of(node_in(n, 0)) == 2);
}

/* The bias may be one number, or one for each column; not one for each row. */
bool gemm_channels(const Match *m) {
  Product p;
  if (!product_read(m, &p) || !bn_has_channels(match_node(m, "bn"), p.columns)) return false;
  const Tensor *b = p.bias;
  if (!b || b->count == 1) return !b || b->rank <= 2;
  return b->rank <= 2 && b->rank >= 1 && b->count == (uint64_t)p.columns && b->dim[b->rank - 1] == p.columns;
}

bool gemm_one_float_type(const Match *m) {
  const Node *gemm = match_node(m, "gemm"), *bn = match_node(m, "bn");
  ElemType t = dtype_of(match_value(m, "W"));
  if (t != DT_FLOAT && t != DT_DOUBLE && t != DT_FLOAT16 && t != DT_BFLOAT16) return false;
  for (int i = 1; i < gemm->n_in; i++)
    if (node_in(gemm, i) && dtype_of(node_in(gemm, i)) != t) return false;
  for (int i = 1; i < bn->n_in; i++)
    if (node_in(bn, i) && dtype_of(node_in(bn, i)) != t) return false;
  return true;
}

static Tensor *scaled_columns(Model *m, const Product *p, Tensor *s) {
  ElemType wide = p->w->dtype == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  int64_t along[2] = {p->transposed ? p->columns : 1, p->transposed ? 1 : p->columns};
  Tensor *w = tx_binary(m, OP_Mul, tx_cast(m, p->w, wide), tx_reshape(m, tx_cast(m, s, wide), 2, along));
  return tx_cast(m, w, p->w->dtype);
}

/* beta * bias, as a vector or one number, in double. */
static Tensor *weighted_bias(Model *m, const Product *p) {
  if (!p->bias) return NULL;
  Tensor *b = tx_reshape(m, tx_cast(m, p->bias, DT_DOUBLE), 1, &(int64_t){(int64_t)p->bias->count});
  return p->beta == 1 ? b : tx_binary(m, OP_Mul, b, tx_cast(m, tensor_float(m->arena, p->beta), DT_DOUBLE));
}

Value *gemm_absorb(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Product p;
  Affine a;
  const Node *bn = match_node(match, "bn"), *gone[2] = {match_node(match, "gemm"), bn};
  if (!product_read(match, &p) || !affine_of(m, bn, 1, &a)) {
    rw_missed(rw, bn, "its constants can't be computed");
    return NULL;
  }
  if (!scale_is_normal(rw, &a, p.w->dtype)) return NULL;
  Tensor *w = scaled_columns(m, &p, a.scale),
         *b = tx_cast(m, affine_bias(m, weighted_bias(m, &p), &a), p.w->dtype);
  if (!w || !b) {
    rw_missed(rw, bn, "weights can't be computed");
    return NULL;
  }
  if (!weights_are_normal(rw, w, b, p.w->dtype)) return NULL;
  Value *in[3] = {match_value(match, "x"), rw_const(rw, w, match_value(match, "W")->name->s),
                  rw_const(rw, b, node_in(bn, 2)->name->s)};
  const Value *made[2] = {in[1], in[2]};
  if (!rw_may_grow(rw, 2, gone, 2, made)) return NULL;
  if (node_is(gone[0], OP_MatMul)) return rw_node(rw, OP_Gemm, 3, in)->out[0];
  Node *gemm = rw_copy(rw, gone[0], 3, in);
  rw_attr_remove(rw, gemm, "beta");
  return gemm->out[0];
}
