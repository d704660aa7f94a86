/* Model -> ONNX text syntax, as onnx.parser reads it:
 *
 *   <ir_version: 8, opset_import: ["" : 14]>
 *   name (float[N,4] x) => (float[N,4] y)
 *     <float[4] w = {1.0, 2.0, 3.0, 4.0}>
 *   {
 *     ["node name"] y = Add (x, w)
 *   }
 *
 * What the syntax cannot say stands in a comment: elements of large or computed tensors (their braces are
 * empty), sparse tensors, and types we don't know. */
#include "onnx/text.h"
#include "onnx/read.h"

static void text_graph(Text *t, const Graph *g);

/* --- attributes and nodes ------------------------------------------------------------------------------ */

static const char *const type_names[] = {
    "undefined", "float",   "int",    "string",        "tensor",         "graph",      "floats",     "ints",
    "strings",   "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"};

static void text_list(Text *t, const Attr *a) {
  size_t n = a->type == ATTR_INTS ? a->v.ints.n : a->type == ATTR_FLOATS ? a->v.floats.n : a->v.strings.n;
  text_printf(t, "[");
  for (size_t i = 0; i < n; i++) {
    if (i) text_printf(t, ", ");
    if (a->type == ATTR_INTS)
      text_printf(t, "%lld", (long long)a->v.ints.at[i]);
    else if (a->type == ATTR_FLOATS)
      text_float(t, a->v.floats.at[i]);
    else
      text_quoted(t, a->v.strings.at[i]);
  }
  text_printf(t, "]");
}

static void text_graphs(Text *t, const Attr *a) {
  if (a->type == ATTR_GRAPHS) text_printf(t, "[");
  t->indent += 2;
  for (size_t i = 0; i < a->v.graphs.n; i++) {
    if (i) text_printf(t, ", ");
    text_graph(t, a->v.graphs.at[i]);
  }
  t->indent -= 2;
  if (a->type == ATTR_GRAPHS) text_printf(t, "]");
}

static void text_type_attr(Text *t, const Attr *a) {
  for (Wire w = wire_top(&t->w.doc, Msg_Attribute, a->raw); wire_next(&w);) {
    if (w.tag != Attribute_tp) continue;
    text_type(t, wire_top(w.doc, Msg_Type, wire_merge(t->w.arena, &w)));
    return;
  }
}

static bool printable(const Attr *a) {
  return a->ref || attr_type_is_read(a->type) || (a->type == ATTR_TYPE_PROTO && a->raw.p);
}

static void text_attr_value(Text *t, const Attr *a) {
  if (a->ref) {
    text_printf(t, "@");
    text_id(t, str_span(a->ref));
    return;
  }
  switch (a->type) {
  case ATTR_FLOAT: text_float(t, a->v.f); break;
  case ATTR_INT: text_printf(t, "%lld", (long long)a->v.i); break;
  case ATTR_STRING: text_quoted(t, a->v.s); break;
  case ATTR_TENSOR: text_tensor(t, a->v.tensor, NULL); break;
  case ATTR_GRAPH:
  case ATTR_GRAPHS: text_graphs(t, a); break;
  case ATTR_TYPE_PROTO: text_type_attr(t, a); break;
  default: text_list(t, a);
  }
}

static void text_attr(Text *t, const Attr *a) {
  const char *type =
      (unsigned)a->type < sizeof type_names / sizeof *type_names ? type_names[a->type] : "undefined";
  text_id(t, str_span(a->name));
  text_printf(t, ": %s = ", type);
  text_attr_value(t, a);
}

static void text_attrs(Text *t, const Node *n) {
  const char *sep = " <";
  for (size_t i = 0; i < n->attrs.n; i++) {
    if (!printable(&n->attrs.at[i])) continue;
    text_printf(t, "%s", sep);
    text_attr(t, &n->attrs.at[i]);
    sep = ", ";
  }
  if (*sep == ',') text_printf(t, ">");
  for (size_t i = 0; i < n->attrs.n; i++)
    if (!printable(&n->attrs.at[i])) text_note(t, "and the attribute %s", n->attrs.at[i].name->s);
}

static bool has_body(const Node *n) {
  for (size_t i = 0; i < n->attrs.n; i++)
    if (!n->attrs.at[i].ref && (n->attrs.at[i].type == ATTR_GRAPH || n->attrs.at[i].type == ATTR_GRAPHS))
      return true;
  return false;
}

