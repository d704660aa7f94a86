/* Projections of one input - Q, K and V of an attention core - are one product, weights side by side.
 *
 * Before:    MatMul(x, Wi) + bi, each with its own Reshape to [..., Hi, D] and Transpose of the heads
 * After:     Split(Transpose(Reshape(MatMul(x, [W0 W1 W2]) + [b0 b1 b2]))) along the heads; a branch
 *            with another permutation gets a Transpose of its own behind it
 *            Without heads: Split(MatMul(x, [W0 W1 W2]) + [b0 b1 b2]) along the columns; Gemms likewise
 * When not:  nothing is saved; a Gemm scales or transposes x; the weights have other readers (the file would
 *            grow); more than three projections that are not of one core (all results would be held in memory
 *            together)
 * Exactness: rounding: a branch without bias gets zeros added, which turn -0.0 into 0.0
 */
#include "passes/gemm/gemm.h"

#include <string.h>

enum { MAX_BRANCHES = 16, LOOSE_BRANCHES = 3 };

typedef struct Branch {
  Node *product, *core; /* Softmax or Attention of the core it belongs to, NULL if it belongs to none */
  Value *sum, *turned;  /* result of the projection; of its heads' Transpose */
  Tensor *w, *bias;     /* [K, n]; [n] or NULL */
  const int64_t *perm;  /* NULL: no heads */
  int64_t heads, depth;
} Branch;

typedef struct Group {
  Branch at[MAX_BRANCHES];
  int n;
  Value *x;
  int rank; /* of x */
  bool heads;
} Group;

/* --- reading a branch ----------------------------------------------------------------------------------- */

/* A value that goes away with its only reader. */
static Node *only_user(const Value *v) {
  return v->n_uses == 1 && !v->keep && !v->n_outputs && v->uses->index == 0 ? v->uses->node : NULL;
}

static void read_bias(Branch *b) {
  const Use *u = b->sum->n_uses == 1 ? sole_reader(b->sum) : NULL;
  Node *add = u ? u->node : NULL;
  if (!node_is(add, OP_Add) || add->n_in != 2 || !node_in(add, 1 - u->index)) return;
  Tensor *t = constant_of(node_in(add, 1 - u->index));
  int64_t n = b->w->dim[1];
  if (!t || t->rank < 1 || t->rank > rank_of(b->sum) || t->dim[t->rank - 1] != n || t->count != (uint64_t)n)
    return;
  b->bias = t;
  b->sum = add->out[0];
}

/* Reshape [..., H * D] to [..., H, D], then Transpose. */
static void read_heads(Branch *b, int rank) {
  Node *reshape = only_user(b->sum);
  Node *transpose = node_is(reshape, OP_Reshape) ? only_user(reshape->out[0]) : NULL;
  size_t n;
  if (!node_is(transpose, OP_Transpose) || !attr_ints(transpose, "perm", &b->perm, &n)) return;
  Shape in = shape_of(b->sum), out = shape_of(reshape->out[0]);
  bool fits = in.rank == rank && out.rank == rank + 1 && n == (size_t)out.rank &&
              sym_const(out.dim[rank - 1], &b->heads) && sym_const(out.dim[rank], &b->depth) &&
              b->heads > 0 && b->depth > 0 && b->w->dim[1] % b->heads == 0 &&
              b->w->dim[1] / b->heads == b->depth;
  for (int i = 0; i < rank - 1 && fits; i++) fits = sym_equal(in.dim[i], out.dim[i]);
  if (fits)
    b->turned = transpose->out[0];
  else
    b->perm = NULL;
}

/* The Softmax above v, through what guards or converts it. */
static Node *softmax_above(Value *v, int steps) {
  Node *n = v ? v->producer : NULL;
  if (!n || !steps || node_is(n, OP_Softmax)) return node_is(n, OP_Softmax) ? n : NULL;
  if (!node_is(n, OP_Cast) && !node_is(n, OP_Where) && !node_is(n, OP_Dropout) && !is_layout(n)) return NULL;
  for (int i = 0; i < n->n_in; i++) {
    Node *found = softmax_above(node_in(n, i), steps - 1);
    if (found) return found;
  }
  return NULL;
}

/* The one node that reads v, however often; Shape aside. */
static const Use *sole_user(const Value *v) {
  const Use *reader = NULL;
  for (const Use *u = v->uses; u; u = u->next) {
    if (node_is(u->node, OP_Shape)) continue;
    if (reader && reader->node != u->node) return NULL;
    reader = u;
  }
  return reader;
}

/* The Attention that v goes into, or the Softmax of the core, with v as Q or K (above it) or as V (beside
 * it).
 */
static Node *core_of(Value *v) {
  bool product = false;
  const Use *u = sole_user(v);
  for (int steps = 0; u && steps < 16; steps++) {
    Node *n = u->node;
    if (node_is(n, OP_Softmax)) return product ? n : NULL;
    if (node_is(n, OP_Attention)) return !product && u->index < 3 ? n : NULL;
    if (node_is(n, OP_MatMul)) {
      if (product) return NULL;
      Node *softmax = softmax_above(node_in(n, 1 - u->index), 4);
      if (softmax) return softmax;
      product = true;
    }
    if (!node_out(n, 0)) return NULL;
    u = sole_user(n->out[0]);
  }
  return NULL;
}

