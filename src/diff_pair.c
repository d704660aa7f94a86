/* Which node of one model is which of another. */
#include "diff.h"

#include "ops/ops.h"

#include <string.h>

static bool same_text(Str a, Str b) {
  return (a && a->len ? strcmp(a->s, b ? b->s : "") : b && b->len ? 1 : 0) == 0;
}

static bool same_op(const Node *a, const Node *b) {
  return same_text(a->op_type, b->op_type) && same_text(a->domain, b->domain) &&
         same_text(a->overload, b->overload);
}

/* The value that graph g itself declares under the name that `like`, of another model, has. */
static Value *namesake(const Graph *g, const Value *like) {
  Str name = str_find(g->model->strs, like->name->s, like->name->len);
  return name && name->len ? map_get(&g->scope, map_key(name)) : NULL;
}

static void pair_values(Pairing *p, Value *a, Value *b) {
  if (!a || !b || p->value_of_a[a->id] || p->value_of_b[b->id]) return;
  p->value_of_a[a->id] = b;
  p->value_of_b[b->id] = a;
}

static bool unpaired(const Pairing *p, const Node *a, const Node *b) {
  return !p->node_of_a[a->id] && !p->node_of_b[b->id];
}

static void pair_nodes(Pairing *p, Node *a, Node *b, PairedBy by) {
  p->node_of_a[a->id] = b;
  p->node_of_b[b->id] = a;
  p->by[b->id] = (uint8_t)by;
  p->n_pairs++;
  for (int i = 0; i < b->n_out; i++) {
    Value *same = b->out[i] ? namesake(a->graph, b->out[i]) : NULL;
    if (same && same->producer == a) pair_values(p, same, b->out[i]);
  }
  for (int i = 0; i < a->n_out && i < b->n_out; i++) pair_values(p, a->out[i], b->out[i]);
}

/* --- by name
 * ----------------------------------------------------------------------------------------------------------
 */

static void pair_edges(Pairing *p, Graph *a, Graph *b) {
  for (size_t i = 0; i < b->inputs.n; i++) pair_values(p, namesake(a, b->inputs.at[i]), b->inputs.at[i]);
  for (size_t i = 0; i < b->inits.n; i++) {
    Value *v = namesake(a, b->inits.at[i]);
    if (v && v->is_initializer) pair_values(p, v, b->inits.at[i]);
  }
  for (size_t i = 0; i < b->inputs.n && i < a->inputs.n; i++)
    pair_values(p, a->inputs.at[i], b->inputs.at[i]);
}

/* The node of g that names an output like n; with `alike` only one of n's operator. */
static Node *named_like(const Graph *g, const Node *n, bool alike) {
  for (int i = 0; i < n->n_out; i++) {
    Value *v = n->out[i] ? namesake(g, n->out[i]) : NULL;
    if (v && v->producer && v->producer->graph == g && (!alike || same_op(v->producer, n)))
      return v->producer;
  }
  return NULL;
}

static void pair_by_name(Pairing *p, const Graph *a, Graph *b, bool alike) {
  for (Node *n = b->first; n; n = n->next) {
    Node *other = named_like(a, n, alike);
    if (other && unpaired(p, other, n)) pair_nodes(p, other, n, PAIRED_BY_NAME);
  }
}

/* By the names of the nodes themselves, where one node of a's has it. */
static void pair_by_own_name(Pairing *p, Arena *scratch, const Graph *a, Graph *b) {
  static char several;
  Map named;
  map_init(&named, scratch);
  for (Node *n = a->first; n; n = n->next)
    if (n->name && n->name->len)
      map_put(&named, map_key(n->name), map_get(&named, map_key(n->name)) ? (void *)&several : n);
  for (Node *n = b->first; n; n = n->next) {
    Str name = n->name && n->name->len ? str_find(p->a->strs, n->name->s, n->name->len) : NULL;
    void *other = name ? map_get(&named, map_key(name)) : NULL;
    if (other && other != &several && unpaired(p, other, n) && same_op(other, n))
      pair_nodes(p, other, n, PAIRED_BY_NAME);
  }
}

/* --- by structure
 * ----------------------------------------------------------------------------------------------------------
 */

bool same_operand(const Pairing *p, const Value *a, const Value *b) {
  if (!a || !b) return a == b;
  const Tensor *x = value_literal(a), *y = value_literal(b);
  if (x && y) return tensor_same(x, y);
  if (x || y) return false;
  const Value *other = p->value_of_a[a->id];
  return other ? other == b : same_text(a->name, b->name); /* what computed it went, the value stayed */
}

static bool has_body(const Node *n) {
  for (size_t i = 0; i < n->attrs.n; i++)
    if (n->attrs.at[i].type == ATTR_GRAPH || n->attrs.at[i].type == ATTR_GRAPHS) return true;
  return false;
}

