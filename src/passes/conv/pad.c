/* Pad before Conv, MaxPool and AveragePool, where the operator's own padding means the same:
 *
 * Conv         zeros
 * MaxPool      nothing that could be the largest: -inf, or the lowest integer
 * AveragePool  zeros that count (count_include_pad = 1)
 *
 * A pool must see at least one element of the input in every window: ONNX Runtime refuses pads as large as
 * the kernel, and the definition does not say what the largest of none is. */
#include <math.h>

#include "eval/window.h"
#include "passes/conv/conv.h"

/* What a Pad adds in front of every axis and behind it. */
typedef struct Pads {
  int rank;
  int64_t before[MAX_RANK], after[MAX_RANK];
} Pads;

static bool place_pads(Pads *p, const int64_t *pads, size_t n, const int64_t *axes, size_t n_axes) {
  *p = (Pads){.rank = p->rank};
  if (n != 2 * n_axes) return false;
  for (size_t k = 0; k < n_axes; k++) {
    int64_t axis = axes ? axes[k] + (axes[k] < 0 ? p->rank : 0) : (int64_t)k;
    if (axis < 0 || axis >= p->rank) return false;
    p->before[axis] = pads[k];
    p->after[axis] = pads[n_axes + k];
  }
  return true;
}

static bool pads_read(const Match *m, Pads *p) {
  const Node *pad = match_node(m, "pad");
  const int64_t *pads, *axes = NULL;
  size_t n, n_axes;
  p->rank = rank_of(pad->out[0]);
  if (p->rank < 3 || p->rank > MAX_SPATIAL + 2) return false;
  n_axes = (size_t)p->rank;
  if (pad->opset < 11) {
    if (!attr_ints(pad, pad->opset < 2 ? "paddings" : "pads", &pads, &n)) return false;
  } else if (!node_in(pad, 1) || !value_ints(node_in(pad, 1), &pads, &n))
    return false;
  if (node_in(pad, 3) && !value_ints(node_in(pad, 3), &axes, &n_axes)) return false;
  return place_pads(p, pads, n, axes, n_axes);
}

bool pad_is_known(const Match *m) {
  Pads p;
  return pads_read(m, &p);
}

bool pad_is_constant(const Match *m) {
  return attr_string_is(match_node(m, "pad"), "mode", "constant");
}

bool pad_is_spatial(const Match *m) {
  Pads p;
  return pads_read(m, &p) && !p.before[0] && !p.before[1] && !p.after[0] && !p.after[1];
}

bool pad_adds(const Match *m) {
  Pads p;
  if (!pads_read(m, &p)) return false;
  for (int i = 0; i < p.rank; i++)
    if (p.before[i] < 0 || p.after[i] < 0 || p.before[i] > INT32_MAX || p.after[i] > INT32_MAX) return false;
  return true;
}

/* The value that is padded with; false if it is not known. */
static bool pad_number(const Match *m, double *v) {
  const Node *pad = match_node(m, "pad");
  *v = 0;
  float f;
  if (pad->opset >= 11) return !node_in(pad, 2) || constant_scalar(node_in(pad, 2), v);
  if (!attr_float(pad, "value", &f)) return false;
  *v = (double)f;
  return true;
}

bool pad_is_zero(const Match *m) {
  double v;
  return pad_number(m, &v) && v == 0 && !signbit(v);
}

bool pad_is_lowest(const Match *m) {
  double v;
  if (!pad_number(m, &v)) return false;
  switch (dtype_of(match_node(m, "pad")->out[0])) {
  case DT_UINT8: return v == 0;
  case DT_INT8: return v == INT8_MIN;
  case DT_FLOAT:
  case DT_DOUBLE:
  case DT_FLOAT16:
  case DT_BFLOAT16: return isinf(v) && v < 0;
  default: return false;
  }
}

/* --- the window ----------------------------------------------------------------------------------------- */

