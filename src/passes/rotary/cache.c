/* The cosines and sines, as the operator wants them: [batch, length, pairs], without the axis of heads, and
 * each of them once. */
#include "passes/rotary/rotary.h"

#include <string.h>

enum {
  CHAIN = 8,         /* how far up the two copies of an angle are looked for */
  COPIED_AT_MOST = 2 /* nodes; where more would be copied, a Slice takes the first half */
};

static int64_t width_of(Value *v) {
  Shape s = shape_of(v);
  int64_t n;
  return s.rank >= 1 && sym_const(s.dim[s.rank - 1], &n) ? n : 0;
}

/* --- each element twice --------------------------------------------------------------------------------- */

/* Is element i of a row equal to that half a row, or one, further? */
static bool constant_doubled(const Tensor *t, bool neighbours) {
  int bits = elem_bits(t->dtype);
  if (t->store == TS_DEFERRED || t->store == TS_STRINGS || t->rank < 1 || bits < 8) return false;
  uint64_t row = (uint64_t)t->dim[t->rank - 1];
  size_t size = (size_t)bits / 8;
  if (!row || row % 2) return false;
  for (uint64_t at = 0; at < t->count; at += row)
    for (uint64_t i = 0; i < row / 2; i++) {
      uint64_t a = neighbours ? 2 * i : i, b = neighbours ? a + 1 : a + row / 2;
      if (memcmp(t->bytes + (at + a) * size, t->bytes + (at + b) * size, size) != 0) return false;
    }
  return true;
}

static bool leaves_last_axis(const Node *n, int slot, int rank) {
  const int64_t *axis;
  size_t count;
  if (!node_in(n, slot) || !value_ints(node_in(n, slot), &axis, &count)) return false;
  for (size_t i = 0; i < count; i++)
    if (axis[i] == -1 || axis[i] == rank - 1) return false;
  return true;
}

/* Does the node compute each element of a row from the same element of rows of its first (or other) input? */
static int row_input(const Node *n) {
  int64_t axis;
  if (!n->op || n->n_out != 1) return -1;
  if (n->n_in == 1 && node_has(n, OP_LAYOUT_AGNOSTIC)) return 0;
  if (!node_in(n, 0) || !node_in(n, 1)) return -1;
  switch (n->op->id) {
  case OP_Unsqueeze: return leaves_last_axis(n, 1, rank_of(n->out[0])) ? 0 : -1;
  case OP_Slice: return leaves_last_axis(n, 3, rank_of(n->out[0])) ? 0 : -1;
  case OP_Gather: return attr_int(n, "axis", &axis) && axis == 0 && rank_of(node_in(n, 0)) > 1 ? 0 : -1;
  case OP_Mul:
  case OP_Add:
  case OP_Sub:
  case OP_Div:
    for (int i = 0; i < 2; i++) {
      const Tensor *t = constant_of(node_in(n, 1 - i));
      if (t && t->count == 1 && t->rank <= rank_of(node_in(n, i))) return i;
    }
    return -1;
  default: return -1;
  }
}

static Value *doubled_by(const Node *n, bool neighbours) {
  int64_t axis;
  if (neighbours || !node_is(n, OP_Concat) || n->n_in != 2 || node_in(n, 0) != node_in(n, 1)) return NULL;
  bool last = attr_int(n, "axis", &axis) && (axis == -1 || axis == rank_of(n->out[0]) - 1);
  return last ? node_in(n, 0) : NULL;
}

/* How many nodes must be copied to compute each element once; -1 if it is not known to be there twice. */
static int cost(Value *v, bool neighbours, int depth) {
  const Tensor *t = constant_of(v);
  if (t) return constant_doubled(t, neighbours) ? 0 : -1;
  const Node *n = v->producer;
  if (!n || !depth) return -1;
  if (doubled_by(n, neighbours)) return 0;
  int i = row_input(n);
  int above = i < 0 ? -1 : cost(node_in(n, i), neighbours, depth - 1);
  return above < 0 ? -1 : above + 1;
}

static Value *constant_once(Rewriter *rw, Tensor *t, bool neighbours) {
  Model *m = rw_model(rw);
  int64_t dim[MAX_RANK + 1], row = t->dim[t->rank - 1];
  if (!neighbours) return rw_const(rw, tx_slice(m, t, t->rank - 1, 0, row / 2), NULL);
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[t->rank - 1] = row / 2;
  dim[t->rank] = 2;
  Tensor *pairs = tx_slice(m, tx_reshape(m, t, t->rank + 1, dim), t->rank, 0, 1);
  return rw_const(rw, tx_reshape(m, pairs, t->rank, dim), NULL);
}