/* Of a node by what it computes of what; 0 if an operand is not known in both models. of_b: NULL for nodes of
 * a, whose values stand for themselves. */
static uint64_t structure_hash(const Node *n, Value *const *of_b) {
  uint64_t h = hash_bytes(0, n->op_type->s, n->op_type->len);
  h = hash_bytes(hash_u64(h, (uint64_t)n->n_in), n->domain->s, n->domain->len);
  if (has_body(n)) return 0;
  h = hash_u64(h, attrs_hash(n));
  for (int i = 0; i < n->n_in; i++) {
    const Value *v = n->in[i].value;
    const Tensor *t = v ? value_literal(v) : NULL;
    if (v && !t && of_b) v = of_b[v->id];
    if (n->in[i].value && !v) return 0;
    h = hash_u64(h, t ? tensor_hash(t) : v ? v->id + 1 : 0);
  }
  return h ? h : 1;
}

static bool computes_same(const Pairing *p, const Node *a, const Node *b) {
  if (!same_op(a, b) || a->n_in != b->n_in || !attrs_equal(a, b)) return false;
  for (int i = 0; i < a->n_in; i++)
    if (!same_operand(p, a->in[i].value, b->in[i].value)) return false;
  return true;
}

typedef struct Chain {
  Node *node;
  struct Chain *next;
} Chain;

/* The unpaired nodes of a by structure_hash(), in their order. */
static Map index_structure(const Pairing *p, Arena *scratch, const Graph *a) {
  Map m;
  map_init(&m, scratch);
  for (Node *n = a->last; n; n = n->prev) {
    uint64_t h = p->node_of_a[n->id] ? 0 : structure_hash(n, NULL);
    if (!h) continue;
    Chain *c = NEW(scratch, Chain);
    *c = (Chain){n, map_get(&m, h)};
    map_put(&m, h, c);
  }
  return m;
}

static void pair_same(Pairing *p, Arena *scratch, const Graph *a, Graph *b) {
  Map m = index_structure(p, scratch, a);
  for (Node *n = b->first; n; n = n->next) {
    uint64_t h = p->node_of_b[n->id] ? 0 : structure_hash(n, p->value_of_b);
    Chain *c = h ? map_get(&m, h) : NULL;
    while (c && p->node_of_a[c->node->id]) c = c->next;
    if (h) map_put(&m, h, c); /* what stands before it is taken */
    while (c && !(unpaired(p, c->node, n) && computes_same(p, c->node, n))) c = c->next;
    if (c) pair_nodes(p, c->node, n, PAIRED_BY_STRUCTURE);
  }
}

/* Do nodes that are the same read these two in the same place, or are both outputs of the graph? */
static bool read_alike(const Pairing *p, const Value *a, const Value *b) {
  for (const Use *u = b->uses; u; u = u->next) {
    const Node *reader = p->node_of_b[u->node->id];
    if (reader && u->index < reader->n_in && reader->in[u->index].value == a) return true;
  }
  return a->n_outputs && b->n_outputs;
}

/* A name that the same nodes read stands for the same value, whatever computes it now. */
static void pair_named(Pairing *p, const Graph *a, Graph *b) {
  for (Node *n = b->last; n; n = n->prev)
    for (int i = 0; i < n->n_out && !p->node_of_b[n->id]; i++) {
      const Value *v = n->out[i] ? namesake(a, n->out[i]) : NULL;
      Node *other = v ? v->producer : NULL;
      if (other && other->graph == a && unpaired(p, other, n) && read_alike(p, v, n->out[i]))
        pair_nodes(p, other, n, PAIRED_BY_NAME);
    }
}

static void pair_producers(Pairing *p, const Value *a, const Value *b, const Graph *ga, const Graph *gb) {
  Node *x = a ? a->producer : NULL, *y = b ? b->producer : NULL;
  if (!x || !y || x->graph != ga || y->graph != gb || a->index != b->index) return;
  if (unpaired(p, x, y) && same_op(x, y)) pair_nodes(p, x, y, PAIRED_BY_STRUCTURE);
}

/* What paired nodes read in the same place. */
static void pair_backward(Pairing *p, const Graph *a, const Graph *b) {
  for (size_t i = 0; i < a->outputs.n && i < b->outputs.n; i++)
    pair_producers(p, a->outputs.at[i], b->outputs.at[i], a, b);
  for (const Node *n = b->last; n; n = n->prev) {
    const Node *other = p->node_of_b[n->id];
    for (int i = 0; other && i < n->n_in && i < other->n_in; i++)
      pair_producers(p, other->in[i].value, n->in[i].value, a, b);
  }
}

