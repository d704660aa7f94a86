/* Operators whose further inputs say something for each axis. */
#include "passes/transposes/spread.h"

#include <string.h>

static const char *same(Spread *s, const Perm *p) {
  s->in[0] = s->out[0] = *p;
  return NULL;
}

/* Inputs 'pads', 'repeats', ... with `parts` numbers for each axis, permuted. */
static void permute_ints(Rewriter *rw, const Spread *s, Value **in, int i, int parts) {
  const Perm *p = &s->in[0];
  const int64_t *at;
  size_t n;
  if (!value_ints(in[i], &at, &n)) return;
  int64_t *now = NEW_ARRAY(rw_scratch(rw), int64_t, n);
  for (int k = 0; k < parts * p->n; k++) now[k] = at[k / p->n * p->n + p->at[k % p->n]];
  in[i] = rw_const_ints(rw, now, n);
}

static bool has_ints(const Node *n, int i, int count) {
  const int64_t *at;
  size_t size;
  return node_in(n, i) && value_ints(node_in(n, i), &at, &size) && size == (size_t)count;
}

/* Where the listed axes go. */
static void move_axes(const Spread *s, int64_t *at, int n) {
  for (int k = 0; k < n; k++) at[k] = spread_to(s, (int)at[k]);
}

/* --- Slice -----------------------------------------------------------------------------------------------
 */

/* The axes it slices, listed or not. */
static bool sliced_axes(const Node *n, int rank, int64_t *at, int *count) {
  const int64_t *starts;
  size_t size;
  if (!node_axes(n, 3, rank, at, count)) return false;
  if (*count >= 0) return true;
  if (n->opset < 10) {
    if (!attr_ints(n, "starts", &starts, &size)) return false;
  } else {
    const Partial *v = node_in(n, 1) ? value_of(node_in(n, 1)) : NULL;
    if (!v) return false;
    size = v->n;
  }
  if (size > (size_t)rank) return false;
  *count = (int)size;
  for (int i = 0; i < *count; i++) at[i] = i;
  return true;
}

static const char *slice(Spread *s, int slot, const Perm *p) {
  (void)slot;
  int64_t at[MAX_AXES];
  int count;
  if (s->node->opset >= 10 && (!node_in(s->node, 1) || !node_in(s->node, 2))) return "an operand is missing";
  if (!sliced_axes(s->node, p->n, at, &count)) return "its axes are not known";
  return same(s, p);
}

static void slice_axes(Rewriter *rw, const Spread *s, Value **in) {
  int64_t at[MAX_AXES];
  int count;
  if (s->node->opset < 10 || !sliced_axes(s->node, s->in[0].n, at, &count)) return;
  move_axes(s, at, count);
  in[3] = spread_ints(rw, in[1], at, (size_t)count);
}

static void slice_attr(Rewriter *rw, const Spread *s, Node *copy) {
  int64_t at[MAX_AXES];
  int count;
  if (s->node->opset >= 10 || !sliced_axes(s->node, s->in[0].n, at, &count)) return;
  move_axes(s, at, count);
  rw_attr_ints(rw, copy, "axes", at, (size_t)count);
}

const Family spread_slice = {slice, slice_axes, slice_attr};

/* --- Pad -------------------------------------------------------------------------------------------------
 */

static const char *pads_name(const Node *n) {
  return n->opset < 2 ? "paddings" : "pads";
}

static const char *pad(Spread *s, int slot, const Perm *p) {
  (void)slot;
  Node *n = s->node;
  const int64_t *at;
  int64_t axes[MAX_AXES];
  size_t size;
  int count;
  if (n->opset < 11) {
    if (!attr_ints(n, pads_name(n), &at, &size) || size != 2 * (size_t)p->n) return "its pads are not known";
  } else if (node_in(n, 3)) {
    if (!node_axes(n, 3, p->n, axes, &count)) return "its axes are not known";
  } else if (!has_ints(n, 1, 2 * p->n)) {
    return "its pads are not constant";
  }
  return same(s, p);
}

static void pad_inputs(Rewriter *rw, const Spread *s, Value **in) {
  int64_t axes[MAX_AXES];
  int count;
  if (s->node->opset < 11) return;
  if (!node_in(s->node, 3)) {
    permute_ints(rw, s, in, 1, 2);
  } else if (node_axes(s->node, 3, s->in[0].n, axes, &count)) {
    move_axes(s, axes, count);
    in[3] = spread_ints(rw, in[3], axes, (size_t)count);
  }
}

