/* Axes of size 1 that the operator before could have kept, left out or made itself. */
#include "passes/identity/identity.h"

/* --- reductions: keepdims ------------------------------------------------------------------------------- */

/* What the reduction would give with the other keepdims. */
static Shape other_shape(Rewriter *rw, Shape in, uint64_t reduced, bool keep) {
  Dim *dim = NEW_ARRAY(rw_scratch(rw), Dim, in.rank + 1);
  Shape s = {0, dim};
  for (int i = 0; i < in.rank; i++) {
    if (!(reduced >> i & 1))
      dim[s.rank++] = in.dim[i];
    else if (keep)
      dim[s.rank++] = sym_int(rw_model(rw)->syms, 1);
  }
  return s;
}

/* Squeeze, Unsqueeze, Reshape or Flatten of a reduction: what the reduction gives with the other keepdims. */
Outcome identity_keepdims(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  int64_t keep;
  uint64_t reduced;
  TRY(first && node_in(first, 0) && node_out(node, 0) && attr_int(first, "keepdims", &keep));
  Shape in = shape_of(node_in(first, 0)), out = shape_of(node->out[0]);
  TRY(in.rank >= 0 && out.rank >= 0 && identity_reduced_axes(first, in.rank, &reduced) && reduced);
  Shape other = other_shape(rw, in, reduced, !keep);
  TRY(out.rank == other.rank && shape_equal(out, other));
  NEED(node_is_inner(first), "the reduction before it has other users");
  Value *inputs[] = {node_in(first, 0), node_in(first, 1)};
  Node *now = rw_copy(rw, first, first->n_in, inputs);
  rw_attr_int(rw, now, "keepdims", !keep);
  rw_note(rw, keep ? "the reduction drops the axes itself" : "the reduction keeps the axes itself");
  return identity_forward(rw, node, now->out[0]);
}

/* --- one element of an axis ------------------------------------------------------------------------------
 */

/* The one axis that a Squeeze takes away or an Unsqueeze makes; `rank` is that of the tensor which has it. */
static bool only_axis(const Node *n, int rank, int *axis) {
  int64_t at[MAX_RANK];
  int count;
  if (rank < 1 || !node_axes(n, 1, rank, at, &count) || count != 1) return false;
  *axis = (int)at[0];
  return true;
}

static Outcome gather_one(Rewriter *rw, Node *node, Value *x, int axis, int index_rank, int64_t k) {
  Tensor *index = tensor_ints(rw_model(rw)->arena, DT_INT64, index_rank, &k, 1);
  Value *in[] = {x, rw_const(rw, index, NULL)};
  Node *gather = rw_node(rw, OP_Gather, 2, in);
  rw_attr_int(rw, gather, "axis", axis);
  rw_note(rw, "Gather takes element %lld of axis %d", (long long)k, axis);
  return identity_forward(rw, node, gather->out[0]);
}

/* Squeeze(Gather(x, [k])) is Gather(x, k), and Unsqueeze(Gather(x, k)) is Gather(x, [k]). */
Outcome identity_gather_axis(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(node_is(first, OP_Gather) && node_in(first, 0) && node_in(first, 1) && node_out(node, 0));
  bool squeezes = node_is(node, OP_Squeeze);
  const Tensor *index = constant_of(node_in(first, 1));
  int rank = rank_of(node_in(first, 0)), from, axis;
  int64_t k;
  TRY(index && index->count == 1 && index->rank == squeezes && tensor_get_int(index, 0, &k));
  TRY(rank > 0 && only_axis(node, rank, &axis) && node_axis(first, rank, &from) && from == axis);
  NEED(node_is_inner(first), "the Gather before it has other users");
  return gather_one(rw, node, node_in(first, 0), axis, !squeezes, k);
}

/* Is the first element of a Slice that yields one (else Squeeze fails) where `start` says? A start that lies
 * in front of the axis is moved to its front. */
static bool starts_in_place(Cut c, Dim dim) {
  return c.start >= -1 || c.end == c.start + 1 || c.start >= -sym_lower(dim);
}

/* Squeeze(Slice(x)) of one element is Gather(x, k). */
Outcome identity_slice_one(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  int axis;
  TRY(node_is(first, OP_Slice) && node_in(first, 0) && node_out(node, 0));
  Shape in = shape_of(node_in(first, 0)), middle = shape_of(first->out[0]);
  TRY(in.rank > 0 && in.rank == middle.rank && only_axis(node, in.rank, &axis));
  Cuts cuts;
  TRY(in.rank <= MAX_RANK && identity_read_cuts(first, in.rank, &cuts) && cuts.axes == (uint64_t)1 << axis);
  NEED(node_is_inner(first), "the Slice before it has other users");
  Cut cut = cuts.at[axis];
  NEED(cut.step > 0, "it is cut backwards");
  NEED(starts_in_place(cut, in.dim[axis]), "the axis may be shorter than the Slice's start says");
  int64_t k = cut.start, d;
  if (k < 0 && sym_const(in.dim[axis], &d)) k += d;
  NEED(k >= 0 || node->opset >= 11, "Gather does not count from the end yet");
  return gather_one(rw, node, node_in(first, 0), axis, 0, k);
}
