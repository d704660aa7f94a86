/* GraphProto and the body of a FunctionProto -> Graph.
 *
 * Names are declared before they are looked up: inputs, initializers and the outputs of all nodes first, then
 * what refers to them. So the nodes may come in any order, and a body (read with its node) sees every name of
 * the enclosing graphs; its own names hide theirs. */
#include "onnx/read.h"

#include "ops/ops.h"

enum { MAX_SLOTS = 1 << 24 }; /* inputs, outputs or attributes of one node */

/* Which fields of the message hold what: a function body has no initializers and only names at its edge. */
typedef struct Layout {
  MsgId msg;
  uint32_t node, input, output, info;
} Layout;

static const Layout graph_layout = {Msg_Graph, Graph_node, Graph_input, Graph_output, Graph_value_info};
static const Layout function_layout = {Msg_Function, Function_node, Function_input, Function_output,
                                       Function_value_info};

static Value *declare(const Wire *w, Graph *g, Str name, const char *what) {
  if (!name->len) wire_fail(w, "%s without a name", what);
  if (map_get(&g->scope, map_key(name))) wire_fail(w, "%s '%s' is declared twice", what, name->s);
  return graph_value(g, name);
}

/* --- edges and initializers ---------------------------------------------------------------------------- */

static void read_input(Reader *r, const Wire *w, Graph *g) {
  bool typed = w->msg == Msg_Graph;
  Span name = typed ? wire_find(w, Msg_ValueInfo, w->bytes, ValueInfo_name) : w->bytes;
  Value *v = declare(w, g, read_str(r, name), "input");
  v->is_input = true;
  if (typed) {
    /* Equal dim names on the model's inputs are proof of equality; inside bodies nothing enforces them. */
    bool named = !g->outer && !g->function;
    v->info = w->bytes;
    v->declared = read_info_type(r, wire_sub(w, Msg_ValueInfo, w->bytes), named);
  }
  vec_push(r->m->arena, &g->inputs, v);
}

static Value *declare_initializer(Reader *r, const Wire *w, Graph *g, Str name) {
  Value *v = name ? map_get(&g->scope, map_key(name)) : NULL;
  if (!v)
    v = declare(w, g, name ? name : r->m->empty, "initializer");
  else if (v->is_initializer)
    wire_fail(w, "initializer '%s' is declared twice", name->s);
  graph_add_init(g, v);
  return v;
}

static void read_initializer(Reader *r, const Wire *w, Graph *g) {
  Str name = NULL;
  Tensor *t = read_tensor(r, wire_sub(w, Msg_Tensor, w->bytes), &name);
  Value *v = declare_initializer(r, w, g, name);
  v->init = t;
  if (t) return;
  v->opaque = w->bytes;
  wire_check(wire_sub(w, Msg_Tensor, w->bytes));
}

/* Its name is that of its values tensor. */
static void read_sparse(Reader *r, const Wire *w, Graph *g) {
  Str name = NULL;
  for (Wire s = wire_sub(w, Msg_SparseTensor, w->bytes); wire_next(&s);) {
    if (s.tag != SparseTensor_values) continue;
    Span bytes = wire_merge(r->scratch, &s);
    Span text = wire_find(&s, Msg_Tensor, bytes, Tensor_name);
    if (text.p) name = read_str(r, text);
  }
  declare_initializer(r, w, g, name)->sparse = w->bytes;
  wire_check(wire_sub(w, Msg_SparseTensor, w->bytes));
}

/* A value_info entry gives a type to a value of this scope. One for a name that nothing declares is kept. */
static void read_info(Reader *r, const Wire *w, Graph *g, Map *seen) {
  Wire info = wire_sub(w, Msg_ValueInfo, w->bytes);
  Str name = read_str(r, wire_find(w, Msg_ValueInfo, w->bytes, ValueInfo_name));
  Value *v = map_get(&g->scope, map_key(name));
  if (!v) {
    v = graph_value(g, name);
    map_put(&g->scope, map_key(name), NULL);
  }
  if (map_get(seen, map_key(v)) || v->info.p) wire_check(info);
  if (map_get(seen, map_key(v))) return;
  map_put(seen, map_key(v), v);
  vec_push(r->m->arena, &g->infos, v);
  if (v->info.p) return; /* an input: the interface says more */
  v->info = w->bytes;
  v->declared = read_info_type(r, info, true);
}

static void read_output(Reader *r, const Wire *w, Graph *g) {
  bool typed = w->msg == Msg_Graph;
  Span text = typed ? wire_find(w, Msg_ValueInfo, w->bytes, ValueInfo_name) : w->bytes;
  Str name = read_str(r, text);
  Value *v = graph_lookup(g, name);
  if (!v) wire_fail(w, "nothing produces the graph output '%s'", name->s);
  if (typed && v->graph == g && !v->is_input) {
    Type t = read_info_type(r, wire_sub(w, Msg_ValueInfo, w->bytes),
                            true); /* inference takes no names from here */
    if (t.kind != v->declared.kind || t.shape.rank >= 0) v->declared = t;
    if (!v->info.p) v->info = w->bytes;
  } else if (typed) {
    wire_check(wire_sub(w, Msg_ValueInfo, w->bytes));
  }
  v->n_outputs++;
  vec_push(r->m->arena, &g->outputs, v);
}

