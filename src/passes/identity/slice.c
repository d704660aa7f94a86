/* Slice and Gather on top of each other. */
#include "passes/identity/identity.h"

/* --- what a Slice takes --------------------------------------------------------------------------------- */

static bool slice_list(const Node *n, int i, const char *name, const int64_t **at, size_t *count) {
  *at = NULL;
  *count = 0;
  if (n->opset < 10) return attr_ints(n, name, at, count);
  return node_in(n, i) && value_ints(node_in(n, i), at, count);
}

bool identity_read_cuts(const Node *n, int rank, Cuts *cuts) {
  const int64_t *start, *end, *step;
  int64_t axes[MAX_RANK];
  size_t n_start, n_end, n_step = 0;
  int n_axes;
  *cuts = (Cuts){0};
  if (!slice_list(n, 1, "starts", &start, &n_start) || !slice_list(n, 2, "ends", &end, &n_end) ||
      n_start != n_end)
    return false;
  if (!node_axes(n, 3, rank, axes, &n_axes)) return false;
  if (node_in(n, 4) && !slice_list(n, 4, "steps", &step, &n_step)) return false;
  if (n_axes < 0) { /* the first ones */
    if (n_start > (size_t)rank) return false;
    n_axes = (int)n_start;
    for (int i = 0; i < n_axes; i++) axes[i] = i;
  }
  if ((size_t)n_axes != n_start || (n_step && n_step != n_start)) return false;
  for (int i = 0; i < n_axes; i++) {
    if (n_step && step[i] == 0) return false;
    cuts->axes |= (uint64_t)1 << axes[i];
    cuts->at[axes[i]] = (Cut){start[i], end[i], n_step ? step[i] : 1};
  }
  return true;
}

/* --- Slice of Slice ---------------------------------------------------------------------------------- */

static int64_t from_front(int64_t at, int64_t dim) {
  if (at >= 0) return at;
  return at < -dim ? 0 : at + dim;
}

/* With a step > 0 and both ends counted from the front: possible if they are, or if the dim is a number. */
static bool to_front(Cut *c, Dim dim) {
  int64_t d;
  if (c->step <= 0) return false;
  if (c->start >= 0 && c->end >= 0) return true;
  if (!sym_const(dim, &d)) return false;
  c->start = from_front(c->start, d);
  c->end = from_front(c->end, d);
  return true;
}

/* first + step * k, as far as it goes. */
static int64_t affine(int64_t first, int64_t step, int64_t k) {
  int64_t r;
  if (__builtin_mul_overflow(step, k, &r) || __builtin_add_overflow(first, r, &r)) return INT64_MAX;
  return r;
}

/* Element k of the second is element first.start + first.step * k of the input; both ends still hold. */
static bool compose_from_front(Cut first, Cut second, Cut *c) {
  *c = (Cut){affine(first.start, first.step, second.start), affine(first.start, first.step, second.end),
             affine(0, first.step, second.step)};
  if (first.end < c->end) c->end = first.end;
  return c->step < INT64_MAX && c->start < INT64_MAX;
}

static int64_t within(int64_t at, int64_t least, int64_t most) {
  return at < least ? least : at > most ? most : at;
}

/* The first element that a cut takes of an axis of `length`, counted from the front, and how many. */
static int64_t taken(Cut *c, int64_t length) {
  int64_t least = c->step > 0 ? 0 : -1, most = c->step > 0 ? length : length - 1;
  c->start = within(c->start < 0 ? c->start + length : c->start, 0, most);
  int64_t end = within(c->end < 0 && c->end >= -length ? c->end + length : c->end, least, most);
  int64_t span = c->step > 0 ? end - c->start : c->start - end, step = c->step > 0 ? c->step : -c->step;
  return span > 0 ? (span - 1) / step + 1 : 0;
}

