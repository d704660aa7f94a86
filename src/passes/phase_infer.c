/* --infer-shapes */
#include "infer/facts.h"
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
