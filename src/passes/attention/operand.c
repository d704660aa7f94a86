#include "passes/attention/operand.h"

#include "passes/linear.h"

#include <string.h>

bool const_dim(Value *v, int64_t axis, int64_t *n) {
  Shape s = v ? shape_of(v) : SHAPE_UNKNOWN;
  return axis >= 0 && axis < s.rank && sym_const(s.dim[axis], n) && *n > 0;
}

/* Where the way up has come to. */
typedef struct Trace {
  Value *at;
  int axis[ROLES]; /* of `at`, for each role; -1: none */
  bool scales;     /* may factors be collected? */
  double scale;
  Piece piece;
  Node *rotary;
  bool merges;    /* is the first axis to be parted? */
  int64_t merged; /* the heads it held */
} Trace;

static bool axes_are(const Trace *t, int n, const Role *order) {
  for (int i = 0; i < n; i++)
    if (t->axis[order[i]] != i) return false;
  return rank_of(t->at) == n;
}

static void insert_axis(Trace *t, int axis, Role role) {
  for (int i = 0; i < ROLES; i++) t->axis[i] += t->axis[i] >= axis;
  t->axis[role] = axis;
}

/* --- one node up ---------------------------------------------------------------------------------------- */

static bool above_transpose(Trace *t, const Node *n) {
  const int64_t *perm;
  size_t count;
  if (!attr_ints(n, "perm", &perm, &count) || count != (size_t)rank_of(t->at)) return false;
  for (int i = 0; i < ROLES; i++)
    if (t->axis[i] >= 0) t->axis[i] = (int)perm[t->axis[i]];
  return true;
}

static bool normal_axis(const Node *n, int rank, int64_t *axis) {
  if (!attr_int(n, "axis", axis)) return false;
  if (*axis < 0) *axis += rank;
  return *axis >= 0 && *axis < rank;
}

/* A run of the heads of a fused projection. */
static bool above_split(Trace *t, const Node *n) {
  int64_t axis;
  Piece p = {.n = n->n_out, .index = t->at->index};
  if (t->piece.n || n->n_out > MAX_PARTS || !normal_axis(n, rank_of(t->at), &axis) || axis != t->axis[HEADS])
    return false;
  for (int i = 0; i < n->n_out; i++)
    if (!const_dim(node_out(n, i), axis, &p.heads[i])) return false;
  t->piece = p;
  return true;
}

/* One element along an axis of its own: Q, K and V lie one behind the other there. */
static bool above_gather(Trace *t, const Node *n) {
  int64_t axis, index, parts, heads;
  int rank = rank_of(node_in(n, 0));
  if (t->piece.n || !node_in(n, 1) || rank_of(node_in(n, 1)) != 0 || !constant_int(node_in(n, 1), &index))
    return false;
  if (!normal_axis(n, rank, &axis) || !const_dim(node_in(n, 0), axis, &parts) || parts > MAX_PARTS)
    return false;
  if (index < 0) index += parts;
  if (index < 0 || index >= parts || !const_dim(t->at, t->axis[HEADS], &heads)) return false;
  t->piece = (Piece){.n = (int)parts, .index = (int)index};
  for (int i = 0; i < parts; i++) t->piece.heads[i] = heads;
  insert_axis(t, (int)axis, PART);
  return true;
}

/* Is v, without its axis `hole`, of other's shape? */
static bool same_but(Value *v, int hole, Value *other) {
  Shape s = shape_of(v), o = shape_of(other);
  if (hole < 0 || s.rank < 0 || o.rank != s.rank - 1) return false;
  for (int i = 0; i < o.rank; i++)
    if (!sym_equal(o.dim[i], s.dim[i + (i >= hole)])) return false;
  return true;
}

/* Heads repeated for the queries of their group: a Reshape of [..., groups, times, ...]. */
static bool above_repeat(Trace *t, Value *x) {
  int h = t->axis[HEADS], rank = rank_of(t->at);
  Shape s = shape_of(t->at), in = shape_of(x);
  int64_t heads, groups, times;
  if (h < 0 || t->piece.n || t->axis[REPEAT] >= 0 || in.rank != rank + 1) return false;
  if (!const_dim(t->at, h, &heads) || !const_dim(x, h, &groups) || !const_dim(x, h + 1, &times)) return false;
  for (int i = 0; i < rank; i++)
    if (i != h && !sym_equal(s.dim[i], in.dim[i + (i > h)])) return false;
  if (heads % groups != 0 || heads / groups != times) return false;
  insert_axis(t, h + 1, REPEAT);
  return true;
}

