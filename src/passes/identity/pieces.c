/* Slice and Gather of a Concat, and Concat of Slices and Gathers: pieces of one axis. */
#include "passes/identity/identity.h"

/* --- places along an axis ---------------------------------------------------------------------------------
 */

/* The one element that input i, or the attribute before opset 10, holds. */
static Dim only_element(const Node *n, int i, const char *name) {
  const int64_t *at;
  size_t count;
  if (n->opset < 10)
    return attr_ints(n, name, &at, &count) && count == 1 ? sym_int(n->graph->model->syms, *at) : NULL;
  const Partial *p = node_in(n, i) ? value_of(node_in(n, i)) : NULL;
  return p && p->n == 1 ? p->at[0] : NULL;
}

static bool is_axis_of(const Node *slice, int axis, int rank) {
  int64_t at[MAX_RANK];
  int count;
  if (!node_axes(slice, 3, rank, at, &count)) return false;
  return count < 0 ? axis == 0 : count == 1 && at[0] == axis;
}

/* A place counted from the front, given the length of the axis. It may still lie outside of it. */
static Dim place(SymTable *t, Dim at, Dim length) {
  if (sym_lower(at) >= IDENTITY_FAR) return length;
  return sym_upper(at) < 0 ? sym_add(t, length, at) : at;
}

/* From where to where a Slice of this axis alone, in steps of 1, reaches. */
static bool slice_range(const Node *n, int axis, int rank, Dim length, Dim *from, Dim *to) {
  SymTable *t = n->graph->model->syms;
  Dim start = only_element(n, 1, "starts"), end = only_element(n, 2, "ends");
  if (!start || !end || !length || rank > MAX_RANK || !is_axis_of(n, axis, rank)) return false;
  if (node_in(n, 4) && !(only_element(n, 4, "") && sym_is(only_element(n, 4, ""), 1))) return false;
  *from = place(t, start, length);
  *to = place(t, end, length);
  return *from && *to;
}

static Dim dim_at(Value *v, int axis) {
  Shape s = v ? shape_of(v) : SHAPE_UNKNOWN;
  return axis < s.rank ? s.dim[axis] : NULL;
}

/* Slice of x along one axis, numbers counted from the front; `to` of INT64_MAX is the end. */
static Value *slice_of(Rewriter *rw, Value *x, int opset, int64_t axis, int64_t from, int64_t to) {
  if (opset >= 10) {
    Value *in[] = {x, rw_const_ints(rw, &from, 1), rw_const_ints(rw, &to, 1), rw_const_ints(rw, &axis, 1)};
    return rw_node(rw, OP_Slice, 4, in)->out[0];
  }
  Node *n = rw_node(rw, OP_Slice, 1, &x);
  rw_attr_ints(rw, n, "starts", &from, 1);
  rw_attr_ints(rw, n, "ends", &to, 1);
  rw_attr_ints(rw, n, "axes", &axis, 1);
  return n->out[0];
}

/* --- Slice of Concat
 * ------------------------------------------------------------------------------------------ */

/* Where the operands of a Concat begin; at[n_in] is its length. False: a length is not known at all. */
static bool operand_places(const Node *concat, int axis, Dim *at) {
  SymTable *t = concat->graph->model->syms;
  at[0] = sym_int(t, 0);
  for (int i = 0; i < concat->n_in; i++)
    if (!(at[i + 1] = sym_add(t, at[i], dim_at(node_in(concat, i), axis)))) return false;
  return true;
}

/* The operands `first` to `last` as they are; NULL: it cuts through one. */
static Value *whole_operands(Rewriter *rw, const Node *concat, const Dim *at, Dim from, Dim to) {
  int first = 0, last = 0;
  while (first < concat->n_in && !sym_equal(at[first], from)) first++;
  while (last < concat->n_in && !sym_equal(at[last + 1], to)) last++;
  if (first > last || last == concat->n_in) return NULL;
  if (first == last) return node_in(concat, first);
  if (last - first + 1 == concat->n_in || !node_is_inner(concat)) return NULL;
  Value **in = NEW_ARRAY(rw_scratch(rw), Value *, last - first + 1);
  for (int i = first; i <= last; i++) in[i - first] = node_in(concat, i);
  return rw_copy(rw, concat, last - first + 1, in)->out[0];
}

/* A part of one operand, between places that are numbers. */
static Value *part_of_operand(Rewriter *rw, const Node *concat, const Dim *at, int axis, Dim from, Dim to) {
  int64_t start, end, begins, ends;
  if (!sym_const(from, &start)) return NULL;
  bool to_end = sym_equal(to, at[concat->n_in]);
  if (!to_end && !sym_const(to, &end)) return NULL;
  for (int i = 0; i < concat->n_in; i++) {
    bool last = i + 1 == concat->n_in;
    if (!sym_const(at[i], &begins) || start < begins) return NULL;
    if (!last && !sym_const(at[i + 1], &ends)) return NULL;
    if (!last && start >= ends) continue;
    if (!to_end && end < start) return NULL;
    if (to_end ? !last : !last && end > ends) return NULL;
    return slice_of(rw, node_in(concat, i), concat->opset, axis, start - begins,
                    to_end ? INT64_MAX : end - begins);
  }
  return NULL;
}

