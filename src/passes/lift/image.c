/* Resampling and windows over images. */
#include "passes/lift/lift.h"

/* --- Upsample and Resize ----------------------------------------------------------------------------------
 */

Outcome lift_upsample(Rewriter *rw, Node *node) {
  const char *why;
  bool nearest = attr_string_is(node, "mode", "nearest"), linear = attr_string_is(node, "mode", "linear");
  NEED(nearest || linear, "its mode is neither nearest nor linear");
  Value *in[] = {node_in(node, 0), node_in(node, 1)};
  Node *resize = rw_node(rw, OP_Resize, 2, in);
  rw_attr_string(rw, resize, "mode", nearest ? "nearest" : "linear");
  NEED(rw_can_replace(rw, node->out[0], resize->out[0], &why), "%s", why);
  rw_replace(rw, node->out[0], resize->out[0]);
  rw_note(rw, "Upsample becomes Resize");
  return FIRED;
}

static bool only_enlarges(Value *scales) {
  const Tensor *t = scales ? constant_of(scales) : NULL;
  double s;
  for (uint64_t i = 0; t && i < t->count; i++)
    if (!tensor_get_double(t, i, &s) || !(s >= 1)) return false;
  return t != NULL;
}

/* Until then a point of the result lay at its own coordinates divided by the scale, and nearest took what is
 * at or below (above, it depends on the runtime). */
Outcome lift_resize_modes(Rewriter *rw, Node *node) {
  bool nearest = attr_string_is(node, "mode", "nearest");
  Value *scales = node_in(node, 1);
  NEED(!nearest || only_enlarges(scales),
       "its scales are not known to be 1 or more: which of two neighbours is nearest was not said");
  Tensor *no_roi = tensor_alloc(rw_model(rw)->arena, DT_FLOAT, 1, &(int64_t){0}, NULL);
  rw_set_input(rw, node, 2, scales);
  rw_set_input(rw, node, 1, rw_const(rw, no_roi, "roi"));
  rw_attr_string(rw, node, "coordinate_transformation_mode", "asymmetric");
  if (nearest) rw_attr_string(rw, node, "nearest_mode", "floor");
  rw_note(rw, "asymmetric coordinates are written out");
  return FIRED;
}

static bool is_empty(Value *v) {
  Shape s = v ? shape_of(v) : SHAPE_UNKNOWN;
  int64_t n;
  return s.rank == 1 && sym_const(s.dim[0], &n) && n == 0;
}

/* Inputs that were empty tensors where they did not apply are left out. */
Outcome lift_resize_inputs(Rewriter *rw, Node *node) {
  NEED(!attr_string_is(node, "coordinate_transformation_mode", "tf_half_pixel_for_nn"),
       "tf_half_pixel_for_nn is no coordinate_transformation_mode any more");
  NEED(!node_in(node, 3) || !node_in(node, 2) || is_empty(node_in(node, 2)), "it has both scales and sizes");
  for (int i = 1; i < 3; i++) {
    if (!is_empty(node_in(node, i))) continue;
    rw_set_input(rw, node, i, NULL);
    rw_note(rw, "it does without its empty %s", i == 1 ? "roi" : "scales");
  }
  return FIRED;
}

/* --- sampling ----------------------------------------------------------------------------------------- */

/* The default shifts by half a pixel from here on. */
Outcome lift_roi_align(Rewriter *rw, Node *node) {
  rw_attr_string(rw, node, "coordinate_transformation_mode", "output_half_pixel");
  rw_note(rw, "output_half_pixel is written out");
  return FIRED;
}

Outcome lift_grid_sample(Rewriter *rw, Node *node) {
  static const char *const names[][2] = {{"bilinear", "linear"}, {"bicubic", "cubic"}};
  for (int i = 0; i < 2; i++) {
    if (!node_attr(node, "mode") || !attr_string_is(node, "mode", names[i][0])) continue;
    rw_attr_string(rw, node, "mode", names[i][1]);
    rw_note(rw, "%s is called %s", names[i][0], names[i][1]);
    return FIRED;
  }
  return FIRED;
}

