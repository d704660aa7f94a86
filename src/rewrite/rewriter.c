#include "rewrite/rewriter_int.h"

#include <stdio.h>
#include <string.h>

Model *rw_model(const Rewriter *rw) {
  return rw->m;
}

bool rw_exact_only(const Rewriter *rw) {
  return rw->o->exact_only;
}

bool rw_contrib(const Rewriter *rw) {
  return rw->o->contrib;
}

bool rw_asked(const Rewriter *rw) {
  const char *name = rw->result->rules.at[rw->rule].pass->name;
  for (size_t i = 0; i < rw->o->n_asked; i++)
    if (strcmp(rw->o->asked[i], name) == 0) return true;
  return false;
}

bool rw_leaves_external(const Rewriter *rw) {
  return rw->o->leave_external;
}

const Pass *rw_pass(const Rewriter *rw) {
  return rw->result->rules.at[rw->rule].pass;
}

const Rule *rw_rule(const Rewriter *rw) {
  return rw->result->rules.at[rw->rule].rule;
}

uint64_t rw_max_fold(const Rewriter *rw) {
  return rw->o->max_fold;
}

uint64_t rw_max_growth(const Rewriter *rw) {
  return rw->o->max_growth;
}

uint64_t rw_rewrites(const Rewriter *rw) {
  return rw->result->rewrites;
}

Arena *rw_scratch(Rewriter *rw) {
  return rw->scratch;
}

Arena *rw_arena(Rewriter *rw) {
  return rw->arena;
}

Map *rw_table(Rewriter *rw) {
  return &rw->tables[rw->rule];
}

void rw_insert_before(Rewriter *rw, Node *at) {
  rw->at = at;
}

static const char *vprint(Rewriter *rw, const char *fmt, va_list ap) {
  char text[512];
  vsnprintf(text, sizeof text, fmt, ap);
  return arena_printf(rw->arena, "%s", text);
}

Outcome rw_missed(Rewriter *rw, const Node *n, const char *fmt, ...) {
  (void)n;
  if (!rw->o->remarks) {
    rw->why = "";
    return MISSED;
  }
  va_list ap;
  va_start(ap, fmt);
  rw->why = vprint(rw, fmt, ap);
  va_end(ap);
  return MISSED;
}

void rw_note(Rewriter *rw, const char *fmt, ...) {
  if (!rw->o->remarks) return;
  va_list ap;
  va_start(ap, fmt);
  const char *text = vprint(rw, fmt, ap);
  va_end(ap);
  rw->note = rw->note ? arena_printf(rw->arena, "%s; %s", rw->note, text) : text;
}

/* --- nodes --------------------------------------------------------------------------------------------- */

/* A new node's domain must be one that the model imports. */
static void need_import(Rewriter *rw, const Graph *g, Str domain) {
  if (!graph_opset(g, domain)) rw->impossible = "the model imports no version of the new node's domain";
}

/* The outputs are named after those of `like`, as far as it has them. */
static Node *link_new(Rewriter *rw, Str domain, Str op_type, const OpDef *op, int n_in, Value *const *in,
                      int n_out, const Node *like) {
  Graph *g = rw->at->graph;
  while (n_in && !in[n_in - 1]) n_in--;
  need_import(rw, g, domain);
  Node *n = node_new(g, domain, op_type, n_in, n_out);
  n->op = op;
  edit_link(&rw->journal, g, rw->at, n);
  for (int i = 0; i < n_in; i++) edit_input(&rw->journal, n, i, in[i]);
  for (int i = 0; i < n_out; i++) {
    const Value *base = node_out(like, i) ? like->out[i] : node_out(like, 0);
    Str name = model_fresh_name(rw->m, base ? base->name->s : op_type->s);
    edit_output(&rw->journal, n, i, graph_value(g, name));
  }
  n->dirty = DIRTY_INPUTS | DIRTY_OUTPUTS | DIRTY_ATTRS | DIRTY_OP | DIRTY_NAME;
  vec_push(rw->scratch, &rw->made, n);
  return n;
}