/* The first node of graph g, not paired yet, that is of n's operator and reads v in slot i. */
static Node *reader_like(const Pairing *p, const Value *v, int i, const Node *n, const Graph *g) {
  for (const Use *u = v->uses; u; u = u->next)
    if (u->index == i && u->node->graph == g && unpaired(p, u->node, n) && same_op(u->node, n))
      return u->node;
  return NULL;
}

/* What reads paired values in the same place; constants that many share say nothing. */
static void pair_forward(Pairing *p, const Graph *a, Graph *b) {
  for (Node *n = b->first; n; n = n->next)
    for (int i = 0; i < n->n_in && !p->node_of_b[n->id]; i++) {
      const Value *v = n->in[i].value, *other = v ? p->value_of_b[v->id] : NULL;
      if (!other || (value_literal(v) && (v->n_uses > 1 || other->n_uses > 1))) continue;
      Node *reader = reader_like(p, other, i, n, a);
      if (reader) pair_nodes(p, reader, n, PAIRED_BY_STRUCTURE);
    }
}

/* --- graphs
 * ----------------------------------------------------------------------------------------------------------
 */

enum { ROUNDS = 32 }; /* each pairs more of what the one before has put in reach; a few do */

static void pair_graphs(Pairing *p, Graph *a, Graph *b);

static const Attr *attr_like(const Node *n, const Attr *like) {
  const Attr *a = n ? node_attr(n, like->name->s) : NULL;
  return a && !a->ref && a->type == like->type ? a : NULL;
}

static size_t n_bodies(const Attr *a) {
  return a && !a->ref && (a->type == ATTR_GRAPH || a->type == ATTR_GRAPHS) ? a->v.graphs.n : 0;
}

/* The bodies of n, with those of its partner; `own` tells which model n is of. */
static void pair_bodies(Pairing *p, const Node *n, const Node *other, bool of_a) {
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *own = &n->attrs.at[i], *theirs = attr_like(other, own);
    for (size_t k = 0; k < n_bodies(own); k++) {
      Graph *x = own->v.graphs.at[k], *y = k < n_bodies(theirs) ? theirs->v.graphs.at[k] : NULL;
      if (of_a)
        pair_graphs(p, x, y);
      else if (!y)
        pair_graphs(p, NULL, x);
    }
  }
}

static void pair_nodes_of(Pairing *p, Graph *a, Graph *b) {
  Arena *scratch = arena_child(p->arena);
  pair_edges(p, a, b);
  pair_by_name(p, a, b, true);
  pair_by_own_name(p, scratch, a, b);
  size_t before = SIZE_MAX;
  for (int round = 0; round < ROUNDS && before != p->n_pairs; round++) {
    before = p->n_pairs;
    pair_same(p, scratch, a, b);
    pair_named(p, a, b);
    pair_backward(p, a, b);
    pair_forward(p, a, b);
  }
  pair_by_name(p, a, b, false);
  arena_free(scratch);
}

static void pair_graphs(Pairing *p, Graph *a, Graph *b) {
  vec_push(p->arena, &p->graphs, ((GraphPair){a, b}));
  if (a && b) pair_nodes_of(p, a, b);
  for (const Node *n = a ? a->first : NULL; n; n = n->next) pair_bodies(p, n, p->node_of_a[n->id], true);
  for (const Node *n = b ? b->first : NULL; n; n = n->next) pair_bodies(p, n, p->node_of_b[n->id], false);
}

static Function *function_like(Model *m, const Function *f) {
  for (size_t i = 0; i < m->functions.n; i++) {
    Function *other = m->functions.at[i];
    if (same_text(other->domain, f->domain) && same_text(other->name, f->name) &&
        same_text(other->overload, f->overload))
      return other;
  }
  return NULL;
}

Pairing *pair_models(Arena *arena, Model *a, Model *b) {
  Pairing *p = NEW(arena, Pairing);
  *p = (Pairing){.arena = arena,
                 .a = a,
                 .b = b,
                 .node_of_a = NEW_ARRAY(arena, Node *, a->n_nodes_made),
                 .node_of_b = NEW_ARRAY(arena, Node *, b->n_nodes_made),
                 .value_of_a = NEW_ARRAY(arena, Value *, a->n_values),
                 .value_of_b = NEW_ARRAY(arena, Value *, b->n_values),
                 .by = NEW_ARRAY(arena, uint8_t, b->n_nodes_made)};
  pair_graphs(p, a->graph, b->graph);
  for (size_t i = 0; i < a->functions.n; i++) {
    Function *other = function_like(b, a->functions.at[i]);
    pair_graphs(p, a->functions.at[i]->body, other ? other->body : NULL);
  }
  for (size_t i = 0; i < b->functions.n; i++)
    if (!function_like(a, b->functions.at[i])) pair_graphs(p, NULL, b->functions.at[i]->body);
  return p;
}