/* The Expand or Tile that makes one of each into so many. */
static bool above_expand(const Trace *t, Value *x) {
  Shape s = shape_of(t->at), in = shape_of(x);
  if (t->axis[REPEAT] < 0 || in.rank != s.rank) return false;
  for (int i = 0; i < s.rank; i++)
    if (i == t->axis[REPEAT] ? !sym_is(in.dim[i], 1) : !sym_equal(in.dim[i], s.dim[i])) return false;
  return true;
}

/* The Unsqueeze, or Reshape, that made room for it. */
static bool above_unsqueeze(Trace *t, Value *x) {
  int axis = t->axis[REPEAT];
  if (axis < 0 || !sym_is(shape_of(t->at).dim[axis], 1) || !same_but(t->at, axis, x)) return false;
  for (int i = 0; i < ROLES; i++) t->axis[i] -= t->axis[i] > axis;
  t->axis[REPEAT] = -1;
  return true;
}

int64_t merged_heads(const Node *reshape) {
  Value *in = node_is(reshape, OP_Reshape) ? node_in(reshape, 0) : NULL, *out = in ? reshape->out[0] : NULL;
  int64_t heads;
  if (!out || rank_of(in) + rank_of(out) != 7) return 0;
  if (rank_of(in) == 3) {
    Value *parted = out;
    out = in;
    in = parted;
  }
  Shape apart = shape_of(in), merged = shape_of(out);
  bool fits = apart.rank == 4 && sym_equal(apart.dim[2], merged.dim[1]) &&
              sym_equal(apart.dim[3], merged.dim[2]) && const_dim(in, 1, &heads);
  return fits ? heads : 0;
}

/* A Reshape of [batch, heads, ...] to batch * heads; the heads may be [groups, times] still. */
static bool above_merge(Trace *t, const Node *reshape) {
  Value *x = node_in(reshape, 0);
  Shape s = shape_of(t->at), in = shape_of(x);
  int64_t groups, times;
  if (!t->merges || t->axis[HEADS] >= 0 || t->axis[BATCH] != 0 || s.rank != 3) return false;
  t->merged = merged_heads(reshape);
  bool grouped = in.rank == 5 && sym_equal(in.dim[3], s.dim[1]) && sym_equal(in.dim[4], s.dim[2]) &&
                 const_dim(x, 1, &groups) && const_dim(x, 2, &times);
  if (grouped && __builtin_mul_overflow(groups, times, &t->merged)) return false;
  if (t->merged) insert_axis(t, 1, HEADS);
  if (grouped) insert_axis(t, 2, REPEAT);
  return t->merged != 0;
}

static bool above_factor(Trace *t, Node *n) {
  Factor f;
  /* Above a fused projection it would not be this operand's alone. */
  if (!t->scales || t->piece.n || !node_is_inner(n) || !factor_of(n, &f)) return false;
  t->scale *= f.value;
  t->at = f.x;
  return true;
}

static bool above_rotary(Trace *t, Node *n) {
  static const Role order[] = {BATCH, HEADS, LENGTH, DEPTH};
  if (t->piece.n || t->rotary || !node_is_inner(n) || !axes_are(t, 4, order)) return false;
  t->rotary = n;
  return true;
}

/* Goes on to an input of the node that computes `at`. */
static bool climb(Trace *t) {
  Node *n = t->at->producer;
  Value *x = n ? node_in(n, 0) : NULL;
  bool moved = false;
  if (!x || !n->op) return false;
  switch (n->op->id) {
  case OP_Mul:
  case OP_Div: return above_factor(t, n);
  case OP_Identity: moved = true; break;
  case OP_Transpose: moved = above_transpose(t, n); break;
  case OP_Split: moved = above_split(t, n); break;
  case OP_Gather: moved = above_gather(t, n); break;
  case OP_Reshape: moved = above_merge(t, n) || above_repeat(t, x) || above_unsqueeze(t, x); break;
  case OP_Unsqueeze: moved = above_unsqueeze(t, x); break;
  case OP_Expand:
  case OP_Tile: moved = above_expand(t, x); break;
  case OP_RotaryEmbedding: moved = above_rotary(t, n); break;
  default: break;
  }
  if (moved) t->at = x;
  return moved;
}

/* --- forms ---------------------------------------------------------------------------------------------- */

static const Role heads_order[] = {BATCH, LENGTH, HEADS, DEPTH};
static const Role repeat_order[] = {BATCH, LENGTH, HEADS, REPEAT, DEPTH};
static const Role parts_order[] = {BATCH, LENGTH, PART, HEADS, DEPTH};