Node *rw_node_n(Rewriter *rw, OpId op, int n_in, Value *const *in, int n_out) {
  const OpDef *def = op_def(op);
  return link_new(rw, rw->m->empty, str_internz(rw->m->strs, def->name), def, n_in, in, n_out, rw->root);
}

Node *rw_node(Rewriter *rw, OpId op, int n_in, Value *const *in) {
  return rw_node_n(rw, op, n_in, in, 1);
}

/* def NULL: nothing is known of the operator, and its domain, where the model has none, begins at 1. */
static Node *node_of_domain(Rewriter *rw, Str domain, Str op_type, const OpDef *def, int n_in,
                            Value *const *in, const char **why) {
  const Graph *g = rw->at->graph;
  int version = graph_opset(g, domain);
  int known = op_version(rw->m, domain->s, version);
  bool fits = !version || (def ? op_find(domain->s, op_type->s, known) == def : *domain->s != 0);
  if ((g->function && !version) || !fits) {
    *why = *domain->s ? arena_printf(rw->arena, "%s can't be imported here", domain->s)
                      : arena_printf(rw->arena, "opset %d has no %s", version, op_type->s);
    return NULL;
  }
  if (!version) edit_import(&rw->journal, rw->m, domain, def ? op_since(def, INT16_MAX) : 1);
  return link_new(rw, domain, op_type, def, n_in, in, 1, rw->root);
}

Node *rw_node_of(Rewriter *rw, OpId op, int n_in, Value *const *in, const char **why) {
  const OpDef *def = op_def(op);
  if (rw->at->graph->function) {
    *why = arena_printf(rw->arena, "%s can't be imported here", def->domain);
    return NULL;
  }
  return node_of_domain(rw, str_internz(rw->m->strs, def->domain), str_internz(rw->m->strs, def->name), def,
                        n_in, in, why);
}

Node *rw_node_named(Rewriter *rw, const char *domain, const char *op_type, int n_in, Value *const *in,
                    const char **why) {
  Str d = str_internz(rw->m->strs, domain);
  int version = graph_opset(rw->at->graph, d);
  const OpDef *def = op_find(domain, op_type, version ? op_version(rw->m, domain, version) : 1);
  return node_of_domain(rw, d, str_internz(rw->m->strs, op_type), def, n_in, in, why);
}

void rw_attrs_of(Rewriter *rw, Node *n, const Node *from) {
  edit_attrs(&rw->journal, n);
  for (size_t i = 0; i < from->attrs.n; i++) vec_push(rw->m->arena, &n->attrs, from->attrs.at[i]);
}

Node *rw_copy(Rewriter *rw, const Node *from, int n_in, Value *const *in) {
  Node *n = link_new(rw, from->domain, from->op_type, from->op, n_in, in, from->n_out, from);
  n->opset = from->opset;
  n->overload = from->overload;
  n->callee = from->callee;
  rw_attrs_of(rw, n, from);
  edit_node_identity(&rw->journal, n, from);
  return n;
}

static Attr *attr_slot(Rewriter *rw, Node *n, const char *name, AttrType type) {
  edit_attrs(&rw->journal, n);
  Attr fresh = {.name = str_internz(rw->m->strs, name), .type = type};
  for (size_t i = 0; i < n->attrs.n; i++)
    if (n->attrs.at[i].name == fresh.name) {
      n->attrs.at[i] = fresh;
      return &n->attrs.at[i];
    }
  vec_push(rw->m->arena, &n->attrs, fresh);
  return &n->attrs.at[n->attrs.n - 1];
}

void rw_attr_int(Rewriter *rw, Node *n, const char *name, int64_t v) {
  attr_slot(rw, n, name, ATTR_INT)->v.i = v;
}

void rw_attr_float(Rewriter *rw, Node *n, const char *name, float v) {
  attr_slot(rw, n, name, ATTR_FLOAT)->v.f = v;
}