/* On an axis of known length anything goes, also backwards. */
static bool compose_known(Cut first, Cut second, int64_t length, Cut *c) {
  if (length < 1 || first.step == INT64_MIN || second.step == INT64_MIN) return false;
  int64_t n = taken(&first, length);
  if (!n) return false;
  n = taken(&second, n);
  if (!n || __builtin_mul_overflow(first.step, second.step, &c->step)) return false;
  c->start = first.start + first.step * second.start; /* an element of the axis: no overflow */
  c->end = n > 1 ? c->start + c->step * (n - 1) + (c->step > 0 ? 1 : -1) : c->start + (c->step > 0 ? 1 : -1);
  if (c->end < 0) c->end = -length - 1;
  return true;
}

/* Where an end stands that is counted from the end of the axis; 0 is the end itself. */
static bool from_end(int64_t end, int64_t *back) {
  if (end == INT64_MIN) return false;
  *back = end < 0 ? -end : 0;
  return end < 0 || end >= IDENTITY_FAR;
}

/* Starts counted from the front and ends from the end: so much less of each side. */
static bool compose_sides(Cut first, Cut second, Cut *c) {
  int64_t a, b;
  bool sides = first.step == 1 && second.step == 1 && first.start >= 0 && second.start >= 0 &&
               from_end(first.end, &a) && from_end(second.end, &b);
  if (!sides || __builtin_add_overflow(first.start, second.start, &c->start) ||
      __builtin_add_overflow(a, b, &a))
    return false;
  c->end = a ? -a : INT64_MAX;
  c->step = 1;
  return true;
}

static bool compose(Cut first, Cut second, Dim dim, Dim middle, Cut *c) {
  Cut a = first, b = second;
  int64_t length;
  if (to_front(&a, dim) && to_front(&b, middle)) return compose_from_front(a, b, c);
  if (sym_const(dim, &length)) return compose_known(first, second, length, c);
  return compose_sides(first, second, c);
}

static void write_cuts(Rewriter *rw, Node *node, const Cuts *cuts, int rank) {
  int64_t starts[MAX_RANK], ends[MAX_RANK], axes[MAX_RANK], steps[MAX_RANK];
  size_t n = 0;
  bool stepped = false;
  for (int i = 0; i < rank; i++) {
    if (!(cuts->axes >> i & 1)) continue;
    starts[n] = cuts->at[i].start;
    ends[n] = cuts->at[i].end;
    steps[n] = cuts->at[i].step;
    axes[n++] = i;
    stepped = stepped || cuts->at[i].step != 1;
  }
  if (node->opset < 10) {
    rw_attr_ints(rw, node, "starts", starts, n);
    rw_attr_ints(rw, node, "ends", ends, n);
    rw_attr_ints(rw, node, "axes", axes, n);
    return;
  }
  const int64_t *lists[] = {starts, ends, axes, steps};
  for (int i = 0; i < 3; i++) rw_set_input(rw, node, 1 + i, rw_const_ints(rw, lists[i], n));
  rw_set_input(rw, node, 4, stepped ? rw_const_ints(rw, steps, n) : NULL);
}

Outcome identity_slice_chain(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY(node_is(first, OP_Slice) && node_in(first, 0) && node_out(node, 0));
  NEED(node_is_inner(first), "the Slice before it has other users");
  Shape in = shape_of(node_in(first, 0)), middle = shape_of(first->out[0]);
  Cuts a, b;
  NEED(in.rank > 0 && in.rank <= MAX_RANK && middle.rank == in.rank, "the rank is not known");
  NEED(identity_read_cuts(first, in.rank, &a) && identity_read_cuts(node, in.rank, &b),
       "starts, ends, axes or steps are not known");
  for (int i = 0; i < in.rank; i++) {
    if (!(b.axes >> i & 1)) continue;
    if (a.axes >> i & 1) {
      NEED(compose(a.at[i], b.at[i], in.dim[i], middle.dim[i], &a.at[i]),
           "axis %d is cut twice, from the end of an unknown dim or backwards", i);
    } else {
      a.at[i] = b.at[i];
    }
  }
  a.axes |= b.axes;
  write_cuts(rw, node, &a, in.rank);
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_note(rw, "cuts the axes of both");
  return FIRED;
}

