/* fuse_conv_batchnorm
 *
 * Before:    BatchNormalization(Conv(x, W, B?), gamma, beta, mean, var), also over ConvTranspose
 * After:     Conv(x, W * s, (B - mean) * s + beta)
 * Formula:   s = gamma / sqrt(var + epsilon), per output channel; W has the output channel in axis 0 (Conv) or, with the
 *            group in front, in axis 1 (ConvTranspose)
 * When not:  a parameter is not constant; training mode or per-activation statistics (spatial = 0); the Conv has other
 *            users; s is not a normal number in the stored type
 * Exactness: rounding (s in double, each product rounded once to the stored type)
 */
#include "passes/passes.h"

static bool is_inference(const Match *m) {
  const Node *bn = match_node(m, "bn");
  int64_t flag;
  if (bn->opset < 7) return attr_int(bn, "is_test", &flag) && flag;
  if (bn->opset >= 14) return attr_int(bn, "training_mode", &flag) && !flag;
  for (int i = 1; i < bn->n_out; i++) /* in between, further outputs say so, read or not */
    if (bn->out[i]) return false;
  return true;
}

static bool is_spatial(const Match *m) {
  int64_t flag;
  const Node *bn = match_node(m, "bn");
  return bn->opset >= 9 || (attr_int(bn, "spatial", &flag) && flag);
}

/* Output channels of the convolution, from its weights; 0 if they make no sense. */
static int64_t channels(const Node *conv, const Tensor *w, int64_t *group) {
  if (!w || w->rank < 3 || !attr_int(conv, "group", group) || *group < 1) return 0;
  if (!w->count || w->dim[0] % *group) return 0;
  return node_is(conv, OP_ConvTranspose) ? w->dim[1] * *group : w->dim[0];
}

static bool is_vector(Value *v, int64_t n) {
  const Tensor *t = constant_of(v);
  return t && t->rank == 1 && t->dim[0] == n;
}

static bool per_channel(const Match *m) {
  int64_t group, n = channels(match_node(m, "conv"), constant_of(match_value(m, "W")), &group);
  Value *bias = match_value(m, "B");
  return n > 0 && is_vector(match_value(m, "gamma"), n) && is_vector(match_value(m, "beta"), n) &&
         is_vector(match_value(m, "mean"), n) && is_vector(match_value(m, "var"), n) && (!bias || is_vector(bias, n));
}

static bool one_float_type(const Match *m) {
  ElemType t = dtype_of(match_value(m, "W"));
  const char *vectors[] = {"B", "gamma", "beta", "mean", "var"};
  for (int i = 0; i < 5; i++) {
    Value *v = match_value(m, vectors[i]);
    if (v && dtype_of(v) != t) return false;
  }
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

static Tensor *as_double(Model *m, Value *v) {
  return tx_cast(m, constant_of(v), DT_DOUBLE);
}

static Tensor *scale(Model *m, const Match *match) {
  float epsilon;
  if (!attr_float(match_node(match, "bn"), "epsilon", &epsilon)) return NULL;
  Tensor *eps = tx_cast(m, tensor_float(m->arena, epsilon), DT_DOUBLE);
  Tensor *deviation = tx_unary(m, OP_Sqrt, tx_binary(m, OP_Add, as_double(m, match_value(match, "var")), eps));
  return tx_binary(m, OP_Div, as_double(m, match_value(match, "gamma")), deviation);
}

/* W * s along the output channels. 16-bit weights are multiplied in float32 and rounded once. */
static Tensor *scaled_weights(Model *m, const Node *conv, Tensor *w, Tensor *s) {
  ElemType stored = w->dtype, wide = stored == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  int64_t group, n = channels(conv, w, &group);
  bool transposed = node_is(conv, OP_ConvTranspose);
  int rank = w->rank + (transposed ? 1 : 0);
  int64_t *view = NEW_ARRAY(m->arena, int64_t, rank), *along = NEW_ARRAY(m->arena, int64_t, rank);
  for (int i = 0; i < rank; i++) {
    view[i] = transposed ? (i == 0 ? group : i == 1 ? w->dim[0] / group : w->dim[i - 1]) : w->dim[i];
    along[i] = 1;
  }
  along[0] = transposed ? group : n;
  if (transposed) along[2] = w->dim[1];
  Tensor *wv = tx_reshape(m, tx_cast(m, w, wide), rank, view);
  Tensor *sv = tx_reshape(m, tx_cast(m, s, wide), rank, along);
  return tx_reshape(m, tx_cast(m, tx_binary(m, OP_Mul, wv, sv), stored), w->rank, w->dim);
}

static Tensor *folded_bias(Model *m, const Match *match, Tensor *s) {
  Tensor *mean = as_double(m, match_value(match, "mean")), *beta = as_double(m, match_value(match, "beta"));
  Value *bias = match_value(match, "B");
  Tensor *centred = bias ? tx_binary(m, OP_Sub, as_double(m, bias), mean) : tx_unary(m, OP_Neg, mean);
  Tensor *b = tx_binary(m, OP_Add, tx_binary(m, OP_Mul, centred, s), beta);
  return tx_cast(m, b, dtype_of(match_value(match, "W")));
}

static Value *fold_batchnorm(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Node *conv = match_node(match, "conv");
  Tensor *w = constant_of(match_value(match, "W"));
  Tensor *s = scale(m, match);
  if (!s || !tx_all_normal(m, s, w->dtype)) {
    rw_missed(rw, conv, "gamma / sqrt(var + epsilon) is not a normal number in %s", elem_name(w->dtype));
    return NULL;
  }
  Tensor *scaled = scaled_weights(m, conv, w, s), *b = folded_bias(m, match, s);
  /* Weights of the wide types need only be finite, as double: models come with subnormal ones. */
  ElemType range = w->dtype == DT_FLOAT ? DT_DOUBLE : w->dtype;
  if (!scaled || !b || !tx_all_normal(m, b, w->dtype) || !tx_all_normal(m, scaled, range)) {
    rw_missed(rw, conv, "a folded weight or bias is not a normal number in %s", elem_name(w->dtype));
    return NULL;
  }
  Value *in[] = {match_value(match, "x"), rw_const(rw, scaled, match_value(match, "W")->name->s),
                 rw_const(rw, b, match_value(match, "beta")->name->s)};
  return rw_copy(rw, conv, 3, in)->out[0];
}

static const Rule rules[] = {
    {.name = "conv-batchnorm",
     .match = "BatchNormalization:bn(Conv|ConvTranspose:conv(x, W#, B#?), gamma#, beta#, mean#, var#)",
     .replace = "Conv(x, W*s, (B - mean)*s + beta), s = gamma / sqrt(var + epsilon)",
     .when = {{is_inference, "BatchNormalization is in training mode"},
              {is_spatial, "BatchNormalization is not per channel (spatial = 0)"},
              {per_channel, "its parameters are not one value for each output channel"},
              {one_float_type, "weights and parameters are not of one floating point type"}},
     .exact = ROUNDING,
     .build = fold_batchnorm},
};

const Pass pass_fuse_conv_batchnorm = {"fuse_conv_batchnorm", "folds BatchNormalization into the convolution before it",
                                       PASS_RULES(rules)};
