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

/* Is v, without its axis `hole`, of other's shape? *size: of that axis. */
static bool same_but(Value *v, int hole, Value *other, int64_t *size) {
  Shape s = shape_of(v), o = other ? shape_of(other) : SHAPE_UNKNOWN;
  if (s.rank < 0 || o.rank != s.rank - 1 || !const_dim(v, hole, size)) return false;
  for (int i = 0; i < o.rank; i++)
    if (!sym_equal(o.dim[i], s.dim[i + (i >= hole)])) return false;
  return true;
}

/* Each head repeated for the queries of its group: Reshape(Expand(Unsqueeze(x))), a Reshape or Tile in place
 * of the others perhaps. */
static bool above_repeat(Trace *t, const Node *reshape) {
  Value *expanded = node_in(reshape, 0);
  Node *expand = expanded ? expanded->producer : NULL;
  if (t->piece.n || (!node_is(expand, OP_Expand) && !node_is(expand, OP_Tile))) return false;
  Value *single = node_in(expand, 0);
  Node *unsqueeze = single ? single->producer : NULL;
  int h = t->axis[HEADS];
  int64_t heads, groups, times, one;
  if ((!node_is(unsqueeze, OP_Unsqueeze) && !node_is(unsqueeze, OP_Reshape)) || h < 0) return false;
  Value *x = node_in(unsqueeze, 0);
  Shape all = shape_of(t->at), own = x ? shape_of(x) : SHAPE_UNKNOWN;
  if (!const_dim(t->at, h, &heads) || !const_dim(x, h, &groups) || own.rank != all.rank) return false;
  for (int i = 0; i < own.rank; i++)
    if (i != h && !sym_equal(own.dim[i], all.dim[i])) return false;
  if (!same_but(single, h + 1, x, &one) || one != 1 || !same_but(expanded, h + 1, x, &times)) return false;
  if (groups * times != heads) return false;
  t->at = single;
  return true;
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
  bool moved = false;
  if (!n || !n->op || !node_in(n, 0)) return false;
  switch (n->op->id) {
  case OP_Mul:
  case OP_Div: return above_factor(t, n);
  case OP_Identity: moved = true; break;
  case OP_Transpose: moved = above_transpose(t, n); break;
  case OP_Split: moved = above_split(t, n); break;
  case OP_Gather: moved = above_gather(t, n); break;
  case OP_Reshape: moved = above_repeat(t, n); break;
  case OP_RotaryEmbedding: moved = above_rotary(t, n); break;
  default: return false;
  }
  if (!moved) return false;
  t->at = node_is(n, OP_Reshape) ? node_in(t->at->producer, 0) : node_in(n, 0);
  return true;
}

/* --- forms ---------------------------------------------------------------------------------------------- */

static const Role heads_order[] = {BATCH, LENGTH, HEADS, DEPTH};
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
  if (t->rotary || t->piece.n || !const_dim(f.v, t->axis[DEPTH], &f.depth)) return;
  if (t->axis[HEADS] >= 0 && !const_dim(f.v, t->axis[HEADS], &f.heads)) return;
  if (o->whole.v && f.heads == o->whole.heads && is_ordered(o->whole_at) && !is_ordered(t->axis)) return;
  o->whole = f;
  memcpy(o->whole_at, t->axis, sizeof t->axis);
}

/* Is `at` a Reshape of [batch, length, columns]? */
static bool note_flat(const Trace *t, Operand *o) {
  Form f = {.scale = t->scale};
  Node *n = t->at->producer;
  bool parts = t->axis[PART] >= 0;
  Value *x = node_is(n, OP_Reshape) ? node_in(n, 0) : NULL;
  if (!x || rank_of(x) != 3 || (parts ? !axes_are(t, 5, parts_order) : !axes_are(t, 4, heads_order)))
    return false;
  Shape in = shape_of(x), out = shape_of(t->at);
  int64_t columns, wanted = 0;
  if (!const_dim(t->at, t->axis[HEADS], &f.heads) || !const_dim(t->at, t->axis[DEPTH], &f.depth))
    return false;
  for (int i = 0; i < t->piece.n; i++) wanted += t->piece.heads[i];
  if (!t->piece.n) wanted = f.heads;
  if (__builtin_mul_overflow(wanted, f.depth, &wanted) || !const_dim(x, 2, &columns) || columns != wanted ||
      !sym_equal(in.dim[0], out.dim[0]) || !sym_equal(in.dim[1], out.dim[1]))
    return false;
  if (t->piece.n) f.heads = t->piece.heads[t->piece.index];
  f.v = x;
  o->flat = f;
  o->piece = t->piece;
  o->rotary = t->rotary;
  return true;
}

/* Factors in front of the heads count for the flat form alone. */
static void climb_flat(Trace *t, Operand *o) {
  t->at = o->flat.v;
  while (t->at->producer && above_factor(t, t->at->producer)) continue;
  o->flat.v = t->at;
  o->flat.scale = t->scale;
}

bool operand_read(Value *v, OperandKind kind, Operand *o) {
  int rank = rank_of(v), last = rank - 1;
  if (rank != 3 && rank != 4) return false;
  Trace t = {.at = v, .scales = kind != VALUE, .scale = 1, .axis = {0, rank - 3, last - 1, last, -1}};
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
  return o->whole.v != NULL;
}
