/* Computed shapes that the operator which reads them does not need. */
#include "infer/axes.h"
#include "passes/shapes/shapes.h"

/* --- the whole target --------------------------------------------------------------------------------------
 */

static bool is_literal(Value *v) {
  return value_literal(v) != NULL;
}

/* What to write for dim i of the target: a number, 0 to copy the input's dim, or -1. False: nothing fits. */
static bool reshape_dim(Dim elem, Dim out, Dim in, int64_t *write) {
  int64_t k;
  if (sym_const(out, &k) && k > 0) return *write = k, true;
  if (out && in && sym_equal(out, in)) return *write = 0, true;
  if (elem && sym_is(elem, -1)) return *write = -1, true;
  return false;
}

Outcome shapes_reshape_target(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0), *target = node_in(node, 1);
  TRY(x && target && node_out(node, 0) && !is_literal(target));
  Shape in = shape_of(x), out = shape_of(node->out[0]);
  const Partial *p = value_of(target);
  NEED(out.rank >= 0, "the rank of its result is not known");
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, out.rank);
  int open = -1;
  bool has_minus_one = false, others_nonzero = true;
  for (int i = 0; i < out.rank; i++) {
    Dim elem = p && p->rank == 1 && p->n == (size_t)out.rank ? p->at[i] : NULL;
    if (reshape_dim(elem, out.dim[i], i < in.rank ? in.dim[i] : NULL, &dims[i])) {
      if (dims[i] == -1)
        has_minus_one = true;
      else if (dims[i] == 0 && !sym_nonzero(in.dim[i]))
        others_nonzero = false;
      continue;
    }
    NEED(open < 0, "dims %d and %d of the target are computed and can't be copied from the input", open, i);
    open = i;
  }
  if (open >= 0) {
    NEED(!has_minus_one, "dim %d of the target is computed, and -1 stands elsewhere", open);
    NEED(others_nonzero, "dim %d of the target is computed; -1 would be wrong where another dim is 0", open);
    dims[open] = -1;
  }
  rw_set_input(rw, node, 1, rw_const_ints(rw, dims, (size_t)out.rank));
  /* What -1 stands for may be known better than what was computed, and is never less than a second run would
   * see. */
  int64_t allowzero;
  if (open >= 0 || (attr_int(node, "allowzero", &allowzero) && allowzero)) facts_forget(node->out[0]);
  rw_attr_remove(rw, node, "allowzero");
  rw_note(rw, "the target shape is constant now");
  return FIRED;
}

/* --- a part of it ------------------------------------------------------------------------------------------
 */

/* Can all elements of the target from `at` on be written as numbers, 0 where the input's dim is copied? */
static bool write_part(Value *v, Shape in, Shape out, size_t at, size_t n, int64_t *dims) {
  const Partial *p = value_of(v);
  for (size_t i = 0; i < n; i++) {
    size_t k = at + i;
    Dim own = k < (size_t)in.rank ? in.dim[k] : NULL;
    if (!reshape_dim(p ? p->at[i] : NULL, out.dim[k], own, &dims[k])) return false;
  }
  return true;
}

