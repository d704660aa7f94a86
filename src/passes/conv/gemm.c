/* Gemm and MatMul of rank 2 take the BatchNormalization behind them, whose channels are the columns of the
 * product, and the one in front of them, whose channels are the rows of the weights. */
#include "passes/conv/conv.h"

/* The columns, where they stand in the weights (which are constant and of rank 2), and the bias. */
typedef struct Product {
  Tensor *w, *bias;       /* bias NULL: none */
  int64_t columns, depth; /* of the result; what is summed over */
  bool transposed;        /* the columns are W's rows */
  float alpha, beta;
} Product;

static bool product_read(const Match *m, Product *p) {
  const Node *n = match_node(m, "gemm");
  Value *bias = match_value(m, "B");
  int64_t flag = 0;
  *p = (Product){
      .w = constant_of(match_value(m, "W")), .bias = bias ? constant_of(bias) : NULL, .alpha = 1, .beta = 1};
  if (!p->w || p->w->rank != 2 || !p->w->count) return false;
  if (node_is(n, OP_Gemm) && (!attr_int(n, "transB", &flag) || !attr_float(n, "alpha", &p->alpha) ||
                              !attr_float(n, "beta", &p->beta)))
    return false;
  p->transposed = flag != 0;
  p->columns = p->w->dim[p->transposed ? 0 : 1];
  p->depth = p->w->dim[p->transposed ? 1 : 0];
  return true;
}

bool gemm_rank_2(const Match *m) {
  const Node *n = match_node(m, "gemm");
  return n->opset >= 7 && (node_is(n, OP_Gemm) || rank_of(node_in(n, 0)) == 2);
}

/* The bias may be one number, or one for each column; not one for each row. */
static bool bias_fits(const Product *p) {
  const Tensor *b = p->bias;
  if (!b || b->count == 1) return !b || b->rank <= 2;
  return b->rank <= 2 && b->rank >= 1 && b->count == (uint64_t)p->columns &&
         b->dim[b->rank - 1] == p->columns;
}

bool gemm_channels(const Match *m) {
  Product p;
  return product_read(m, &p) && bn_has_channels(match_node(m, "bn"), p.columns) && bias_fits(&p);
}

bool gemm_in_channels(const Match *m) {
  const Node *n = match_node(m, "gemm");
  Product p;
  int64_t flag = 0;
  if (!product_read(m, &p) || (node_is(n, OP_Gemm) && !attr_int(n, "transA", &flag)) || flag) return false;
  return bn_has_channels(match_node(m, "bn"), p.depth) && bias_fits(&p);
}

bool gemm_one_float_type(const Match *m) {
  const Node *gemm = match_node(m, "gemm"), *bn = match_node(m, "bn");
  ElemType t = dtype_of(match_value(m, "W"));
  if (t != DT_FLOAT && t != DT_DOUBLE && t != DT_FLOAT16 && t != DT_BFLOAT16) return false;
  if (match_value(m, "B") && dtype_of(match_value(m, "B")) != t) return false;
  for (int i = 1; i < gemm->n_in; i++)
    if (node_in(gemm, i) && dtype_of(node_in(gemm, i)) != t) return false;
  for (int i = 1; i < bn->n_in; i++)
    if (node_in(bn, i) && dtype_of(node_in(bn, i)) != t) return false;
  return true;
}

/* W times one factor for each column, or for each row. */
static Tensor *scaled(Model *m, const Product *p, Tensor *s, bool rows) {
  ElemType wide = p->w->dtype == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  int along = rows == p->transposed ? 1 : 0;
  int64_t dim[2] = {1, 1};
  dim[along] = p->w->dim[along];
  Tensor *w = tx_binary(m, OP_Mul, tx_cast(m, p->w, wide), tx_reshape(m, tx_cast(m, s, wide), 2, dim));
  return tx_cast(m, w, p->w->dtype);
}

/* alpha * (t * W), which is one number for each column, in double. */
static Tensor *carried_shift(Model *m, const Product *p, Tensor *t) {
  Tensor *w = tx_cast(m, p->w, DT_DOUBLE);
  if (!p->transposed) w = tx_transpose(m, w, 2, (int64_t[]){1, 0});
  Tensor *sum = tx_sum_from(m, tx_binary(m, OP_Mul, w, tx_reshape(m, t, 2, (int64_t[]){1, p->depth})), 1);
  return p->alpha == 1 ? sum
                       : tx_binary(m, OP_Mul, sum, tx_cast(m, tensor_float(m->arena, p->alpha), DT_DOUBLE));
}

/* beta * bias, as a vector or one number, in double. */
static Tensor *weighted_bias(Model *m, const Product *p) {
  if (!p->bias) return NULL;
  Tensor *b = tx_reshape(m, tx_cast(m, p->bias, DT_DOUBLE), 1, &(int64_t){(int64_t)p->bias->count});
  return p->beta == 1 ? b : tx_binary(m, OP_Mul, b, tx_cast(m, tensor_float(m->arena, p->beta), DT_DOUBLE));
}

/* The product over x, weights w and bias b (in any type); beta is in b. */
static Value *rebuild(Rewriter *rw, const Match *match, Tensor *w, Tensor *b) {
  Model *m = rw_model(rw);
  const Node *bn = match_node(match, "bn"), *sum = match_node(match, "sum");
  const Node *gone[3] = {match_node(match, "gemm"), bn, sum};
  ElemType stored = constant_of(match_value(match, "W"))->dtype;
  b = tx_cast(m, b, stored);
  if (!w || !b) {
    rw_missed(rw, bn, "weights can't be computed");
    return NULL;
  }
  if (!weights_are_normal(rw, w, b, stored)) return NULL;
  Value *in[3] = {match_value(match, "x"), rw_const(rw, w, match_value(match, "W")->name->s),
                  rw_const(rw, b, node_in(bn, 2)->name->s)};
  const Value *made[2] = {in[1], in[2]};
  if (!rw_may_grow(rw, sum ? 3 : 2, gone, 2, made)) return NULL;
  if (node_is(gone[0], OP_MatMul)) return rw_node(rw, OP_Gemm, 3, in)->out[0];
  Node *gemm = rw_copy(rw, gone[0], 3, in);
  rw_attr_remove(rw, gemm, "beta");
  return gemm->out[0];
}

static bool read_both(Rewriter *rw, const Match *match, Product *p, Affine *a) {
  const Node *bn = match_node(match, "bn");
  if (product_read(match, p) && affine_of(rw_model(rw), bn, 1, a)) return scale_is_normal(rw, a, p->w->dtype);
  rw_missed(rw, bn, "its constants can't be computed");
  return false;
}

Value *gemm_absorb(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Product p;
  Affine a;
  if (!read_both(rw, match, &p, &a)) return NULL;
  return rebuild(rw, match, scaled(m, &p, a.scale, false), affine_bias(m, weighted_bias(m, &p), &a));
}

Value *gemm_absorb_before(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Product p;
  Affine a;
  if (!read_both(rw, match, &p, &a)) return NULL;
  Affine carried = {.shift = carried_shift(m, &p, a.shift)};
  Tensor *b = carried.shift ? affine_bias(m, weighted_bias(m, &p), &carried) : NULL;
  return rebuild(rw, match, scaled(m, &p, a.scale, true), b);
}
