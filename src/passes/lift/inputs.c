/* Attributes that became inputs. */
#include "passes/lift/lift.h"

#include <float.h>
#include <math.h>

/* Input i takes the place of the attribute. */
static void give_input(Rewriter *rw, Node *node, int i, Tensor *t, const char *name) {
  rw_set_input(rw, node, i, rw_const(rw, t, name));
  if (!node_attr(node, name)) return;
  rw_attr_remove(rw, node, name);
  rw_note(rw, "attribute %s becomes an input", name);
}

/* A list of integers that may be left out. An empty one is not the same as none: the definitions do not say
 * what it means. */
static Outcome list_to_input(Rewriter *rw, Node *node, const char *name, int i) {
  if (!node_attr(node, name)) return FIRED;
  const int64_t *at;
  size_t n;
  NEED(attr_ints(node, name, &at, &n) && n, "its %s are no list, or an empty one", name);
  give_input(rw, node, i, tensor_int64s(rw_model(rw)->arena, 1, at, (int64_t)n), name);
  return FIRED;
}

Outcome lift_axes(Rewriter *rw, Node *node) {
  return list_to_input(rw, node, "axes", 1);
}

Outcome lift_split_sizes(Rewriter *rw, Node *node) {
  return list_to_input(rw, node, "split", 1);
}

/* Without sizes the number of parts was that of the outputs; now it is an attribute. */
Outcome lift_split_count(Rewriter *rw, Node *node) {
  if (node_in(node, 1)) return FIRED;
  rw_attr_int(rw, node, "num_outputs", node->n_out);
  rw_note(rw, "num_outputs is written out");
  return FIRED;
}

Outcome lift_slice(Rewriter *rw, Node *node) {
  static const char *const names[] = {"starts", "ends", "axes"};
  NEED(node_attr(node, "starts") && node_attr(node, "ends"), "it has no starts or ends");
  for (int i = 0; i < 3; i++) {
    Outcome out = list_to_input(rw, node, names[i], i + 1);
    if (out != FIRED) return out;
  }
  return FIRED;
}

Outcome lift_topk(Rewriter *rw, Node *node) {
  int64_t k;
  NEED(attr_int(node, "k", &k), "it has no k");
  give_input(rw, node, 1, tensor_int64s(rw_model(rw)->arena, 1, &k, 1), "k");
  return FIRED;
}

/* The default became the last axis of the signal. */
Outcome lift_dft_axis(Rewriter *rw, Node *node) {
  int64_t axis;
  NEED(attr_int(node, "axis", &axis), "its axis is no integer");
  give_input(rw, node, 2, tensor_int64s(rw_model(rw)->arena, 0, &axis, 1), "axis");
  return FIRED;
}

Outcome lift_upsample_scales(Rewriter *rw, Node *node) {
  const Attr *a = node_attr(node, "scales");
  NEED(a && a->type == ATTR_FLOATS, "it has no scales");
  Tensor *t = tensor_new(rw_model(rw)->arena, DT_FLOAT, 1, &(int64_t){(int64_t)a->v.floats.n}, TS_OWNED,
                         a->v.floats.at);
  give_input(rw, node, 1, t, "scales");
  return FIRED;
}

/* --- scalars of the data's type --------------------------------------------------------------------------
 */

static bool is_real(ElemType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16;
}

static void scalar_to_input(Rewriter *rw, Node *node, int i, float v, const char *name) {
  Model *m = rw_model(rw);
  give_input(rw, node, i, tx_cast(m, tensor_float(m->arena, v), dtype_of(node_in(node, 0))), name);
}

Outcome lift_pad(Rewriter *rw, Node *node) {
  float value;
  NEED(node_attr(node, "pads"), "it has no pads");
  NEED(attr_float(node, "value", &value), "its value is no number");
  Outcome out = list_to_input(rw, node, "pads", 1);
  if (out != FIRED || !node_attr(node, "value")) return out;
  NEED(is_real(dtype_of(node_in(node, 0))), "its element type is not known");
  if (value != 0 || signbit(value))
    scalar_to_input(rw, node, 2, value, "value");
  else
    rw_attr_remove(rw, node, "value");
  return FIRED;
}

/* A bound that is left out was the largest float; now it is the largest number of the data's type. In
 * float16, where the former is no bound at all, the infinity says so. */
static Outcome bound_to_input(Rewriter *rw, Node *node, const char *name, int i, float none) {
  ElemType t = dtype_of(node_in(node, 0));
  float v;
  NEED(attr_float(node, name, &v), "its bounds are no numbers");
  if (t == DT_FLOAT && !node_attr(node, name)) return FIRED;
  if (t == DT_FLOAT16 && fabsf(v) == FLT_MAX) v = none;
  NEED(t != DT_FLOAT16 || isnan(v) || half_to_float(float_to_half(v)) == v,
       "one of its bounds is no number of its element type");
  scalar_to_input(rw, node, i, v, name);
  return FIRED;
}

Outcome lift_clip(Rewriter *rw, Node *node) {
  NEED(is_real(dtype_of(node_in(node, 0))), "its element type is not known");
  Outcome out = bound_to_input(rw, node, "min", 1, -INFINITY);
  return out == FIRED ? bound_to_input(rw, node, "max", 2, INFINITY) : out;
}

/* The mask becomes a bool; one that nobody reads goes, with what is declared of it. */
Outcome lift_dropout_mask(Rewriter *rw, Node *node) {
  const Value *mask = node_out(node, 1);
  NEED(!value_in_use(mask) && !(mask && mask->keep), "its mask is in use, which becomes a bool");
  if (!mask) return FIRED;
  rw_drop_output(rw, node, 1);
  rw_note(rw, "its unused mask goes");
  return FIRED;
}

/* What the mask holds without training was not said before. */
Outcome lift_dropout_ratio(Rewriter *rw, Node *node) {
  NEED(!value_in_use(node_out(node, 1)), "its mask is in use, which holds ones from here on");
  float ratio;
  if (!node_attr(node, "ratio")) return FIRED;
  NEED(attr_float(node, "ratio", &ratio), "its ratio is no number");
  give_input(rw, node, 1, tensor_float(rw_model(rw)->arena, ratio), "ratio");
  return FIRED;
}
