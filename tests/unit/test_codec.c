#include "model_bytes.h"
#include "unit.h"

static Span write_again(Arena *a, Model *m) {
  WriteOptions o = {0};
  uint8_t *bytes;
  WriteResult r = model_write_bytes(m, &o, &bytes);
  Span s = {arena_copy(a, bytes, (size_t)r.model_bytes), (size_t)r.model_bytes};
  mem_free(arena_ctx(a), bytes);
  return s;
}

static Node *node_at(Graph *g, int i) {
  Node *n = g->first;
  while (n && i--) n = n->next;
  return n;
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void reads_all(Arena *a) {
  Span s = rich_model(a);
  Model *m = read_span(a, s);
  Graph *g = m->graph;
  CHECK(model_check(m) == NULL);
  CHECK_EQ(m->ir_version, 8);
  CHECK_EQ(g->n_nodes, 5);
  CHECK_EQ(g->inits.n, 2);
  Value *x = value_named(g, "x"), *w = value_named(g, "w"), *b = value_named(g, "b"),
        *sum = value_named(g, "sum");
  CHECK(x->is_input && sym_name(x->declared.shape.dim[0]) && sym_is(x->declared.shape.dim[1], 4));
  CHECK(sum->info.p &&
        sym_name(sum->declared.shape.dim[0])); /* what is written; inference trusts inputs only */
  CHECK(w->init->store == TS_SPAN && w->init->bytes > s.p && w->init->bytes < s.p + s.n);
  double d;
  CHECK(b->init->rank == 0 && tensor_get_double(b->init, 0, &d) && d == 1.0);
  CHECK(node_at(g, 4)->n_in == 3 && node_in(node_at(g, 4), 1) == NULL);
  CHECK(node_at(g, 0)->op && node_at(g, 0)->opset == 17);
  CHECK(node_at(g, 3)->callee == m->functions.at[0] && !node_at(g, 3)->op);
  CHECK_EQ(m->functions.at[0]->body->n_nodes, 1);
  CHECK(span_same(write_again(a, m), s));
  model_free(m);
}

TEST(codec_reads_and_writes_verbatim) {
  CHECK_STR(message_of(reads_all), "");
}

static void scopes(Arena *a) {
  Model *m = read_span(a, rich_model(a));
  Node *cond = node_at(m->graph, 2);
  Value *sum = value_named(m->graph, "sum");
  Graph *then = node_attr(cond, "then_branch")->v.graphs.at[0],
        *other = node_attr(cond, "else_branch")->v.graphs.at[0];
  CHECK(node_in(then->first, 0) == sum);
  CHECK_EQ(sum->n_uses, 1);
  CHECK(value_named(other, "sum") != sum && node_in(other->last, 0) == value_named(other, "sum"));
  CHECK(node_in(other->first, 0) == value_named(m->graph, "x"));
  CHECK(then->owner == cond && then->outer == m->graph);
  model_free(m);
}

TEST(codec_resolves_captured_and_hidden_names) {
  CHECK_STR(message_of(scopes), "");
}

static void unsorted(Arena *a) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g);
  add_node(&g, Graph_node, "Abs", "b", "c");
  add_node(&g, Graph_node, "Neg", "a", "b");
  add_info(&g, Graph_input, "a", 0, NULL);
  add_info(&g, Graph_output, "c", 0, NULL);
  put_end(&g, graph);
  Model *m = read_span(a, flat(&g));
  CHECK(str_is(m->graph->first->op_type, "Neg") && m->graph->dirty);
  Model *again = read_span(a, write_again(a, m));
  CHECK(str_is(again->graph->first->op_type, "Neg") && !again->graph->dirty);
  model_free(again);
  model_free(m);
}

TEST(codec_sorts_an_unsorted_graph) {
  CHECK_STR(message_of(unsorted), "");
}

