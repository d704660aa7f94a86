#include "rewrite/journal.h"

#include "infer/facts.h"

#include <string.h>

bool measure_less(Measure a, Measure b) {
  if (a.lowered != b.lowered) return a.lowered < b.lowered;
  if (a.nodes != b.nodes) return a.nodes < b.nodes;
  if (a.operands != b.operands) return a.operands < b.operands;
  if (a.outputs != b.outputs) return a.outputs < b.outputs;
  if (a.moved != b.moved) return a.moved < b.moved;
  if (a.bytes != b.bytes) return a.bytes < b.bytes;
  if (a.inits != b.inits) return a.inits < b.inits;
  return a.holders < b.holders;
}

/* --- the measure --------------------------------------------------------------------------------------- */

static bool is_constant_node(const Node *n) {
  return !n->domain->len && str_is(n->op_type, "Constant");
}

static bool is_computed(const Value *v) {
  return v && !v->is_initializer && !(v->producer && is_constant_node(v->producer));
}

static void count_node(Measure *m, const Node *n, int64_t times) {
  if (node_has(n, OP_HOLDS) || is_constant_node(n))
    m->holders += times;
  else
    m->nodes += times;
}

static bool is_lowered(const Journal *j, const Node *n) {
  return j->lowered && n->op && j->lowered[n->op->id];
}

static int64_t outputs_of(const Node *n) {
  int64_t count = 0;
  for (int i = 0; i < n->n_out; i++) count += n->out[i] != NULL;
  return count;
}

static void weigh(Measure *m, const Tensor *t, int64_t times) {
  m->bytes += times * (int64_t)t->nbytes;
  m->inits += times;
}

/* Bytes of a value; unknown dims count as 1. */
static int64_t moved_bytes(Value *v) {
  Shape s = shape_of(v);
  int64_t bits = elem_bits(dtype_of(v)), k;
  if (s.rank < 0) return 0;
  for (int i = 0; i < s.rank; i++)
    if (sym_const(s.dim[i], &k) && __builtin_mul_overflow(bits, k, &bits)) return 0;
  return bits / 8;
}

/* The Transpose n is about to read v instead of what it reads now. */
static void count_moved(Journal *j, Node *n, Value *v) {
  if (n->domain->len || !str_is(n->op_type, "Transpose")) return;
  Value *old = n->in[0].value;
  uintptr_t counted = (uintptr_t)map_get(&j->moved, map_key(n));
  if (old) j->measure.moved -= counted ? (int64_t)(counted - 1) : moved_bytes(old);
  int64_t bytes = v ? moved_bytes(v) : 0;
  j->measure.moved += bytes;
  map_put(&j->moved, map_key(n), v ? (void *)((uintptr_t)bytes + 1) : NULL);
}

static void count_graph(Graph *g, void *arg) {
  Measure *m = arg;
  for (const Node *n = g->first; n; n = n->next) {
    count_node(m, n, 1);
    m->outputs += outputs_of(n);
    for (int i = 0; i < n->n_in; i++) m->operands += is_computed(n->in[i].value);
  }
  for (size_t i = 0; i < g->inits.n; i++)
    if (g->inits.at[i]->is_initializer && g->inits.at[i]->init) weigh(m, g->inits.at[i]->init, 1);
}

void journal_init(Journal *j, Arena *a, Model *m) {
  *j = (Journal){.arena = a};
  map_init(&j->moved, a);
  map_init(&j->scopes, a);
  model_each_graph(m, count_graph, &j->measure);
}

static void count_lowered(Graph *g, void *arg) {
  Journal *j = arg;
  for (const Node *n = g->first; n; n = n->next) j->measure.lowered += is_lowered(j, n);
}

void journal_lower(Journal *j, Model *m, const bool *lowered) {
  j->lowered = lowered;
  model_each_graph(m, count_lowered, j);
}

void journal_commit(Journal *j) {
  j->edits.n = 0;
}

static Edit *record(Journal *j, EditKind kind, Graph *g) {
  graph_touch(g);
  Edit e = {.kind = kind, .graph = g};
  vec_push(j->arena, &j->edits, e);
  return &j->edits.at[j->edits.n - 1];
}

/* --- edits: do_* without a record, so that undo can use them too ---------------------------------------- */

static void do_link(Journal *j, Graph *g, Node *before, Node *n) {
  node_link(g, before, n);
  count_node(&j->measure, n, 1);
  j->measure.outputs += outputs_of(n);
  j->measure.lowered += is_lowered(j, n);
}

static void do_unlink(Journal *j, Node *n) {
  node_unlink(n);
  count_node(&j->measure, n, -1);
  j->measure.outputs -= outputs_of(n);
  j->measure.lowered -= is_lowered(j, n);
}

