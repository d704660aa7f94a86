/* Q, K and V of one projection, taken apart by an axis of their own, are taken apart by their heads.
 *
 * Before:    t = Transpose(Reshape(x, [B, S, 3, H, D]), [2, 0, 3, 1, 4]), or without the Transpose; then
 *            Gather(t, 0), Gather(t, 1), Gather(t, 2), or Squeeze of each part of a Split
 * After:     Split(Transpose(Reshape(x, [B, S, 3 * H, D]), [0, 2, 1, 3]), 3 parts)
 * Formula:   head h of part i is head i * H + h
 * When not:  the parts do not take every index once; the axis and the one behind it are not known numbers,
 *            or the target copies a dim behind them
 * Exactness: bitwise
 */
#include "passes/attention/rules.h"
#include "passes/linear.h"

enum { MAX_PARTS = 8 };

/* What is taken apart: axis `axis` of the Reshape's result is axis `at` of `whole`. */
typedef struct Parts {
  Node *reshape, *transpose; /* transpose NULL: there is none */
  Value *whole;
  const int64_t *perm;
  int64_t axis, at;
  int64_t n, heads;
  Value *part[MAX_PARTS];
} Parts;

static bool axis_is(const Node *n, int rank, int64_t at) {
  int64_t a;
  return attr_int(n, "axis", &a) && (a < 0 ? a + rank : a) == at;
}

/* Gathers of single indices, every index once. */
static bool read_gathers(Parts *p) {
  int rank = rank_of(p->whole);
  for (const Use *u = p->whole->uses; u; u = u->next) {
    int64_t i;
    Node *n = u->node;
    if (u->index != 0 || n->graph != p->whole->graph || !node_is(n, OP_Gather) || !node_in(n, 1) ||
        !node_out(n, 0) || !axis_is(n, rank, p->at) || rank_of(node_in(n, 1)) != 0 ||
        !constant_int(node_in(n, 1), &i))
      return false;
    if (i < 0) i += p->n;
    if (i < 0 || i >= p->n || p->part[i]) return false;
    p->part[i] = n->out[0];
  }
  return true;
}

/* A Split into parts of size 1, each squeezed. */
static bool read_split(Parts *p, const Node *split) {
  int rank = rank_of(p->whole), count;
  if (p->whole->n_uses != 1 || split->graph != p->whole->graph || split->n_out != p->n ||
      !axis_is(split, rank, p->at))
    return false;
  for (int i = 0; i < split->n_out; i++) {
    int64_t axes[MAX_RANK];
    const Value *v = split->out[i];
    Node *squeeze = v && v->n_uses == 1 && !v->n_outputs && !v->keep ? v->uses->node : NULL;
    if (!node_is(squeeze, OP_Squeeze) || v->uses->index != 0 || squeeze->graph != split->graph ||
        !node_out(squeeze, 0) || !node_axes(squeeze, 1, rank, axes, &count) || count != 1 || axes[0] != p->at)
      return false;
    p->part[i] = squeeze->out[0];
  }
  return true;
}

/* Where does an axis that two or more numbers long parts are taken from come from? */
static bool read_whole(Node *node, Parts *p) {
  size_t n;
  *p = (Parts){.reshape = node, .whole = node->out[0]};
  if (node_is(node, OP_Transpose)) {
    p->transpose = node;
    p->reshape = node_in(node, 0) ? node_in(node, 0)->producer : NULL;
    if (!attr_ints(node, "perm", &p->perm, &n) || (int)n != rank_of(p->whole)) return false;
    if (!node_is(p->reshape, OP_Reshape) || !node_is_inner(p->reshape)) return false;
  }
  return node_in(p->reshape, 0) && node_in(p->reshape, 1) && p->whole->n_uses && !p->whole->n_outputs &&
         !p->whole->keep && rank_of(p->whole) >= 3 && rank_of(p->whole) <= MAX_RANK;
}