static void text_node(Text *t, const Node *n) {
  text_newline(t);
  if (n->name && n->name->len) {
    text_printf(t, "[");
    text_id(t, str_span(n->name));
    text_printf(t, "] ");
  }
  for (int i = 0; i < n->n_out; i++) {
    if (i) text_printf(t, ", ");
    text_id(t, n->out[i] ? str_span(n->out[i]->name) : SPAN_NONE);
  }
  text_printf(t, " = %s%s%s", n->domain->s, n->domain->len ? "." : "", n->op_type->s);
  if (n->overload) text_printf(t, ":%s", n->overload->s);
  bool body = has_body(n); /* bodies read better behind the operands */
  if (!body) text_attrs(t, n);
  text_printf(t, " (");
  for (int i = 0; i < n->n_in; i++) {
    if (i) text_printf(t, ", ");
    text_id(t, n->in[i].value ? str_span(n->in[i].value->name) : SPAN_NONE);
  }
  text_printf(t, ")");
  if (body) text_attrs(t, n);
}

static void text_nodes(Text *t, const Graph *g) {
  text_newline(t);
  text_printf(t, "{");
  t->indent += 2;
  for (const Node *n = g->first; n; n = n->next) text_node(t, n);
  t->indent -= 2;
  text_newline(t);
  text_printf(t, "}");
}

/* --- graphs -------------------------------------------------------------------------------------------- */

/* The values of a list with their types, as the model to be written will have them. */
static void text_edge(Text *t, const Graph *g, uint32_t tag, size_t n, Value *const *at) {
  Map infos;
  collect_infos(&t->w, wire_top(&t->w.doc, Msg_Graph, g->raw), tag, &infos);
  text_printf(t, "(");
  for (size_t i = 0; i < n; i++) {
    if (i) text_printf(t, ", ");
    text_info(t, at[i], original_info(&infos, at[i]));
  }
  text_printf(t, ")");
}

/* Begins the next element of a list that has one a line. */
static void text_item(Text *t, bool *first) {
  text_printf(t, "%s", *first ? "" : ",");
  text_newline(t);
  text_printf(t, "%s", *first ? "<" : " ");
  *first = false;
}

/* Initializers and value_info. */
static void text_values(Text *t, const Graph *g) {
  bool first = true;
  Map infos;
  collect_infos(&t->w, wire_top(&t->w.doc, Msg_Graph, g->raw), Graph_value_info, &infos);
  t->indent += 2;
  for (size_t i = 0; i < g->inits.n; i++) {
    const Value *v = g->inits.at[i];
    if (v->init) {
      text_item(t, &first);
      text_tensor(t, v->init, v->name);
    } else {
      text_note(t, "and the %s initializer '%s'", v->sparse.p ? "sparse" : "unknown", v->name->s);
    }
  }
  for (size_t i = 0; i < g->infos.n; i++) {
    const Value *v = g->infos.at[i];
    if ((!v->producer || v->producer->dead) && !v->is_input && !v->is_initializer) continue;
    text_item(t, &first);
    text_info(t, v, original_info(&infos, v));
  }
  if (!first) text_printf(t, ">");
  t->indent -= 2;
}

static void text_graph(Text *t, const Graph *g) {
  text_id(t, g->name && g->name->len ? str_span(g->name) : (Span){(const uint8_t *)"_", 1});
  text_printf(t, " ");
  text_edge(t, g, Graph_input, g->inputs.n, g->inputs.at);
  text_printf(t, " => ");
  text_edge(t, g, Graph_output, g->outputs.n, g->outputs.at);
  text_values(t, g);
  text_nodes(t, g);
}

static void text_names(Text *t, size_t n, Value *const *at) {
  text_printf(t, "(");
  for (size_t i = 0; i < n; i++) {
    if (i) text_printf(t, ", ");
    text_id(t, str_span(at[i]->name));
  }
  text_printf(t, ")");
}

/* Reads a default of a function's attribute; false if the syntax has no form for it. */
static bool read_default(Reader *r, Wire w, Attr *out) {
  for (Wire f = w; wire_next(&f);)
    if (f.tag == Attribute_g || f.tag == Attribute_graphs) return false; /* a body without a node */
  return read_attr(r, w, NULL, out) && printable(out);
}

