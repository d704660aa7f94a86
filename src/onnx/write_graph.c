/* Graph -> GraphProto or the body of a FunctionProto. A graph that changed is written list by list, each
 * where its first element stood; fields that are no lists of ours are copied. */
#include "onnx/write.h"

typedef struct Lists {
  Writer *w;
  const Graph *g;
  Span raw;
  MsgId msg;
  uint32_t node, info; /* tags; a function's inputs, outputs and the rest never change */
  Map names;           /* Str -> Value: what exists in this graph under which name */
  Map in, out;         /* Str -> Span *: original ValueInfoProtos of inputs and outputs */
} Lists;

bool graph_clean(const Writer *w, const Graph *g) {
  bool of_function = g->function && g == g->function->body; /* its bytes are the function's */
  if (g->dirty || (!g->raw.p && !of_function)) return false;
  for (size_t i = 0; i < g->inits.n; i++)
    if (g->inits.at[i]->init && !tensor_clean(w, g->inits.at[i]->init, false)) return false;
  for (const Node *n = g->first; n; n = n->next)
    if (!node_clean(w, n)) return false;
  return true;
}

/* --- what exists --------------------------------------------------------------------------------------- */

static void collect_names(Lists *l) {
  const Graph *g = l->g;
  map_init(&l->names, l->w->arena);
  for (size_t i = 0; i < g->inputs.n; i++)
    map_put(&l->names, map_key(g->inputs.at[i]->name), g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) map_put(&l->names, map_key(g->inits.at[i]->name), g->inits.at[i]);
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i]) map_put(&l->names, map_key(n->out[i]->name), n->out[i]);
}

static Str info_name(Writer *w, const Wire *up, MsgId msg, uint32_t tag) {
  Span s = wire_find(up, msg, up->bytes, tag);
  return str_intern(w->m->strs, s.n ? (const char *)s.p : "", s.n);
}

void collect_infos(Writer *w, Wire f, uint32_t tag, Map *to) {
  map_init(to, w->arena);
  while (wire_next(&f)) {
    if (f.tag != tag) continue;
    Span *s = NEW(w->arena, Span);
    *s = f.bytes;
    map_put(to, map_key(info_name(w, &f, Msg_ValueInfo, ValueInfo_name)), s);
  }
}

Span original_info(const Map *infos, const Value *v) {
  const Span *s = map_get(infos, map_key(v->name));
  return s ? *s : v->info;
}

/* --- lists --------------------------------------------------------------------------------------------- */

static void put_initializers(Lists *l, uint32_t tag) {
  for (size_t i = 0; i < l->g->inits.n; i++) {
    const Value *v = l->g->inits.at[i];
    bool sparse = v->sparse.p && !v->init;
    if (sparse != (tag == Graph_sparse_initializer)) continue;
    if (v->init)
      put_tensor(l->w, tag, v->init, v->name, false);
    else
      put_bytes(&l->w->out, tag, sparse ? v->sparse : v->opaque);
  }
}

/* A value_info entry stays while its value does; one for a name that was never declared says nothing wrong.
 * The value that became a graph output under another name is described there. */
static void put_infos(Lists *l, uint32_t tag) {
  Map raws;
  collect_infos(l->w, wire_top(&l->w->doc, l->msg, l->raw), tag, &raws);
  for (size_t i = 0; i < l->g->infos.n; i++) {
    const Value *v = l->g->infos.at[i];
    bool undeclared = !v->producer && map_get(&l->g->scope, map_key(v->name)) == NULL;
    if (map_get(&l->names, map_key(v->name)) != v && !undeclared) continue;
    if (v->n_outputs && !map_get(&raws, map_key(v->name))) continue;
    put_info(l->w, tag, v, original_info(&raws, v));
  }
}

static void put_list(Lists *l, uint32_t tag) {
  const Graph *g = l->g;
  if (tag == l->node) {
    for (const Node *n = g->first; n; n = n->next) put_node(l->w, tag, n);
  } else if (tag == l->info) {
    put_infos(l, tag);
  } else if (tag == Graph_input) {
    for (size_t i = 0; i < g->inputs.n; i++)
      put_info(l->w, tag, g->inputs.at[i], original_info(&l->in, g->inputs.at[i]));
  } else if (tag == Graph_output) {
    for (size_t i = 0; i < g->outputs.n; i++)
      put_info(l->w, tag, g->outputs.at[i], original_info(&l->out, g->outputs.at[i]));
  } else {
    put_initializers(l, tag);
  }
}

/* An annotation of a tensor that is gone means nothing. */
static bool annotation_holds(const Lists *l, const Wire *f) {
  Str name = info_name(l->w, f, Msg_TensorAnnotation, TensorAnnotation_tensor_name);
  return map_get(&l->names, map_key(name)) || !map_get(&l->g->scope, map_key(name));
}

static const uint32_t graph_lists[] = {Graph_node,  Graph_initializer, Graph_sparse_initializer,
                                       Graph_input, Graph_output,      Graph_value_info};
static const uint32_t function_lists[] = {Function_node, Function_value_info};

/* The fields of the message: `lists` are rebuilt, the others copied. */
static void put_fields(Lists *l, const uint32_t *lists, size_t n) {
  unsigned done = 0; /* bit i: lists[i] is written */
  size_t opset = 0;
  collect_names(l);
  for (Wire f = wire_top(&l->w->doc, l->msg, l->raw); l->raw.p && wire_next(&f);) {
    size_t i = 0;
    while (i < n && lists[i] != f.tag) i++;
    if (i < n) {
      if (!(done & 1u << i)) put_list(l, f.tag);
      done |= 1u << i;
    } else if (l->msg == Msg_Function && f.tag == Function_opset_import) {
      put_opset(l->w, &f, l->g->function->opsets.at[opset++]);
    } else if (l->msg != Msg_Graph || f.tag != Graph_quantization_annotation || annotation_holds(l, &f)) {
      put_span(&l->w->out, wire_field(&f));
    }
  }
  if (!l->raw.p && l->g->name) put_bytes(&l->w->out, Graph_name, str_span(l->g->name));
  for (size_t i = 0; i < n; i++)
    if (!(done & 1u << i)) put_list(l, lists[i]);
}

void put_graph(Writer *w, uint32_t tag, const Graph *g) {
  if (graph_clean(w, g)) {
    put_bytes(&w->out, tag, g->raw);
    return;
  }
  Lists l = {.w = w, .g = g, .raw = g->raw, .msg = Msg_Graph, .node = Graph_node, .info = Graph_value_info};
  Wire top = wire_top(&w->doc, Msg_Graph, g->raw);
  collect_infos(w, top, Graph_input, &l.in);
  collect_infos(w, top, Graph_output, &l.out);
  Open o = put_begin(&w->out, tag);
  put_fields(&l, graph_lists, sizeof graph_lists / sizeof *graph_lists);
  put_end(&w->out, o);
}

void put_function(Writer *w, const Function *f) {
  if (graph_clean(w, f->body)) {
    put_bytes(&w->out, Model_functions, f->raw);
    return;
  }
  Lists l = {.w = w,
             .g = f->body,
             .raw = f->raw,
             .msg = Msg_Function,
             .node = Function_node,
             .info = Function_value_info};
  Open o = put_begin(&w->out, Model_functions);
  put_fields(&l, function_lists, sizeof function_lists / sizeof *function_lists);
  put_end(&w->out, o);
}