static void pad_attr(Rewriter *rw, const Spread *s, Node *copy) {
  const Perm *p = &s->in[0];
  const int64_t *at;
  size_t n;
  if (s->node->opset >= 11 || !attr_ints(s->node, pads_name(s->node), &at, &n)) return;
  int64_t now[2 * MAX_AXES];
  for (int k = 0; k < 2 * p->n; k++) now[k] = at[k / p->n * p->n + p->at[k % p->n]];
  rw_attr_ints(rw, copy, pads_name(s->node), now, n);
}

const Family spread_pad = {pad, pad_inputs, pad_attr};

/* --- Tile, Expand ----------------------------------------------------------------------------------------
 */

static const char *tile(Spread *s, int slot, const Perm *p) {
  (void)slot;
  if (s->node->opset < 6 || !has_ints(s->node, 1, p->n)) return "its repeats are not constant";
  return same(s, p);
}

static const char *expand(Spread *s, int slot, const Perm *p) {
  (void)slot;
  if (!has_ints(s->node, 1, p->n)) return "its target is not constant or has another rank";
  if (rank_of(node_in(s->node, 0)) != p->n) return "it adds axes";
  return same(s, p);
}

static void per_axis(Rewriter *rw, const Spread *s, Value **in) {
  permute_ints(rw, s, in, 1, 1);
}

const Family spread_tile = {tile, per_axis, NULL}, spread_expand = {expand, per_axis, NULL};

/* --- Resize ----------------------------------------------------------------------------------------------
 */

static int scales_input(const Node *n) {
  return n->opset < 11 ? 1 : 2;
}

static Tensor *small_constant(const Node *n, int i) {
  Tensor *t = node_in(n, i) ? constant_of(node_in(n, i)) : NULL;
  return t && t->count && t->bytes ? t : NULL;
}

/* The axes that change size, as listed by scales or sizes for all axes. False: not known. */
static bool resized(const Node *n, int rank, Axes *axes) {
  const Tensor *scales = small_constant(n, scales_input(n));
  *axes = 0;
  if (scales && scales->count == (uint64_t)rank) {
    double scale;
    for (int i = 0; i < rank; i++) {
      if (!tensor_get_double(scales, (uint64_t)i, &scale)) return false;
      if (scale != 1) *axes |= AXIS(i);
    }
    return true;
  }
  const int64_t *sizes;
  size_t count;
  Shape in = shape_of(node_in(n, 0));
  if (in.rank != rank || !node_in(n, 3) || !value_ints(node_in(n, 3), &sizes, &count) ||
      count != (size_t)rank)
    return false;
  for (int i = 0; i < rank; i++)
    if (!sym_is(in.dim[i], sizes[i])) *axes |= AXIS(i);
  return true;
}

static const char *resize(Spread *s, int slot, const Perm *p) {
  (void)slot;
  Node *n = s->node;
  Axes axes;
  if (node_attr(n, "axes")) return "it lists axes";
  if (node_attr(n, "keep_aspect_ratio_policy") && !attr_string_is(n, "keep_aspect_ratio_policy", "stretch"))
    return "it keeps the aspect ratio";
  if (node_in(n, 1) && scales_input(n) == 2 &&
      attr_string_is(n, "coordinate_transformation_mode", "tf_crop_and_resize"))
    return "it crops";
  if (!resized(n, p->n, &axes)) return "its scales are not constant";
  /* Kernels interpolate the last two axes (of volumes three), in their order. */
  int last = -1, first = p->n - (p->n > 4 ? 3 : 2);
  for (int i = 0; i < p->n; i++) {
    if (!(axes & AXIS(p->at[i]))) continue;
    if (i < first) return "the axes it scales would not be the last ones";
    if (p->at[i] < last) return "the axes it scales would change their order";
    last = p->at[i];
  }
  return same(s, p);
}

static void resize_inputs(Rewriter *rw, const Spread *s, Value **in) {
  const Perm *p = &s->in[0];
  int i = scales_input(s->node);
  const Tensor *scales = small_constant(s->node, i);
  if (!scales) {
    permute_ints(rw, s, in, 3, 1);
    return;
  }
  void *bytes;
  Tensor *now = tensor_alloc(rw_model(rw)->arena, scales->dtype, 1, &(int64_t){p->n}, &bytes);
  size_t size = (size_t)elem_bits(scales->dtype) / 8;
  for (int k = 0; k < p->n; k++)
    memcpy((uint8_t *)bytes + (size_t)k * size, scales->bytes + (size_t)p->at[k] * size, size);
  in[i] = rw_const(rw, now, NULL);
}

const Family spread_resize = {resize, resize_inputs, NULL};