void rw_attr_ints(Rewriter *rw, Node *n, const char *name, const int64_t *v, size_t count) {
  Attr *a = attr_slot(rw, n, name, ATTR_INTS);
  a->v.ints.at = arena_copy(rw->m->arena, v, count * sizeof *v);
  a->v.ints.n = count;
}

void rw_attr_floats(Rewriter *rw, Node *n, const char *name, const float *v, size_t count) {
  Attr *a = attr_slot(rw, n, name, ATTR_FLOATS);
  a->v.floats.at = arena_copy(rw->m->arena, v, count * sizeof *v);
  a->v.floats.n = count;
}

void rw_attr_string(Rewriter *rw, Node *n, const char *name, const char *v) {
  Str s = str_internz(rw->m->strs, v);
  attr_slot(rw, n, name, ATTR_STRING)->v.s = (Span){(const uint8_t *)s->s, s->len};
}

void rw_attr_remove(Rewriter *rw, Node *n, const char *name) {
  for (size_t i = 0; i < n->attrs.n; i++)
    if (str_is(n->attrs.at[i].name, name)) {
      edit_attrs(&rw->journal, n);
      vec_remove(&n->attrs, i);
      return;
    }
}

/* --- inputs and removal -------------------------------------------------------------------------------- */

void rewriter_look_again(const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i].value && !constant_of(n->in[i].value)) return;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && !n->out[i]->folded) n->out[i]->folded_state = 0;
}

/* The same for what holds the reader in a body that captures v, which is a constant now or read no more. */
static void look_around(const Node *reader, const Value *v) {
  for (const Graph *g = reader->graph; g && g != v->graph; g = g->outer)
    if (g->owner) rewriter_look_again(g->owner);
}

static void loosen(Rewriter *rw, const Node *reader, Value *v) {
  if (!v) return;
  vec_push(rw->scratch, &rw->loosened, v);
  if (!v->folded) look_around(reader, v);
}

void rw_set_input(Rewriter *rw, Node *n, int i, Value *v) {
  loosen(rw, n, node_in(n, i));
  if (i >= n->n_in) {
    if (!v) return;
    edit_resize(&rw->journal, n, i + 1);
  }
  edit_input(&rw->journal, n, i, v);
  int used = n->n_in;
  while (used && !n->in[used - 1].value) used--;
  edit_resize(&rw->journal, n, used);
  rewriter_look_again(n);
  vec_push(rw->scratch, &rw->touched, n);
}

static void loosen_inputs(Rewriter *rw, const Node *n) {
  for (int i = 0; i < n->n_in; i++) loosen(rw, n, n->in[i].value);
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++)
      for (const Node *inner = a->v.graphs.at[k]->first; inner; inner = inner->next) loosen_inputs(rw, inner);
  }
}

static bool has_effects(Rewriter *rw, const Node *n);

static bool graph_has_effects(Rewriter *rw, const Graph *g) {
  for (const Node *n = g->first; n; n = n->next)
    if (has_effects(rw, n)) return true;
  return false;
}

/* Looked at once; one that calls itself is not understood, and treated like one with effects. */
static bool function_has_effects(Rewriter *rw, const Function *f) {
  enum { UNSEEN, YES, NO };
  uintptr_t known = (uintptr_t)map_get(&rw->effects, map_key(f));
  if (known != UNSEEN) return known == YES;
  map_put(&rw->effects, map_key(f), (void *)(uintptr_t)YES);
  bool effects = graph_has_effects(rw, f->body);
  map_put(&rw->effects, map_key(f), (void *)(uintptr_t)(effects ? YES : NO));
  return effects;
}

/* A custom operator may have effects; standard operators have none but those ops.def marks. Functions and
 * bodies are made of operators. */
static bool has_effects(Rewriter *rw, const Node *n) {
  if (n->callee) return function_has_effects(rw, n->callee);
  if (n->op ? n->op->facts & OP_EFFECT : n->domain->len) return true;
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++)
      if (graph_has_effects(rw, a->v.graphs.at[k])) return true;
  }
  return false;
}

