/* Steps that narrowed what an operator takes, or gave a meaning to what had another. */
#include "passes/lift/lift.h"

Outcome lift_float_only(Rewriter *rw, Node *node) {
  NEED(elem_is_float(dtype_of(node_in(node, 0))), "its element type is not known to be a float");
  return FIRED;
}

/* Input and scale must be of one type from here on; before, integers had a scale in float. */
Outcome lift_quantize(Rewriter *rw, Node *node) {
  NEED(dtype_of(node_in(node, 0)) == DT_FLOAT, "its input is not known to be a float, like its scale");
  return FIRED;
}

/* What becomes of an infinity in these two types was changed. */
Outcome lift_cast(Rewriter *rw, Node *node) {
  ElemType to = dtype_of(node->out[0]);
  NEED(to != DT_UNDEFINED, "the type it casts to is not known");
  NEED(to != DT_FLOAT8E4M3FNUZ && to != DT_FLOAT8E5M2FNUZ, "it casts to %s, where infinities change",
       elem_name(to));
  return FIRED;
}

static bool never_negative(Value *v) {
  if (dtype_of(v) != DT_UNDEFINED && elem_is_int(dtype_of(v)) && !elem_is_signed(dtype_of(v))) return true;
  const Tensor *t = constant_of(v);
  double x;
  for (uint64_t i = 0; t && i < t->count; i++)
    if (!tensor_get_double(t, i, &x) || !(x >= 0)) return false;
  return t != NULL;
}

/* Negative indices, which were out of range, count from the end from here on. */
Outcome lift_one_hot(Rewriter *rw, Node *node) {
  NEED(never_negative(node_in(node, 0)), "its indices may be negative, which is in range from here on");
  return FIRED;
}

Outcome lift_scatter(Rewriter *rw, Node *node) {
  int64_t axis;
  const char *why;
  NEED(attr_int(node, "axis", &axis), "its axis is no integer");
  Value *in[] = {node_in(node, 0), node_in(node, 1), node_in(node, 2)};
  Node *now = rw_node(rw, OP_ScatterElements, 3, in);
  if (axis) rw_attr_int(rw, now, "axis", axis);
  NEED(rw_can_replace(rw, node->out[0], now->out[0], &why), "%s", why);
  rw_replace(rw, node->out[0], now->out[0]);
  rw_note(rw, "Scatter becomes ScatterElements");
  return FIRED;
}
