/* What a model is, in numbers. */
#include "describe.h"
#include "infer/facts.h"
#include "memory.h"
#include "onnx/codec.h"
#include "report.h"

static const onnxslim_value_info_t *list_values(Arena *a, Value *const *at, size_t n, bool inputs,
                                                size_t *listed) {
  onnxslim_value_info_t *rows = NEW_ARRAY(a, onnxslim_value_info_t, n);
  *listed = 0;
  for (size_t i = 0; i < n; i++) {
    if (inputs && at[i]->is_initializer) continue;
    rows[(*listed)++] =
        (onnxslim_value_info_t){copy_text(a, at[i]->name->s), type_words(a, &at[i]->declared)};
  }
  return rows;
}

/* --- counts
 * ---------------------------------------------------------------------------------------------------- */

static void add_tensor(onnxslim_summary *s, const Tensor *t) {
  if (t && t->external_file) s->external_bytes += t->nbytes;
}

static void add_graph(Graph *g, void *arg) {
  onnxslim_summary *s = arg;
  s->bodies += g->outer != NULL;
  for (size_t i = 0; i < g->inits.n; i++) {
    const Tensor *t = g->inits.at[i]->init;
    s->initializers++;
    if (!t) continue;
    s->initializer_bytes += t->nbytes;
    if (elem_is_float(t->dtype)) s->parameters += t->count;
    add_tensor(s, t);
  }
  for (const Node *n = g->first; n; n = n->next)
    for (size_t i = 0; i < n->attrs.n; i++)
      if (n->attrs.at[i].type == ATTR_TENSOR && !n->attrs.at[i].ref) add_tensor(s, n->attrs.at[i].v.tensor);
}

static const char *span_text(Arena *a, Span s) {
  return arena_printf(a, "%.*s", (int)s.n, s.p ? (const char *)s.p : "");
}

static void add_header(Arena *a, Model *m, onnxslim_summary *s) {
  ModelHeader h = model_header(m);
  s->producer_name = span_text(a, h.producer_name);
  s->producer_version = span_text(a, h.producer_version);
  s->model_domain = span_text(a, h.domain);
  s->model_version = h.model_version;
}

void summarize(Arena *a, Model *m, onnxslim_summary *s) {
  onnxslim_opset *opsets = NEW_ARRAY(a, onnxslim_opset, m->opsets.n);
  for (size_t i = 0; i < m->opsets.n; i++)
    opsets[i] = (onnxslim_opset){copy_text(a, m->opsets.at[i].domain->s), m->opsets.at[i].version};
  s->ir_version = m->ir_version;
  s->opsets = opsets;
  s->n_opsets = m->opsets.n;
  s->graph_name = m->graph->name ? copy_text(a, m->graph->name->s) : "";
  s->inputs = list_values(a, m->graph->inputs.at, m->graph->inputs.n, true, &s->n_inputs);
  s->outputs = list_values(a, m->graph->outputs.at, m->graph->outputs.n, false, &s->n_outputs);
  s->ops = count_ops(a, m, &s->n_ops);
  s->nodes = model_node_count(m);
  s->functions = m->functions.n;
  model_each_graph(m, add_graph, s);
  WriteOptions w = {0};
  s->bytes = model_size(m, &w) - s->external_bytes;
  add_header(a, m, s);
  summarize_memory(a, m, s);
}

/* --- nodes
 * ----------------------------------------------------------------------------------------------------- */

typedef struct NodeRows {
  Arena *arena;
  Vec(onnxslim_node_row) rows;
  uint64_t nodes;
} NodeRows;

static void add_nodes(Graph *g, void *arg) {
  NodeRows *list = arg;
  Arena *a = list->arena;
  for (const Node *n = g->first; n; n = n->next, list->nodes++) {
    onnxslim_node_row row = {list->nodes,
                             copy_text(a, n->name ? n->name->s : ""),
                             copy_text(a, n->domain->s),
                             copy_text(a, n->op_type->s),
                             NULL,
                             "?"};
    size_t before = list->rows.n;
    for (int i = 0; i < n->n_out; i++) {
      if (!n->out[i]) continue;
      row.output = copy_text(a, n->out[i]->name->s);
      row.type = type_words(a, type_of(n->out[i]));
      vec_push(a, &list->rows, row);
    }
    if (list->rows.n == before) vec_push(a, &list->rows, row);
  }
}

onnxslim_node_list *list_nodes(Ctx *cx, Model *m) {
  onnxslim_node_list *list = OBJECT(cx, onnxslim_node_list);
  NodeRows rows = {.arena = object_arena(list)};
  model_each_graph(m, add_nodes, &rows);
  *list = (onnxslim_node_list){rows.rows.at, rows.rows.n};
  return list;
}
