#include "passes/linear.h"

#include <math.h>

const Use *sole_reader(const Value *v) {
  const Use *reader = NULL;
  if (v->keep || v->n_outputs) return NULL;
  for (const Use *u = v->uses; u; u = u->next) {
    if (u->node->graph != v->graph) return NULL;
    if (node_is(u->node, OP_Shape) || node_is(u->node, OP_Size)) continue;
    if (reader) return NULL;
    reader = u;
  }
  return reader;
}

bool is_layout(const Node *n) {
  if (!n->op || !node_in(n, 0) || !node_out(n, 0)) return false;
  switch (n->op->id) {
  case OP_Identity:
  case OP_Reshape:
  case OP_Transpose:
  case OP_Squeeze:
  case OP_Unsqueeze:
  case OP_Flatten: return true;
  default: return false;
  }
}

Value *source_value(Value *v) {
  for (; sole_reader(v); v = node_in(v->producer, 0))
    if (!v->producer || !is_layout(v->producer)) return v;
  return NULL;
}

Node *source_of(Value *v) {
  v = source_value(v);
  return v ? v->producer : NULL;
}

bool is_weight_type(ElemType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

bool factor_of(Node *n, Factor *f) {
  if ((!node_is(n, OP_Mul) && !node_is(n, OP_Div)) || n->n_in != 2 || !node_out(n, 0)) return false;
  bool divides = node_is(n, OP_Div);
  for (int i = divides ? 1 : 0; i < 2; i++) {
    Value *by = node_in(n, i), *x = node_in(n, 1 - i);
    double c;
    if (!by || !x || !constant_scalar(by, &c) || constant_of(x)) continue;
    Tensor *t = constant_of(by);
    int rank = rank_of(x);
    if (!is_weight_type(t->dtype) || (t->rank > 0 && rank < t->rank)) continue;
    double value = divides ? 1 / c : c;
    if (!isfinite(value) || value == 0 || !isfinite(c)) continue;
    *f = (Factor){n, x, i, t, divides, value};
    return true;
  }
  return false;
}

static bool is_product(Node *n, Projection *p) {
  if (!n->op || !node_in(n, 0) || !node_in(n, 1)) return false;
  Value *bias = node_in(n, 2);
  switch (n->op->id) {
  case OP_MatMul: p->weight = constant_of(node_in(n, 1)) ? 1 : 0; break;
  case OP_Gemm: p->weight = -1; break;
  case OP_Conv:
  case OP_ConvTranspose: p->weight = 1; break;
  default: return false;
  }
  p->product = n;
  if (p->weight < 0) return is_weight_type(dtype_of(node_out(n, 0)));
  Tensor *w = constant_of(node_in(n, p->weight));
  return w && is_weight_type(w->dtype) && !constant_of(node_in(n, 1 - p->weight)) &&
         (!bias || constant_of(bias));
}

bool projection_of(Node *n, Projection *p) {
  *p = (Projection){0};
  if (node_is(n, OP_Add) && n->n_in == 2) {
    p->bias = constant_of(node_in(n, 0)) ? 0 : 1;
    Value *sum = node_in(n, 1 - p->bias);
    if (!constant_of(node_in(n, p->bias)) || !sole_reader(sum) || !sum->producer) return false;
    p->add = n;
    n = sum->producer;
  }
  return node_out(n, 0) && is_product(n, p);
}

Tensor *scale_tensor(Model *m, const Factor *f, Tensor *t) {
  Tensor *by = f->by;
  if (!t || by->dtype != t->dtype) return NULL;
  if (by->rank > t->rank) by = tx_reshape(m, by, 0, NULL);
  t = tx_cast(m, tx_binary(m, f->divides ? OP_Div : OP_Mul, t, by), t->dtype);
  return t && tx_all_normal(m, t, t->dtype == DT_FLOAT ? DT_DOUBLE : t->dtype) ? t : NULL;
}

Outcome scale_gemm(Rewriter *rw, Node *node, const Factor *f, Node *gemm, bool with_c) {
  float alpha, beta;
  NEED(attr_float(gemm, "alpha", &alpha) && attr_float(gemm, "beta", &beta), "Gemm has no alpha or beta");
  double a = alpha * f->value, b = beta * f->value;
  with_c = with_c && node_in(gemm, 2) && beta != 0;
  NEED(isnormal((float)a) && (!with_c || isnormal((float)b)), "alpha or beta would not be a normal number");
  rw_attr_float(rw, gemm, "alpha", (float)a);
  if (with_c) rw_attr_float(rw, gemm, "beta", (float)b);
  return FIRED;
}

Outcome scale_gemm_c(Rewriter *rw, Node *node, const Factor *f, Node *gemm) {
  float beta;
  NEED(attr_float(gemm, "beta", &beta), "Gemm has no beta");
  double b = beta * f->value;
  NEED(isnormal((float)b), "beta would not be a normal number");
  rw_attr_float(rw, gemm, "beta", (float)b);
  return FIRED;
}

Node *split_parts(Rewriter *rw, Value *v, int axis, const int64_t *size, int n, int opset) {
  Value *in[2] = {v, opset >= 13 ? rw_const_ints(rw, size, (size_t)n) : NULL};
  Node *s = rw_node_n(rw, OP_Split, 2, in, n);
  rw_attr_int(rw, s, "axis", axis);
  if (opset < 13) rw_attr_ints(rw, s, "split", size, (size_t)n);
  return s;
}
