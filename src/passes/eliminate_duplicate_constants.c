/* eliminate_duplicate_constants
 *
 * Before:    two initializers with the same dtype, shape and bytes; two nodes with the same operator, attributes and
 *            inputs (in any order where the operator commutes)
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

static bool swapped_inputs(const Node *n) {
  return n->n_in == 2 && node_has(n, OP_COMMUTES);
}

static uint64_t node_hash(const Node *n) {
  uint64_t h = hash_u64((uint64_t)n->op->id, map_key(n->graph));
  h = hash_u64(h, (uint64_t)n->n_in);
  uint64_t sum = 0;
  for (int i = 0; i < n->n_in; i++) {
    uint64_t id = n->in[i].value ? n->in[i].value->id + 1u : 0;
    if (swapped_inputs(n)) sum += hash_u64(1, id);
    else h = hash_u64(h, id);
  }
  return hash_u64(hash_u64(h, sum), attrs_hash(n));
}

static bool same_inputs(const Node *a, const Node *b) {
  if (a->n_in != b->n_in) return false;
  bool same = true;
  for (int i = 0; i < a->n_in && same; i++) same = a->in[i].value == b->in[i].value;
  return same || (swapped_inputs(a) && a->in[0].value == b->in[1].value && a->in[1].value == b->in[0].value);
}

static bool mergeable(const Node *n) {
  const uint32_t never = OP_RANDOM | OP_EFFECT | OP_CONTROL | OP_QUANT;
  return n->op && !(n->op->facts & never) && !node_is(n, OP_Dropout) && n->n_out;
}

/* The number of outputs is part of what some operators compute: Split without sizes, BatchNormalization before 14. */
static bool same_computation(const Node *a, const Node *b) {
  return a != b && !a->dead && a->graph == b->graph && a->op == b->op && a->opset == b->opset &&
         a->n_out == b->n_out && same_inputs(a, b) && attrs_equal(a, b);
}

static bool in_use(const Value *v) {
  return v && (v->n_uses || v->n_outputs);
}

/* Lets `keep` do the work of `drop`, which stands behind it. */
static Outcome merge_into(Rewriter *rw, Node *keep, Node *drop) {
  const Node *node = drop;
  for (int i = 0; i < drop->n_out; i++) {
    if (!in_use(drop->out[i])) continue;
    const char *why;
    NEED(node_out(keep, i), "the other node leaves an output out that this one needs");
    NEED(rw_can_replace(rw, drop->out[i], keep->out[i], &why), "%s", why);
  }
  for (int i = 0; i < drop->n_out; i++)
    if (in_use(drop->out[i])) rw_replace(rw, drop->out[i], keep->out[i]);
  rw_note(rw, "the same as %s", node_label(keep));
  return FIRED;
}

static Outcome merge_node(Rewriter *rw, Node *node) {
  TRY(mergeable(node));
  Map *table = rw_table(rw);
  uint64_t key = node_hash(node);
  Seen *chain = map_get(table, key);
  bool listed = false;
  for (Seen *s = chain; s; s = s->next) {
    if (s->node == node) listed = true;
    if (!same_computation(s->node, node)) continue;
    bool first = node_before(s->node, node);
    return merge_into(rw, first ? s->node : node, first ? node : s->node);
  }
  if (!listed) {
    Seen *s = NEW(rw_arena(rw), Seen);
    *s = (Seen){node, chain};
    map_put(table, key, s);
  }
  return NO_MATCH;
}

/* --- initializers -------------------------------------------------------------------------------------- */

typedef struct SeenInit {
  Value *value;
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
    uint64_t key = tensor_hash(v->init);
    SeenInit *chain = map_get(&seen, key);
    SeenInit *s = chain;
    while (s && !tensor_same(s->value->init, v->init)) s = s->next;
    if (!s) {
      s = NEW(rw_scratch(rw), SeenInit);
      *s = (SeenInit){v, chain};
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
    {.name = "duplicate-initializer", .doc = "merges initializers with the same dtype, shape and bytes", .sweep = merge_initializers},
};

const Pass pass_eliminate_duplicate_constants = {
    "eliminate_duplicate_constants", "merges equal initializers and equal computations", PASS_RULES(rules)};