/* Pads as they are (0 is there already) and as they would be: in front of all spatial axes, then behind them.
 */
static bool pads_joined(const Match *m, int64_t *own, int64_t *sum) {
  const Node *window = match_node(m, "window");
  Pads p;
  if (!pads_read(m, &p)) return false;
  int n = p.rank - 2;
  if (!attr_string_is(window, "auto_pad", "VALID") && !frame_attr(window, "pads", 2 * n, 0, 0, own))
    return false;
  for (int i = 0; i < n; i++) {
    if (__builtin_add_overflow(own[i], p.before[2 + i], &sum[i]) ||
        __builtin_add_overflow(own[n + i], p.after[2 + i], &sum[n + i]))
      return false;
    if (sum[i] > INT32_MAX || sum[n + i] > INT32_MAX) return false;
  }
  return true;
}

bool window_is_explicit(const Match *m) {
  const Node *window = match_node(m, "window");
  int64_t own[2 * MAX_SPATIAL] = {0}, sum[2 * MAX_SPATIAL];
  return (attr_string_is(window, "auto_pad", "NOTSET") || attr_string_is(window, "auto_pad", "VALID")) &&
         pads_joined(m, own, sum);
}

bool window_rounds_down(const Match *m) {
  const Node *window = match_node(m, "window");
  int64_t ceil_mode;
  return window->opset < 10 || (attr_int(window, "ceil_mode", &ceil_mode) && !ceil_mode);
}

/* Its own pads, if it has any, count already; or it has none and can be told to. */
bool window_counts_pads(const Match *m) {
  const Node *window = match_node(m, "window");
  int64_t own[2 * MAX_SPATIAL] = {0}, sum[2 * MAX_SPATIAL], counts;
  if (window->opset < 7 || !attr_int(window, "count_include_pad", &counts) || !pads_joined(m, own, sum))
    return false;
  for (int i = 0; i < 2 * (rank_of(match_node(m, "pad")->out[0]) - 2) && !counts; i++)
    if (own[i]) return false;
  return true;
}

/* Pads smaller than a window without gaps. */
bool window_is_larger(const Match *m) {
  const Node *window = match_node(m, "window");
  int n = rank_of(match_node(m, "pad")->out[0]) - 2;
  int64_t own[2 * MAX_SPATIAL] = {0}, sum[2 * MAX_SPATIAL], kernel[MAX_SPATIAL], dilation[MAX_SPATIAL];
  if (!pads_joined(m, own, sum) || !frame_attr(window, "kernel_shape", n, 1, 0, kernel)) return false;
  if (!frame_attr(window, "dilations", n, 1, 1, dilation)) return false;
  for (int i = 0; i < n; i++)
    if ((sum[i] || sum[n + i]) && (sum[i] >= kernel[i] || sum[n + i] >= kernel[i] || dilation[i] != 1))
      return false;
  return true;
}

bool window_sees_input(const Match *m) {
  Shape x = shape_of(match_value(m, "x"));
  for (int i = 2; i < x.rank; i++)
    if (!sym_nonzero(x.dim[i])) return false;
  return x.rank >= 0;
}

Value *pad_into_window(Rewriter *rw, const Match *m) {
  const Node *window = match_node(m, "window");
  int64_t own[2 * MAX_SPATIAL] = {0}, sum[2 * MAX_SPATIAL];
  int n = rank_of(match_node(m, "pad")->out[0]) - 2;
  if (!pads_joined(m, own, sum)) return NULL;
  Value *in[3] = {match_value(m, "x"), node_in(window, 1), node_in(window, 2)};
  Node *padded = rw_copy(rw, window, 3, in);
  rw_attr_remove(rw, padded, "auto_pad");
  rw_attr_ints(rw, padded, "pads", sum, 2 * (size_t)n);
  if (node_is(window, OP_AveragePool)) rw_attr_int(rw, padded, "count_include_pad", 1);
  return padded->out[0];
}