/* protobuf: a message in pieces is merged, the last of a singular field wins. */
static void pieces(Arena *a) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g);
  put_str(&g, Graph_name, "first");
  add_node(&g, Graph_node, "Neg", "a", "b");
  put_end(&g, graph);
  put_varint(&g, Model_ir_version, 9);
  graph = put_begin(&g, Model_graph);
  add_info(&g, Graph_input, "a", 0, NULL);
  add_info(&g, Graph_output, "b", 0, NULL);
  put_str(&g, Graph_name, "last");
  put_end(&g, graph);
  Span s = flat(&g);
  Model *m = read_span(a, s);
  CHECK(str_is(m->graph->name, "last") && m->graph->n_nodes == 1 && m->ir_version == 9);
  CHECK(span_same(write_again(a, m), s));
  m->graph->dirty = true;
  Model *again = read_span(a, write_again(a, m));
  CHECK(str_is(again->graph->name, "last") && again->graph->n_nodes == 1 && again->ir_version == 9);
  model_free(again);
  model_free(m);
}

TEST(codec_merges_a_graph_in_pieces) {
  CHECK_STR(message_of(pieces), "");
}

/* --- tensors ------------------------------------------------------------------------------------------- */

/* A model with one initializer of that type and n elements; `put` adds the contents. */
static Model *tensor_model(Arena *a, ElemType type, int64_t n, void (*put)(Gather *)) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g), t = put_begin(&g, Graph_initializer);
  put_varint(&g, Tensor_dims, (uint64_t)n);
  put_varint(&g, Tensor_data_type, (uint64_t)type);
  put_str(&g, Tensor_name, "t");
  put(&g);
  put_end(&g, t);
  put_end(&g, graph);
  return read_span(a, flat(&g));
}

static void put_minus(Gather *g) { /* -1, 2 packed, then 3 alone */
  Open o = put_begin(g, PACKED(Tensor_int32_data));
  static const uint8_t two[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02};
  put_copy(g, two, sizeof two);
  put_end(g, o);
  put_varint(g, Tensor_int32_data, 3);
}

static void put_half(Gather *g) {
  put_varint(g, Tensor_int32_data, 0x3c00);
}

static void put_nibbles(Gather *g) { /* 1, -2, 3 */
  put_varint(g, Tensor_int32_data, 0xe1);
  put_varint(g, Tensor_int32_data, 0x03);
}

static void put_u64(Gather *g) {
  put_varint(g, Tensor_uint64_data, UINT32_MAX);
}

static void put_split_floats(Gather *g) {
  static const float v[] = {1, 2, 3};
  for (int i = 0; i < 2; i++) {
    put_header(g, PACKED(Tensor_float_data), i ? 4 : 8);
    put_copy(g, v + 2 * i, i ? 4 : 8);
  }
}

static void put_text(Gather *g) {
  put_str(g, Tensor_string_data, "one");
  put_bytes(g, Tensor_string_data, SPAN_NONE);
}

static int64_t int_at(const Tensor *t, uint64_t i) {
  int64_t v = INT64_MIN;
  CHECK(tensor_get_int(t, i, &v));
  return v;
}

static void typed_lists(Arena *a) {
  static const ElemType ints[] = {DT_INT8, DT_INT16, DT_INT32};
  for (int i = 0; i < 3; i++) {
    Model *m = tensor_model(a, ints[i], 3, put_minus);
    const Tensor *t = m->graph->inits.at[0]->init;
    CHECK_EQ(int_at(t, 0), -1);
    CHECK_EQ(int_at(t, 1), 2);
    CHECK_EQ(int_at(t, 2), 3);
    model_free(m);
  }
  double d;
  Model *m = tensor_model(a, DT_FLOAT16, 1, put_half);
  CHECK(tensor_get_double(m->graph->inits.at[0]->init, 0, &d) && d == 1.0);
  model_free(m);
  m = tensor_model(a, DT_INT4, 3, put_nibbles);
  CHECK_EQ(int_at(m->graph->inits.at[0]->init, 1), -2);
  CHECK_EQ(int_at(m->graph->inits.at[0]->init, 2), 3);
  model_free(m);
  m = tensor_model(a, DT_UINT32, 1, put_u64);
  CHECK_EQ(int_at(m->graph->inits.at[0]->init, 0), UINT32_MAX);
  model_free(m);
  m = tensor_model(a, DT_FLOAT, 3, put_split_floats);
  CHECK(tensor_get_double(m->graph->inits.at[0]->init, 2, &d) && d == 3.0);
  model_free(m);
  m = tensor_model(a, DT_STRING, 2, put_text);
  const Tensor *t = m->graph->inits.at[0]->init;
  CHECK(t->store == TS_STRINGS && span_is(t->strings[0], "one") && t->strings[1].n == 0);
  model_free(m);
}