static bool removable(Rewriter *rw, const Node *n) {
  if (n->dead) return false;
  for (int i = 0; i < n->n_out; i++) {
    const Value *v = n->out[i];
    if (v && (v->n_uses || v->n_outputs || v->keep)) return false;
  }
  return !has_effects(rw, n);
}

bool rw_remove(Rewriter *rw, Node *n) {
  if (!removable(rw, n)) return false;
  loosen_inputs(rw, n);
  edit_unlink(&rw->journal, n);
  return true;
}

void rw_remove_initializer(Rewriter *rw, Value *v) {
  edit_remove_init(&rw->journal, v);
}

void rw_drop_output(Rewriter *rw, Node *n, int i) {
  edit_output(&rw->journal, n, i, NULL);
}

/* --- constants ----------------------------------------------------------------------------------------- */

typedef struct ConstEntry {
  Value *value;
  struct ConstEntry *next;
} ConstEntry;

bool rw_may_add_initializers(const Graph *g) {
  return !g->function && (g->model->ir_version >= 4 || !g->outer);
}

static void add_initializer(Rewriter *rw, Graph *g, Value *v, Tensor *t) {
  edit_add_init(&rw->journal, g, v, t);
  if (v->is_input) v->declared = *type_of(v);
}

static Tensor *entry_tensor(const Value *v) {
  return v->is_initializer || v->producer ? value_literal(v) : NULL;
}

/* Until opset 9 a Constant node held floating point only. */
static bool fits_constant_node(const Rewriter *rw, const Graph *g, const Tensor *t) {
  return graph_opset(g, rw->m->empty) >= 9 || t->dtype == DT_FLOAT || t->dtype == DT_DOUBLE ||
         t->dtype == DT_FLOAT16;
}

/* A node without outputs so far. */
static Node *plain_node(Rewriter *rw, Graph *g, Node *before, OpId op, int n_in) {
  need_import(rw, g, rw->m->empty);
  Node *n = node_new(g, rw->m->empty, str_internz(rw->m->strs, op_def(op)->name), n_in, 1);
  n->op = op_def(op);
  n->dirty = DIRTY_INPUTS | DIRTY_OUTPUTS | DIRTY_ATTRS | DIRTY_OP | DIRTY_NAME;
  edit_link(&rw->journal, g, before, n);
  return n;
}

static Node *constant_node(Rewriter *rw, Graph *g, Node *before, Tensor *t) {
  if (!fits_constant_node(rw, g, t))
    rw->impossible = "a Constant node of an opset below 9 holds floating point only";
  Node *n = plain_node(rw, g, before, OP_Constant, 0);
  attr_slot(rw, n, "value", ATTR_TENSOR)->v.tensor = t;
  vec_push(rw->scratch, &rw->made, n);
  return n;
}

/* May a node at the insertion point read this constant? */
static bool in_reach(const Rewriter *rw, const Value *v) {
  const Graph *g = rw->at->graph;
  if (!v->producer) return value_visible(v, g);
  return v->graph == g && node_before(v->producer, rw->at);
}

/* Without what is gone by now: chains must not grow with the rewrites. */
static ConstEntry *live_entries(Rewriter *rw, uint64_t key) {
  ConstEntry *first = map_get(&rw->constants, key), *chain = first;
  ConstEntry **link = &chain;
  while (*link)
    if (entry_tensor((*link)->value))
      link = &(*link)->next;
    else
      *link = (*link)->next;
  if (chain != first) map_put(&rw->constants, key, chain);
  return chain;
}

Value *rw_const(Rewriter *rw, Tensor *t, const char *name_hint) {
  Graph *g = rw->at->graph;
  uint64_t key = tensor_hash(t);
  ConstEntry *chain = live_entries(rw, key);
  for (ConstEntry *e = chain; e; e = e->next)
    if (in_reach(rw, e->value) && tensor_same(entry_tensor(e->value), t)) return e->value;
  Value *v = graph_value(g, model_fresh_name(rw->m, name_hint && *name_hint ? name_hint : "const"));
  if (rw_may_add_initializers(g))
    add_initializer(rw, g, v, t);
  else
    edit_output(&rw->journal, constant_node(rw, g, g->first, t), 0, v);
  ConstEntry *e = NEW(rw->arena, ConstEntry);
  *e = (ConstEntry){v, chain};
  map_put(&rw->constants, key, e);
  return v;
}

