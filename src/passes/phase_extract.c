/* --inputs and --outputs: the part of the graph between them
 *
 * Inputs are cut off first: a value that becomes an input is taken from its producer, which keeps its other
 * outputs. Then everything that the outputs do not need is removed, from the end of the node list to its
 * start, and what is still read must be listed.
 */
#include "infer/facts.h"
#include "passes/phases.h"

#include <string.h>

/* A value by its name, perhaps with the type it is to have behind a colon; names may have colons, too. */
typedef struct Listed {
  Value *v;
  ElemType elem; /* DT_UNDEFINED: as it is */
} Listed;

static Value *lookup(Model *m, const char *name, size_t len) {
  Str known = str_find(m->strs, name, len);
  Value *v = known ? graph_lookup(m->graph, known) : NULL;
  return v && (v->producer || v->is_input || v->is_initializer) ? v : NULL;
}

static ElemType elem_named(const char *name) {
  if (strcmp(name, "fp16") == 0) return DT_FLOAT16;
  if (strcmp(name, "fp32") == 0) return DT_FLOAT;
  for (int t = DT_UNDEFINED + 1; t < DT_COUNT_; t++)
    if (strcmp(elem_name((ElemType)t), name) == 0) return (ElemType)t;
  return DT_UNDEFINED;
}

static Listed find_value(Model *m, const char *name, const char *what) {
  Listed found = {lookup(m, name, strlen(name)), DT_UNDEFINED};
  const char *colon = strrchr(name, ':');
  if (!found.v && colon) {
    found.elem = elem_named(colon + 1);
    found.v = found.elem ? lookup(m, name, (size_t)(colon - name)) : NULL;
  }
  if (found.v) return found;
  Suggest s = {.word = name};
  suggest_values(&s, m->graph);
  char hint[128];
  fail(m->cx, ONNXSLIM_ERR_USAGE, "%s '%s': the graph has no value of that name%s", what, name,
       suggest_text(&s, hint, sizeof hint));
}

static void refuse_repeats(Model *m, const Listed *at, size_t n, const char *what) {
  Map seen;
  map_init(&seen, m->arena);
  for (size_t i = 0; i < n; i++) {
    if (map_get(&seen, map_key(at[i].v)))
      fail(m->cx, ONNXSLIM_ERR_USAGE, "%s '%s' is listed twice", what, at[i].v->name->s);
    map_put(&seen, map_key(at[i].v), at[i].v);
  }
}

static bool has_type(const Type *t) {
  return t->kind != TYPE_UNKNOWN && (t->kind != TYPE_TENSOR || t->elem != DT_UNDEFINED);
}

/* The type that the list gives it, where nothing else does. */
static void declare_listed(const Listed *l) {
  Value *v = l->v;
  ElemType known = dtype_of(v) ? dtype_of(v) : v->declared.elem;
  if (!l->elem || known == l->elem) return;
  if (known || has_type(type_of(v)))
    fail(v->graph->model->cx, ONNXSLIM_ERR_USAGE, "'%s' is %s; it cannot be declared %s", v->name->s,
         known ? elem_name(known) : "no tensor", elem_name(l->elem));
  v->declared = (Type){TYPE_TENSOR, l->elem, SHAPE_UNKNOWN, NULL};
  v->info_dirty = true;
}

/* An inner value that becomes an input or output is declared with what inference knows of it, or else with
 * its value_info. */
static void declare(const Listed *l, const char *what) {
  Value *v = l->v;
  declare_listed(l);
  if (v->is_input || v->n_outputs) return;
  const Type *t = type_of(v);
  if (has_type(t)) {
    v->declared = *t;
    v->info_dirty = true;
  }
  if (!has_type(&v->declared))
    fail(v->graph->model->cx, ONNXSLIM_ERR_USAGE, "'%s' cannot become an %s: its type is not known",
         v->name->s, what);
}

/* The producer's slot gets a value of its own, which nobody reads. */
static void cut_off(Model *m, Value *v) {
  Node *n = v->producer;
  if (!n) return;
  int i = v->index;
  node_set_output(n, i, NULL);
  bool used = false;
  for (int k = 0; k < n->n_out; k++) used |= n->out[k] && (n->out[k]->n_uses || n->out[k]->n_outputs);
  if (used)
    node_set_output(n, i,
                    graph_value(n->graph, model_fresh_name(m, arena_printf(m->arena, "%s_cut", v->name->s))));
  n->dirty |= DIRTY_OUTPUTS;
  v->index = 0;
}