/* --- Gather of Gather, Gather of Slice --------------------------------------------------------------- */

/* Index i of a constant, counted from the front of a dim; false unless it is surely below it. */
static bool index_within(const Tensor *index, uint64_t i, Dim dim, int64_t *k) {
  int64_t d;
  if (!tensor_get_int(index, i, k)) return false;
  if (*k < 0 && sym_const(dim, &d)) *k += d;
  return *k >= 0 && *k < sym_lower(dim);
}

Value *identity_index_like(Rewriter *rw, const Tensor *index, const int64_t *at) {
  void *bytes;
  Tensor *t = tensor_alloc(rw_model(rw)->arena, DT_INT64, index->rank, index->dim, &bytes);
  for (uint64_t i = 0; i < index->count; i++) ((int64_t *)bytes)[i] = at[i];
  return rw_const(rw, t, NULL);
}

enum { MAX_INDICES = 65536 };

/* The constant indices of a Gather along the same axis as `first` cuts; NULL if they are not. */
static const Tensor *outer_index(const Node *node, int *axis) {
  int rank = rank_of(node_in(node, 0));
  const Tensor *t = node_in(node, 1) ? constant_of(node_in(node, 1)) : NULL;
  bool small = t && t->count <= MAX_INDICES && (t->store == TS_OWNED || t->store == TS_SPAN);
  return small && rank > 0 && node_axis(node, rank, axis) ? t : NULL;
}

Outcome identity_gather_chain(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  int axis, before;
  TRY(node_is(first, OP_Gather) && node_in(first, 0) && node_in(first, 1) && node_out(node, 0));
  const Tensor *outer = outer_index(node, &axis), *inner = constant_of(node_in(first, 1));
  TRY(outer && inner && inner->rank == 1);
  TRY(node_axis(first, rank_of(node_in(first, 0)), &before) && axis == before);
  NEED(node_is_inner(first), "the Gather before it has other users");
  int64_t *at = NEW_ARRAY(rw_scratch(rw), int64_t, outer->count + 1);
  Dim length = shape_of(first->out[0]).dim[axis];
  for (uint64_t i = 0; i < outer->count; i++) {
    int64_t k;
    NEED(index_within(outer, i, length, &k) && tensor_get_int(inner, (uint64_t)k, &at[i]),
         "an index is out of range");
  }
  rw_set_input(rw, node, 1, identity_index_like(rw, outer, at));
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_note(rw, "the indices of both");
  return FIRED;
}

Outcome identity_gather_of_slice(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  int axis;
  TRY(node_is(first, OP_Slice) && node_in(first, 0) && node_out(node, 0));
  const Tensor *index = outer_index(node, &axis);
  Shape in = shape_of(node_in(first, 0)), middle = shape_of(first->out[0]);
  Cuts cuts;
  TRY(index && in.rank == middle.rank && in.rank <= MAX_RANK && identity_read_cuts(first, in.rank, &cuts));
  TRY(cuts.axes == (uint64_t)1 << axis);
  NEED(node_is_inner(first), "the Slice before it has other users");
  Cut c = cuts.at[axis];
  /* A start that counts from the end stays one, where the dim surely reaches that far. */
  bool from_end = !to_front(&c, in.dim[axis]);
  if (from_end)
    NEED(c.step > 0 && c.start < 0 && c.start >= -sym_lower(in.dim[axis]) && node->opset >= 11,
         "the Slice starts at a place that is not known");
  int64_t *at = NEW_ARRAY(rw_scratch(rw), int64_t, index->count + 1);
  for (uint64_t i = 0; i < index->count; i++) {
    int64_t k;
    NEED(index_within(index, i, middle.dim[axis], &k), "an index is not proven to be within the Slice");
    at[i] = affine(c.start, c.step, k);
    NEED(!from_end || at[i] < 0, "an index is not proven to be within the Slice");
  }
  rw_set_input(rw, node, 1, identity_index_like(rw, index, at));
  rw_set_input(rw, node, 0, node_in(first, 0));
  rw_note(rw, "takes its elements from what is sliced");
  return FIRED;
}
