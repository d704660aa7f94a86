/* The mask that is added to the scores: computed from as few and as small values as possible. */
#include "passes/attention/rules.h"
#include "passes/linear.h"

/* --- 1 - mask, and its ones filled ---------------------------------------------------------------------- */

/* What is compared with 1: through a Cast that maps nothing but 1 to 1. */
static Value *before_cast(Value *v) {
  Node *cast = v->producer;
  if (!node_is(cast, OP_Cast) || !node_in(cast, 0)) return v;
  ElemType from = dtype_of(node_in(cast, 0));
  return from == DT_BOOL || from == DT_INT32 || from == DT_INT64 ? node_in(cast, 0) : v;
}

static Value *equals_one(Rewriter *rw, Value *v, Value *one) {
  ElemType t = dtype_of(v);
  if (t == DT_BOOL) return v;
  if (!is_weight_type(t)) one = rw_const(rw, tensor_ints(rw_model(rw)->arena, t, 0, &(int64_t){1}, 1), NULL);
  Value *in[] = {v, one};
  return rw_node(rw, OP_Equal, 2, in)->out[0];
}

/* The m of d = 1 - m, or of Where(m, 0, 1), which is what becomes of it where m is a bool. *number: the 1. */
static Value *inverted_mask(Value *d, Value **number, const char **why) {
  Node *n = d->producer;
  double one, zero;
  if (node_is(n, OP_Where) && node_in(n, 0) && node_in(n, 1) && node_in(n, 2)) {
    bool fits = rank_of(node_in(n, 0)) == rank_of(d) && rank_of(d) >= 0;
    return fits && constant_scalar(node_in(n, 1), &zero) && zero == 0 &&
                   constant_scalar(node_in(n, 2), &one) && one == 1
               ? node_in(n, 0)
               : NULL;
  }
  if (!node_is(n, OP_Sub) || !node_in(n, 0) || !node_in(n, 1)) return NULL;
  *number = node_in(n, 0);
  if (!constant_scalar(*number, &one) || one != 1) return NULL;
  Value *m = before_cast(node_in(n, 1));
  int rank = constant_of(*number)->rank;
  if (rank != 0 && rank > rank_of(m)) *why = "the 1 has more axes than the mask";
  return m;
}

/* d = 1 - m is 0 where m is 1, exactly there, and then it is +0; so where d is no 0 is where m is not 1. */
Outcome fill_inverted_mask(Rewriter *rw, Node *node) {
  Value *cond = node_in(node, 0), *fill = node_in(node, 1), *d = node_in(node, 2);
  TRY(cond && fill && d && node_out(node, 0));
  Node *cast = cond->producer;
  Value *one = NULL;
  const char *why = NULL;
  TRY(node_is(cast, OP_Cast) && node_in(cast, 0) == d && dtype_of(cond) == DT_BOOL &&
      is_weight_type(dtype_of(d)));
  Value *m = inverted_mask(d, &one, &why);
  TRY(m);
  NEED(!why, "%s", why);
  ElemType t = dtype_of(m);
  NEED(is_weight_type(t) || t == DT_BOOL || t == DT_INT32 || t == DT_INT64, "the mask's type is not known");
  NEED(node->opset >= 11 || !is_weight_type(t), "before opset 11 Equal compares no floating point numbers");
  Value *zero = rw_const(rw, tensor_alloc(rw_model(rw)->arena, dtype_of(d), 0, NULL, NULL), NULL);
  Value *in[] = {equals_one(rw, m, one), zero, fill};
  Value *now = rw_node(rw, OP_Where, 3, in)->out[0];
  NEED(rw_can_replace(rw, node->out[0], now, &why), "%s", why);
  rw_replace(rw, node->out[0], now);
  return FIRED;
}

/* --- Expand in front of elementwise operators in front of a broadcast ------------------------------------
 */

enum { MAX_REGION = 16 };

/* Elementwise nodes between the Expand and the operators that broadcast by themselves, in graph order. */
typedef struct Region {
  Node *expand;
  Value *x; /* what it expands */
  Node *at[MAX_REGION];
  int n;
  Node *exit[4 * MAX_REGION];
  int n_exits;
} Region;

static bool in_region(const Region *r, const Value *v) {
  if (v == r->expand->out[0]) return true;
  for (int i = 0; i < r->n; i++)
    if (r->at[i]->out[0] == v) return true;
  return false;
}

static bool seen(const Region *r, const Node *n) {
  for (int i = 0; i < r->n; i++)
    if (r->at[i] == n) return true;
  for (int i = 0; i < r->n_exits; i++)
    if (r->exit[i] == n) return true;
  return false;
}