static bool read_axis(Parts *p) {
  const Node *first = p->whole->uses->node;
  int64_t at;
  int rank = rank_of(p->whole);
  if ((!node_is(first, OP_Gather) && !node_is(first, OP_Split)) || !attr_int(first, "axis", &at))
    return false;
  p->at = at < 0 ? at + rank : at;
  if (p->at < 0 || p->at >= rank) return false;
  p->axis = p->perm ? p->perm[p->at] : p->at;
  Shape s = shape_of(p->reshape->out[0]);
  return p->axis + 1 < s.rank && sym_const(s.dim[p->axis], &p->n) &&
         sym_const(s.dim[p->axis + 1], &p->heads) && p->n >= 2 && p->n <= MAX_PARTS && p->heads >= 1;
}

/* The Reshape's target with the axis and the one behind it as one; NULL: that can't be said. */
static int64_t *merged_target(Rewriter *rw, const Parts *p, size_t *n) {
  const int64_t *old;
  int64_t zeros = 0, columns, *now;
  if (__builtin_mul_overflow(p->n, p->heads, &columns)) return NULL;
  if (!value_ints(node_in(p->reshape, 1), &old, n)) return NULL;
  attr_int(p->reshape, "allowzero", &zeros);
  now = NEW_ARRAY(rw_scratch(rw), int64_t, *n);
  for (size_t i = 0, k = 0; i < *n; i++) {
    if ((int64_t)i == p->axis + 1) continue;
    if (old[i] == 0 && (zeros || (int64_t)i > p->axis)) return NULL;
    now[k++] = (int64_t)i == p->axis ? columns : old[i];
  }
  --*n;
  return now;
}

/* The permutation without the axis, and where the merged one goes. */
static size_t merged_perm(const Parts *p, int64_t *perm, int64_t *to) {
  size_t rank = (size_t)rank_of(p->whole), n = 0;
  *to = p->axis;
  for (size_t i = 0; i < rank; i++) {
    int64_t from = p->perm ? p->perm[i] : (int64_t)i;
    if (from == p->axis) continue;
    if (from == p->axis + 1) *to = (int64_t)n;
    perm[n++] = from > p->axis ? from - 1 : from;
  }
  return n;
}

static Value *const *build(Rewriter *rw, const Parts *p, const int64_t *target, size_t rank) {
  int64_t perm[MAX_RANK], size[MAX_PARTS], to;
  size_t n = merged_perm(p, perm, &to);
  Value *in[2] = {node_in(p->reshape, 0), rw_const_ints(rw, target, rank)};
  Value *v = rw_node(rw, OP_Reshape, 2, in)->out[0];
  if (p->transpose) {
    Node *t = rw_node(rw, OP_Transpose, 1, &v);
    rw_attr_ints(rw, t, "perm", perm, n);
    v = t->out[0];
  }
  for (int i = 0; i < p->n; i++) size[i] = p->heads;
  return split_parts(rw, v, (int)to, size, (int)p->n, p->reshape->opset)->out;
}

Outcome split_by_heads(Rewriter *rw, Node *node) {
  Parts p;
  size_t rank;
  TRY(node_out(node, 0) && node->opset >= 5 && read_whole(node, &p) && read_axis(&p));
  const Node *first = p.whole->uses->node;
  TRY(node_is(first, OP_Split) ? read_split(&p, first) : read_gathers(&p));
  for (int i = 0; i < p.n; i++) NEED(p.part[i], "nobody reads index %d", i);
  const int64_t *target = merged_target(rw, &p, &rank);
  NEED(target, "its target is not known, or copies a dim behind the axis");
  Value *const *out = build(rw, &p, target, rank);
  for (int i = 0; i < p.n; i++) {
    const char *why;
    NEED(rw_can_replace(rw, p.part[i], out[i], &why), "%s", why);
    rw_replace(rw, p.part[i], out[i]);
  }
  rw_note(rw, "%d times %d heads", (int)p.n, (int)p.heads);
  return FIRED;
}
