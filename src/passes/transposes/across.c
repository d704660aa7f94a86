/* Two Transposes with a Reshape between them are one Transpose of finer axes (patches in and out of an
 * image).
 *
 * Before:    Transpose(Reshape(Transpose(x, p)), q)
 * After:     Reshape(Transpose(Reshape(x), r))
 * Formula:   axes so fine that each axis on either side of the Reshape is some of them, in their order; both
 *            permutations are permutations of these. What stands together on both sides is one axis again,
 * and axes of size 1 go When not:  the sizes have no common parts; a Reshape of the result would need a
 * computed target; no Reshape stands at either end, to take in what is made here Exactness: bitwise
 */
#include "passes/transposes/across.h"

#include "passes/transposes/spread.h"

/* The fine axes, in the order in which the Reshape has them. */
typedef struct Fine {
  int n;
  Dim dim[MAX_AXES];
  int left[MAX_AXES], right[MAX_AXES]; /* the axis of the Reshape's input and output that it is a part of */
} Fine;

static bool add(Fine *f, Dim d, int left, int right) {
  if (f->n == MAX_AXES) return false;
  f->dim[f->n] = d;
  f->left[f->n] = left;
  f->right[f->n++] = right;
  return true;
}

/* What one side has more than the other is divided by it: then the other must not be 0. */
static bool refine(SymTable *t, Shape a, Shape b, Fine *f) {
  int i = 0, k = 0;
  Dim left = a.rank ? a.dim[0] : NULL, right = b.rank ? b.dim[0] : NULL;
  f->n = 0;
  while (i < a.rank && k < b.rank) {
    Dim part, rest;
    if (sym_equal(left, right)) {
      if (!add(f, left, i, k)) return false;
      left = ++i < a.rank ? a.dim[i] : NULL;
      right = ++k < b.rank ? b.dim[k] : NULL;
    } else if (sym_nonzero(right) && (rest = sym_quotient(t, left, part = right)) != NULL) {
      if (!add(f, part, i, k)) return false;
      left = rest;
      right = ++k < b.rank ? b.dim[k] : NULL;
    } else if (sym_nonzero(left) && (rest = sym_quotient(t, right, part = left)) != NULL) {
      if (!add(f, part, i, k)) return false;
      right = rest;
      left = ++i < a.rank ? a.dim[i] : NULL;
    } else
      return false;
  }
  return i == a.rank && k == b.rank;
}

/* The fine axes in the order of the axes `order` names, of one side; those of size 1 left out. */
static int arranged(const Fine *f, const int *side, const Perm *order, int *at) {
  int n = 0;
  for (int i = 0; i < order->n; i++)
    for (int k = 0; k < f->n; k++)
      if (side[k] == order->at[i] && !sym_is(f->dim[k], 1)) at[n++] = k;
  return n;
}

/* How the fine axes stand before and behind, and what is one axis in both. */
typedef struct Plan {
  int n;
  Dim dim[MAX_AXES]; /* of the first Reshape's result */
  Perm perm;
} Plan;

static bool make_plan(SymTable *t, const Fine *f, const Perm *p, const Perm *q, Plan *plan) {
  int before[MAX_AXES], behind[MAX_AXES], place[MAX_AXES], axis[MAX_AXES];
  Perm back = perm_inverse(p);
  int n = arranged(f, f->left, &back, before);
  arranged(f, f->right, q, behind);
  for (int i = 0; i < n; i++) place[behind[i]] = i;
  plan->n = 0;
  for (int i = 0; i < n; i++) {
    bool goes_on = i && place[before[i]] == place[before[i - 1]] + 1;
    if (!goes_on)
      plan->dim[plan->n++] = f->dim[before[i]];
    else if (!(plan->dim[plan->n - 1] = sym_mul(t, plan->dim[plan->n - 1], f->dim[before[i]])))
      return false;
    axis[before[i]] = plan->n - 1;
  }
  plan->perm = PERM_NONE;
  for (int i = 0; i < n; i++)
    if (!i || axis[behind[i]] != axis[behind[i - 1]]) plan->perm.at[plan->perm.n++] = (int8_t)axis[behind[i]];
  return plan->n > 0;
}

static Value *reshaped(Rewriter *rw, Value *x, Shape to) {
  int64_t target[MAX_AXES];
  Shape from = shape_of(x);
  if (from.rank == to.rank && shape_equal(from, to)) return x;
  if (from.rank < 0 || !spread_target(from, to, target)) return NULL;
  Value *in[2] = {x, rw_const_ints(rw, target, (size_t)to.rank)};
  return rw_node(rw, OP_Reshape, 2, in)->out[0];
}

static bool is_reshape(const Node *n) {
  return node_is(n, OP_Reshape) && node_in(n, 0);
}

/* What is reshaped first: x, or what a Reshape that nobody else reads makes it of. */
static Value *source_of(Value *x) {
  return is_reshape(x->producer) && node_is_inner(x->producer) ? node_in(x->producer, 0) : x;
}

static bool is_reshaped_behind(const Value *v) {
  return v->n_uses == 1 && !v->n_outputs && !v->keep && v->uses->index == 0 && is_reshape(v->uses->node);
}

static Value *build(Rewriter *rw, Value *x, const Plan *plan, const Value *old) {
  int64_t perm[MAX_AXES];
  Dim *fine = NEW_ARRAY(rw_model(rw)->arena, Dim, plan->n);
  for (int i = 0; i < plan->n; i++) fine[i] = plan->dim[i], perm[i] = plan->perm.at[i];
  Value *v = reshaped(rw, x, (Shape){plan->n, fine});
  if (!v) return NULL;
  Node *turn = rw_node(rw, OP_Transpose, 1, &v);
  rw_attr_ints(rw, turn, "perm", perm, (size_t)plan->n);
  return reshaped(rw, turn->out[0], shape_of((Value *)old));
}

Outcome transposes_across_reshape(Rewriter *rw, Node *node) {
  Value *v = node_in(node, 0);
  Node *reshape = v ? v->producer : NULL;
  Node *first = is_reshape(reshape) ? node_in(reshape, 0)->producer : NULL;
  Perm p, q;
  Fine fine;
  Plan plan;
  TRY(node_is(first, OP_Transpose) && node_in(first, 0) && node_out(node, 0) && node->opset >= 5);
  NEED(node_is_inner(reshape) && node_is_inner(first), "what stands between two Transposes has other users");
  NEED(perm_of(first, &p) && perm_of(node, &q), "a permutation is not known");
  Value *x = source_of(node_in(first, 0));
  NEED(x != node_in(first, 0) || is_reshaped_behind(node->out[0]), "no Reshape is at either end");
  SymTable *t = rw_model(rw)->syms;
  Shape a = shape_of(node_in(reshape, 0)), b = shape_of(reshape->out[0]);
  NEED(a.rank == p.n && b.rank == q.n && refine(t, a, b, &fine), "the sizes have no common parts");
  NEED(make_plan(t, &fine, &p, &q, &plan), "the sizes can't be multiplied");
  Value *now = build(rw, x, &plan, node->out[0]);
  const char *why;
  NEED(now, "a target would have to be computed");
  NEED(rw_can_replace(rw, node->out[0], now, &why), "%s", why);
  rw_replace(rw, node->out[0], now);
  rw_note(rw, "one Transpose with %s", node_label(first));
  return FIRED;
}