Value *rw_const_ints(Rewriter *rw, const int64_t *v, size_t n) {
  return rw_const(rw, tensor_int64s(rw->m->arena, 1, v, (int64_t)n), NULL);
}

void rw_make_constant(Rewriter *rw, Value *v, Tensor *t) {
  Node *n = v->producer;
  Graph *g = v->graph;
  bool news = !facts_cover(v, t);
  edit_output(&rw->journal, n, v->index, NULL);
  if (news) facts_forget(v);
  v->facts = NULL;
  v->folded = NULL;
  v->folded_state = 0;
  if (rw_may_add_initializers(g) && !v->n_outputs) {
    add_initializer(rw, g, v, t);
  } else if (rw_may_add_initializers(g) && !fits_constant_node(rw, g, t)) {
    Node *copy = plain_node(rw, g, n, OP_Identity, 1);
    edit_input(&rw->journal, copy, 0, rw_const(rw, t, NULL));
    edit_output(&rw->journal, copy, 0, v);
    vec_push(rw->scratch, &rw->made, copy);
  } else
    edit_output(&rw->journal, constant_node(rw, g, n, t), 0, v);
  for (Use *u = v->uses; u; u = u->next) {
    rewriter_look_again(u->node);
    look_around(u->node, v);
    vec_push(rw->scratch, &rw->touched, u->node);
  }
  rw_remove(rw, n);
}

/* --- replacing a value --------------------------------------------------------------------------------- */

static bool made_now(const Rewriter *rw, const Value *v) {
  return v->id >= rw->first_value;
}

/* A new value takes the name of what it replaces, unless it got one of the interface that way already. */
static bool takes_names(const Rewriter *rw, const Value *v) {
  return made_now(rw, v) && !v->n_outputs && !v->keep;
}

static bool types_agree(Value *a, Value *b) {
  ElemType da = dtype_of(a), db = dtype_of(b);
  if (da && db && da != db) return false;
  Shape sa = shape_of(a), sb = shape_of(b);
  if (sa.rank < 0 || sb.rank < 0) return true;
  if (sa.rank != sb.rank) return false;
  for (int i = 0; i < sa.rank; i++)
    if (sym_distinct(a->graph->model->syms, sa.dim[i], sb.dim[i])) return false;
  return true;
}

bool rw_can_replace(const Rewriter *rw, const Value *old, const Value *now, const char **why) {
  const char *unused;
  if (!why) why = &unused;
  bool swaps = takes_names(rw, now);
  if (old == now) return *why = "it is the same value", false;
  if (!value_visible(now, old->graph)) return *why = "the replacement is out of scope", false;
  if (now->graph == old->graph && now->producer && old->producer &&
      !node_before(now->producer, old->producer))
    return *why = "the replacement is produced later", false;
  if (old->keep && !swaps) return *why = "the name is kept (--keep)", false;
  if (old->n_outputs && !swaps) {
    if (!now->producer || now->graph != old->graph)
      return *why =
                 "it is a graph output and the replacement is a graph input, a constant or of an outer graph",
             false;
    if (now->n_outputs) return *why = "both values are graph outputs", false;
    if (now->keep) return *why = "the replacement's name is kept (--keep)", false;
  }
  if (!types_agree((Value *)old, (Value *)now)) return *why = "types or shapes disagree", false;
  return true;
}

/* Both names now stand for one value: keep what is known of it. True if `now` had facts that `old` had not.
 */
