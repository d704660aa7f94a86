#include "ir/ir.h"

#include <stdio.h>
#include <string.h>

Model *model_new(Ctx *cx) {
  Arena *a = arena_new(cx);
  Model *m = NEW(a, Model);
  m->cx = cx;
  m->arena = a;
  m->strs = strpool_new(a);
  m->syms = symtab_new(a);
  m->empty = str_internz(m->strs, "");
  map_init(&m->fresh, a);
  return m;
}

void model_free(Model *m) {
  if (m) arena_free(m->arena);
}

Graph *graph_new(Model *m, Graph *outer, Node *owner, Function *function) {
  Graph *g = NEW(m->arena, Graph);
  g->model = m;
  g->outer = outer;
  if (outer) outer->has_bodies = true;
  g->owner = owner;
  g->function = function ? function : outer ? outer->function : NULL;
  map_init(&g->scope, m->arena);
  return g;
}

Value *graph_value(Graph *g, Str name) {
  Model *m = g->model;
  Value *v = NEW(m->arena, Value);
  v->name = name;
  v->graph = g;
  v->id = m->n_values++;
  v->declared = TYPE_NOTHING;
  if (name && name->len) map_put(&g->scope, map_key(name), v);
  return v;
}

Value *graph_lookup(const Graph *g, Str name) {
  for (; g; g = g->outer) {
    Value *v = map_get(&g->scope, map_key(name));
    if (v) return v;
  }
  return NULL;
}

Str model_metadata(const Model *m, const char *key) {
  for (size_t i = 0; i < m->metadata.n; i++)
    if (str_is(m->metadata.at[i].key, key)) return m->metadata.at[i].value;
  return NULL;
}

void model_set_metadata(Model *m, const char *key, const char *value) {
  Metadata now = {str_internz(m->strs, key), str_internz(m->strs, value), true};
  bool found = false;
  for (size_t i = 0; i < m->metadata.n; i++) {
    Metadata *old = &m->metadata.at[i];
    if (old->key != now.key) continue;
    found = true;
    if (old->value != now.value) *old = now;
  }
  if (!found) vec_push(m->arena, &m->metadata, now);
}

Str model_fresh_name(Model *m, const char *base) {
  size_t len = strlen(base);
  if (!str_find(m->strs, base, len)) return str_intern(m->strs, base, len);
  Str root = str_intern(m->strs, base, len);
  char *name = arena_alloc(m->arena, len + 24);
  /* Where the last search for this base ended, so that a thousand names from one base take a thousand steps.
   */
  uintptr_t i = (uintptr_t)map_get(&m->fresh, map_key(root));
  int n;
  do n = snprintf(name, len + 24, "%s_%llu", base, (unsigned long long)++i);
  while (str_find(m->strs, name, (size_t)n));
  map_put(&m->fresh, map_key(root), (void *)i);
  return str_intern(m->strs, name, (size_t)n);
}

/* --- nodes --------------------------------------------------------------------------------------------- */

Node *node_new(Graph *g, Str domain, Str op_type, int n_in, int n_out) {
  Model *m = g->model;
  Node *n = NEW(m->arena, Node);
  n->graph = g;
  n->id = m->n_nodes_made++;
  n->domain = domain;
  n->op_type = op_type;
  n->opset = graph_opset(g, domain);
  n->out = NEW_ARRAY(m->arena, Value *, n_out);
  n->n_out = n_out;
  node_resize_inputs(n, n_in);
  return n;
}

static void use_add(Use *u, Value *v) {
  u->value = v;
  u->prev = NULL;
  u->next = v->uses;
  if (v->uses) v->uses->prev = u;
  v->uses = u;
  v->n_uses++;
}

static void use_remove(Use *u) {
  Value *v = u->value;
  if (u->prev)
    u->prev->next = u->next;
  else
    v->uses = u->next;
  if (u->next) u->next->prev = u->prev;
  v->n_uses--;
  u->value = NULL;
  u->prev = u->next = NULL;
}

void node_set_input(Node *n, int i, Value *v) {
  Use *u = &n->in[i];
  if (u->value == v) return;
  if (u->value) use_remove(u);
  if (v) use_add(u, v);
}

/* Slots are addressed by the use lists, so they move one by one. */
void node_resize_inputs(Node *n, int n_in) {
  for (int i = n_in; i < n->n_in; i++) node_set_input(n, i, NULL);
  if (n_in > n->n_in) {
    Use *in = NEW_ARRAY(n->graph->model->arena, Use, n_in);
    Use *old = n->in;
    int n_old = n->n_in;
    n->in = in;
    for (int i = 0; i < n_in; i++) in[i] = (Use){.node = n, .index = i};
    for (int i = 0; i < n_old; i++) {
      Value *v = old[i].value;
      if (!v) continue;
      use_remove(&old[i]);
      use_add(&in[i], v);
    }
  }
  n->n_in = n_in;
}

/* A body's nodes read values of the enclosing graphs too. */
void node_empty_inputs(Node *n) {
  for (int i = 0; i < n->n_in; i++) node_set_input(n, i, NULL);
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++) {
      Graph *body = a->v.graphs.at[k];
      for (Node *b = body->first; b; b = b->next) node_empty_inputs(b);
      for (size_t o = 0; o < body->outputs.n; o++)
        if (body->outputs.at[o]->graph != body) body->outputs.at[o]->n_outputs--;
    }
  }
}

void node_set_output(Node *n, int i, Value *v) {
  if (n->out[i]) n->out[i]->producer = NULL;
  n->out[i] = v;
  if (v) {
    v->producer = n;
    v->index = i;
  }
}