/* --- nodes --------------------------------------------------------------------------------------------- */

typedef struct NodeHead {
  Span name, op_type, domain, overload;
  size_t n_in, n_out, n_attr;
} NodeHead;

static NodeHead read_head(Wire w) {
  NodeHead h = {0};
  while (wire_next(&w)) {
    switch (w.tag) {
    case Node_input: h.n_in++; break;
    case Node_output: h.n_out++; break;
    case Node_attribute: h.n_attr++; break;
    case Node_name: h.name = w.bytes; break;
    case Node_op_type: h.op_type = w.bytes; break;
    case Node_domain: h.domain = w.bytes; break;
    case Node_overload: h.overload = w.bytes; break;
    default: break;
    }
  }
  return h;
}

/* Makes the node and declares its outputs. */
static void declare_node(Reader *r, const Wire *up, Graph *g) {
  Wire w = wire_sub(up, Msg_Node, up->bytes);
  NodeHead h = read_head(w);
  if (!h.op_type.n) wire_fail(&w, "node without an op_type");
  if (h.n_in > MAX_SLOTS || h.n_out > MAX_SLOTS || h.n_attr > MAX_SLOTS)
    wire_fail(&w, "node with more than %d inputs, outputs or attributes", MAX_SLOTS);
  Node *n = node_new(g, read_domain(r, h.domain), read_str(r, h.op_type), (int)h.n_in, (int)h.n_out);
  if (h.name.p) n->name = read_str(r, h.name);
  if (h.overload.n) n->overload = read_str(r, h.overload);
  n->raw = up->bytes;
  n->attrs.at = NEW_ARRAY(r->m->arena, Attr, h.n_attr);
  n->attrs.cap = h.n_attr;
  node_link(g, NULL, n);
  for (int i = 0; wire_next(&w);) {
    if (w.tag != Node_output) continue;
    if (w.bytes.n) {
      Str name = read_str(r, w.bytes);
      if (map_get(&g->scope, map_key(name)))
        wire_fail(&w, "%s writes '%s', which is declared already", node_label(n), name->s);
      node_set_output(n, i, graph_value(g, name));
    }
    i++;
  }
}

/* Resolves the inputs, reads the attributes (and with them the bodies) and finds the operator. */
static void link_node(Reader *r, const Wire *up, Node *n) {
  int in = 0;
  for (Wire w = wire_sub(up, Msg_Node, up->bytes); wire_next(&w);) {
    if (w.tag == Node_input) {
      if (w.bytes.n) {
        Str name = read_str(r, w.bytes);
        Value *v = graph_lookup(n->graph, name);
        if (!v) wire_fail(&w, "%s reads '%s', which nothing declares", node_label(n), name->s);
        node_set_input(n, in, v);
      }
      in++;
    } else if (w.tag == Node_attribute) {
      read_attr(r, wire_sub(&w, Msg_Attribute, w.bytes), n, &n->attrs.at[n->attrs.n]);
      n->attrs.n++;
    }
  }
  n->callee = read_callee(r, n->domain, n->op_type, n->overload);
  n->op = op_of_node(n);
}

/* ------------------------------------------------------------------------------------------------------- */

static void read_body(Reader *r, Wire start, Graph *g, const Layout *l) {
  Wire w = start;
  while (wire_next(&w))
    if (w.tag == l->input) read_input(r, &w, g);
  if (l->msg == Msg_Graph) {
    for (w = start; wire_next(&w);) {
      if (w.tag == Graph_initializer)
        read_initializer(r, &w, g);
      else if (w.tag == Graph_sparse_initializer)
        read_sparse(r, &w, g);
      else if (w.tag == Graph_name)
        g->name = read_str(r, w.bytes);
      else if (w.tag == Graph_quantization_annotation)
        wire_check(wire_sub(&w, Msg_TensorAnnotation, w.bytes));
    }
  }
  for (w = start; wire_next(&w);)
    if (w.tag == l->node) declare_node(r, &w, g);
  Map seen;
  map_init(&seen, r->scratch);
  for (w = start; wire_next(&w);)
    if (w.tag == l->info) read_info(r, &w, g, &seen);
  Node *n = g->first;
  for (w = start; wire_next(&w);) {
    if (w.tag != l->node) continue;
    link_node(r, &w, n);
    n = n->next;
  }
  for (w = start; wire_next(&w);)
    if (w.tag == l->output) read_output(r, &w, g);
  graph_sort(g);
}

void read_graph(Reader *r, Wire w, Graph *g) {
  g->raw = (Span){w.start, (size_t)(w.end - w.start)};
  read_body(r, w, g, &graph_layout);
}

void read_function(Reader *r, Wire w, Graph *g) {
  for (Wire f = w; wire_next(&f);)
    if (f.tag == Function_attribute_proto) wire_check(wire_sub(&f, Msg_Attribute, f.bytes));
  read_body(r, w, g, &function_layout);
}
