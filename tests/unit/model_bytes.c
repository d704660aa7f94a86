#include "model_bytes.h"
#include "unit.h"

static void *heap_alloc(void *user, size_t size) {
  Heap *h = user;
  if (++h->requests == h->refuse) return NULL;
  void *p = malloc(size);
  h->live += p != NULL;
  return p;
}

static void heap_free(void *user, void *p) {
  Heap *h = user;
  h->live -= p != NULL;
  free(p);
}

Ctx heap_ctx(Heap *h) {
  onnxslim_allocator alloc = {heap_alloc, heap_free, h};
  Ctx cx;
  ctx_init(&cx, &alloc, NULL);
  return cx;
}

typedef struct Try {
  Ctx *cx;
  void (*fn)(Arena *);
} Try;

static void try_fn(void *arg) {
  Try *t = arg;
  Arena *a = arena_new(t->cx);
  t->fn(a);
  arena_free(a);
}

const char *message_of(void (*fn)(Arena *)) {
  static char message[1024];
  Heap h = {0};
  Ctx cx = heap_ctx(&h);
  Try t = {&cx, fn};
  message[0] = 0;
  if (!ctx_protect(&cx, try_fn, &t)) snprintf(message, sizeof message, "%s", cx.message);
  CHECK_EQ(h.live, 0);
  return message;
}

Span flat(Gather *g) {
  uint8_t *p = arena_alloc(g->arena, (size_t)g->size);
  size_t n = 0;
  for (size_t i = 0; i < g->at.n; i++) {
    if (g->at.at[i].n) memcpy(p + n, g->at.at[i].p, g->at.at[i].n);
    n += g->at.at[i].n;
  }
  return (Span){p, n};
}

void add_info(Gather *g, uint32_t tag, const char *name, int rank, const int64_t *dim) {
  Open info = put_begin(g, tag);
  put_str(g, ValueInfo_name, name);
  Open type = put_begin(g, ValueInfo_type), tensor = put_begin(g, Type_tensor_type);
  put_varint(g, Type_Tensor_elem_type, DT_FLOAT);
  Open shape = put_begin(g, Type_Tensor_shape);
  for (int i = 0; i < rank; i++) {
    Open d = put_begin(g, TensorShape_dim);
    if (dim[i] < 0)
      put_str(g, TensorShape_Dimension_dim_param, "N");
    else
      put_varint(g, TensorShape_Dimension_dim_value, (uint64_t)dim[i]);
    put_end(g, d);
  }
  put_end(g, shape);
  put_end(g, tensor);
  put_end(g, type);
  put_end(g, info);
}

static void add_names(Gather *g, uint32_t tag, const char *names) {
  while (*names) {
    size_t n = strcspn(names, " ");
    bool empty = n == 1 && *names == '-';
    Open o = put_begin(g, tag);
    put_copy(g, names, empty ? 0 : n);
    put_end(g, o);
    names += n + (names[n] == ' ');
  }
}

Open begin_node(Gather *g, uint32_t tag, const char *op, const char *in, const char *out) {
  Open o = put_begin(g, tag);
  add_names(g, Node_input, in);
  add_names(g, Node_output, out);
  put_str(g, Node_op_type, op);
  return o;
}

void add_node(Gather *g, uint32_t tag, const char *op, const char *in, const char *out) {
  put_end(g, begin_node(g, tag, op, in, out));
}

void add_floats(Gather *g, uint32_t tag, const char *name, int n, const float *v) {
  Open o = put_begin(g, tag);
  put_varint(g, Tensor_dims, (uint64_t)n);
  put_varint(g, Tensor_data_type, DT_FLOAT);
  put_str(g, Tensor_name, name);
  put_header(g, Tensor_raw_data, (uint64_t)n * 4);
  put_copy(g, v, (size_t)n * 4);
  put_end(g, o);
}

void add_opset(Gather *g, uint32_t tag, const char *domain, int64_t version) {
  Open o = put_begin(g, tag);
  put_str(g, OperatorSetId_domain, domain);
  put_varint(g, OperatorSetId_version, (uint64_t)version);
  put_end(g, o);
}

