/* What the graph does with an input: follows its elements through operators that only move or convert them,
 * to the operators that read them as indices, lengths, conditions. */
#include "runtime/feed_t.h"

#include "infer/facts.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* A value whose elements are elements of the input plus `offset`. */
typedef struct Reach {
  Value *v;
  int64_t offset;
} Reach;

typedef struct Walk {
  Arena *arena;
  Map seen; /* of values, by pointer */
  Vec(Reach) todo;
  FeedInput *in;
  int64_t low, high; /* what every reader of an index accepts */
  bool index, mask;
} Walk;

/* Slots that read integers as something with limits. */
typedef enum Reading {
  AS_INDEX,    /* into dim `axis` of input `arg` */
  AS_INDICES,  /* into the first dims of input `arg`, one index each */
  AS_CLASS,    /* below the number that input `arg` holds */
  AS_CONSTANT, /* a length, an axis, a divisor: `arg` is a number that is always allowed */
} Reading;

static const struct {
  OpId op;
  int slot;
  Reading reading;
  int arg;
} readers[] = {
    {OP_Gather, 1, AS_INDEX, 0},
    {OP_GatherElements, 1, AS_INDEX, 0},
    {OP_ScatterElements, 1, AS_INDEX, 0},
    {OP_Scatter, 1, AS_INDEX, 0},
    {OP_GatherND, 1, AS_INDICES, 0},
    {OP_ScatterND, 1, AS_INDICES, 0},
    {OP_OneHot, 0, AS_CLASS, 1},
    {OP_OneHot, 1, AS_CONSTANT, 2},
    {OP_ConstantOfShape, 0, AS_CONSTANT, 1},
    {OP_CumSum, 1, AS_CONSTANT, 0},
    {OP_Div, 1, AS_CONSTANT, 1},
    {OP_Expand, 1, AS_CONSTANT, 1},
    {OP_GRU, 4, AS_CONSTANT, 1},
    {OP_LSTM, 4, AS_CONSTANT, 1},
    {OP_RNN, 4, AS_CONSTANT, 1},
    {OP_Loop, 0, AS_CONSTANT, 1},
    {OP_Mod, 1, AS_CONSTANT, 1},
    {OP_Pad, 1, AS_CONSTANT, 1},
    {OP_Range, 0, AS_CONSTANT, 0},
    {OP_Range, 1, AS_CONSTANT, 1},
    {OP_Range, 2, AS_CONSTANT, 1},
    {OP_Reshape, 1, AS_CONSTANT, 1},
    {OP_Resize, 3, AS_CONSTANT, 1},
    {OP_Slice, 1, AS_CONSTANT, 0},
    {OP_Slice, 2, AS_CONSTANT, 1},
    {OP_Slice, 3, AS_CONSTANT, 0},
    {OP_Slice, 4, AS_CONSTANT, 1},
    {OP_Split, 1, AS_CONSTANT, 1},
    {OP_Squeeze, 1, AS_CONSTANT, 0},
    {OP_Tile, 1, AS_CONSTANT, 1},
    {OP_TopK, 1, AS_CONSTANT, 1},
    {OP_Trilu, 1, AS_CONSTANT, 0},
    {OP_Unsqueeze, 1, AS_CONSTANT, 0},
};

static void reach(Walk *w, Value *v, int64_t offset) {
  if (!v || map_get(&w->seen, map_key(v))) return;
  map_put(&w->seen, map_key(v), v);
  Reach r = {v, offset};
  vec_push(w->arena, &w->todo, r);
}

/* --- indices -------------------------------------------------------------------------------------------- */

/* Elements of the input plus offset must lie in [0, size): an index may be negative too, but 0 is allowed
 * everywhere. */
static void limit(Walk *w, int64_t offset, int64_t size) {
  int64_t low, high;
  w->index = true;
  if (__builtin_sub_overflow(0, offset, &low) || __builtin_sub_overflow(size, offset, &high)) return;
  if (low > w->low) w->low = low;
  if (high < w->high) w->high = high;
}

/* Size of a dim; 1, for which the index 0 is left, if it is not known. */
static int64_t table_size(Value *table, int64_t axis) {
  Shape s = table ? shape_of(table) : SHAPE_UNKNOWN;
  int64_t size;
  if (s.rank > 0 && axis < 0) axis += s.rank;
  return s.rank > axis && axis >= 0 && sym_const(s.dim[axis], &size) && size > 0 ? size : 1;
}

static void limit_indices(Walk *w, const Node *n, Value *table, int64_t offset) {
  int64_t batch_dims = 0;
  if (node_is(n, OP_GatherND)) attr_int(n, "batch_dims", &batch_dims);
  Shape indices = shape_of(node_in(n, 1));
  int64_t count = 1;
  if (indices.rank < 1 || !sym_const(indices.dim[indices.rank - 1], &count) || count > MAX_RANK)
    count = MAX_RANK;
  int rank = table ? rank_of(table) : -1;
  if (rank < 0) limit(w, offset, 1);
  for (int64_t i = batch_dims; i < rank && i < batch_dims + count; i++)
    limit(w, offset, table_size(table, i));
}

static int64_t integer_constant(const Value *v, int64_t otherwise) {
  const Tensor *t = v ? value_literal(v) : NULL;
  int64_t x;
  return t && t->count == 1 && tensor_get_int(t, 0, &x) ? x : otherwise;
}