/* Does n compute element by element from the region's values and constant scalars? */
static bool is_pointwise(const Region *r, const Node *n) {
  bool unary = node_has(n, OP_LAYOUT_AGNOSTIC) && n->n_in == 1;
  if (n->n_out != 1 || !n->out[0] || (!unary && !node_has(n, OP_ELEMENTWISE | OP_BROADCASTS))) return false;
  if (node_has(n, OP_RANDOM) || node_has(n, OP_QUANT) || n->out[0]->n_outputs || n->out[0]->keep)
    return false;
  for (int i = 0; i < n->n_in; i++) {
    Value *v = node_in(n, i);
    const Tensor *t = v && !in_region(r, v) ? constant_of(v) : NULL;
    if (!v || (!in_region(r, v) && (!t || t->count != 1 || t->rank > rank_of(r->x)))) return false;
  }
  return true;
}

/* The earliest reader of the region that is in no list yet; by then its other operands are. */
static Node *next_reader(const Region *r, bool *strange) {
  Node *next = NULL;
  for (int i = -1; i < r->n; i++) {
    const Value *v = i < 0 ? r->expand->out[0] : r->at[i]->out[0];
    for (const Use *u = v->uses; u; u = u->next) {
      if (u->node->graph != r->expand->graph)
        *strange = true;
      else if (!seen(r, u->node) && (!next || node_before(u->node, next)))
        next = u->node;
    }
  }
  return next;
}

/* Is the result of this broadcast the same with x's shape for the region's values? Each of its dims must be
 * found. */
static bool broadcasts_alone(const Region *r, const Node *n) {
  if (!node_has(n, OP_BROADCASTS) || n->opset < 8 || !node_out(n, 0)) return false;
  Shape out = shape_of(n->out[0]);
  for (int d = 0; d < out.rank; d++) {
    bool found = false;
    for (int i = 0; i < n->n_in && !found; i++) {
      Value *v = node_in(n, i);
      Shape s = !v ? SHAPE_UNKNOWN : shape_of(in_region(r, v) ? r->x : v);
      if (s.rank < 0) return false;
      int k = d - (out.rank - s.rank);
      found = k >= 0 && sym_equal(s.dim[k], out.dim[d]);
    }
    if (!found) return false;
  }
  return out.rank >= 0;
}

static Value *renewed(const Region *r, Value *const *now, Value *v) {
  if (v == r->expand->out[0]) return r->x;
  for (int i = 0; i < r->n; i++)
    if (r->at[i]->out[0] == v) return now[i];
  return v;
}

static void rebuild(Rewriter *rw, const Region *r) {
  Value *now[MAX_REGION];
  for (int i = 0; i < r->n; i++) {
    const Node *n = r->at[i];
    Value **in = NEW_ARRAY(rw_scratch(rw), Value *, n->n_in);
    for (int k = 0; k < n->n_in; k++) in[k] = renewed(r, now, node_in(n, k));
    rw_insert_before(rw, r->at[i]);
    now[i] = rw_copy(rw, n, n->n_in, in)->out[0];
  }
  for (int i = 0; i < r->n_exits; i++)
    for (int k = 0; k < r->exit[i]->n_in; k++) {
      Value *v = node_in(r->exit[i], k);
      if (v && in_region(r, v)) rw_set_input(rw, r->exit[i], k, renewed(r, now, v));
    }
}

Outcome drop_mask_expand(Rewriter *rw, Node *node) {
  Region r = {.expand = node, .x = node_in(node, 0)};
  TRY(r.x && node_out(node, 0) && rank_of(r.x) >= 0);
  bool strange = node->out[0]->n_outputs || node->out[0]->keep;
  for (Node *n = next_reader(&r, &strange); n && !strange; n = next_reader(&r, &strange)) {
    if (is_pointwise(&r, n)) {
      TRY(r.n < MAX_REGION);
      r.at[r.n++] = n;
    } else {
      TRY(r.n_exits < 4 * MAX_REGION && node_has(n, OP_BROADCASTS));
      r.exit[r.n_exits++] = n;
    }
  }
  TRY(r.n && !strange);
  for (int i = 0; i < r.n_exits; i++)
    NEED(broadcasts_alone(&r, r.exit[i]), "%s would not broadcast to the same shape by itself",
         node_label(r.exit[i]));
  rebuild(rw, &r);
  rw_note(rw, "what follows broadcasts by itself");
  return FIRED;
}