/* A Gemm that computes x * W + C, as MatMul and Add would. */
static bool read_gemm(Branch *b) {
  Node *n = b->product;
  int64_t trans_a, trans_b;
  float alpha, beta;
  Value *c = node_in(n, 2);
  if (n->opset < 7 || !attr_int(n, "transA", &trans_a) || !attr_int(n, "transB", &trans_b) ||
      !attr_float(n, "alpha", &alpha) || !attr_float(n, "beta", &beta) || trans_a || alpha != 1)
    return false;
  if (trans_b) b->w = tx_transpose(n->graph->model, b->w, 2, (int64_t[]){1, 0});
  if (!b->w || !c) return b->w != NULL;
  b->bias = constant_of(c);
  return b->bias && beta == 1 && b->bias->rank >= 1 && b->bias->rank <= 2 &&
         b->bias->dim[b->bias->rank - 1] == b->w->dim[1] && b->bias->count == (uint64_t)b->w->dim[1];
}

static bool read_branch(Node *product, const Value *x, Branch *b) {
  *b = (Branch){.product = product};
  bool gemm = node_is(product, OP_Gemm);
  if (!(gemm || node_is(product, OP_MatMul)) || node_in(product, 0) != x || !node_in(product, 1) ||
      !node_out(product, 0))
    return false;
  b->w = constant_of(node_in(product, 1));
  if (!b->w || b->w->rank != 2 || !b->w->count) return false;
  b->sum = product->out[0];
  if (gemm && !read_gemm(b)) return false;
  if (!gemm) read_bias(b);
  read_heads(b, rank_of((Value *)x));
  b->core = core_of(b->sum);
  return true;
}

/* --- the group ------------------------------------------------------------------------------------------ */

/* All projections of node's input that belong to its core, in graph order. False if node is not the first of
 * them. */
static bool read_group(Node *node, Group *g) {
  Branch first, b;
  g->x = node_in(node, 0);
  if (!g->x || !read_branch(node, g->x, &first)) return false;
  g->rank = rank_of(g->x);
  g->n = 0;
  g->heads = true;
  if (g->rank < 2) return false;
  for (const Use *u = g->x->uses; u; u = u->next) {
    if (u->index != 0 || u->node->graph != node->graph || !read_branch(u->node, g->x, &b)) continue;
    if (b.core != first.core || b.w->dtype != first.w->dtype || b.w->dim[0] != first.w->dim[0]) continue;
    if (node_before(b.product, node) || g->n == MAX_BRANCHES) return false;
    int at = g->n++;
    for (; at > 0 && node_before(b.product, g->at[at - 1].product); at--) g->at[at] = g->at[at - 1];
    g->at[at] = b;
    g->heads = g->heads && b.perm && b.depth == first.depth;
  }
  return true;
}

/* Of the permutations in the group the most frequent one, or of them one that leaves the last axis last. */
static const int64_t *common_perm(const Group *g) {
  const int64_t *best = NULL;
  int votes = 0;
  size_t n = (size_t)g->rank + 1;
  for (int i = 0; i < g->n; i++) {
    int count = 0;
    for (int k = 0; k < g->n; k++) count += memcmp(g->at[i].perm, g->at[k].perm, n * sizeof(int64_t)) == 0;
    if (g->at[i].perm[g->rank] == g->rank)
      count = 2 * count + 1;
    else
      count *= 2;
    if (count > votes) best = g->at[i].perm, votes = count;
  }
  return best;
}

/* --- weights that others read too ----------------------------------------------------------------------- */

static bool reads_all(const Value *x, const Group *g) {
  for (int i = 0; i < g->n; i++) {
    bool found = false;
    for (const Use *u = x->uses; u && !found; u = u->next)
      found = u->index == 0 && u->node->op == g->at[i].product->op && node_in(u->node, 1) &&
              constant_of(node_in(u->node, 1)) == constant_of(node_in(g->at[i].product, 1));
    if (!found) return false;
  }
  return true;
}

/* Does every reader of these weights stand in a group like this one? Then one copy side by side replaces
 * them. */
static bool all_grouped_alike(const Value *w, const Group *g) {
  if (w->n_outputs || w->keep) return false;
  for (const Use *u = w->uses; u; u = u->next) {
    Node *n = u->node;
    if (is_layout(n) && constant_of(n->out[0])) {
      if (!all_grouped_alike(n->out[0], g)) return false;
    } else if (n->op != g->at[0].product->op || u->index != 1 || !node_in(n, 0) ||
               !reads_all(node_in(n, 0), g))
      return false;
  }
  return true;
}

static const Value *shared_weights(Rewriter *rw, const Group *g) {
  for (int i = 0; i < g->n; i++) {
    const Value *w = node_in(g->at[i].product, 1);
    while (w->producer && is_layout(w->producer) && w->n_uses == 1) w = node_in(w->producer, 0);
    if (w->n_uses > 1 && g->at[i].w->nbytes > rw_max_growth(rw) && !all_grouped_alike(w, g)) return w;
  }
  return NULL;
}