static void do_input(Journal *j, Node *n, int i, Value *v) {
  if (i == 0) count_moved(j, n, v);
  j->measure.operands += is_computed(v) - is_computed(n->in[i].value);
  node_set_input(n, i, v);
}

/* Uses of v change between computed and constant when its producer or initializer does. */
static void do_output(Journal *j, Node *n, int i, Value *v) {
  Value *old = n->out[i];
  int64_t before =
      (old ? is_computed(old) * (int64_t)old->n_uses : 0) + (v ? is_computed(v) * (int64_t)v->n_uses : 0);
  node_set_output(n, i, v);
  int64_t after =
      (old ? is_computed(old) * (int64_t)old->n_uses : 0) + (v ? is_computed(v) * (int64_t)v->n_uses : 0);
  j->measure.operands += after - before;
  j->measure.outputs += (v != NULL) - (old != NULL);
}

static void do_add_init(Journal *j, Graph *g, Value *v, Tensor *t) {
  j->measure.operands -= is_computed(v) * (int64_t)v->n_uses;
  weigh(&j->measure, t, 1);
  v->init = t;
  graph_add_init(g, v);
}

static void do_remove_init(Journal *j, Value *v) {
  weigh(&j->measure, v->init, -1);
  v->init = NULL;
  v->is_initializer = false;
  j->measure.operands += is_computed(v) * (int64_t)v->n_uses;
}

static void mark_name_dirty(Value *v) {
  if (v->producer) v->producer->dirty |= DIRTY_OUTPUTS;
  for (Use *u = v->uses; u; u = u->next) {
    u->node->dirty |= DIRTY_INPUTS;
    graph_touch(u->node->graph);
  }
}

static void do_swap_identity(Value *a, Value *b) {
  Value t = *a;
  a->name = b->name, a->declared = b->declared, a->info = b->info, a->info_dirty = b->info_dirty;
  b->name = t.name, b->declared = t.declared, b->info = t.info, b->info_dirty = t.info_dirty;
  bool keep = a->keep;
  a->keep = b->keep, b->keep = keep;
  map_put(&a->graph->scope, map_key(a->name), a);
  map_put(&b->graph->scope, map_key(b->name), b);
  mark_name_dirty(a);
  mark_name_dirty(b);
  facts_redeclare(a);
  facts_redeclare(b);
}

static void list_input(Graph *g, Value *v, size_t at) {
  v->is_input = true;
  vec_push(g->model->arena, &g->inputs, v);
  for (size_t i = g->inputs.n - 1; i > at; i--) g->inputs.at[i] = g->inputs.at[i - 1];
  g->inputs.at[at] = v;
}

static void unlist_input(Graph *g, Value *v, size_t at) {
  v->is_input = false;
  vec_remove(&g->inputs, at);
}

static void do_rename(Value *v, Str name) {
  v->name = name;
  map_put(&v->graph->scope, map_key(name), v);
  mark_name_dirty(v);
}

static void do_move(Node *n, Graph *to, Node *before) {
  node_unlink(n);
  node_link(to, before, n);
  for (int i = 0; i < n->n_out; i++) {
    Value *v = n->out[i];
    if (!v) continue;
    v->graph = to;
    map_put(&to->scope, map_key(v->name), v);
  }
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    to->has_bodies = true;
    for (size_t k = 0; k < a->v.graphs.n; k++) a->v.graphs.at[k]->outer = to;
  }
}

static void do_count_outputs(Graph *g, size_t n, int by) {
  for (size_t i = 0; i < n; i++) g->outputs.at[i]->n_outputs += (uint32_t)by;
}

static void do_remove_output(Node *n, int i) {
  for (int k = i; k + 1 < n->n_out; k++) {
    n->out[k] = n->out[k + 1];
    if (n->out[k]) n->out[k]->index = k;
  }
  n->n_out--;
}

static void do_insert_output(Node *n, int i) {
  for (int k = n->n_out++; k > i; k--) {
    n->out[k] = n->out[k - 1];
    if (n->out[k]) n->out[k]->index = k;
  }
  n->out[i] = NULL;
}

static void list_output(Graph *g, Value *v, size_t at) {
  vec_push(g->model->arena, &g->outputs, v);
  for (size_t i = g->outputs.n - 1; i > at; i--) g->outputs.at[i] = g->outputs.at[i - 1];
  g->outputs.at[at] = v;
  v->n_outputs++;
}

/* --- recorded edits ------------------------------------------------------------------------------------ */

void edit_link(Journal *j, Graph *g, Node *before, Node *n) {
  record(j, EDIT_LINK, g)->node = n;
  do_link(j, g, before, n);
}

