#include "passes/conv/activation.h"

#include <math.h>

static bool add_attr(ConvActivation *a, const char *name) {
  return attr_float(a->node, name, &a->param[a->n_params++]);
}

static bool add_number(ConvActivation *a, Value *v) {
  double x;
  if (!v || !constant_scalar(v, &x)) return false;
  a->param[a->n_params++] = (float)x;
  return !isnan(x) && (double)(float)x == x;
}

static bool read_clip(ConvActivation *a) {
  bool read = a->node->opset < 11 ? add_attr(a, "min") && add_attr(a, "max")
                                  : add_number(a, node_in(a->node, 1)) && add_number(a, node_in(a->node, 2));
  return read && a->param[0] <= a->param[1];
}

static bool read_params(ConvActivation *a) {
  switch (a->node->op->id) {
  case OP_Relu:
  case OP_Sigmoid:
  case OP_Tanh: return true;
  case OP_LeakyRelu: return add_attr(a, "alpha");
  case OP_HardSigmoid: return add_attr(a, "alpha") && add_attr(a, "beta");
  case OP_Clip: return read_clip(a);
  default: return false;
  }
}

bool conv_activation(const Node *n, ConvActivation *a) {
  const Value *v = node_in(n, 0);
  *a = (ConvActivation){.node = n};
  if (!n->op || !v || !node_is(v->producer, OP_Conv) || v->producer->graph != n->graph) return false;
  if (!node_is_inner(v->producer)) return false;
  a->conv = v->producer;
  return read_params(a);
}
