/* --inline-functions: calls of local functions become what the functions hold
 *
 * A call is replaced by copies of the function's nodes: its inputs are what the call reads, its outputs are
 * the call's, all other values and nodes get names that are new in the model. An attribute that refers to one
 * of the function's is the call's, the function's default, or left out. Copies that are calls are inlined in
 * turn, in bodies too. Functions that nobody calls any more go.
 *
 * When not: the function calls itself, or an operator means something else in the opset the caller imports.
 */
#include "ops/ops.h"
#include "passes/phases.h"

#include <string.h>

enum {
  MAX_DEPTH = 30
}; /* of bodies in bodies: protobuf's readers stop at 100 messages, a body takes three */
enum { MAX_NODES = 10000000 }; /* that a run may make: calls in calls can double with every function */

typedef struct Inliner {
  Model *m;
  PhaseNotes notes;
  Map recursive; /* Function -> Mark */
} Inliner;

typedef struct Call {
  Model *m;
  Node *node;
  const Function *f;
  Map values;   /* value of the function -> Value here, or &absent */
  Value absent; /* an input that the call leaves out */
} Call;

typedef bool BodyFn(Graph *body, void *arg);

static bool holds_graphs(const Attr *a) {
  return !a->ref && (a->type == ATTR_GRAPH || a->type == ATTR_GRAPHS);
}

/* Calls fn with each graph of the attribute until one says true. */
static bool any_graph(const Attr *a, BodyFn *fn, void *arg) {
  for (size_t i = 0; holds_graphs(a) && i < a->v.graphs.n; i++)
    if (fn(a->v.graphs.at[i], arg)) return true;
  return false;
}

static bool any_body(const Node *n, BodyFn *fn, void *arg) {
  for (size_t i = 0; i < n->attrs.n; i++)
    if (any_graph(&n->attrs.at[i], fn, arg)) return true;
  return false;
}

/* --- may it be inlined? --------------------------------------------------------------------------------- */

typedef enum Mark { UNSEEN, RECURSIVE, ENDS } Mark;

static bool recurs(Inliner *in, const Function *f);

static bool graph_recurs(Graph *g, void *arg) {
  for (const Node *n = g->first; n; n = n->next)
    if ((n->callee && recurs(arg, n->callee)) || any_body(n, graph_recurs, arg)) return true;
  return false;
}

/* Does f reach a function that calls itself? One that is being looked at counts as such. */
static bool recurs(Inliner *in, const Function *f) {
  Mark known = (Mark)(uintptr_t)map_get(&in->recursive, map_key(f));
  if (known != UNSEEN) return known == RECURSIVE;
  map_put(&in->recursive, map_key(f), (void *)(uintptr_t)RECURSIVE);
  Mark now = graph_recurs(f->body, in) ? RECURSIVE : ENDS;
  map_put(&in->recursive, map_key(f), (void *)(uintptr_t)now);
  return now == RECURSIVE;
}

/* What a reference stands for; NULL: the attribute is left out. */
static const Attr *referred(const Call *c, const Attr *a) {
  const Attr *given = node_attr(c->node, a->ref->s);
  for (size_t i = 0; i < c->f->defaults.n && !given; i++)
    if (c->f->defaults.at[i].name == a->ref) given = &c->f->defaults.at[i];
  return given;
}

/* Does the operator mean the same where the call stands? */
static bool same_meaning(const Call *c, const Node *n) {
  int here = graph_opset(c->node->graph, n->domain);
  if (n->callee || !here || here == n->opset) return true;
  const Model *m = n->graph->model;
  int known = op_version(m, n->domain->s, here);
  const OpDef *op = op_find(n->domain->s, n->op_type->s, op_version(m, n->domain->s, n->opset));
  return op && op_find(n->domain->s, n->op_type->s, known) == op &&
         op_since(op, here) == op_since(op, n->opset);
}

typedef struct Check {
  Call *call;
  const char *why;
} Check;

static bool refuses(Graph *g, void *arg);

static bool node_refuses(Check *k, const Node *n) {
  Model *m = k->call->m;
  if (!same_meaning(k->call, n))
    return k->why = arena_printf(m->arena, "%s is not the same in the opset imported here", node_label(n)),
           true;
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i], *given = a->ref ? referred(k->call, a) : NULL;
    /* What is not read keeps its bytes, and with them the name. */
    if (given && !attr_type_is_read(given->type) && (given->name != a->name || !given->raw.p))
      return k->why = arena_printf(m->arena, "attribute '%s' can't be copied", given->name->s), true;
    if (given && any_graph(given, refuses, k)) return true;
  }
  return any_body(n, refuses, k);
}

static int depth_of(const Graph *g) {
  int depth = 0;
  for (; g; g = g->outer) depth++;
  return depth;
}