static Value *copied_once(Rewriter *rw, Value *v, bool neighbours) {
  Tensor *t = constant_of(v);
  if (t) return constant_once(rw, t, neighbours);
  const Node *n = v->producer;
  Value *half = doubled_by(n, neighbours), *in[8];
  if (half) return half;
  int slot = row_input(n);
  for (int i = 0; i < n->n_in; i++)
    in[i] = i == slot ? copied_once(rw, node_in(n, i), neighbours) : node_in(n, i);
  return rw_copy(rw, n, n->n_in, in)->out[0];
}

static Value *once(Rewriter *rw, Value *v, bool neighbours) {
  if (cost(v, neighbours, CHAIN) <= COPIED_AT_MOST) return copied_once(rw, v, neighbours);
  int64_t ends[] = {0, width_of(v) / 2, -1};
  Value *in[] = {v, rw_const_ints(rw, ends, 1), rw_const_ints(rw, ends + 1, 1),
                 rw_const_ints(rw, ends + 2, 1)};
  return rw_node(rw, OP_Slice, 4, in)->out[0];
}

/* --- axes ----------------------------------------------------------------------------------------------- */

/* The axis of heads among the cache's, which broadcast against x's; -1: it has none. */
static int heads_axis(Shape cache, Shape x, int length) {
  return x.rank == 3 ? -1 : (length == 2 ? 1 : 2) - (x.rank - cache.rank);
}

/* The dim of the cache for an axis of x; NULL if it stands for 1. */
static Dim cache_dim(Shape cache, Shape x, int axis) {
  int at = axis - (x.rank - cache.rank);
  return at < 0 ? NULL : cache.dim[at];
}

const char *cache_refusal(const Rotation *r, Value *cache, Shape x, int length) {
  Shape s = shape_of(cache);
  int64_t batch;
  if (dtype_of(cache) != dtype_of(r->source)) return "cosines and sines are of another type";
  if (s.rank < 2 || s.rank > x.rank) return "the rank of cosines and sines does not fit";
  int heads = heads_axis(s, x, length);
  if (heads >= 0 && !sym_is(s.dim[heads], 1)) return "the angles depend on the head";
  Dim positions = cache_dim(s, x, length), first = cache_dim(s, x, 0);
  if (!positions || !sym_equal(positions, x.dim[length]))
    return "cosines and sines are not known to be as many as there are positions";
  bool one = !first || sym_is(first, 1);
  if (!one && !sym_equal(first, x.dim[0])) return "cosines and sines are of another batch";
  if (one && !sym_const(x.dim[0], &batch))
    return "cosines and sines are to be repeated for a batch of unknown size";
  if (width_of(cache) != (r->doubled ? r->x.count : r->x.count / 2))
    return "cosines and sines are not as wide as what they rotate";
  if (r->doubled && cost(cache, r->interleaved, CHAIN) < 0)
    return "cosines and sines are not known to be the same for both elements of a pair";
  return NULL;
}

/* The cache in front of the Unsqueeze that made room for the heads. */
static Value *without_heads(Value *v, int heads) {
  const Node *n = v->producer;
  const int64_t *axis;
  size_t count;
  if (heads < 0 || !node_is(n, OP_Unsqueeze) || !node_in(n, 1) || !value_ints(node_in(n, 1), &axis, &count))
    return NULL;
  int rank = rank_of(v);
  return count == 1 && (axis[0] < 0 ? axis[0] + rank : axis[0]) == heads ? node_in(n, 0) : NULL;
}

static Value *with_axes(Rewriter *rw, OpId op, Value *v, int64_t axis) {
  Value *in[] = {v, rw_const_ints(rw, &axis, 1)};
  return rw_node(rw, op, 2, in)->out[0];
}

Value *cache_build(Rewriter *rw, const Rotation *r, Value *cache, Shape x, int length) {
  Shape s = shape_of(cache);
  int heads = heads_axis(s, x, length);
  Value *bare = without_heads(cache, heads), *v = bare ? bare : cache;
  if (r->doubled) v = once(rw, v, r->interleaved);
  if (heads >= 0 && !bare && (heads > 0 || s.rank > 3)) v = with_axes(rw, OP_Squeeze, v, heads);
  if (rank_of(v) == 2) v = with_axes(rw, OP_Unsqueeze, v, 0);
  Dim first = shape_of(v).dim[0];
  if (sym_equal(first, x.dim[0])) return v;
  int64_t dim[] = {1, 1, 1};
  sym_const(x.dim[0], &dim[0]);
  Value *in[] = {v, rw_const_ints(rw, dim, 3)};
  return rw_node(rw, OP_Expand, 2, in)->out[0];
}
