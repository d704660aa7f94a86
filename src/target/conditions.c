#include "target/target.h"

const char *alpha_is_1(const Node *n) {
  float alpha;
  return attr_float(n, "alpha", &alpha) && alpha == 1 ? NULL : "alpha is ignored: 1 is computed with";
}

const char *axis_is_last(const Node *n) {
  int64_t axis;
  int rank = rank_of(node_in(n, 0));
  bool last = attr_int(n, "axis", &axis) && (axis == -1 || (rank >= 0 && axis == rank - 1));
  return last ? NULL : "only the last axis is possible";
}

/* Where(c, x, y) becomes c * x + (1 - c) * y. */
const char *branches_are_constant(const Node *n) {
  for (int i = 1; i < 3; i++)
    if (node_in(n, i) && !constant_of(node_in(n, i)) && elem_is_float(dtype_of(node_in(n, i))))
      return "an infinity in what it does not choose makes a NaN";
  return NULL;
}

const char *fmod_is_0(const Node *n) {
  int64_t fmod;
  return attr_int(n, "fmod", &fmod) && fmod == 0 ? NULL : "fmod=1 is not possible";
}

const char *gelu_is_exact(const Node *n) {
  return attr_string_is(n, "approximate", "none") ? NULL : "approximate=\"tanh\" is ignored: 5e-4 off";
}

const char *has_one_output(const Node *n) {
  return value_in_use(node_out(n, 1)) ? "its second output is not possible" : NULL;
}

/* Two operands, and a result with axes: a matrix product in some form. */
const char *has_two_terms(const Node *n) {
  return n->n_in == 2 && rank_of(n->out[0]) > 0 ? NULL : "only products of two operands are possible";
}

const char *is_float(const Node *n) {
  return dtype_of(node_in(n, 0)) == DT_FLOAT ? NULL : "only float is possible";
}

const char *is_no_double(const Node *n) {
  return dtype_of(node_in(n, 0)) == DT_DOUBLE ? "there is no kernel for double" : NULL;
}

const char *is_not_cubic(const Node *n) {
  return attr_string_is(n, "mode", "cubic") ? "mode=\"cubic\" is not possible" : NULL;
}

/* MaxPool without indices and dilations. */
const char *is_plain_pool(const Node *n) {
  const int64_t *at;
  size_t count;
  if (attr_ints(n, "dilations", &at, &count))
    for (size_t i = 0; i < count; i++)
      if (at[i] != 1) return "dilations are not possible";
  return has_one_output(n);
}

const char *scale_is_a_number(const Node *n) {
  return node_in(n, 1) && rank_of(node_in(n, 1)) == 0 ? NULL : "only one scale for all is possible";
}
