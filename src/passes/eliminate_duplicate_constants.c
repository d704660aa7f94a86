/* eliminate_duplicate_constants
 *
 * Before:    two initializers with the same dtype, shape and bytes; two nodes with the same operator,
 *            attributes and inputs (in any order where the operator commutes), the second perhaps in a body
 *            behind the first
 * After:     one of them
 * When not:  random operators or operators with effects (Law 5), Quantize/Dequantize, nodes with bodies;
 *            overridable initializers; both are graph outputs; -0.0 and 0.0 are different bytes
 * Exactness: bitwise
 */
#include "passes/passes.h"

/* --- nodes --------------------------------------------------------------------------------------------- */

typedef struct Seen {
  Node *node;
  struct Seen *next;
} Seen;

/* Does the order of the inputs not matter? Max and Min choose among zeros and NaNs by it, but not among
 * integers. */
static bool any_order(const Node *n) {
  if (node_has(n, OP_COMMUTES)) return n->n_in == 2;
  return node_has(n, OP_BROADCASTS | OP_VARIADIC | OP_INT_EXACT) && n->n_in <= 64 && node_in(n, 0) &&
         elem_is_int(dtype_of(node_in(n, 0)));
}

static uint64_t node_hash(const Node *n) {
  uint64_t h = hash_u64((uint64_t)n->op->id, (uint64_t)n->n_in), sum = 0;
  bool unordered = any_order(n);
  for (int i = 0; i < n->n_in; i++) {
    uint64_t id = n->in[i].value ? n->in[i].value->id + 1u : 0;
    if (unordered)
      sum += hash_u64(1, id);
    else
      h = hash_u64(h, id);
  }
  return hash_u64(hash_u64(h, sum), attrs_hash(n));
}

/* The same values, each as often as in the other. */
static bool same_set(const Node *a, const Node *b) {
  uint64_t taken = 0;
  for (int i = 0; i < a->n_in; i++) {
    int k = 0;
    while (k < b->n_in && (taken >> k & 1 || a->in[i].value != b->in[k].value)) k++;
    if (k == b->n_in) return false;
    taken |= (uint64_t)1 << k;
  }
  return true;
}

static bool same_inputs(const Node *a, const Node *b) {
  if (a->n_in != b->n_in) return false;
  for (int i = 0; i < a->n_in; i++)
    if (a->in[i].value != b->in[i].value) return any_order(a) && same_set(a, b);
  return true;
}

static bool mergeable(const Node *n) {
  const uint32_t never = OP_RANDOM | OP_EFFECT | OP_CONTROL | OP_QUANT;
  return n->op && !(n->op->facts & never) && !node_is(n, OP_Dropout) && n->n_out;
}

/* Does a stand where n can read it: before n, or before the node whose body n is in? */
static bool sees(const Node *n, const Node *a) {
  while (n && n->graph != a->graph) n = n->graph->owner;
  return n && n != a && node_before(a, n);
}

/* The number of outputs is part of what some operators compute: Split without sizes, BatchNormalization
 * before 14. */
static bool same_computation(const Node *a, const Node *b) {
  return a != b && a->op == b->op && a->opset == b->opset && a->n_out == b->n_out && same_inputs(a, b) &&
         attrs_equal(a, b);
}

/* Lets `keep` do the work of `drop`, which stands behind it. */
static Outcome merge_into(Rewriter *rw, Node *keep, Node *drop) {
  const Node *node = drop;
  for (int i = 0; i < drop->n_out; i++) {
    if (!value_in_use(drop->out[i])) continue;
    const char *why;
    NEED(node_out(keep, i), "the other node leaves an output out that this one needs");
    NEED(rw_can_replace(rw, drop->out[i], keep->out[i], &why), "%s", why);
  }
  for (int i = 0; i < drop->n_out; i++)
    if (value_in_use(drop->out[i])) rw_replace(rw, drop->out[i], keep->out[i]);
  rw_note(rw, "the same as %s", node_label(keep));
  return FIRED;
}

/* Without what is gone by now: chains must not grow with the rewrites. */
static Seen *live_chain(Map *table, uint64_t key) {
  Seen *first = map_get(table, key), *chain = first;
  Seen **link = &chain;
  while (*link)
    if ((*link)->node->dead)
      *link = (*link)->next;
    else
      link = &(*link)->next;
  if (chain != first) map_put(table, key, chain);
  return chain;
}