TEST(codec_decodes_typed_lists) {
  CHECK_STR(message_of(typed_lists), "");
}

static void unknown_type(Arena *a) {
  Model *m = tensor_model(a, (ElemType)99, 3, put_minus);
  CHECK(!m->graph->inits.at[0]->init && m->graph->inits.at[0]->opaque.p);
  m->graph->dirty = true;
  CHECK(span_same(write_again(a, m), m->raw));
  model_free(m);
}

TEST(codec_keeps_tensors_of_unknown_type) {
  CHECK_STR(message_of(unknown_type), "");
}

static void too_few(Arena *a) {
  tensor_model(a, DT_INT32, 4, put_minus);
}
static void too_many(Arena *a) {
  tensor_model(a, DT_FLOAT16, INT64_MAX, put_half);
}
static void negative(Arena *a) {
  tensor_model(a, DT_FLOAT16, -3, put_half);
}
static void few_strings(Arena *a) {
  tensor_model(a, DT_STRING, 1 << 20, put_text);
}

TEST(codec_checks_dims_against_contents) {
  CHECK(strstr(message_of(too_few), "tensor 't' has 4 elements of type int32, but holds 3 numbers") != NULL);
  CHECK(strstr(message_of(too_many), "graph.initializer[0]") != NULL);
  CHECK(strstr(message_of(negative), "tensor 't' has a negative dim") != NULL);
  CHECK(strstr(message_of(few_strings), "holds 2 strings") != NULL);
}

/* --- bad models ---------------------------------------------------------------------------------------- */

static void two_nodes(Arena *a, const char *in1, const char *out1, const char *in2, const char *out2) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g);
  add_node(&g, Graph_node, "Neg", in1, out1);
  add_node(&g, Graph_node, "Abs", in2, out2);
  add_info(&g, Graph_input, "a", 0, NULL);
  add_info(&g, Graph_output, "c", 0, NULL);
  put_end(&g, graph);
  model_free(read_span(a, flat(&g)));
}

static void well_formed(Arena *a) {
  two_nodes(a, "a", "b", "b", "c");
}
static void undeclared(Arena *a) {
  two_nodes(a, "a", "b", "z", "c");
}
static void twice(Arena *a) {
  two_nodes(a, "a", "c", "a", "c");
}
static void over_input(Arena *a) {
  two_nodes(a, "a", "a", "a", "c");
}
static void cyclic(Arena *a) {
  two_nodes(a, "c", "b", "b", "c");
}
static void no_output(Arena *a) {
  two_nodes(a, "a", "b", "b", "d");
}
static void empty(Arena *a) {
  read_span(a, SPAN_NONE);
}
static void plain_text(Arena *a) {
  static const char text[] = "import onnx\n";
  read_span(a, (Span){(const uint8_t *)text, sizeof text - 1});
}
static void no_graph(Arena *a) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  put_varint(&g, Model_ir_version, 8);
  read_span(a, flat(&g));
}

TEST(codec_explains_bad_models) {
  CHECK_STR(message_of(well_formed), "");
  CHECK(strstr(message_of(undeclared),
               "graph.node[1].input[0]: Abs producing 'c' reads 'z', which nothing declares"));
  CHECK(strstr(message_of(twice),
               "graph.node[1].output[0]: Abs without name writes 'c', which is declared already"));
  CHECK(strstr(message_of(over_input), "writes 'a', which is declared already"));
  CHECK(strstr(message_of(cyclic), "cycle through node"));
  CHECK(strstr(message_of(no_output), "graph.output[0]: nothing produces the graph output 'c'"));
  CHECK_STR(message_of(empty), "model: the file is empty");
  CHECK(strstr(message_of(plain_text), "at byte offset") != NULL);
  CHECK(strstr(message_of(no_graph), "this is no ONNX model: it has no graph") != NULL);
}

