/* model_check: every invariant of ir.h, for --verify-each and before a model is written. */
#include "ir/ir.h"

typedef struct Checker {
  Model *m;
  const char *broken; /* the first thing found */
} Checker;

#define BROKEN(c, ...)                                                                                       \
  do {                                                                                                       \
    if (!(c)->broken) (c)->broken = arena_printf((c)->m->arena, __VA_ARGS__);                                \
    return;                                                                                                  \
  } while (0)

static bool on_use_list(const Value *v, const Use *u) {
  return u->prev ? u->prev->next == u : v->uses == u;
}

static void check_input(Checker *c, const Node *n, const Use *u) {
  const Value *v = u->value;
  if (u->node != n) BROKEN(c, "input %d of %s belongs to another node", u->index, node_label(n));
  if (!v) return;
  if (!on_use_list(v, u))
    BROKEN(c, "input %d of %s is not on the use list of '%s'", u->index, node_label(n), v->name->s);
  if (!value_visible(v, n->graph))
    BROKEN(c, "%s reads '%s', which is out of scope", node_label(n), v->name->s);
  if (!v->producer) {
    if (!v->is_input && !v->is_initializer)
      BROKEN(c, "%s reads '%s', which nothing produces", node_label(n), v->name->s);
    return;
  }
  if (v->producer->dead) BROKEN(c, "%s reads '%s' of a removed node", node_label(n), v->name->s);
  const Node *at = n; /* for a captured value: the node of its scope that holds the body */
  while (at && at->graph != v->graph) at = at->graph->owner;
  if (!at || !node_before(v->producer, at))
    BROKEN(c, "%s reads '%s' before it is produced", node_label(n), v->name->s);
}

static void check_node(Checker *c, const Graph *g, const Node *n) {
  if (n->graph != g || n->dead) BROKEN(c, "%s is linked into a foreign graph", node_label(n));
  if (n->prev && !node_before(n->prev, n)) BROKEN(c, "order numbers fall at %s", node_label(n));
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (!g->has_bodies && !a->ref && (a->type == ATTR_GRAPH || a->type == ATTR_GRAPHS) && a->v.graphs.n)
      BROKEN(c, "%s holds a body that its graph does not know of", node_label(n));
  }
  for (int i = 0; i < n->n_in; i++) check_input(c, n, &n->in[i]);
  for (int i = 0; i < n->n_out; i++) {
    const Value *v = n->out[i];
    if (v && (v->producer != n || v->index != i || v->graph != g))
      BROKEN(c, "output %d of %s does not point back", i, node_label(n));
    if (v && (v->is_input || v->is_initializer))
      BROKEN(c, "'%s' is produced by %s and also an input or initializer", v->name->s, node_label(n));
  }
}

static void check_values(Checker *c, const Value *v) {
  uint32_t n = 0;
  for (const Use *u = v->uses; u; u = u->next, n++) {
    if (u->value != v || u->node->dead) BROKEN(c, "the use list of '%s' holds a stale use", v->name->s);
    if (n > v->n_uses) break;
  }
  if (n != v->n_uses) BROKEN(c, "'%s' counts %u uses and lists %u", v->name->s, v->n_uses, n);
}

static void check_name(Checker *c, Map *seen, const Value *v) {
  if (!v->name || !v->name->len) BROKEN(c, "a value without a name");
  const Value *other = map_get(seen, map_key(v->name));
  if (other && other != v) BROKEN(c, "two values are called '%s'", v->name->s);
  map_put(seen, map_key(v->name), (void *)v);
}

static void check_graph(Graph *g, void *arg) {
  Checker *c = arg;
  Arena *scratch = arena_child(c->m->arena);
  Map names;
  map_init(&names, scratch);
  for (size_t i = 0; i < g->inputs.n; i++) check_name(c, &names, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) {
    Value *v = g->inits.at[i];
    if (!v->is_initializer) continue;
    check_name(c, &names, v);
    if (!v->in_inits)
      c->broken = arena_printf(c->m->arena, "initializer '%s' does not know that it is listed", v->name->s);
  }
  size_t n_nodes = 0;
  for (Node *n = g->first; n && !c->broken; n = n->next, n_nodes++) {
    check_node(c, g, n);
    for (int i = 0; i < n->n_out; i++) {
      if (!n->out[i]) continue;
      check_name(c, &names, n->out[i]);
      check_values(c, n->out[i]);
    }
  }
  for (size_t i = 0; i < g->inputs.n; i++) check_values(c, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++)
    if (g->inits.at[i]->is_initializer) check_values(c, g->inits.at[i]);
  for (size_t i = 0; i < g->outputs.n && !c->broken; i++) {
    const Value *v = g->outputs.at[i];
    if (!v->n_outputs)
      c->broken = arena_printf(c->m->arena, "graph output '%s' does not know that it is one", v->name->s);
    else if (!v->producer && !v->is_input && !v->is_initializer && v->graph == g)
      c->broken = arena_printf(c->m->arena, "graph output '%s' is produced by nothing", v->name->s);
  }
  if (!c->broken && n_nodes != g->n_nodes)
    c->broken = arena_printf(c->m->arena, "graph '%s' counts %zu nodes and lists %zu",
                             g->name ? g->name->s : "", g->n_nodes, n_nodes);
  arena_free(scratch);
}

const char *model_check(Model *m) {
  Checker c = {.m = m};
  model_each_graph(m, check_graph, &c);
  return c.broken;
}
