/* value_info: what --infer-shapes adds, and what is wrong */
#include "infer/facts.h"
#include "ir/sym.h"
#include "passes/phases.h"

/* Does inference know something that is worth an entry? An entry that says more than it stays as it is. */
static bool tells(const Type *t, bool has_entry) {
  if (t->kind == TYPE_UNKNOWN || t->kind == TYPE_OPAQUE) return false;
  if (t->kind != TYPE_TENSOR && t->kind != TYPE_SPARSE) return !has_entry;
  return t->elem != DT_UNDEFINED && (t->shape.rank >= 0 || !has_entry);
}

static void infer_value(Graph *g, Map *listed, Value *v) {
  bool has_entry = map_get(listed, map_key(v)) != NULL;
  const Type *t = type_of(v);
  if (v->n_outputs || !tells(t, has_entry)) return;
  v->declared = *t;
  v->info_dirty = true;
  if (!has_entry) vec_push(g->model->arena, &g->infos, v);
}

static void infer_graph(Graph *g, void *arg) {
  (void)arg;
  if (g->function) return;
  Arena *scratch = arena_child(g->model->arena);
  Map listed;
  map_init(&listed, scratch);
  for (size_t i = 0; i < g->infos.n; i++) map_put(&listed, map_key(g->infos.at[i]), g->infos.at[i]);
  for (Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i]) infer_value(g, &listed, n->out[i]);
  graph_touch(g);
  arena_free(scratch);
}

void phase_infer_shapes(Model *m) {
  model_each_graph(m, infer_graph, NULL);
}

/* --- what is declared wrongly ------------------------------------------------------------------------------
 */

/* "float[N, 3]" */
static const char *tensor_label(Model *m, const Type *t) {
  const char *dims = "", *elem = elem_name(t->elem);
  if (t->shape.rank < 0) return elem;
  for (int i = 0; i < t->shape.rank; i++)
    dims = arena_printf(m->arena, "%s%s%s", dims, i ? ", " : "", sym_text(m->syms, t->shape.dim[i]));
  return arena_printf(m->arena, "%s[%s]", elem, dims);
}

/* Names of dims are hints: only numbers contradict each other. */
static bool contradicts(const Type *a, const Type *b) {
  int64_t x, y;
  if (a->kind != TYPE_TENSOR || b->kind != TYPE_TENSOR) return false;
  if (a->elem && b->elem && a->elem != b->elem) return true;
  if (a->shape.rank < 0 || b->shape.rank < 0) return false;
  if (a->shape.rank != b->shape.rank) return true;
  for (int i = 0; i < a->shape.rank; i++)
    if (sym_const(a->shape.dim[i], &x) && sym_const(b->shape.dim[i], &y) && x != y) return true;
  return false;
}

static bool is_wrong(PhaseNotes *wrong, Value *v, bool kept) {
  Model *m = v->graph->model;
  const Type *proven = type_of(v);
  if (!contradicts(&v->declared, proven)) return false;
  const char *text = arena_printf(m->arena,
                                  kept ? "the output is declared %s and is %s; the interface stays"
                                       : "value_info says %s, but it is %s",
                                  tensor_label(m, &v->declared), tensor_label(m, proven));
  vec_push(m->arena, wrong, ((PhaseNote){!kept, v->name->s, text}));
  return true;
}

static void check_infos(Graph *g, void *arg) {
  PhaseNotes *wrong = arg;
  size_t n = 0;
  if (g->function) return;
  for (size_t i = 0; i < g->infos.n; i++) {
    Value *v = g->infos.at[i];
    bool lives = v->producer ? !v->producer->dead : v->is_initializer;
    if (!lives || v->n_outputs || v->is_input || !is_wrong(wrong, v, false)) g->infos.at[n++] = v;
  }
  for (size_t i = 0; i < g->outputs.n; i++)
    if (g->outputs.at[i]->producer) is_wrong(wrong, g->outputs.at[i], true);
  if (n < g->infos.n) graph_touch(g);
  g->infos.n = n;
}

PhaseNotes phase_drop_wrong_infos(Model *m) {
  PhaseNotes wrong = {0};
  model_each_graph(m, check_infos, &wrong);
  return wrong;
}