static bool is_ordered(const int *role_at) {
  int last = -1;
  for (int i = 0; i < PART; i++) {
    if (role_at[i] < 0) continue;
    if (role_at[i] < last) return false;
    last = role_at[i];
  }
  return true;
}

/* The best is what has the fewest heads (they are not repeated yet), then what needs no Transpose, then what
 * stands further up. */
static void note_whole(const Trace *t, Operand *o) {
  Form f = {.v = t->at, .scale = t->scale, .heads = 1};
  if (t->rotary || t->piece.n || t->axis[REPEAT] >= 0 || !const_dim(f.v, t->axis[DEPTH], &f.depth)) return;
  if (t->merges && !t->merged) return;
  if (t->axis[HEADS] >= 0 && !const_dim(f.v, t->axis[HEADS], &f.heads)) return;
  if (o->whole.v && f.heads == o->whole.heads && is_ordered(o->whole_at) && !is_ordered(t->axis)) return;
  o->whole = f;
  memcpy(o->whole_at, t->axis, sizeof t->axis);
}

/* Do x's last axis, and it alone, hold the heads of `at` and their elements? */
static bool are_columns(const Trace *t, Value *x, const Form *f) {
  Shape in = shape_of(x), out = shape_of(t->at);
  int64_t columns, wanted = t->piece.n ? 0 : f->heads;
  for (int i = 0; i < t->piece.n; i++)
    if (__builtin_add_overflow(wanted, t->piece.heads[i], &wanted)) return false;
  return in.rank == 3 && !__builtin_mul_overflow(wanted, f->depth, &wanted) && const_dim(x, 2, &columns) &&
         columns == wanted && sym_equal(in.dim[0], out.dim[0]) && sym_equal(in.dim[1], out.dim[1]);
}

/* Are heads and elements the last axes, in this order? True where `at` is a Reshape of [batch, length,
 * columns]: there is nothing further up then. */
static bool note_flat(const Trace *t, Operand *o) {
  Form f = {.v = t->at, .scale = t->scale, .apart = true};
  bool repeats = t->axis[REPEAT] >= 0, parts = t->axis[PART] >= 0;
  bool ordered = repeats ? axes_are(t, 5, repeat_order) && sym_is(shape_of(t->at).dim[t->axis[REPEAT]], 1)
                 : parts ? axes_are(t, 5, parts_order)
                         : axes_are(t, 4, heads_order);
  int64_t columns;
  if (!ordered || !const_dim(t->at, t->axis[HEADS], &f.heads) ||
      !const_dim(t->at, t->axis[DEPTH], &f.depth) || __builtin_mul_overflow(f.heads, f.depth, &columns))
    return false;
  Node *n = t->at->producer;
  if (node_is(n, OP_Reshape) && node_in(n, 0) && are_columns(t, node_in(n, 0), &f)) {
    f.v = node_in(n, 0);
    f.apart = false;
  } else if (t->piece.n)
    return false;
  if (t->piece.n) f.heads = t->piece.heads[t->piece.index];
  o->flat = f;
  o->piece = t->piece;
  o->rotary = t->rotary;
  return !f.apart;
}

/* Factors in front of the heads count for the flat form alone. */
static void climb_flat(Trace *t, Operand *o) {
  t->at = o->flat.v;
  while (t->at->producer && above_factor(t, t->at->producer)) continue;
  o->flat.v = t->at;
  o->flat.scale = t->scale;
}

static bool read(Value *v, OperandKind kind, bool merges, Operand *o) {
  int rank = rank_of(v), last = rank - 1;
  if (rank != 3 && rank != 4) return false;
  Trace t = {.at = v,
             .scales = kind != VALUE,
             .scale = 1,
             .merges = merges,
             .axis = {0, rank - 3, last - 1, last, -1, -1}};
  if (rank == 3) t.axis[HEADS] = -1;
  if (kind == KEY) t.axis[LENGTH] = last, t.axis[DEPTH] = last - 1;
  *o = (Operand){.start = v};
  memcpy(o->role_at, t.axis, sizeof t.axis);
  do {
    note_whole(&t, o);
    if (note_flat(&t, o)) {
      climb_flat(&t, o);
      break;
    }
  } while (climb(&t));
  o->merged = t.merged;
  return o->whole.v != NULL;
}

bool operand_read(Value *v, OperandKind kind, Operand *o) {
  return read(v, kind, false, o);
}

bool operand_read_merged(Value *v, OperandKind kind, Operand *o) {
  return rank_of(v) == 3 && read(v, kind, true, o);
}