/* --- building ------------------------------------------------------------------------------------------- */

static Tensor *side_by_side(Rewriter *rw, const Group *g, bool bias) {
  Model *m = rw_model(rw);
  Tensor *part[MAX_BRANCHES];
  for (int i = 0; i < g->n; i++) {
    const Branch *b = &g->at[i];
    int64_t n = b->w->dim[1];
    part[i] = !bias     ? b->w
              : b->bias ? tx_reshape(m, b->bias, 1, &n)
                        : tensor_alloc(m->arena, b->w->dtype, 1, &n, NULL);
  }
  return tx_concat(m, g->n, part, bias ? 0 : 1);
}

static Value *transposed(Rewriter *rw, Value *v, const int64_t *perm, int rank) {
  Node *t = rw_node(rw, OP_Transpose, 1, &v);
  rw_attr_ints(rw, t, "perm", perm, (size_t)rank);
  return t->out[0];
}

/* To heads, split along them, and the branches that want other axes turned once more. */
static void build_heads(Rewriter *rw, const Group *g, Value *v, const int64_t *base, int opset,
                        Value **result) {
  int rank = g->rank + 1, axis = 0;
  int64_t *dims = NEW_ARRAY(rw_scratch(rw), int64_t, rank), *turn = NEW_ARRAY(rw_scratch(rw), int64_t, rank);
  int64_t size[MAX_BRANCHES];
  for (int i = 0; i < g->n; i++) dims[rank - 2] += size[i] = g->at[i].heads;
  dims[rank - 1] = g->at[0].depth;
  while (base[axis] != rank - 2) axis++;
  Value *in[2] = {v, rw_const_ints(rw, dims, (size_t)rank)};
  Value *heads = transposed(rw, rw_node(rw, OP_Reshape, 2, in)->out[0], base, rank);
  Node *parts = split_parts(rw, heads, axis, size, g->n, opset);
  for (int i = 0; i < g->n; i++) {
    const int64_t *perm = g->at[i].perm;
    result[i] = parts->out[i];
    if (memcmp(perm, base, (size_t)rank * sizeof *perm) == 0) continue;
    for (int j = 0; j < rank; j++)
      for (int k = 0; k < rank; k++)
        if (base[k] == perm[j]) turn[j] = k;
    result[i] = transposed(rw, parts->out[i], turn, rank);
  }
}

static void build(Rewriter *rw, const Group *g, Tensor *w, Tensor *bias, int opset, Value **result) {
  bool gemm = node_is(g->at[0].product, OP_Gemm);
  Value *in[3] = {g->x, rw_const(rw, w, node_in(g->at[0].product, 1)->name->s),
                  bias ? rw_const(rw, bias, NULL) : NULL};
  Value *v = rw_node(rw, gemm ? OP_Gemm : OP_MatMul, gemm ? 3 : 2, in)->out[0];
  if (bias && !gemm) v = rw_node(rw, OP_Add, 2, (Value *[]){v, in[2]})->out[0];
  if (g->heads) {
    build_heads(rw, g, v, common_perm(g), opset, result);
    return;
  }
  int64_t size[MAX_BRANCHES];
  for (int i = 0; i < g->n; i++) size[i] = g->at[i].w->dim[1];
  Node *parts = split_parts(rw, v, g->rank - 1, size, g->n, opset);
  for (int i = 0; i < g->n; i++) result[i] = parts->out[i];
}

Outcome merge_sibling_projections(Rewriter *rw, Node *node) {
  Group g;
  TRY(node->opset >= (node_is(node, OP_Gemm) ? 11 : 2) && read_group(node, &g) && g.n >= 2);
  for (int i = 0; i < g.n; i++) rw_saw(rw, g.at[i].product);
  NEED(g.at[0].core || g.n <= LOOSE_BRANCHES,
       "its input has %d projections that are not of one attention core", g.n);
  const Value *shared = shared_weights(rw, &g);
  NEED(!shared, "the weights '%s' have other readers: the file would grow", shared ? shared->name->s : "");
  bool biased = false;
  for (int i = 0; i < g.n; i++) biased = biased || g.at[i].bias;
  Tensor *w = side_by_side(rw, &g, false), *bias = biased ? side_by_side(rw, &g, true) : NULL;
  NEED(w && (bias || !biased), "the weights can't be put side by side");
  Value *result[MAX_BRANCHES];
  build(rw, &g, w, bias, node->opset, result);
  for (int i = 0; i < g.n; i++) {
    Value *old = g.heads ? g.at[i].turned : g.at[i].sum;
    const char *why;
    NEED(rw_can_replace(rw, old, result[i], &why), "%s", why);
    rw_replace(rw, old, result[i]);
  }
  rw_note(rw, "%d projections of '%s' are one product%s", g.n, g.x->name->s,
          g.heads ? ", split by heads" : "");
  return FIRED;
}
