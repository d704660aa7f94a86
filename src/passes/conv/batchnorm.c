/* When is a BatchNormalization a factor and a summand per channel? */
#include "passes/conv/conv.h"

bool bn_is_inference(const Match *m) {
  const Node *bn = match_node(m, "bn");
  int64_t flag;
  if (bn->opset < 7) return attr_int(bn, "is_test", &flag) && flag;
  if (bn->opset >= 14) return attr_int(bn, "training_mode", &flag) && !flag;
  for (int i = 1; i < bn->n_out; i++) /* in between, further outputs say so, read or not */
    if (bn->out[i]) return false;
  return true;
}

bool bn_is_spatial(const Match *m) {
  const Node *bn = match_node(m, "bn");
  int64_t flag;
  return bn->opset >= 9 || (attr_int(bn, "spatial", &flag) && flag);
}

bool bn_has_channels(const Node *bn, int64_t n) {
  for (int i = 1; i < 5; i++) {
    const Tensor *t = node_in(bn, i) ? constant_of(node_in(bn, i)) : NULL;
    if (!t || t->rank != 1 || t->dim[0] != n) return false;
  }
  return true;
}