static Outcome merge_node(Rewriter *rw, Node *node) {
  TRY(mergeable(node));
  Map *table = rw_table(rw);
  uint64_t key = node_hash(node);
  Seen *chain = live_chain(table, key);
  bool listed = false;
  Outcome result = NO_MATCH;
  for (Seen *s = chain; s; s = s->next) {
    if (s->node == node) listed = true;
    if (!same_computation(s->node, node)) continue;
    bool after = sees(node, s->node);
    if (!after && !sees(s->node, node)) continue;
    Outcome merged = merge_into(rw, after ? s->node : node, after ? node : s->node);
    if (merged == FIRED) return FIRED;
    result = merged;
  }
  if (!listed) {
    Seen *s = NEW(rw_arena(rw), Seen);
    *s = (Seen){node, chain};
    map_put(table, key, s);
  }
  return result;
}

/* --- initializers -------------------------------------------------------------------------------------- */

typedef struct SeenInit {
  Value *value;
  const Tensor *content;
  struct SeenInit *next;
} SeenInit;

static bool may_go(const Value *v) {
  return v->is_initializer && v->init && v->n_uses && !v->n_outputs && !v->keep && !value_overridable(v);
}

static bool merge_initializer(Rewriter *rw, Value *drop, Value *keep) {
  if (!may_go(drop) || !rw_can_replace(rw, drop, keep, NULL)) return false;
  rw_replace(rw, drop, keep);
  return true;
}

/* Groups by dtype and dims first, so that only tensors with a rival are read. */
static uint64_t form_hash(const Tensor *t) {
  uint64_t h = hash_u64((uint64_t)t->dtype, t->nbytes);
  return hash_bytes(h, t->dim, (size_t)t->rank * sizeof *t->dim);
}

/* The tensor with its bytes, if that is no work: a deferred one may hold what another has as it was in the
 * file. */
static const Tensor *with_bytes(Rewriter *rw, Tensor *t) {
  enum { WORTH_EVALUATING = 4 * DEFER_ABOVE };
  if (t->store != TS_DEFERRED || t->nbytes > WORTH_EVALUATING) return t;
  const void *bytes = tensor_bytes(rw_scratch(rw), t);
  if (!bytes) return t;
  Tensor *u = arena_copy(rw_scratch(rw), t, sizeof *t);
  u->store = TS_OWNED;
  u->bytes = bytes;
  u->expr = NULL;
  return u;
}

/* Large external data that stays in its file is the same only if it is the same piece of that file: then a
 * run takes the time of the graph, not of the weights. */
static bool stays_unread(const Rewriter *rw, const Tensor *t) {
  return rw_leaves_external(rw) && t->external_file && t->nbytes > DEFER_ABOVE;
}

static uint64_t content_hash(const Rewriter *rw, const Tensor *t) {
  return stays_unread(rw, t) ? hash_u64(form_hash(t), map_key(t->bytes)) : tensor_hash(t);
}

static bool same_content(const Rewriter *rw, const Tensor *a, const Tensor *b) {
  bool unread = stays_unread(rw, a) || stays_unread(rw, b);
  return (!unread || a->bytes == b->bytes) && tensor_same(a, b);
}

static size_t merge_initializers(Rewriter *rw, Graph *g) {
  Map rivals, seen;
  map_init(&rivals, rw_scratch(rw));
  map_init(&seen, rw_scratch(rw));
  for (size_t i = 0; i < g->inits.n; i++) {
    const Value *v = g->inits.at[i];
    if (!v->is_initializer || !v->init) continue;
    uint64_t form = form_hash(v->init);
    uintptr_t n = (uintptr_t)map_get(&rivals, form);
    map_put(&rivals, form, (void *)(n + 1));
  }
  size_t merged = 0;
  for (size_t i = 0; i < g->inits.n; i++) {
    Value *v = g->inits.at[i];
    if (!v->is_initializer || !v->init || value_overridable(v)) continue;
    if ((uintptr_t)map_get(&rivals, form_hash(v->init)) < 2) continue;
    const Tensor *content = with_bytes(rw, v->init);
    uint64_t key = content_hash(rw, content);
    SeenInit *chain = map_get(&seen, key);
    SeenInit *s = chain;
    while (s && !same_content(rw, s->content, content)) s = s->next;
    if (!s) {
      s = NEW(rw_scratch(rw), SeenInit);
      *s = (SeenInit){v, content, chain};
      map_put(&seen, key, s);
    } else if (merge_initializer(rw, v, s->value)) {
      merged++;
    } else if (merge_initializer(rw, s->value, v)) {
      s->value = v;
      merged++;
    }
  }
  if (merged) rw_note(rw, "%zu merged", merged);
  return merged;
}

static const Rule rules[] = {
    {.name = "common-subexpression", .doc = "merges nodes that compute the same", .apply = merge_node},
    {.name = "duplicate-initializer",
     .doc = "merges initializers with the same dtype, shape and bytes",
     .sweep = merge_initializers},
};

const Pass pass_eliminate_duplicate_constants = {
    "eliminate_duplicate_constants", "merges equal initializers and equal computations", PASS_RULES(rules)};