static void empty_inputs(Journal *j, Node *n) {
  for (int i = 0; i < n->n_in; i++) edit_input(j, n, i, NULL);
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++)
      for (Node *inner = a->v.graphs.at[k]->last, *prev; inner; inner = prev) {
        prev = inner->prev;
        edit_unlink(j, inner);
      }
  }
}

void edit_unlink(Journal *j, Node *n) {
  empty_inputs(j, n);
  Edit *e = record(j, EDIT_UNLINK, n->graph);
  e->node = n;
  e->other = n->next;
  do_unlink(j, n);
}

void edit_input(Journal *j, Node *n, int i, Value *v) {
  if (n->in[i].value == v) return;
  Edit *e = record(j, EDIT_INPUT, n->graph);
  e->node = n;
  e->index = i;
  e->value = n->in[i].value;
  do_input(j, n, i, v);
  n->dirty |= DIRTY_INPUTS;
}

void edit_resize(Journal *j, Node *n, int n_in) {
  if (n->n_in == n_in) return;
  Edit *e = record(j, EDIT_RESIZE, n->graph);
  e->node = n;
  e->index = n->n_in;
  node_resize_inputs(n, n_in);
  n->dirty |= DIRTY_INPUTS;
}

void edit_output(Journal *j, Node *n, int i, Value *v) {
  Edit *e = record(j, EDIT_OUTPUT, n->graph);
  e->node = n;
  e->index = i;
  e->value = n->out[i];
  do_output(j, n, i, v);
  n->dirty |= DIRTY_OUTPUTS;
}

void edit_graph_output(Journal *j, Graph *g, size_t i, Value *v) {
  Edit *e = record(j, EDIT_GRAPH_OUTPUT, g);
  e->index = (int)i;
  e->value = g->outputs.at[i];
  graph_set_output(g, i, v);
}

void edit_attrs(Journal *j, Node *n) {
  Edit *e = record(j, EDIT_ATTRS, n->graph);
  e->node = n;
  e->n_attrs = n->attrs.n;
  e->attrs = n->attrs.n ? arena_copy(j->arena, n->attrs.at, n->attrs.n * sizeof *n->attrs.at) : NULL;
  n->dirty |= DIRTY_ATTRS;
}

void edit_add_init(Journal *j, Graph *g, Value *v, Tensor *t) {
  Edit *e = record(j, EDIT_ADD_INIT, g);
  e->value = v;
  e->index = -1;
  do_add_init(j, g, v, t);
  if (g->model->ir_version >= 4 || v->is_input) return;
  e->index = (int)g->inputs.n; /* IR < 4: every initializer is listed as an input */
  list_input(g, v, g->inputs.n);
}

void edit_remove_init(Journal *j, Value *v) {
  Graph *g = v->graph;
  Tensor *t = v->init;
  int input = -1;
  if (v->is_input) { /* IR < 4: its entry among the inputs goes with it */
    for (size_t i = 0; i < g->inputs.n; i++)
      if (g->inputs.at[i] == v) input = (int)i;
    if (input >= 0) unlist_input(g, v, (size_t)input);
  }
  do_remove_init(j, v);
  Edit *e = record(j, EDIT_REMOVE_INIT, g);
  e->value = v;
  e->init = t;
  e->index = input;
}

void edit_swap_identity(Journal *j, Value *a, Value *b) {
  Edit *e = record(j, EDIT_SWAP_IDENTITY, a->graph);
  e->value = a;
  e->second = b;
  do_swap_identity(a, b);
}

void edit_node_identity(Journal *j, Node *n, const Node *from) {
  Edit *e = record(j, EDIT_NODE_IDENTITY, n->graph);
  e->node = n;
  e->raw = n->raw;
  e->name = n->name;
  e->dirty = n->dirty;
  n->raw = from->raw;
  n->name = from->name;
  n->dirty = DIRTY_INPUTS | DIRTY_OUTPUTS | DIRTY_ATTRS | DIRTY_OP | (from->dirty & DIRTY_NAME);
}

/* Names are not reused once a run has begun, so what is unique then stays so. */
static char several;

static void note_scope(Journal *j, const Value *v) {
  void *known = map_get(&j->scopes, map_key(v->name));
  if (known != v->graph) map_put(&j->scopes, map_key(v->name), known ? (void *)&several : v->graph);
}

static void note_scopes(Graph *g, void *arg) {
  for (size_t i = 0; i < g->inputs.n; i++) note_scope(arg, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) note_scope(arg, g->inits.at[i]);
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i]) note_scope(arg, n->out[i]);
}