static void become_input(Model *m, const Listed *l) {
  Value *v = l->v;
  declare(l, "input");
  if (v->is_input) return;
  cut_off(m, v);
  v->is_initializer = false; /* an initializer that is asked for as an input has no default any more */
  v->init = NULL;
  v->sparse = SPAN_NONE;
  v->is_input = true;
  facts_forget(v);
}

static void set_outputs(Model *m, const Listed *at, size_t n) {
  Graph *g = m->graph;
  for (size_t i = 0; i < n; i++) declare(&at[i], "output");
  for (size_t i = 0; i < g->outputs.n; i++) g->outputs.at[i]->n_outputs--;
  g->outputs.n = 0;
  for (size_t i = 0; i < n; i++) {
    vec_push(m->arena, &g->outputs, at[i].v);
    at[i].v->n_outputs++;
  }
}

/* --- what is left over
 * --------------------------------------------------------------------------------------- */

static bool in_use(const Value *v) {
  return v->n_uses || v->n_outputs;
}

static void prune_nodes(Graph *g) {
  for (Node *n = g->last, *before; n; n = before) {
    before = n->prev;
    bool needed = false;
    for (int i = 0; i < n->n_out; i++) needed |= n->out[i] && in_use(n->out[i]);
    if (needed) continue;
    node_empty_inputs(n);
    node_unlink(n);
  }
}

static void prune_values(Graph *g) {
  for (size_t i = 0; i < g->inits.n; i++)
    if (!in_use(g->inits.at[i]) && !g->inits.at[i]->is_input) g->inits.at[i]->is_initializer = false;
  graph_compact(g);
  size_t n = 0;
  for (size_t i = 0; i < g->infos.n; i++) {
    Value *v = g->infos.at[i];
    bool inner = v->producer && !v->producer->dead && !v->n_outputs;
    if (inner || v->is_initializer) g->infos.at[n++] = v;
  }
  g->infos.n = n;
}

/* The listed inputs, then those that are only defaults and still read. */
static void list_inputs(Model *m, const Listed *at, size_t n) {
  Graph *g = m->graph;
  Map listed;
  map_init(&listed, m->arena);
  for (size_t i = 0; i < n; i++) map_put(&listed, map_key(at[i].v), at[i].v);
  size_t n_old = g->inputs.n;
  Value **old = arena_copy(m->arena, g->inputs.at, n_old * sizeof *old);
  g->inputs.n = 0;
  for (size_t i = 0; i < n; i++) vec_push(m->arena, &g->inputs, at[i].v);
  for (size_t i = 0; i < n_old; i++) {
    Value *v = old[i];
    if (map_get(&listed, map_key(v))) continue;
    if (in_use(v) && !v->is_initializer)
      fail(m->cx, ONNXSLIM_ERR_USAGE, "the outputs also need input '%s': list it among the inputs",
           v->name->s);
    v->is_input = in_use(v);
    if (v->is_input)
      vec_push(m->arena, &g->inputs, v);
    else
      v->is_initializer = false;
  }
}

void phase_extract(Model *m, const char *const *inputs, size_t n_inputs, const char *const *outputs,
                   size_t n_outputs) {
  if (!n_inputs && !n_outputs) return;
  Graph *g = m->graph;
  Listed *in = NEW_ARRAY(m->arena, Listed, n_inputs), *out = NEW_ARRAY(m->arena, Listed, n_outputs);
  for (size_t i = 0; i < n_inputs; i++) in[i] = find_value(m, inputs[i], "input");
  for (size_t i = 0; i < n_outputs; i++) out[i] = find_value(m, outputs[i], "output");
  refuse_repeats(m, in, n_inputs, "input");
  refuse_repeats(m, out, n_outputs, "output");
  if (n_outputs) set_outputs(m, out, n_outputs);
  for (size_t i = 0; i < n_inputs; i++) become_input(m, &in[i]);
  prune_nodes(g);
  if (n_inputs) list_inputs(m, in, n_inputs);
  prune_values(g);
  g->dirty = true;
}