static void text_function_attrs(Text *t, const Function *f) {
  Reader r = {.cx = t->w.cx, .m = t->w.m, .scratch = t->w.arena, .doc = t->w.doc};
  map_init(&r.externals, r.scratch);
  const char *sep = " <";
  for (size_t i = 0; i < f->attributes.n; i++, sep = ", ") {
    text_printf(t, "%s", sep);
    text_id(t, str_span(f->attributes.at[i]));
  }
  for (Wire w = wire_top(&t->w.doc, Msg_Function, f->raw); f->raw.p && wire_next(&w);) {
    Attr a;
    if (w.tag != Function_attribute_proto) continue;
    if (!read_default(&r, wire_sub(&w, Msg_Attribute, w.bytes), &a)) continue;
    text_printf(t, "%s", sep);
    text_attr(t, &a);
    sep = ", ";
  }
  text_printf(t, "%s", *sep == ',' ? "> " : " ");
}

static void text_function(Text *t, const Function *f) {
  text_printf(t, "<domain: ");
  text_quoted(t, str_span(f->domain));
  if (f->overload) {
    text_printf(t, ", overload: ");
    text_quoted(t, str_span(f->overload));
  }
  text_printf(t, ", opset_import: [");
  for (size_t i = 0; i < f->opsets.n; i++)
    text_printf(t, "%s\"%s\" : %lld", i ? ", " : "", f->opsets.at[i]->domain->s,
                (long long)f->opsets.at[i]->version);
  text_printf(t, "]>\n");
  text_id(t, str_span(f->name));
  text_function_attrs(t, f);
  text_names(t, f->body->inputs.n, f->body->inputs.at);
  text_printf(t, " => ");
  text_names(t, f->body->outputs.n, f->body->outputs.at);
  text_nodes(t, f->body);
}

/* --- the model ----------------------------------------------------------------------------------------- */

static void text_metadata(Text *t, Wire model) {
  const char *sep = ",\n metadata_props: [";
  while (wire_next(&model)) {
    if (model.tag != Model_metadata_props) continue;
    text_printf(t, "%s", sep);
    text_quoted(t, wire_find(&model, Msg_StringStringEntry, model.bytes, StringStringEntry_key));
    text_printf(t, ": ");
    text_quoted(t, wire_find(&model, Msg_StringStringEntry, model.bytes, StringStringEntry_value));
    sep = ", ";
  }
  if (sep[1] == ' ') text_printf(t, "]");
}

static void text_header(Text *t) {
  static const struct {
    uint32_t tag;
    const char *name;
  } strings[] = {{Model_producer_name, "producer_name"},
                 {Model_producer_version, "producer_version"},
                 {Model_domain, "domain"},
                 {Model_doc_string, "doc_string"}};
  const Model *m = t->w.m;
  text_printf(t, "<ir_version: %lld,\n opset_import: [", (long long)m->ir_version);
  for (size_t i = 0; i < m->opsets.n; i++)
    text_printf(t, "%s\"%s\" : %lld", i ? ", " : "", m->opsets.at[i].domain->s,
                (long long)m->opsets.at[i].version);
  text_printf(t, "]");
  Wire top = wire_top(&t->w.doc, Msg_Model, m->raw);
  for (Wire w = top; wire_next(&w);) {
    if (w.tag == Model_model_version) text_printf(t, ",\n model_version: %lld", (long long)w.num);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
      if (w.tag != strings[i].tag) continue;
      text_printf(t, ",\n %s: ", strings[i].name);
      text_quoted(t, w.bytes);
    }
  }
  text_metadata(t, top);
  text_printf(t, ">\n");
}

const char *model_text(Model *m, bool full) {
  Text t;
  text_init(&t, m, full);
  text_header(&t);
  text_graph(&t, m->graph);
  text_printf(&t, "\n");
  for (size_t i = 0; i < m->functions.n; i++) {
    text_function(&t, m->functions.at[i]);
    text_printf(&t, "\n");
  }
  return text_finish(&t);
}

const char *graph_text(Graph *g) {
  Text t;
  text_init(&t, g->model, false);
  if (g->function && g == g->function->body)
    text_function(&t, g->function);
  else
    text_graph(&t, g);
  text_printf(&t, "\n");
  return text_finish(&t);
}

const char *attr_text(Model *m, const Attr *a) {
  Text t;
  text_init(&t, m, false);
  if (printable(a))
    text_attr_value(&t, a);
  else
    text_printf(&t, "?");
  return text_finish(&t);
}

const char *tensor_text(Model *m, const Tensor *x) {
  Text t;
  text_init(&t, m, false);
  text_tensor(&t, x, NULL);
  return text_finish(&t);
}