Open begin_model(Gather *g) {
  put_varint(g, Model_ir_version, 8);
  add_opset(g, Model_opset_import, "", 17);
  return put_begin(g, Model_graph);
}

/* An If whose branches capture a value of the main graph; the else branch hides it behind one of its own. */
static void add_if(Gather *g) {
  static const int64_t dims[] = {-1, 4};
  Open n = begin_node(g, Graph_node, "If", "cond", "chosen");
  for (int branch = 0; branch < 2; branch++) {
    Open a = put_begin(g, Node_attribute);
    put_str(g, Attribute_name, branch ? "else_branch" : "then_branch");
    Open b = put_begin(g, Attribute_g);
    put_str(g, Graph_name, branch ? "else" : "then");
    if (branch) add_node(g, Graph_node, "Neg", "x", "sum");
    add_node(g, Graph_node, "Abs", "sum", branch ? "e" : "t");
    add_info(g, Graph_output, branch ? "e" : "t", 2, dims);
    put_end(g, b);
    put_varint(g, Attribute_type, 5);
    put_end(g, a);
  }
  put_end(g, n);
}

static void add_function(Gather *g) {
  Open f = put_begin(g, Model_functions);
  put_str(g, Function_name, "Twice");
  put_str(g, Function_input, "a");
  put_str(g, Function_output, "b");
  add_node(g, Function_node, "Add", "a a", "b");
  add_opset(g, Function_opset_import, "", 17);
  put_str(g, Function_domain, "local");
  put_end(g, f);
}

static void add_constant(Gather *g) {
  Open n = begin_node(g, Graph_node, "Constant", "", "cond");
  Open a = put_begin(g, Node_attribute), t;
  put_str(g, Attribute_name, "value");
  t = put_begin(g, Attribute_t);
  put_varint(g, Tensor_data_type, DT_BOOL);
  put_varint(g, Tensor_int32_data, 1); /* not packed */
  put_end(g, t);
  put_varint(g, Attribute_type, 4);
  put_end(g, a);
  put_end(g, n);
}

Span rich_model(Arena *a) {
  static const int64_t dims[] = {-1, 4};
  static const float w[] = {1, 2, 3, 4};
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g);
  put_str(&g, Graph_name, "main");
  Open n = begin_node(&g, Graph_node, "Add", "x w", "sum");
  put_str(&g, Node_name, "add");
  put_str(&g, Node_doc_string, "kept");
  put_str(&g, TAG(1000, WIRE_BYTES), "unknown");
  put_end(&g, n);
  add_constant(&g);
  add_if(&g);
  n = begin_node(&g, Graph_node, "Twice", "chosen", "twice");
  put_str(&g, Node_domain, "local");
  put_end(&g, n);
  add_node(&g, Graph_node, "Clip", "twice - b", "y");
  add_floats(&g, Graph_initializer, "w", 4, w);
  Open t = put_begin(&g, Graph_initializer);
  put_varint(&g, Tensor_data_type, DT_FLOAT);
  put_header(&g, PACKED(Tensor_float_data), 4);
  put_copy(&g, w, 4);
  put_str(&g, Tensor_name, "b");
  put_end(&g, t);
  add_info(&g, Graph_input, "x", 2, dims);
  add_info(&g, Graph_output, "y", 2, dims);
  add_info(&g, Graph_value_info, "sum", 2, dims);
  put_end(&g, graph);
  add_opset(&g, Model_opset_import, "local", 1);
  put_str(&g, Model_producer_name, "test");
  add_function(&g);
  put_varint(&g, TAG(2000, WIRE_VARINT), 7);
  return flat(&g);
}

Model *read_span(Arena *a, Span s) {
  return model_read_bytes(arena_ctx(a), s.p, s.n, NULL);
}

bool span_same(Span a, Span b) {
  return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

Value *value_named(Graph *g, const char *name) {
  Str s = str_find(g->model->strs, name, strlen(name));
  return s ? graph_lookup(g, s) : NULL;
}