/* --- writing field by field ---------------------------------------------------------------------------- */

static void one_field(Arena *a) {
  Span s = rich_model(a);
  Model *m = read_span(a, s);
  Node *add = m->graph->first;
  node_set_input(add, 0, value_named(m->graph, "w"));
  add->dirty = DIRTY_INPUTS;
  Span out = write_again(a, m);
  CHECK_EQ(out.n, s.n);
  size_t differ = 0;
  for (size_t i = 0; i < s.n; i++) differ += s.p[i] != out.p[i];
  CHECK_EQ(differ, 1); /* x became w; doc string and unknown field are where they were */
  model_free(m);
}

TEST(codec_rewrites_one_field) {
  CHECK_STR(message_of(one_field), "");
}

static void everything(Arena *a) {
  Span s = rich_model(a);
  Model *m = read_span(a, s);
  m->graph->dirty = m->functions.at[0]->body->dirty = true;
  for (Node *n = m->graph->first; n; n = n->next) n->dirty = ~0u;
  CHECK(span_same(write_again(a, m), s));
  m->ir_version = 10;
  m->opsets.at[0].version = 18;
  Model *again = read_span(a, write_again(a, m));
  CHECK_EQ(again->ir_version, 10);
  CHECK_EQ(again->opsets.at[0].version, 18);
  CHECK_EQ(again->opsets.n, 2);
  model_free(again);
  model_free(m);
}

TEST(codec_writes_every_field_again) {
  CHECK_STR(message_of(everything), "");
}

/* A value that is gone takes its value_info with it; freezing a dim changes that dim alone. */
static void infos(Arena *a) {
  Model *m = read_span(a, rich_model(a));
  Graph *g = m->graph;
  Value *x = value_named(g, "x"), *sum = value_named(g, "sum");
  Dim *dim = NEW_ARRAY(m->arena, Dim, 2);
  dim[0] = sym_int(m->syms, 7);
  dim[1] = x->declared.shape.dim[1];
  x->declared.shape.dim = dim;
  x->info_dirty = true;
  Str old = sum->name;
  sum->name = str_internz(m->strs, "total");
  g->dirty = true;
  for (Node *n = g->first; n; n = n->next) n->dirty = DIRTY_INPUTS | DIRTY_OUTPUTS;
  Graph *then = node_attr(node_at(g, 2), "then_branch")->v.graphs.at[0];
  then->first->dirty = DIRTY_INPUTS;
  Model *again = read_span(a, write_again(a, m));
  CHECK(sym_is(value_named(again->graph, "x")->declared.shape.dim[0], 7));
  CHECK(value_named(again->graph, "total") && value_named(again->graph, "total")->info.p);
  CHECK(graph_lookup(again->graph, str_internz(again->strs, old->s)) == NULL);
  CHECK_EQ(again->graph->infos.n, 1);
  model_free(again);
  model_free(m);
}

TEST(codec_follows_renamed_values) {
  CHECK_STR(message_of(infos), "");
}

/* Initializers: a new one, one tensor under two names, and an old one under a new name. */
static void initializers(Arena *a) {
  Model *m = read_span(a, rich_model(a));
  Graph *g = m->graph;
  const int64_t v[] = {5, 6};
  Tensor *made = tensor_int64s(m->arena, 1, v, 2);
  for (int i = 0; i < 2; i++) {
    Value *n = graph_value(g, str_internz(m->strs, i ? "new" : "shared"));
    n->init = i ? made : value_named(g, "w")->init;
    n->is_initializer = true;
    vec_push(m->arena, &g->inits, n);
  }
  g->dirty = true;
  Model *again = read_span(a, write_again(a, m));
  CHECK(model_check(again) == NULL);
  CHECK_EQ(again->graph->inits.n, 4);
  CHECK_EQ(int_at(value_named(again->graph, "new")->init, 1), 6);
  CHECK(tensor_same(value_named(again->graph, "shared")->init, value_named(again->graph, "w")->init));
  model_free(again);
  model_free(m);
}

TEST(codec_writes_new_and_shared_initializers) {
  CHECK_STR(message_of(initializers), "");
}