/* --- windows ------------------------------------------------------------------------------------------- */

/* Along one axis: how far the windows' starts can go, in steps of stride. */
typedef struct Window {
  int64_t room, stride; /* room: padded size less the window */
  int64_t end;          /* where the data ends, counted from the padded start */
} Window;

static bool read_window(Node *node, int axis, Window *w) {
  Shape s = shape_of(node_in(node, 0));
  const int64_t *kernel, *strides, *pads, *dilations;
  size_t n, n_strides = 0, n_pads = 0, n_dilations = 0;
  int64_t size;
  if (s.rank < 3 || !attr_string_is(node, "auto_pad", "NOTSET")) return false;
  if (!attr_ints(node, "kernel_shape", &kernel, &n) || (int)n != s.rank - 2) return false;
  bool has_strides = attr_ints(node, "strides", &strides, &n_strides);
  bool has_pads = attr_ints(node, "pads", &pads, &n_pads);
  bool has_dilations = attr_ints(node, "dilations", &dilations, &n_dilations);
  if ((has_strides && n_strides != n) || (has_pads && n_pads != 2 * n) || (has_dilations && n_dilations != n))
    return false;
  if (!sym_const(s.dim[axis + 2], &size)) return false;
  int64_t before = has_pads ? pads[axis] : 0, after = has_pads ? pads[n + (size_t)axis] : 0;
  int64_t span = (kernel[axis] - 1) * (has_dilations ? dilations[axis] : 1) + 1;
  *w = (Window){before + size + after - span, has_strides ? strides[axis] : 1, before + size};
  return w->room >= 0 && w->stride > 0;
}

/* ceil_mode may add a window that starts in the padding behind the data; it is ignored from here on. */
Outcome lift_pool_windows(Rewriter *rw, Node *node) {
  int64_t ceil_mode;
  NEED(attr_int(node, "ceil_mode", &ceil_mode), "its ceil_mode is no integer");
  if (!ceil_mode) return FIRED;
  int rank = rank_of(node_in(node, 0));
  NEED(rank > 2, "it has ceil_mode and the input's rank is not known");
  for (int i = 0; i < rank - 2; i++) {
    Window w;
    NEED(read_window(node, i, &w), "it has ceil_mode and its windows are not known");
    int64_t last = (w.room + w.stride - 1) / w.stride * w.stride;
    NEED(last < w.end, "with ceil_mode, a window starts behind the data");
  }
  return FIRED;
}

/* Whether what lies beyond the padding counts, where ceil_mode lets a window reach there, was not said. */
Outcome lift_pool_count(Rewriter *rw, Node *node) {
  int64_t ceil_mode, counts;
  NEED(attr_int(node, "ceil_mode", &ceil_mode) && attr_int(node, "count_include_pad", &counts),
       "its attributes are no integers");
  if (!ceil_mode || !counts) return FIRED;
  int rank = rank_of(node_in(node, 0));
  NEED(rank > 2, "it has ceil_mode and the input's rank is not known");
  for (int i = 0; i < rank - 2; i++) {
    Window w;
    NEED(read_window(node, i, &w) && w.room % w.stride == 0,
         "with ceil_mode, a window may reach beyond the padding, which counts");
  }
  return FIRED;
}

/* Which side gets the odd one of the computed padding was turned around. */
Outcome lift_conv_transpose(Rewriter *rw, Node *node) {
  NEED(attr_string_is(node, "auto_pad", "NOTSET") || attr_string_is(node, "auto_pad", "VALID"),
       "auto_pad splits an odd padding the other way from here on");
  NEED(!node_attr(node, "output_shape"), "output_shape splits an odd padding the other way from here on");
  return FIRED;
}
