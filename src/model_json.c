/* A model's graph as JSON: what is needed to draw it and to say what its nodes are. No weights. */
#include "describe.h"
#include "history.h"
#include "onnx/codec.h"

#include <string.h>

enum { SHOWN_ELEMENTS = 8, SHOWN_BYTES = 120 };

/* --- attributes as text -------------------------------------------------------------------------------- */

static const char *attr_words(Arena *a, Model *m, const Attr *attr) {
  if (attr->ref) return attr_text(m, attr);
  switch (attr->type) {
  case ATTR_TENSOR: {
    const Tensor *t = attr->v.tensor;
    bool shown = t->count <= SHOWN_ELEMENTS && !t->external_file && t->store != TS_DEFERRED;
    return shown ? tensor_text(m, t) : dims_words(a, t);
  }
  case ATTR_GRAPH:
  case ATTR_GRAPHS: return "graph"; /* it stands among the graphs */
  default: return attr_text(m, attr);
  }
}

/* Its beginning, if it is long. */
static const char *shortened(Arena *a, const char *text) {
  size_t n = SHOWN_BYTES;
  if (strlen(text) <= n) return text;
  while ((text[n] & 0xC0) == 0x80) n--; /* not amid a character */
  return arena_printf(a, "%.*s\xE2\x80\xA6", (int)n, text);
}

/* --- pieces of a row ----------------------------------------------------------------------------------- */

static void put_name(Json *j, Str name) {
  put_string(j, (Span){(const uint8_t *)name->s, name->len});
}

static void put_named(Json *j, const char *key, Str name) {
  if (!name || !name->len) return;
  put_raw(j, key);
  put_name(j, name);
}

static void put_list(Json *j, const char *key, size_t n, Value *(*at)(const void *, size_t),
                     const void *object) {
  if (!n) return;
  put_raw(j, key);
  for (size_t i = 0; i < n; i++) {
    const Value *v = at(object, i);
    if (i) put_raw(j, ",");
    put_number(j, v ? (int64_t)v->id : -1);
  }
  put_raw(j, "]");
}

static Value *input_of(const void *node, size_t i) {
  return ((const Node *)node)->in[i].value;
}
static Value *output_of(const void *node, size_t i) {
  return ((const Node *)node)->out[i];
}
static Value *graph_input(const void *graph, size_t i) {
  return ((const Graph *)graph)->inputs.at[i];
}
static Value *graph_output(const void *graph, size_t i) {
  return ((const Graph *)graph)->outputs.at[i];
}

/* --- rows ---------------------------------------------------------------------------------------------- */

typedef struct Writing {
  Json *j;
  Vec(const Graph *) graphs;
  Map index; /* Graph -> its place, plus 1 */
} Writing;

static void collect(Graph *g, void *arg) {
  Writing *w = arg;
  vec_push(w->j->arena, &w->graphs, g);
  map_put(&w->index, map_key(g), (void *)(uintptr_t)w->graphs.n);
}

/* The attribute whose value the body is. */
static Str attribute_of(const Graph *g) {
  for (size_t i = 0; g->owner && i < g->owner->attrs.n; i++) {
    const Attr *a = &g->owner->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++)
      if (a->v.graphs.at[k] == g) return a->name;
  }
  return NULL;
}

static void put_graph(Json *j, const Graph *g) {
  put_key(j, NULL);
  put_raw(j, g->function ? "{\"kind\": \"function\""
             : g->owner  ? "{\"kind\": \"body\""
                         : "{\"kind\": \"model\"");
  put_named(j, ", \"name\": ", g->function ? g->function->name : g->name);
  if (g->function) put_named(j, ", \"domain\": ", g->function->domain);
  if (g->owner) {
    put_raw(j, ", \"owner\": ");
    put_number(j, g->owner->id);
    put_named(j, ", \"attribute\": ", attribute_of(g));
  }
  put_list(j, ", \"in\": [", g->inputs.n, graph_input, g);
  put_list(j, ", \"out\": [", g->outputs.n, graph_output, g);
  put_raw(j, "}");
}