void graph_set_output(Graph *g, size_t i, Value *v) {
  g->outputs.at[i]->n_outputs--;
  g->outputs.at[i] = v;
  v->n_outputs++;
}

void graph_add_init(Graph *g, Value *v) {
  v->is_initializer = true;
  if (v->in_inits) return;
  v->in_inits = true;
  vec_push(g->model->arena, &g->inits, v);
}

void graph_compact(Graph *g) {
  size_t n = 0;
  for (size_t i = 0; i < g->inits.n; i++) {
    Value *v = g->inits.at[i];
    if (v->is_initializer)
      g->inits.at[n++] = v;
    else
      v->in_inits = false;
  }
  g->inits.n = n;
}

void graph_touch(Graph *g) {
  for (; g; g = g->outer) {
    g->dirty = true;
    if (g->owner) g->owner->dirty |= DIRTY_ATTRS;
  }
}

enum { ORDER_GAP = 1 << 16 };

void graph_renumber(Graph *g) {
  uint64_t order = 0;
  for (Node *n = g->first; n; n = n->next) n->order = order += ORDER_GAP;
}

void node_link(Graph *g, Node *before, Node *n) {
  n->graph = g;
  n->dead = false;
  n->next = before;
  n->prev = before ? before->prev : g->last;
  if (n->prev)
    n->prev->next = n;
  else
    g->first = n;
  if (n->next)
    n->next->prev = n;
  else
    g->last = n;
  g->n_nodes++;
  uint64_t low = n->prev ? n->prev->order : 0;
  uint64_t high = n->next ? n->next->order : low + 2 * (uint64_t)ORDER_GAP;
  n->order = low + (high - low) / 2;
  if (n->order <= low) graph_renumber(g);
}

void node_unlink(Node *n) {
  Graph *g = n->graph;
  if (n->prev)
    n->prev->next = n->next;
  else
    g->first = n->next;
  if (n->next)
    n->next->prev = n->prev;
  else
    g->last = n->prev;
  n->prev = n->next = NULL;
  n->dead = true;
  g->n_nodes--;
}

/* --- reading ------------------------------------------------------------------------------------------- */

int graph_opset(const Graph *g, Str domain) {
  const char *d = str_is(domain, "ai.onnx") ? "" : domain->s;
  const OpsetImport *at = g->function ? NULL : g->model->opsets.at;
  size_t n = g->function ? g->function->opsets.n : g->model->opsets.n;
  for (size_t i = 0; i < n; i++) {
    const OpsetImport *o = g->function ? g->function->opsets.at[i] : &at[i];
    const char *imported = str_is(o->domain, "ai.onnx") ? "" : o->domain->s;
    if (strcmp(imported, d) == 0) return o->version > 0 && o->version <= INT32_MAX ? (int)o->version : 0;
  }
  return 0;
}

void graph_set_opset(Graph *g, int version) {
  Function *f = g->function;
  int now = graph_opset(g, g->model->empty);
  size_t n = f ? f->opsets.n : g->model->opsets.n;
  for (size_t i = 0; i < n; i++) {
    OpsetImport *o = f ? f->opsets.at[i] : &g->model->opsets.at[i];
    bool is_onnx = !o->domain->len || str_is(o->domain, "ai.onnx");
    if (is_onnx && o->version == now) o->version = version;
  }
  if (f) graph_touch(f->body);
}

bool value_overridable(const Value *v) {
  return v->is_input && v->graph->model->ir_version >= 4;
}

Tensor *value_literal(const Value *v) {
  for (;;) {
    if (v->init) return value_overridable(v) ? NULL : v->init;
    const Node *n = v->producer;
    if (!n || n->domain->len) return NULL;
    if (str_is(n->op_type, "Identity") && node_in(n, 0)) {
      v = node_in(n, 0);
      continue;
    }
    const Attr *a = str_is(n->op_type, "Constant") ? node_attr(n, "value") : NULL;
    return a && a->type == ATTR_TENSOR && !a->ref ? a->v.tensor : NULL;
  }
}

const Attr *node_attr(const Node *n, const char *name) {
  for (size_t i = 0; i < n->attrs.n; i++)
    if (str_is(n->attrs.at[i].name, name)) return &n->attrs.at[i];
  return NULL;
}

bool value_visible(const Value *v, const Graph *g) {
  for (; g; g = g->outer)
    if (v->graph == g) return true;
  return false;
}

static void each_graph(Graph *g, void (*fn)(Graph *, void *), void *arg) {
  fn(g, arg);
  for (Node *n = g->has_bodies ? g->first : NULL; n; n = n->next)
    for (size_t i = 0; i < n->attrs.n; i++) {
      const Attr *a = &n->attrs.at[i];
      if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
      for (size_t k = 0; k < a->v.graphs.n; k++) each_graph(a->v.graphs.at[k], fn, arg);
    }
}

void model_each_graph(Model *m, void (*fn)(Graph *, void *), void *arg) {
  each_graph(m->graph, fn, arg);
  for (size_t i = 0; i < m->functions.n; i++) each_graph(m->functions.at[i]->body, fn, arg);
}

static void add_nodes(Graph *g, void *total) {
  *(size_t *)total += g->n_nodes;
}

size_t model_node_count(const Model *m) {
  size_t total = 0;
  model_each_graph((Model *)m, add_nodes, &total);
  return total;
}

const char *node_label(const Node *n) {
  Arena *a = n->graph->model->arena;
  if (n->name && n->name->len) return arena_printf(a, "%s '%s'", n->op_type->s, n->name->s);
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) return arena_printf(a, "%s producing '%s'", n->op_type->s, n->out[i]->name->s);
  return arena_printf(a, "%s without name", n->op_type->s);
}