/* Some dims are computed for good: the others need not be. */
Outcome shapes_reshape_target_part(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0), *target = node_in(node, 1);
  TRY(x && target && node_out(node, 0));
  Node *concat = target->producer;
  int64_t allowzero = 0;
  Shape in = shape_of(x), out = shape_of(node->out[0]);
  TRY(node_is(concat, OP_Concat) && concat->graph == node->graph && out.rank > 0 && in.rank >= 0);
  TRY(!attr_int(node, "allowzero", &allowzero) || !allowzero);
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, out.rank);
  Vec(Value *) parts = {0};
  size_t at = 0, written = 0; /* elements read; those at the end of them that are not in `parts` yet */
  bool any = false;
  for (int i = 0; i < concat->n_in; i++) {
    Value *v = node_in(concat, i);
    const Partial *p = v ? value_of(v) : NULL;
    TRY(p && at + p->n <= (size_t)out.rank);
    bool writes = write_part(v, in, out, at, p->n, dims);
    any = any || (writes && !constant_of(v));
    if (!writes && written) vec_push(rw_scratch(rw), &parts, rw_const_ints(rw, dims + at - written, written));
    if (!writes) vec_push(rw_scratch(rw), &parts, v);
    written = writes ? written + p->n : 0;
    at += p->n;
  }
  TRY(any && parts.n && at == (size_t)out.rank);
  NEED(node_is_inner(concat), "the target has other users");
  if (written) vec_push(rw_scratch(rw), &parts, rw_const_ints(rw, dims + at - written, written));
  rw_set_input(rw, node, 1, rw_copy(rw, concat, (int)parts.n, parts.at)->out[0]);
  rw_note(rw, "a part of the target shape is constant now");
  return FIRED;
}

/* --- Expand
 * -------------------------------------------------------------------------------------------------- */

Outcome shapes_expand_target(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0), *target = node_in(node, 1);
  TRY(x && target && node_out(node, 0) && !is_literal(target));
  Shape in = shape_of(x), out = shape_of(node->out[0]);
  NEED(in.rank >= 0 && out.rank >= 0, "a rank is not known");
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, out.rank);
  for (int i = 0; i < out.rank; i++) {
    int k = i - (out.rank - in.rank);
    if (sym_const(out.dim[i], &dims[i])) continue;
    NEED(k >= 0 && sym_equal(in.dim[k], out.dim[i]), "dim %d of the target is computed and not the input's",
         i);
    dims[i] = 1;
  }
  rw_set_input(rw, node, 1, rw_const_ints(rw, dims, (size_t)out.rank));
  rw_note(rw, "the target shape is constant now");
  return FIRED;
}

/* --- Resize
 * ---------------------------------------------------------------------------------------------------- */

enum { LARGEST_SCALE = 64 };

/* size = scale * dim, for every dim there may be. */
static bool scale_between(SymTable *t, Dim size, Dim dim, float *scale) {
  int64_t k;
  Dim quotient = size && !sym_is(dim, 0) ? sym_quotient(t, size, dim) : NULL;
  if (!quotient || !sym_const(quotient, &k) || k < 1 || k > LARGEST_SCALE) return false;
  if (!sym_equal(size, sym_mul(t, dim, quotient))) return false;
  *scale = (float)k;
  return true;
}

Outcome shapes_resize_scales(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0), *sizes = node_in(node, 3);
  int64_t axes[MAX_RANK];
  int count;
  TRY(node->opset >= 11 && x && sizes && node_out(node, 0) && !is_literal(sizes));
  Shape s = shape_of(x);
  const Partial *p = value_of(sizes);
  TRY(p && s.rank > 0 && node_axes(node, 4, s.rank, axes, &count));
  if (count < 0) count = s.rank;
  for (int i = 0; node_attr(node, "axes") == NULL && i < s.rank; i++) axes[i] = i;
  TRY(p->n == (size_t)count);
  NEED(node->opset < 18 || attr_string_is(node, "keep_aspect_ratio_policy", "stretch"),
       "keep_aspect_ratio_policy is not stretch");
  NEED(!attr_string_is(node, "coordinate_transformation_mode", "tf_crop_and_resize"), "it also crops");
  void *bytes;
  Tensor *scales = tensor_alloc(rw_model(rw)->arena, DT_FLOAT, 1, &(int64_t){count}, &bytes);
  for (int i = 0; i < count; i++)
    NEED(scale_between(rw_model(rw)->syms, p->at[i], s.dim[axes[i]], (float *)bytes + i),
         "size %d is not a multiple of the input's", i);
  rw_set_input(rw, node, 2, rw_const(rw, scales, "scales"));
  rw_set_input(rw, node, 3, NULL);
  rw_note(rw, "it has constant scales now");
  return FIRED;
}
