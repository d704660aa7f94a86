#include "passes/conv/conv.h"

bool conv_read(const Node *node, Conv *c) {
  *c = (Conv){.node = node, .transposed = node_is(node, OP_ConvTranspose)};
  if (!node_in(node, 1)) return false;
  Tensor *w = c->w = constant_of(node_in(node, 1));
  if (!w || w->rank < 3 || !w->count || !attr_int(node, "group", &c->group)) return false;
  if (c->group < 1 || w->dim[0] % c->group) return false;
  if (__builtin_mul_overflow(w->dim[1], c->group, c->transposed ? &c->out : &c->in)) return false;
  *(c->transposed ? &c->in : &c->out) = w->dim[0];
  return true;
}

bool is_per_channel(const Tensor *t, int rank, int64_t n) {
  if (!t || t->rank > rank) return false;
  if (t->count == 1) return true;
  int axis = 1 - (rank - t->rank);
  return axis >= 0 && t->count == (uint64_t)n && t->dim[axis] == n;
}

/* --- one factor and one summand per channel ------------------------------------------------------------- */

/* In double, as a vector. */
static Tensor *vector(Model *m, Tensor *t) {
  return t ? tx_reshape(m, tx_cast(m, t, DT_DOUBLE), 1, &(int64_t){(int64_t)t->count}) : NULL;
}

static Tensor *number(Model *m, float v) {
  return tx_cast(m, tensor_float(m->arena, v), DT_DOUBLE);
}

static bool affine_of_batchnorm(Model *m, const Node *bn, Affine *a) {
  float epsilon;
  Tensor *p[5];
  for (int i = 1; i < 5; i++) p[i] = tx_cast(m, constant_of(node_in(bn, i)), DT_DOUBLE);
  if (!attr_float(bn, "epsilon", &epsilon)) return false;
  Tensor *deviation = tx_unary(m, OP_Sqrt, tx_binary(m, OP_Add, p[4], number(m, epsilon)));
  a->scale = tx_binary(m, OP_Div, p[1], deviation);
  a->shift = tx_binary(m, OP_Sub, p[2], tx_binary(m, OP_Mul, p[3], a->scale));
  a->formula = "gamma / sqrt(var + epsilon)";
  return a->scale && a->shift;
}

bool affine_of(Model *m, const Node *op, int c_index, Affine *a) {
  *a = (Affine){.formula = "the factor"};
  if (node_is(op, OP_BatchNormalization)) return affine_of_batchnorm(m, op, a);
  Tensor *c = node_is(op, OP_Neg) ? NULL : vector(m, constant_of(node_in(op, c_index)));
  switch (op->op->id) {
  case OP_Neg: return (a->scale = number(m, -1)) != NULL;
  case OP_Mul: return (a->scale = c) != NULL;
  case OP_Div:
    a->formula = "1 / the divisor";
    return c_index == 1 && (a->scale = tx_unary(m, OP_Reciprocal, c)) != NULL;
  case OP_Add: return (a->shift = c) != NULL;
  case OP_Sub:
    if (c_index == 0) a->scale = number(m, -1);
    return (a->shift = c_index == 0 ? c : tx_unary(m, OP_Neg, c)) != NULL;
  default: return false;
  }
}

Tensor *affine_bias(Model *m, Tensor *bias, const Affine *a) {
  Tensor *b = tx_cast(m, bias, DT_DOUBLE);
  if (b && a->scale) b = tx_binary(m, OP_Mul, b, a->scale);
  if (!b || !a->shift) return b ? b : a->shift;
  return tx_binary(m, OP_Add, b, a->shift);
}

/* --- new weights ---------------------------------------------------------------------------------------- */

Tensor *conv_scaled(Model *m, const Conv *c, Tensor *s, bool grouped) {
  Tensor *w = c->w;
  ElemType wide = w->dtype == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  int rank = w->rank + (grouped ? 1 : 0);
  int64_t *view = NEW_ARRAY(m->arena, int64_t, rank), *along = NEW_ARRAY(m->arena, int64_t, rank);
  for (int i = 0; i < rank; i++) {
    view[i] = !grouped ? w->dim[i] : i == 0 ? c->group : i == 1 ? w->dim[0] / c->group : w->dim[i - 1];
    along[i] = 1;
  }
  if (s && s->count > 1) {
    along[0] = view[0];
    if (grouped) along[2] = view[2];
  }
  Tensor *wv = tx_reshape(m, tx_cast(m, w, wide), rank, view);
  Tensor *sv = tx_reshape(m, tx_cast(m, s, wide), rank, along);
  return tx_reshape(m, tx_cast(m, tx_binary(m, OP_Mul, wv, sv), w->dtype), w->rank, w->dim);
}

bool scale_is_normal(Rewriter *rw, const Affine *a, ElemType stored) {
  if (!a->scale || tx_all_normal(rw_model(rw), a->scale, stored)) return true;
  rw_missed(rw, NULL, "%s is not a normal number in %s", a->formula, elem_name(stored));
  return false;
}

/* Weights of the wide types need only be finite, as double: models come with subnormal ones. */
bool weights_are_normal(Rewriter *rw, Tensor *w, Tensor *b, ElemType stored) {
  Model *m = rw_model(rw);
  ElemType range = stored == DT_FLOAT ? DT_DOUBLE : stored;
  if ((!b || tx_all_normal(m, b, stored)) && (!w || tx_all_normal(m, w, range))) return true;
  rw_missed(rw, NULL, "a folded weight or bias is not a normal number in %s", elem_name(stored));
  return false;
}

Value *conv_rebuild(Rewriter *rw, const Conv *c, Value *x, Tensor *w, Tensor *b, const char *bias_name,
                    int n_gone, const Node *const *gone) {
  Model *m = rw_model(rw);
  ElemType stored = c->w->dtype;
  if (w) w = tx_cast(m, w, stored);
  if (b && b->count == 1 && c->out > 1) /* one number for all channels */
    b = tx_binary(m, OP_Add, tensor_alloc(m->arena, b->dtype, 1, &c->out, NULL), b);
  if (b) b = tx_cast(m, tx_reshape(m, b, 1, &c->out), stored);
  if (!weights_are_normal(rw, w, b, stored)) return NULL;
  const Value *made[2] = {w ? rw_const(rw, w, node_in(c->node, 1)->name->s) : NULL,
                          b ? rw_const(rw, b, bias_name) : NULL};
  if (!rw_may_grow(rw, n_gone, gone, 2, made)) return NULL;
  Value *in[3] = {x, made[0] ? (Value *)made[0] : node_in(c->node, 1),
                  made[1] ? (Value *)made[1] : node_in(c->node, 2)};
  return rw_copy(rw, c->node, 3, in)->out[0];
}