/* Would v's name be taken in `to`, or hidden or captured in another body there? */
static bool name_clashes(Journal *j, const Value *v, const Graph *to) {
  if (!j->scopes_known) model_each_graph(to->model, note_scopes, j);
  j->scopes_known = true;
  return graph_lookup(to, v->name) || map_get(&j->scopes, map_key(v->name)) == &several;
}

static void edit_rename(Journal *j, Value *v, Str name) {
  Edit *e = record(j, EDIT_RENAME, v->graph);
  e->value = v;
  e->name = v->name;
  do_rename(v, name);
}

void edit_move(Journal *j, Node *n, Node *before) {
  Graph *to = before->graph;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && name_clashes(j, n->out[i], to))
      edit_rename(j, n->out[i], model_fresh_name(to->model, n->out[i]->name->s));
  graph_touch(to);
  Edit *e = record(j, EDIT_MOVE, n->graph);
  e->node = n;
  e->other = n->next;
  do_move(n, to, before);
}

void edit_clear_outputs(Journal *j, Graph *g) {
  record(j, EDIT_CLEAR_OUTPUTS, g)->index = (int)g->outputs.n;
  do_count_outputs(g, g->outputs.n, -1);
  g->outputs.n = 0;
}

void edit_remove_output(Journal *j, Node *n, int i) {
  edit_output(j, n, i, NULL);
  Edit *e = record(j, EDIT_REMOVE_OUTPUT, n->graph);
  e->node = n;
  e->index = i;
  do_remove_output(n, i);
}

void edit_remove_graph_output(Journal *j, Graph *g, size_t i) {
  Edit *e = record(j, EDIT_REMOVE_GRAPH_OUTPUT, g);
  e->index = (int)i;
  e->value = g->outputs.at[i];
  e->value->n_outputs--;
  vec_remove(&g->outputs, i);
}

void edit_remove_graph_input(Journal *j, Graph *g, size_t i) {
  Edit *e = record(j, EDIT_REMOVE_GRAPH_INPUT, g);
  e->index = (int)i;
  e->value = g->inputs.at[i];
  unlist_input(g, e->value, i);
}

void edit_import(Journal *j, Model *m, Str domain, int64_t version) {
  record(j, EDIT_IMPORT, m->graph);
  vec_push(m->arena, &m->opsets, ((OpsetImport){domain, version}));
}

static void undo(Journal *j, Edit *e) {
  Node *n = e->node;
  switch (e->kind) {
  case EDIT_LINK: do_unlink(j, n); break;
  case EDIT_UNLINK: do_link(j, e->graph, e->other, n); break;
  case EDIT_INPUT: do_input(j, n, e->index, e->value); break;
  case EDIT_RESIZE: node_resize_inputs(n, e->index); break;
  case EDIT_OUTPUT: do_output(j, n, e->index, e->value); break;
  case EDIT_GRAPH_OUTPUT: graph_set_output(e->graph, (size_t)e->index, e->value); break;
  case EDIT_ATTRS:
    n->attrs.n = e->n_attrs;
    if (e->n_attrs) memcpy(n->attrs.at, e->attrs, e->n_attrs * sizeof *e->attrs);
    break;
  case EDIT_ADD_INIT:
    if (e->index >= 0) unlist_input(e->graph, e->value, (size_t)e->index);
    do_remove_init(j, e->value);
    break;
  case EDIT_REMOVE_INIT:
    do_add_init(j, e->graph, e->value, e->init);
    if (e->index >= 0) list_input(e->graph, e->value, (size_t)e->index);
    break;
  case EDIT_SWAP_IDENTITY: do_swap_identity(e->value, e->second); break;
  case EDIT_MOVE: do_move(n, e->graph, e->other); break;
  case EDIT_RENAME: do_rename(e->value, e->name); break;
  case EDIT_CLEAR_OUTPUTS:
    e->graph->outputs.n = (size_t)e->index;
    do_count_outputs(e->graph, e->graph->outputs.n, 1);
    break;
  case EDIT_REMOVE_OUTPUT: do_insert_output(n, e->index); break;
  case EDIT_REMOVE_GRAPH_OUTPUT: list_output(e->graph, e->value, (size_t)e->index); break;
  case EDIT_REMOVE_GRAPH_INPUT: list_input(e->graph, e->value, (size_t)e->index); break;
  case EDIT_IMPORT: e->graph->model->opsets.n--; break;
  case EDIT_NODE_IDENTITY: n->raw = e->raw, n->name = e->name, n->dirty = e->dirty; break;
  }
}

void journal_undo(Journal *j) {
  while (j->edits.n) undo(j, &j->edits.at[--j->edits.n]);
}