Outcome identity_concat_slice(Rewriter *rw, Node *node) {
  Node *concat = identity_producer(node, 0);
  int axis;
  Dim from, to, *at;
  TRY(node_is(concat, OP_Concat) && node_out(node, 0));
  int rank = rank_of(concat->out[0]);
  TRY(rank > 0 && node_axis(concat, rank, &axis));
  at = NEW_ARRAY(rw_scratch(rw), Dim, concat->n_in + 1);
  TRY(operand_places(concat, axis, at) && slice_range(node, axis, rank, at[concat->n_in], &from, &to));
  Value *now = whole_operands(rw, concat, at, from, to);
  if (!now && node_is_inner(concat)) now = part_of_operand(rw, concat, at, axis, from, to);
  NEED(now, "it is not proven to take what one operand of the Concat, or a row of them, holds");
  rw_note(rw, "the Concat's operands hold it");
  return identity_forward(rw, node, now);
}

/* --- Gather of Concat, and of a new axis
 * ------------------------------------------------------------------------ */

/* Gather(Concat(x, y), k) of elements of y. */
Outcome identity_concat_gather(Rewriter *rw, Node *node) {
  Node *concat = identity_producer(node, 0);
  int axis, of;
  TRY(node_is(concat, OP_Concat) && node_in(node, 1) && node_out(node, 0));
  int rank = rank_of(concat->out[0]);
  Tensor *index = constant_of(node_in(node, 1));
  TRY(rank > 0 && node_axis(concat, rank, &axis) && node_axis(node, rank, &of) && axis == of);
  TRY(index && index->count >= 1 && index->count <= 4096 && index->store != TS_DEFERRED);
  int64_t begins = 0, ends = 0, length, k, *at = NEW_ARRAY(rw_scratch(rw), int64_t, index->count);
  for (int i = 0; i < concat->n_in; i++, begins = ends) {
    Dim d = dim_at(node_in(concat, i), axis);
    NEED(d && sym_const(d, &length) && !__builtin_add_overflow(begins, length, &ends),
         "the length of an operand is not known");
    uint64_t inside = 0;
    while (inside < index->count && tensor_get_int(index, inside, &k) && k >= begins && k < ends)
      at[inside++] = k - begins;
    if (inside < index->count) continue;
    Node *stack = identity_producer(concat, i);
    int64_t axes[MAX_RANK];
    int count;
    bool one = !index->rank && node_is(stack, OP_Unsqueeze) && node_axes(stack, 1, rank, axes, &count) &&
               count == 1 && axes[0] == axis;
    rw_note(rw, "operand %d of the Concat holds it", i);
    if (one) return identity_forward(rw, node, node_in(stack, 0));
    Value *in[] = {node_in(concat, i), identity_index_like(rw, index, at)};
    return identity_forward(rw, node, rw_copy(rw, node, 2, in)->out[0]);
  }
  return rw_missed(rw, node, "its indices are not proven to be in one operand of the Concat");
}

/* --- Concat of neighbours
 * ---------------------------------------------------------------------------------------- */

typedef struct Piece {
  Value *x;
  Dim from, to;
} Piece;

/* Indices k, k + 1, ... of a Gather. */
static bool gather_range(const Node *n, Dim *from, Dim *to) {
  Tensor *index = node_in(n, 1) ? constant_of(node_in(n, 1)) : NULL;
  int64_t first, k;
  if (!index || index->rank != 1 || !index->count || !tensor_get_int(index, 0, &first) || first < 0 ||
      first > INT64_MAX - (int64_t)index->count)
    return false;
  for (uint64_t i = 1; i < index->count; i++)
    if (!tensor_get_int(index, i, &k) || k != first + (int64_t)i) return false;
  *from = sym_int(n->graph->model->syms, first);
  *to = sym_int(n->graph->model->syms, first + (int64_t)index->count);
  return true;
}

static bool read_piece(const Node *concat, int i, int axis, int rank, Piece *p) {
  const Node *n = identity_producer(concat, i);
  int of;
  if (!(node_is(n, OP_Slice) || node_is(n, OP_Gather)) || !node_in(n, 0)) return false;
  p->x = node_in(n, 0);
  if (rank_of(p->x) != rank) return false;
  if (node_is(n, OP_Slice)) return slice_range(n, axis, rank, dim_at(p->x, axis), &p->from, &p->to);
  return node_axis(n, rank, &of) && of == axis && gather_range(n, &p->from, &p->to);
}

/* Is a <= b once both are moved into [0, length]? */
static bool not_after(SymTable *t, Dim a, Dim b, Dim length) {
  Dim gap = sym_sub(t, b, a);
  return sym_is(a, 0) || sym_equal(b, length) || (gap && sym_nonneg(gap));
}

/* Concat of pieces of x that lie side by side: one piece, or all of x. */
Outcome identity_join_pieces(Rewriter *rw, Node *node) {
  Piece all, next;
  int axis, rank = node_out(node, 0) ? rank_of(node->out[0]) : -1;
  TRY(node->n_in >= 2 && rank > 0 && node_axis(node, rank, &axis));
  TRY(read_piece(node, 0, axis, rank, &all));
  SymTable *t = rw_model(rw)->syms;
  Dim length = dim_at(all.x, axis);
  TRY(not_after(t, all.from, all.to, length));
  for (int i = 1; i < node->n_in; i++) {
    TRY(read_piece(node, i, axis, rank, &next) && next.x == all.x);
    NEED(sym_equal(all.to, next.from), "operand %d does not begin where the one before ends", i);
    NEED(not_after(t, next.from, next.to, length), "operand %d is not proven to end behind its start", i);
    all.to = next.to;
  }
  int64_t from, to = INT64_MAX;
  bool to_end = sym_equal(all.to, length);
  rw_note(rw, "the pieces lie side by side");
  if (sym_is(all.from, 0) && to_end) return identity_forward(rw, node, all.x);
  NEED(sym_const(all.from, &from) && from >= 0 && (to_end || sym_const(all.to, &to)),
       "its ends are computed");
  return identity_forward(rw, node, slice_of(rw, all.x, node->opset, axis, from, to));
}