static void put_value(Json *j, Value *v) {
  if (!v) return;
  put_key(j, NULL);
  put_raw(j, "{\"id\": ");
  put_number(j, v->id);
  put_raw(j, ", \"name\": ");
  put_name(j, v->name);
  Arena *scratch = arena_child(j->arena);
  const Type *t = type_of(v);
  const char *type =
      t->kind == TYPE_TENSOR ? tensor_words(scratch, v->graph->model->syms, t) : type_words(scratch, t);
  if (type[0] != '?') {
    put_raw(j, ", \"type\": ");
    put_text(j, type);
  }
  arena_free(scratch);
  put_raw(j, "}");
}

static void put_values(Json *j, const Graph *g) {
  for (size_t i = 0; i < g->inputs.n; i++) put_value(j, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++)
    if (g->inits.at[i]->is_initializer && !g->inits.at[i]->is_input) put_value(j, g->inits.at[i]);
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++) put_value(j, n->out[i]);
}

static void put_constant(Json *j, const Value *v, const Tensor *t) {
  if (!v || !t) return;
  put_key(j, NULL);
  put_raw(j, "{\"value\": ");
  put_number(j, v->id);
  put_raw(j, ", \"bytes\": ");
  put_number(j, (int64_t)t->nbytes);
  if (t->store == TS_DEFERRED) put_raw(j, ", \"deferred\": true");
  if (t->external_file) put_raw(j, ", \"external\": true");
  put_raw(j, "}");
}

static void put_constants(Json *j, const Graph *g) {
  for (size_t i = 0; i < g->inits.n; i++)
    if (g->inits.at[i]->is_initializer) put_constant(j, g->inits.at[i], g->inits.at[i]->init);
  for (const Node *n = g->first; n; n = n->next) {
    const Attr *a = str_is(n->op_type, "Constant") && !n->domain->len ? node_attr(n, "value") : NULL;
    if (a && !a->ref && a->type == ATTR_TENSOR) put_constant(j, node_out(n, 0), a->v.tensor);
  }
}

static void put_attrs(Json *j, const Node *n) {
  for (size_t i = 0; i < n->attrs.n; i++) {
    Arena *scratch = arena_child(j->arena);
    put_raw(j, i ? ", " : ", \"attrs\": {");
    put_name(j, n->attrs.at[i].name);
    put_raw(j, ": ");
    put_text(j, shortened(scratch, attr_words(scratch, n->graph->model, &n->attrs.at[i])));
    arena_free(scratch);
  }
  if (n->attrs.n) put_raw(j, "}");
}

static void put_node(const Writing *w, const Node *n) {
  Json *j = w->j;
  put_key(j, NULL);
  put_raw(j, "{\"id\": ");
  put_number(j, n->id);
  uintptr_t graph = (uintptr_t)map_get(&w->index, map_key(n->graph)) - 1;
  if (graph) {
    put_raw(j, ", \"graph\": ");
    put_number(j, (int64_t)graph);
  }
  put_named(j, ", \"op\": ", n->op_type);
  put_named(j, ", \"domain\": ", n->domain);
  put_named(j, ", \"name\": ", n->name);
  put_list(j, ", \"in\": [", (size_t)n->n_in, input_of, n);
  put_list(j, ", \"out\": [", (size_t)n->n_out, output_of, n);
  put_attrs(j, n);
  put_raw(j, "}");
}

void put_model(Json *j, Model *m) {
  Writing w = {.j = j};
  map_init(&w.index, j->arena);
  model_each_graph(m, collect, &w);
  put_raw(j, "{");
  j->depth++;
  j->filled = false;
  open_group(j, "graphs", "[");
  for (size_t i = 0; i < w.graphs.n; i++) put_graph(j, w.graphs.at[i]);
  close_group(j, "]");
  open_group(j, "values", "[");
  for (size_t i = 0; i < w.graphs.n; i++) put_values(j, w.graphs.at[i]);
  close_group(j, "]");
  open_group(j, "constants", "[");
  for (size_t i = 0; i < w.graphs.n; i++) put_constants(j, w.graphs.at[i]);
  close_group(j, "]");
  open_group(j, "nodes", "[");
  for (size_t i = 0; i < w.graphs.n; i++)
    for (const Node *n = w.graphs.at[i]->first; n; n = n->next) put_node(&w, n);
  close_group(j, "]");
  close_group(j, "}");
}
