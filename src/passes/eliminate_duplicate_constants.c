/* eliminate_duplicate_constants
 *
 * Before:    two initializers or Constant nodes with the same dtype, shape and bytes; two nodes with
 *            the same operator, attributes and inputs (in any order where the operator commutes, in the
 *            other one where it is its mirror: a > b and b < a), the second perhaps in a body behind
 *            the first
 * After:     one of them
 * When not:  random operators or operators with effects (Law 5), Quantize/Dequantize, nodes with
 *            bodies; overridable initializers; both are graph outputs; -0.0 and 0.0 are different bytes
 * Exactness: bitwise
 *
 * Constants are in duplicates/.
 */
#include "passes/duplicates/duplicates.h"

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

/* Greater and Less of the same values, in the other order. */
static bool same_mirrored(const Node *a, const Node *b) {
  return op_mirror(a->op->id) == b->op->id && a->n_in == 2 && b->n_in == 2 &&
         a->in[0].value == b->in[1].value && a->in[1].value == b->in[0].value;
}

/* The same for nodes that may be merged. */
static uint64_t node_hash(const Node *n) {
  OpId mirror = op_mirror(n->op->id), first = mirror && mirror < n->op->id ? mirror : n->op->id;
  uint64_t h = hash_u64((uint64_t)first, (uint64_t)n->n_in), sum = 0;
  bool unordered = mirror || any_order(n);
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
bool duplicates_sees(const Node *n, const Node *a) {
  while (n && n->graph != a->graph) n = n->graph->owner;
  return n && n != a && node_before(a, n);
}

/* The number of outputs is part of what some operators compute: Split without sizes, BatchNormalization
 * before 14. */
static bool same_computation(const Node *a, const Node *b) {
  if (a == b || a->opset != b->opset) return false;
  if (a->op != b->op) return same_mirrored(a, b);
  if (a->n_out != b->n_out && node_has(a, OP_COUNTS_OUTPUTS)) return false;
  return same_inputs(a, b) && attrs_equal(a, b);
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
    bool after = duplicates_sees(node, s->node);
    if (!after && !duplicates_sees(s->node, node)) continue;
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

static const Rule rules[] = {
    {.name = "common-subexpression", .doc = "merges nodes that compute the same", .apply = merge_node},
    {.name = "duplicate-initializer",
     .doc = "merges initializers with the same dtype, shape and bytes",
     .sweep = duplicates_initializers},
    {.name = "duplicate-constant-node",
     .doc = "merges Constant nodes with the same dtype, shape and bytes, and with initializers",
     .apply = duplicates_constant_node,
     .roots = {OP_Constant}},
};

const Pass pass_eliminate_duplicate_constants = {
    "eliminate_duplicate_constants", "merges equal initializers and equal computations", PASS_RULES(rules)};