static bool refuses(Graph *g, void *arg) {
  Check *k = arg;
  if (depth_of(g) + depth_of(k->call->node->graph) > MAX_DEPTH)
    return k->why = "bodies would nest too deep", true;
  for (size_t i = 0; i < g->inits.n; i++)
    if (!g->inits.at[i]->init) return k->why = "a body has a sparse initializer", true;
  for (size_t i = 0; i < g->outputs.n; i++)
    if (map_get(&k->call->values, map_key(g->outputs.at[i])) == &k->call->absent)
      return k->why = "it returns an input that the call leaves out", true;
  for (const Node *n = g->first; n; n = n->next)
    if (node_refuses(k, n)) return true;
  return false;
}

/* --- copies ----------------------------------------------------------------------------------------------
 */

static Node *copy_node(Call *c, const Node *from, Graph *g, Node *before);

static Value *copy_value(Call *c, const Value *from, Graph *g) {
  Value *v = graph_value(g, model_fresh_name(c->m, from->name->s));
  map_put(&c->values, map_key(from), v);
  v->declared = from->declared;
  v->info = from->info;
  return v;
}

/* A body that stood among the call's attributes reads values of the caller: those stay. */
static Value *value_here(const Call *c, Value *v) {
  Value *here = v ? map_get(&c->values, map_key(v)) : NULL;
  return here == &c->absent ? NULL : here ? here : v;
}

static Graph *copy_graph(Call *c, const Graph *from, Node *owner) {
  Arena *a = c->m->arena;
  Graph *g = graph_new(c->m, owner->graph, owner, NULL);
  g->name = from->name;
  g->raw = from->raw;
  g->dirty = true;
  for (size_t i = 0; i < from->inputs.n; i++) {
    Value *v = copy_value(c, from->inputs.at[i], g);
    v->is_input = true;
    vec_push(a, &g->inputs, v);
  }
  for (size_t i = 0; i < from->inits.n; i++) {
    const Value *old = from->inits.at[i];
    Value *v = old->is_input ? value_here(c, (Value *)old) : copy_value(c, old, g);
    v->init = old->init;
    graph_add_init(g, v);
  }
  for (const Node *n = from->first; n; n = n->next) copy_node(c, n, g, NULL);
  for (size_t i = 0; i < from->infos.n; i++) {
    Value *v = map_get(&c->values, map_key(from->infos.at[i]));
    if (v) vec_push(a, &g->infos, v);
  }
  for (size_t i = 0; i < from->outputs.n; i++) {
    Value *v = value_here(c, from->outputs.at[i]);
    v->n_outputs++;
    vec_push(a, &g->outputs, v);
  }
  return g;
}

static void copy_attr(Call *c, const Attr *from, Node *n) {
  const Attr *given = from->ref ? referred(c, from) : from;
  if (!given) return;
  Attr a = *given;
  if (a.name != from->name) a.raw = SPAN_NONE;
  a.name = from->name;
  if (holds_graphs(&a)) {
    a.v.graphs.at = NEW_ARRAY(c->m->arena, Graph *, a.v.graphs.n);
    for (size_t i = 0; i < a.v.graphs.n; i++) a.v.graphs.at[i] = copy_graph(c, given->v.graphs.at[i], n);
  }
  if (from->ref || holds_graphs(&a)) n->dirty |= DIRTY_ATTRS;
  vec_push(c->m->arena, &n->attrs, a);
}

/* "call/inner", or what the inner node is called alone; new in the model. */
static Str copy_name(const Call *c, const Node *from) {
  if (!from->name || !from->name->len) return from->name;
  Str call = c->node->name;
  return model_fresh_name(c->m, call && call->len ? arena_printf(c->m->arena, "%s/%s", call->s, from->name->s)
                                                  : from->name->s);
}

static void import(Model *m, const Node *n) {
  if (!graph_opset(m->graph, n->domain)) vec_push(m->arena, &m->opsets, ((OpsetImport){n->domain, n->opset}));
}

static Node *copy_node(Call *c, const Node *from, Graph *g, Node *before) {
  if (!from->callee) import(c->m, from);
  Node *n = node_new(g, from->domain, from->op_type, from->n_in, from->n_out);
  node_link(g, before, n);
  n->opset = graph_opset(g, n->domain) ? graph_opset(g, n->domain) : from->opset;
  n->overload = from->overload;
  n->callee = from->callee;
  n->raw = from->raw;
  n->dirty = DIRTY_INPUTS | DIRTY_OUTPUTS | DIRTY_NAME | (from->dirty & DIRTY_ATTRS);
  n->name = copy_name(c, from);
  int used = 0;
  for (int i = 0; i < from->n_in; i++) {
    Value *v = value_here(c, from->in[i].value);
    node_set_input(n, i, v);
    if (v) used = i + 1;
  }
  node_resize_inputs(n, used);
  for (int i = 0; i < from->n_out; i++) {
    if (!from->out[i]) continue;
    Value *of_call = from->graph == c->f->body ? map_get(&c->values, map_key(from->out[i])) : NULL;
    node_set_output(n, i, of_call ? of_call : copy_value(c, from->out[i], g));
  }
  for (size_t i = 0; i < from->attrs.n; i++) copy_attr(c, &from->attrs.at[i], n);
  n->op = op_of_node(n); /* nothing of it refers to attributes of a function any more */
  return n;
}