static bool adopt_facts(const Rewriter *rw, Value *old, Value *now) {
  Shape so = shape_of(old), sn = shape_of(now);
  bool better = (constant_of(now) && !constant_known(old)) || (so.rank < 0 && sn.rank >= 0) ||
                (!dtype_of(old) && dtype_of(now)) || (!value_of(old) && value_of(now));
  for (int i = 0; i < so.rank && i < sn.rank && !better; i++) {
    int64_t k;
    better = sym_const(sn.dim[i], &k) && !sym_const(so.dim[i], &k);
  }
  if (!better && made_now(rw, now) && !constant_of(now) && so.rank >= 0) facts_share(now, old);
  return better;
}

/* Did another node made by this rewrite take over the name of `old`? Names of nodes are unique. */
static bool handed_on(const Rewriter *rw, const Node *old, const Node *now) {
  for (size_t i = 0; i < rw->made.n && old->name; i++)
    if (rw->made.at[i] != now && rw->made.at[i]->name == old->name) return true;
  return false;
}

void rw_replace(Rewriter *rw, Value *old, Value *now) {
  Journal *j = &rw->journal;
  Graph *g = old->graph;
  bool better = adopt_facts(rw, old, now);
  if (made_now(rw, now) && now->producer && now->producer->raw.p == NULL && old->producer &&
      !handed_on(rw, old->producer, now->producer))
    edit_node_identity(j, now->producer, old->producer);
  if (now->graph == g && now->producer && (old->n_outputs || takes_names(rw, now)))
    edit_swap_identity(j, old, now);
  for (size_t i = 0; i < g->outputs.n && old->n_outputs; i++)
    if (g->outputs.at[i] == old) edit_graph_output(j, g, i, now);
  while (old->uses) {
    Use *u = old->uses;
    if (better)
      for (int k = 0; k < u->node->n_out; k++)
        if (u->node->out[k]) facts_forget(u->node->out[k]);
    Node *reader = u->node;
    vec_push(rw->scratch, &rw->touched, reader);
    edit_input(j, reader, u->index, now);
    if (!better && !constant_of(now)) continue;
    rewriter_look_again(reader);
    look_around(reader, old);
  }
  if (now->producer) vec_push(rw->scratch, &rw->touched, now->producer);
  vec_push(rw->scratch, &rw->loosened, old);
}

/* --- one try ------------------------------------------------------------------------------------------- */

void rewriter_init(Rewriter *rw, Model *m, const RunOptions *o, Arena *arena) {
  *rw = (Rewriter){
      .m = m, .o = o, .arena = arena, .scratch = arena_child(arena), .result = NEW(m->arena, RunResult)};
  map_init(&rw->constants, arena);
  map_init(&rw->effects, arena);
  journal_init(&rw->journal, arena, m);
}

void rewriter_begin(Rewriter *rw, size_t rule, Node *n) {
  if (arena_bytes(rw->scratch)) {
    arena_free(rw->scratch);
    rw->scratch = arena_child(rw->arena);
  }
  rw->rule = rule;
  rw->root = rw->at = n;
  rw->first_value = rw->m->n_values;
  rw->first_node = rw->m->n_nodes_made;
  memset(&rw->made, 0, sizeof rw->made);
  memset(&rw->loosened, 0, sizeof rw->loosened);
  memset(&rw->touched, 0, sizeof rw->touched);
  memset(&rw->seen_nodes, 0, sizeof rw->seen_nodes);
  rw->why = rw->note = rw->impossible = NULL;
}

void rewriter_drop_orphans(Rewriter *rw) {
  for (size_t i = 0; i < rw->loosened.n; i++) { /* grows while nodes are removed */
    Value *v = rw->loosened.at[i];
    if (v->n_uses || v->n_outputs || v->keep) continue;
    if (v->producer)
      rw_remove(rw, v->producer);
    else if (v->is_initializer && v->init && !value_overridable(v))
      rw_remove_initializer(rw, v);
  }
}

static void compact(Graph *g, void *arg) {
  (void)arg;
  graph_compact(g);
}

void rewriter_compact(Rewriter *rw) {
  model_each_graph(rw->m, compact, NULL);
}
