/* Dropout where nothing is left to chance: in inference, or with ratio 0. The mask is all ones. */
#include "eval/kernel.h"

/* Until opset 12 ratio is an attribute, and training a runtime's affair; until 7 attribute is_test says. */
static bool drops(Eval *e, bool *drops) {
  int64_t is_test = 1;
  double ratio = 0.5;
  *drops = false;
  if (since(e) < 7) return attr_int(e->node, "is_test", &is_test) && is_test;
  if (since(e) < 12 || !in_tensor(e, 2)) return true;
  const Tensor *training = e->in[2];
  NEEDS(training->dtype == DT_BOOL && training->count == 1);
  const uint8_t *on = in_data(e, 2);
  NEEDS(on && (!in_tensor(e, 1) || in_number(e, 1, &ratio)));
  *drops = *on && ratio != 0;
  return true;
}

bool eval_dropout(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  bool random;
  NEEDS(t && drops(e, &random) && !random && out_reshaped(e, 0, 0, t->rank, t->dim));
  if (!out_used(e, 1)) return true;
  NEEDS(since(e) >= 10);
  uint8_t *mask = out_new(e, 1, DT_BOOL, t->rank, t->dim);
  NEEDS(mask);
  memset(mask, 1, (size_t)t->count);
  return true;
}
