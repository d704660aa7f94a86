#include "ir/ir.h"
#include "unit.h"

#include <math.h>

TEST(half_floats_round_to_nearest_even) {
  for (uint32_t h = 0; h < 65536; h++) { /* every half goes through float and back */
    float f = half_to_float((uint16_t)h);
    if (isnan(f))
      CHECK(isnan(half_to_float(float_to_half(f))));
    else
      CHECK_EQ(float_to_half(f), h);
  }
  CHECK_EQ(float_to_half(1.0f + 0x1p-11f), 0x3c00); /* a tie goes to the even one */
  CHECK_EQ(float_to_half(1.0f + 3 * 0x1p-11f), 0x3c02);
  CHECK_EQ(float_to_half(65519.0f), 0x7bff);
  CHECK_EQ(float_to_half(65520.0f), 0x7c00);
  CHECK_EQ(float_to_half(-0x1p-25f), 0x8000); /* half the smallest subnormal: a tie to zero */
  CHECK_EQ(float_to_half(-0x1.8p-25f), 0x8001);
  CHECK_EQ(float_to_bfloat16(1.0f + 0x1p-8f), 0x3f80);
  CHECK_EQ(float_to_bfloat16(1.0f + 3 * 0x1p-8f), 0x3f82);
  CHECK(isnan(bfloat16_to_float(float_to_bfloat16(NAN))));
}

static void with_model(void (*body)(void *)) {
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  void *arg[2] = {&cx, NULL};
  CHECK(ctx_protect(&cx, body, arg));
  model_free(arg[1]);
}

static Model *start(void *arg) {
  void **a = arg;
  Model *m = model_new(a[0]);
  a[1] = m;
  m->ir_version = 8;
  m->graph = graph_new(m, NULL, NULL, NULL);
  return m;
}

static void tensors(void *arg) {
  Arena *a = start(arg)->arena;
  int64_t n = 3, v[] = {1, -2, 3}, got;
  Tensor *t = tensor_int64s(a, 1, v, n);
  CHECK(tensor_get_int(t, 1, &got) && got == -2);
  CHECK(!tensor_get_int(t, 3, &got));
  uint8_t nibbles[] = {0xf1, 0x08}; /* 1, -1, -8 */
  Tensor *q = tensor_new(a, DT_INT4, 1, &n, TS_OWNED, nibbles);
  CHECK_EQ(q->nbytes, 2);
  CHECK(tensor_get_int(q, 1, &got) && got == -1);
  CHECK(tensor_get_int(q, 2, &got) && got == -8);
  Tensor *zero = tensor_float(a, 0.0f), *minus = tensor_float(a, -0.0f), *again = tensor_float(a, 0.0f);
  CHECK(!tensor_same(zero, minus) && tensor_same(zero, again));
  CHECK(tensor_hash(zero) == tensor_hash(again));
  int64_t huge[] = {INT64_MAX, 4, 0}, bad[] = {2, -1};
  uint64_t count;
  CHECK(!tensor_count(2, huge, &count) && !tensor_count(2, bad, &count));
}

TEST(tensor_elements_and_equality_are_bytewise) {
  with_model(tensors);
}

static Node *relu(Model *m, Value *in, const char *out) {
  Node *n = node_new(m->graph, m->empty, str_internz(m->strs, "Relu"), 1, 1);
  node_set_input(n, 0, in);
  Value *v = graph_lookup(m->graph, str_internz(m->strs, out));
  node_set_output(n, 0, v ? v : graph_value(m->graph, str_internz(m->strs, out)));
  node_link(m->graph, NULL, n);
  return n;
}

static void unsorted(void *arg) {
  Model *m = start(arg);
  Graph *g = m->graph;
  Value *x = graph_value(g, str_internz(m->strs, "x"));
  x->is_input = true;
  Value *a = graph_value(g, str_internz(m->strs, "a"));
  Node *second = relu(m, a, "b"), *first = relu(m, x, "a");
  graph_sort(g);
  CHECK(g->first == first && g->last == second);
  CHECK(model_check(m) == NULL);
  for (int i = 0; i < 100; i++) { /* order numbers survive crowded insertions */
    Node *n = node_new(g, m->empty, str_internz(m->strs, "Relu"), 0, 0);
    node_link(g, second, n);
  }
  CHECK(model_check(m) == NULL);
}

TEST(graphs_are_sorted_and_stay_sorted) {
  with_model(unsorted);
}

static void cyclic(void *arg) {
  Model *m = start(arg);
  Value *b = graph_value(m->graph, str_internz(m->strs, "b"));
  relu(m, b, "a");
  relu(m, graph_lookup(m->graph, str_internz(m->strs, "a")), "b");
  graph_sort(m->graph);
}

TEST(a_cycle_is_an_error_with_its_node) {
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  void *arg[2] = {&cx, NULL};
  CHECK(!ctx_protect(&cx, cyclic, arg));
  CHECK_EQ(cx.status, ONNXSLIM_ERR_MODEL);
  CHECK(strstr(cx.message, "cycle") && strstr(cx.message, "Relu producing"));
}

static void broken(void *arg) {
  Model *m = start(arg);
  Value *x = graph_value(m->graph, str_internz(m->strs, "x"));
  x->is_input = true;
  Node *n = relu(m, x, "a");
  CHECK(model_check(m) == NULL);
  x->n_uses = 7;
  vec_push(m->arena, &m->graph->inputs, x);
  CHECK(strstr(model_check(m), "counts 7 uses") != NULL);
  x->n_uses = 1;
  x->is_input = false;
  CHECK(strstr(model_check(m), "nothing produces") != NULL);
  x->is_input = true;
  n->out[0]->index = 1;
  CHECK(strstr(model_check(m), "does not point back") != NULL);
}

TEST(model_check_names_what_is_broken) {
  with_model(broken);
}

static void overridable(void *arg) {
  Model *m = start(arg);
  Value *w = graph_value(m->graph, str_internz(m->strs, "w"));
  w->init = tensor_float(m->arena, 1);
  graph_add_init(m->graph, w);
  CHECK(value_literal(w) == w->init);
  w->is_input = true;
  CHECK(value_literal(w) == NULL && value_overridable(w));
  m->ir_version = 3; /* there every initializer is listed as an input */
  CHECK(value_literal(w) == w->init && !value_overridable(w));
}

TEST(initializers_that_are_inputs_can_be_overridden_since_ir_4) {
  with_model(overridable);
}
