/* Resize, pooling and depth/space moves that take every element to its own place. */
#include "passes/identity/identity.h"

/* --- Resize and Upsample ---------------------------------------------------------------------------------
 */

static bool all_one(const Tensor *t) {
  double c;
  for (uint64_t i = 0; i < t->count; i++)
    if (!tensor_get_double(t, i, &c) || c != 1) return false;
  return t->count > 0;
}

/* Input 1 of Resize-10 and Upsample-9, input 2 of Resize-11; an empty tensor stands for none. */
static const Tensor *scales_of(const Node *n) {
  int i = node_is(n, OP_Resize) && n->opset >= 11 ? 2 : 1;
  const Tensor *t = node_in(n, i) ? constant_of(node_in(n, i)) : NULL;
  return t && t->count ? t : NULL;
}

/* Upsample had them in an attribute at first. */
static bool scales_are_one(const Node *n) {
  const Attr *a = node_is(n, OP_Upsample) && n->opset < 9 ? node_attr(n, "scales") : NULL;
  if (!a) return scales_of(n) && all_one(scales_of(n));
  if (a->ref || a->type != ATTR_FLOATS) return false;
  for (size_t i = 0; i < a->v.floats.n; i++)
    if (a->v.floats.at[i] != 1) return false;
  return true;
}

/* The sizes are the input's own: then every scale is 1. */
static bool sizes_are_kept(const Node *n) {
  Value *sizes = node_is(n, OP_Resize) && n->opset >= 11 ? node_in(n, 3) : NULL;
  const Partial *p = sizes ? value_of(sizes) : NULL;
  Shape s = shape_of(node_in(n, 0));
  int64_t axes[MAX_RANK];
  int count;
  if (!p || s.rank < 0 || !node_axes(n, 4, s.rank, axes, &count)) return false;
  if (p->n != (size_t)(count < 0 ? s.rank : count)) return false;
  for (size_t i = 0; i < p->n; i++)
    if (!p->at[i] || !sym_equal(p->at[i], s.dim[count < 0 ? i : (size_t)axes[i]])) return false;
  return p->n > 0;
}

/* Do these coordinates map a place to itself where the scale is 1? The two that do not: the one adds a half,
 * the other looks at the region of interest. */
static bool coordinates_stay(const Node *n) {
  return n->opset < 11 || (!attr_string_is(n, "coordinate_transformation_mode", "tf_half_pixel_for_nn") &&
                           !attr_string_is(n, "coordinate_transformation_mode", "tf_crop_and_resize"));
}

static Outcome resize(Rewriter *rw, Node *node, bool exact) {
  TRY(node_in(node, 0) && node_out(node, 0) && attr_string_is(node, "mode", "nearest") == exact);
  TRY(scales_are_one(node) || sizes_are_kept(node));
  NEED(coordinates_stay(node), "its coordinates move even where the scale is 1");
  NEED(node->opset < 18 || attr_string_is(node, "keep_aspect_ratio_policy", "stretch"),
       "keep_aspect_ratio_policy is not stretch");
  return identity_forward(rw, node, node_in(node, 0));
}

Outcome identity_resize_exact(Rewriter *rw, Node *node) {
  return resize(rw, node, true);
}

/* Interpolation adds neighbours times 0: the sign of a zero, or a NaN if one is infinite. */
Outcome identity_resize_rounding(Rewriter *rw, Node *node) {
  return resize(rw, node, false);
}

/* --- pools over one element --------------------------------------------------------------------------------
 */

static bool all_are(const Node *n, const char *name, int64_t wanted, bool if_absent) {
  const int64_t *at;
  size_t count;
  if (!attr_ints(n, name, &at, &count)) return if_absent && !node_attr(n, name);
  for (size_t i = 0; i < count; i++)
    if (at[i] != wanted) return false;
  return true;
}

/* Sums start at 0.0, and the largest of one NaN is the implementation's choice. */
Outcome identity_pool(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0));
  Shape in = shape_of(node_in(node, 0));
  if (node_is(node, OP_GlobalAveragePool) || node_is(node, OP_GlobalMaxPool)) {
    TRY(in.rank > 2);
    for (int i = 2; i < in.rank; i++) TRY(sym_is(in.dim[i], 1));
    return identity_forward(rw, node, node_in(node, 0));
  }
  TRY(all_are(node, "kernel_shape", 1, false) && all_are(node, "strides", 1, true));
  NEED(all_are(node, "pads", 0, true), "it pads");
  NEED(!value_in_use(node_out(node, 1)), "the indices are in use");
  return identity_forward(rw, node, node_in(node, 0));
}

/* --- DepthToSpace and SpaceToDepth
 * -------------------------------------------------------------------------- */

Outcome identity_block(Rewriter *rw, Node *node) {
  int64_t size, before;
  TRY(node_in(node, 0) && node_out(node, 0) && attr_int(node, "blocksize", &size));
  if (size == 1) return identity_forward(rw, node, node_in(node, 0));
  Node *first = identity_producer(node, 0);
  OpId inverse = node_is(node, OP_DepthToSpace) ? OP_SpaceToDepth : OP_DepthToSpace;
  TRY(node_is(first, inverse) && node_in(first, 0) && attr_int(first, "blocksize", &before));
  const Node *to_space = node_is(node, OP_DepthToSpace) ? node : first;
  NEED(size == before, "the block sizes differ");
  NEED(to_space->opset < 11 || attr_string_is(to_space, "mode", "DCR"),
       "DepthToSpace takes the channels in another order");
  return identity_forward(rw, node, node_in(first, 0));
}
