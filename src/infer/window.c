#include "infer/window.h"

/* Attribute `name` of n numbers within [least, INT32_MAX] in magnitude, or all `other`. */
static bool numbers(const Infer *f, const char *name, int n, int64_t least, int64_t other, int64_t *out) {
  const int64_t *at;
  size_t count;
  bool given = attr_ints(f->node, name, &at, &count);
  if (given && count != (size_t)n) return false;
  for (int i = 0; i < n; i++) {
    out[i] = given ? at[i] : other;
    if (out[i] < least || out[i] > INT32_MAX) return false;
  }
  return true;
}

bool window_read(const Infer *f, int rank, const Dim *weights, Window *w) {
  int64_t pads[2 * MAX_RANK], kernel[MAX_RANK];
  w->rank = rank;
  w->ceil = attr_int_or(f, "ceil_mode", 0) != 0;
  w->pad = PAD_EXPLICIT;
  if (attr_string_is(f->node, "auto_pad", "SAME_UPPER") || attr_string_is(f->node, "auto_pad", "SAME_LOWER"))
    w->pad = PAD_SAME;
  if (attr_string_is(f->node, "auto_pad", "VALID")) w->pad = PAD_VALID;
  if (!numbers(f, "strides", rank, 1, 1, w->stride) || !numbers(f, "dilations", rank, 1, 1, w->dilation))
    return false;
  if (!numbers(f, "pads", 2 * rank, -INT32_MAX, 0, pads)) return false;
  bool given = node_attr(f->node, "kernel_shape") != NULL;
  if (given && !numbers(f, "kernel_shape", rank, 0, 0, kernel)) return false;
  for (int i = 0; i < rank; i++) {
    w->begin[i] = w->pad == PAD_EXPLICIT ? pads[i] : 0;
    w->end[i] = w->pad == PAD_EXPLICIT ? pads[i + rank] : 0;
    w->kernel[i] = given ? num(f, kernel[i]) : weights ? weights[i] : NULL;
  }
  return true;
}

Dim window_extent(const Infer *f, const Window *w, int i) {
  Dim reach = sym_mul(f->syms, sym_sub(f->syms, w->kernel[i], num(f, 1)), num(f, w->dilation[i]));
  return sym_add(f->syms, reach, num(f, 1));
}

/* An operator is defined only where the window fits into the padded input: for shorter ones the formula's
 * value is 0 or negative, and ONNX Runtime refuses or rounds otherwise. So numbers that don't fit are not
 * known, and symbolic dims are right for all inputs that are allowed.
 *
 * With ceil_mode a last window that would start in the padding behind the input is dropped by newer
 * definitions and kept by older ones. It can't where the padding and the stride together are no longer than
 * the window; else the dim is known only if rounding makes no difference. */
Dim window_out(const Infer *f, const Window *w, int i, Dim D) {
  SymTable *t = f->syms;
  Dim stride = num(f, w->stride[i]), one = num(f, 1);
  if (w->pad == PAD_SAME) return sym_ceildiv(t, D, stride);
  Dim extent = window_extent(f, w, i), room = sym_add(t, D, num(f, w->begin[i] + w->end[i]));
  room = sym_sub(t, room, extent);
  if (sym_upper(room) < 0) return NULL;
  Dim down = sym_add(t, sym_floordiv(t, room, stride), one);
  if (!w->ceil) return down;
  Dim up = sym_add(t, sym_ceildiv(t, room, stride), one);
  if (sym_equal(up, down)) return down;
  bool inside = sym_nonneg(sym_sub(t, extent, num(f, w->end[i] + w->stride[i])));
  return w->pad == PAD_EXPLICIT && inside ? up : NULL;
}