/* True if slot i of n reads its elements as indices or the like. */
static bool read_slot(Walk *w, const Use *u, int64_t offset) {
  const Node *n = u->node;
  for (size_t i = 0; n->op && i < sizeof readers / sizeof *readers; i++) {
    if (readers[i].op != n->op->id || readers[i].slot != u->index) continue;
    int arg = readers[i].arg;
    int64_t axis = 0;
    switch (readers[i].reading) {
    case AS_INDEX:
      attr_int(n, "axis", &axis);
      limit(w, offset, table_size(node_in(n, arg), axis));
      break;
    case AS_INDICES: limit_indices(w, n, node_in(n, arg), offset); break;
    case AS_CLASS: limit(w, offset, integer_constant(node_in(n, arg), 1)); break;
    case AS_CONSTANT:
      if (elem_is_float(w->in->dtype)) return false; /* a float is divided by, not counted with */
      limit(w, offset - arg, 1);
      break;
    }
    return true;
  }
  return false;
}

/* --- masks ---------------------------------------------------------------------------------------------- */

static bool literal_number(const Value *v, double *x) {
  const Tensor *t = v ? value_literal(v) : NULL;
  return t && t->count == 1 && tensor_get_double(t, 0, x);
}

/* Is v multiplied by something that stands for infinity (-10000, -65504, -3.4e38)? */
static bool scaled_to_infinity(const Value *v) {
  for (const Use *u = v ? v->uses : NULL; u; u = u->next) {
    double x;
    if (node_is(u->node, OP_Mul) && literal_number(node_in(u->node, 1 - u->index), &x) && fabs(x) >= 1000)
      return true;
  }
  return false;
}

/* Does n use the value at this slot as a truth value? */
static bool reads_mask(const Node *n, int slot) {
  double x;
  int64_t to;
  if (node_is(n, OP_Cast)) return attr_int(n, "to", &to) && to == DT_BOOL;
  if (node_is(n, OP_Equal)) return literal_number(node_in(n, 1 - slot), &x) && (x == 0 || x == 1);
  if (node_is(n, OP_Sub) && slot == 1)
    return literal_number(node_in(n, 0), &x) && x == 1 && scaled_to_infinity(node_out(n, 0));
  return false;
}

/* --- the walk ------------------------------------------------------------------------------------------- */

/* Outputs of n whose elements are the elements at this slot, unchanged. */
static bool passes_on(const Node *n, int slot) {
  int64_t to;
  if (node_is(n, OP_Cast)) return attr_int(n, "to", &to) && to != DT_BOOL;
  if (node_is(n, OP_Where)) return slot > 0;
  if (node_is(n, OP_EyeLike)) return false;
  if (!n->op || !(n->op->facts & OP_MOVES_DATA)) return false;
  return slot == 0 || (n->op->facts & OP_VARIADIC);
}

static void follow_use(Walk *w, const Use *u, int64_t offset) {
  const Node *n = u->node;
  if (reads_mask(n, u->index)) w->mask = true;
  if (read_slot(w, u, offset)) return;
  if (n->callee && (size_t)u->index < n->callee->body->inputs.n)
    reach(w, n->callee->body->inputs.at[u->index], offset);
  if (passes_on(n, u->index))
    for (int i = 0; i < n->n_out; i++) reach(w, n->out[i], offset);
  if (node_is(n, OP_Add) || (node_is(n, OP_Sub) && u->index == 0)) {
    int64_t c = integer_constant(node_in(n, 1 - u->index), INT64_MIN);
    if (c > -INT32_MAX && c < INT32_MAX)
      reach(w, node_out(n, 0), node_is(n, OP_Add) ? offset + c : offset - c);
  }
}

/* What a branch of an If returns comes out of the If. */
static void follow_branch(Walk *w, const Reach *r) {
  const Graph *g = r->v->graph;
  if (!r->v->n_outputs || !node_is(g->owner, OP_If)) return;
  for (size_t i = 0; i < g->outputs.n; i++)
    if (g->outputs.at[i] == r->v) reach(w, node_out(g->owner, (int)i), r->offset);
}

static bool small_integer(ElemType t) {
  return elem_is_int(t) && elem_bits(t) <= 8;
}

/* Indices first; then what the graph says of truth values; integers that nobody limits are taken for a mask,
 * whose 0 and 1 every operator accepts; the name is asked last, and for floats only. */
static FeedRole decide(const Walk *w) {
  ElemType t = w->in->dtype;
  if (t == DT_STRING) return FEED_NOISE;
  if (w->index) return FEED_INDEX;
  if (t == DT_BOOL || w->mask) return FEED_MASK;
  if (elem_is_int(t)) return small_integer(t) ? FEED_NOISE : FEED_MASK;
  return elem_is_float(t) && elem_bits(t) >= 16 && text_mentions(w->in->name, "mask") ? FEED_MASK
                                                                                      : FEED_NOISE;
}

void feed_role(Arena *a, Value *v, FeedInput *in) {
  Walk w = {.arena = arena_child(a), .in = in, .low = 0, .high = INT64_MAX};
  map_init(&w.seen, w.arena);
  reach(&w, v, 0);
  while (w.todo.n) {
    Reach r = w.todo.at[--w.todo.n];
    for (const Use *u = r.v->uses; u; u = u->next) follow_use(&w, u, r.offset);
    follow_branch(&w, &r);
  }
  in->role = decide(&w);
  in->low = w.low;
  in->high = w.high > w.low ? w.high : w.low + 1;
  arena_free(w.arena);
}
