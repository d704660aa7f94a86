/* Softmax and the normalisations. */
#include "passes/lift/lift.h"

/* --- Softmax, LogSoftmax, Hardmax --------------------------------------------------------------------------
 */

/* The only axis from `first` on that is not 1; the last one if all are; -1 if that is not known. */
static int only_axis(SymTable *syms, Shape s, int first) {
  int found = -1;
  for (int i = first; i < s.rank; i++) {
    if (sym_equal(s.dim[i], sym_int(syms, 1))) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found < 0 ? s.rank - 1 : found;
}

/* Does Reshape to the dims of s, where 0 copies, undo Flatten at `axis` whichever dims are 0? */
static bool unflattens(Shape s, int axis) {
  for (int i = 0; i < s.rank; i++) {
    bool copies = i == 0 ? axis > 0 : i == 1 && axis <= 1;
    if (!copies && !sym_nonzero(s.dim[i])) return false;
  }
  return true;
}

/* All axes from `axis` on made one vector; now only that axis does. Where they are several: on the flattened
 * input. */
Outcome lift_softmax(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0);
  int64_t axis;
  NEED(x && attr_int(node, "axis", &axis), "its axis is no integer");
  Shape s = shape_of(x);
  if (axis == -1) return FIRED;
  NEED(s.rank > 0, "the input's rank is not known");
  if (axis < 0) axis += s.rank;
  NEED(axis >= 0 && axis < s.rank, "its axis is out of range");
  int only = only_axis(rw_model(rw)->syms, s, (int)axis);
  if (only >= 0) {
    rw_attr_int(rw, node, "axis", only == s.rank - 1 ? -1 : only);
    rw_note(rw, "its axis is written out");
    return FIRED;
  }
  NEED(unflattens(s, (int)axis), "it works on several axes, and one of them may have size 0");
  const char *why;
  Node *flat = rw_node(rw, OP_Flatten, 1, &x);
  rw_attr_int(rw, flat, "axis", axis);
  Node *soft = rw_node(rw, node->op->id, 1, flat->out);
  rw_attr_int(rw, soft, "axis", -1);
  Node *shape = rw_node(rw, OP_Shape, 1, &x);
  Node *back = rw_node(rw, OP_Reshape, 2, (Value *[]){soft->out[0], shape->out[0]});
  NEED(rw_can_replace(rw, node->out[0], back->out[0], &why), "%s", why);
  rw_replace(rw, node->out[0], back->out[0]);
  rw_note(rw, "it works on the flattened input");
  return FIRED;
}

/* --- BatchNormalization ------------------------------------------------------------------------------------
 */

Outcome lift_batchnorm_spatial(Rewriter *rw, Node *node) {
  int64_t spatial;
  NEED(attr_int(node, "spatial", &spatial) && spatial == 1, "it is not spatial");
  if (!node_attr(node, "spatial")) return FIRED;
  rw_attr_remove(rw, node, "spatial");
  rw_note(rw, "it does without spatial, which is 1");
  return FIRED;
}

/* More outputs than one meant training until then, and there were other outputs. */
Outcome lift_batchnorm_mode(Rewriter *rw, Node *node) {
  NEED(node->n_out == 1, "it has the outputs of training");
  return FIRED;
}
