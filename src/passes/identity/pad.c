/* Pad of Pad, and Slice of Pad. */
#include "passes/identity/identity.h"

/* The pads of every axis, those in front first; false if one is not known. */
static bool read_pads(const Node *n, int rank, int64_t *pads) {
  const int64_t *at;
  int64_t axes[MAX_RANK];
  size_t count;
  int n_axes;
  bool known = n->opset >= 11 ? node_in(n, 1) && value_ints(node_in(n, 1), &at, &count)
                              : attr_ints(n, n->opset < 2 ? "paddings" : "pads", &at, &count);
  if (!known || !node_axes(n, 3, rank, axes, &n_axes)) return false;
  for (int i = 0; n_axes < 0 && i < rank; i++) axes[i] = i;
  if (n_axes < 0) n_axes = rank;
  if (count != 2 * (size_t)n_axes) return false;
  for (int i = 0; i < 2 * rank; i++) pads[i] = 0;
  for (int i = 0; i < n_axes; i++) {
    pads[axes[i]] = at[i];
    pads[rank + axes[i]] = at[n_axes + i];
  }
  return true;
}

/* Do both fill in the same constant? */
static bool same_fill(const Node *a, const Node *b) {
  if (a->opset < 11) {
    float x, y;
    return attr_float(a, "value", &x) && attr_float(b, "value", &y) && x == y;
  }
  Value *v = node_in(a, 2), *w = node_in(b, 2);
  if (v == w) return true;
  return v && w && constant_of(v) && constant_of(w) && tensor_same(constant_of(v), constant_of(w));
}

/* Constants around constants, or edges around edges. */
static bool same_mode(const Node *a, const Node *b) {
  if (attr_string_is(a, "mode", "constant")) return attr_string_is(b, "mode", "constant") && same_fill(a, b);
  return attr_string_is(a, "mode", "edge") && attr_string_is(b, "mode", "edge");
}

Outcome identity_pad_chain(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(node_is(first, OP_Pad) && node_in(first, 0) && node_out(node, 0));
  NEED(node_is_inner(first), "the Pad before it has other users");
  NEED(same_mode(first, node), "they fill in different things");
  int rank = rank_of(node_in(first, 0));
  NEED(rank >= 0 && rank <= MAX_RANK, "the rank is not known");
  int64_t a[2 * MAX_RANK], b[2 * MAX_RANK];
  NEED(read_pads(first, rank, a) && read_pads(node, rank, b), "the pads are not known");
  for (int i = 0; i < 2 * rank; i++) {
    /* A negative one cuts: what the first has filled in may be cut, what it has cut can't be had again. */
    NEED(a[i] >= 0 && (b[i] >= 0 || a[i] + b[i] >= 0), "one of them cuts more than the other fills in");
    NEED(!__builtin_add_overflow(a[i], b[i], &a[i]), "the pads are too large");
  }
  if (node->opset >= 11) {
    rw_set_input(rw, node, 1, rw_const_ints(rw, a, 2 * (size_t)rank));
    rw_set_input(rw, node, 3, NULL);
  } else {
    rw_attr_ints(rw, node, node->opset < 2 ? "paddings" : "pads", a, 2 * (size_t)rank);
  }
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_note(rw, "one Pad for both");
  return FIRED;
}

/* --- Slice of Pad
 * --------------------------------------------------------------------------------------------- */

/* What a Slice takes along an axis of `length`, padded by these, counted without the padding. False: it takes
 * some of that too, or it is not known. */
static bool cut_inside(Cut *cut, Dim length, int64_t before, int64_t after) {
  int64_t n = -1;
  if (cut->step != 1 || before < 0 || after < 0 || before > IDENTITY_FAR || after > IDENTITY_FAR)
    return false;
  if (!length || !sym_const(length, &n) || n > INT64_MAX / 2) n = -1;
  if (cut->start < 0) { /* from the end: of a length that is known */
    if (n < 0 || cut->start < -n - after) return false;
    cut->start += n + after;
  } else {
    if (cut->start < before) return false;
    cut->start -= before;
  }
  if (cut->end < 0) {
    if (cut->end > -after) return false;
    cut->end += after;
    if (!cut->end) cut->end = INT64_MAX;
    return true;
  }
  if (cut->end < before || n < 0 || cut->end - before > n) return !after && cut->end >= IDENTITY_FAR;
  cut->end -= before;
  return true;
}

/* Slice(Pad(x)) that takes nothing of what was filled in. */
Outcome identity_pad_slice(Rewriter *rw, Node *node) {
  Node *pad = identity_producer(node, 0);
  TRY(node_is(pad, OP_Pad) && node_in(pad, 0) && node_out(node, 0) && node->opset >= 10);
  Value *x = node_in(pad, 0);
  Shape s = shape_of(x);
  int64_t pads[2 * MAX_RANK] = {0}, starts[MAX_RANK], ends[MAX_RANK], axes[MAX_RANK];
  Cuts cuts;
  size_t n = 0;
  NEED(s.rank >= 0 && s.rank <= MAX_RANK && read_pads(pad, s.rank, pads), "the pads are not known");
  NEED(identity_read_cuts(node, s.rank, &cuts), "it is not known what the Slice takes");
  bool whole = true;
  for (int i = 0; i < s.rank; i++) {
    bool cut = cuts.axes >> i & 1;
    NEED(cut || (!pads[i] && !pads[s.rank + i]), "axis %d is padded and not cut", i);
    if (!cut) continue;
    NEED(cut_inside(&cuts.at[i], s.dim[i], pads[i], pads[s.rank + i]),
         "it may take what was filled in along axis %d", i);
    bool all = cuts.at[i].start == 0 && (cuts.at[i].end >= IDENTITY_FAR || sym_is(s.dim[i], cuts.at[i].end));
    whole = whole && all;
    if (all) continue;
    starts[n] = cuts.at[i].start;
    ends[n] = cuts.at[i].end;
    axes[n++] = i;
  }
  rw_note(rw, "takes nothing of what the Pad filled in");
  if (whole) return identity_forward(rw, node, x);
  NEED(node_is_inner(pad), "the Pad before it has other users");
  Value *in[] = {x, rw_const_ints(rw, starts, n), rw_const_ints(rw, ends, n), rw_const_ints(rw, axes, n)};
  return identity_forward(rw, node, rw_node(rw, OP_Slice, 4, in)->out[0]);
}