/* --- one call --------------------------------------------------------------------------------------------
 */

static const char *bind_inputs(Call *c) {
  const Graph *body = c->f->body;
  if ((size_t)c->node->n_in > body->inputs.n || (size_t)c->node->n_out > body->outputs.n)
    return "the call has more inputs or outputs than the function";
  for (size_t i = 0; i < body->inputs.n; i++) {
    Value *v = node_in(c->node, (int)i);
    map_put(&c->values, map_key(body->inputs.at[i]), v ? v : &c->absent);
  }
  Check k = {c, NULL};
  return refuses(c->f->body, &k) ? k.why : NULL;
}

/* A call's output is that of the copy; where the function returns an input, or a value twice, a copy of it.
 */
static void replace(Call *c) {
  Node *call = c->node;
  const Graph *body = c->f->body;
  Value **out = NEW_ARRAY(c->m->arena, Value *, call->n_out);
  for (int i = 0; i < call->n_out; i++) {
    const Value *inner = body->outputs.at[i];
    out[i] = call->out[i];
    node_set_output(call, i, NULL);
    if (!out[i] || map_get(&c->values, map_key(inner))) continue;
    map_put(&c->values, map_key(inner), out[i]);
    out[i] = NULL;
  }
  for (const Node *n = body->first; n; n = n->next) copy_node(c, n, call->graph, call);
  for (int i = 0; i < call->n_out; i++) {
    if (!out[i]) continue;
    Node *copy = node_new(call->graph, c->m->empty, str_internz(c->m->strs, "Identity"), 1, 1);
    node_set_input(copy, 0, value_here(c, body->outputs.at[i]));
    node_set_output(copy, 0, out[i]);
    copy->op = op_of_node(copy);
    node_link(call->graph, call, copy);
  }
  node_empty_inputs(call);
  node_unlink(call);
  graph_touch(call->graph);
}

static bool inline_call(Inliner *in, Node *n) {
  Call c = {.m = in->m, .node = n, .f = n->callee};
  Arena *scratch = arena_child(in->m->arena);
  map_init(&c.values, scratch);
  const char *why = recurs(in, c.f)                        ? "the function calls itself"
                    : !graph_opset(n->graph, in->m->empty) ? "ai.onnx is not imported"
                                                           : bind_inputs(&c);
  PhaseNote note = {!why, node_label(n), why ? why : "inlined"};
  vec_push(in->m->arena, &in->notes, note);
  if (!why) replace(&c);
  arena_free(scratch);
  if (in->m->n_nodes_made > MAX_NODES)
    fail(in->m->cx, ONNXSLIM_ERR_LIMIT, "inlining functions makes more than %d nodes", MAX_NODES);
  return !why;
}

static bool inline_graph(Graph *g, void *arg) {
  for (Node *n = g->first, *next; n; n = next) {
    Node *before = n->prev;
    if (n->callee && inline_call(arg, n)) {
      next = before ? before->next : g->first;
      continue;
    }
    if (n->callee) import(g->model, n);
    any_body(n, inline_graph, arg);
    next = n->next;
  }
  return false;
}

/* --- functions that are left ------------------------------------------------------------------------------
 */

static bool mark_called(Graph *g, void *called) {
  for (const Node *n = g->first; n; n = n->next) {
    if (n->callee && !map_get(called, map_key(n->callee))) {
      map_put(called, map_key(n->callee), n->callee);
      mark_called(n->callee->body, called);
    }
    any_body(n, mark_called, called);
  }
  return false;
}

/* Graphs of training_info, which may call them, are not read. */
static void drop_functions(Model *m) {
  Map called;
  size_t n = 0;
  if (m->has_training) return;
  map_init(&called, m->arena);
  mark_called(m->graph, &called);
  for (size_t i = 0; i < m->functions.n; i++)
    if (map_get(&called, map_key(m->functions.at[i]))) m->functions.at[n++] = m->functions.at[i];
  m->functions.n = n;
}

PhaseNotes phase_inline_functions(Model *m) {
  Inliner in = {.m = m};
  map_init(&in.recursive, m->arena);
  inline_graph(m->graph, &in);
  drop_functions(m);
  return in.notes;
}
