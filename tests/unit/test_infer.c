/* Inference on graphs built by hand. */
#include "unit.h"

#include "infer/facts.h"
#include "ops/ops.h"

typedef struct Net {
  Ctx cx;
  Model *m;
  Graph *g;
  SymTable *t;
  int opset;
} Net;

static void net_open(Net *n, int opset) {
  ctx_init(&n->cx, NULL, NULL);
  n->m = model_new(&n->cx);
  n->m->ir_version = 8;
  n->g = n->m->graph = n->m->graph ? n->m->graph : graph_new(n->m, NULL, NULL, NULL);
  n->t = n->m->syms;
  n->opset = opset;
}

static void net_close(Net *n) {
  model_free(n->m);
}

static Dim named(Net *n, const char *name) {
  return sym_named(n->t, str_internz(n->m->strs, name));
}

static Value *value(Net *n) {
  const char *name = arena_printf(n->m->arena, "v%u", n->m->n_values);
  return graph_value(n->g, str_internz(n->m->strs, name));
}

/* An input whose dims are words ("B", "768") divided by blanks; "-": no shape. */
static Value *input(Net *n, ElemType t, const char *dims) {
  Value *v = value(n);
  Dim dim[MAX_RANK];
  int rank = 0;
  char word[64];
  for (int used; sscanf(dims, " %63s%n", word, &used) == 1; dims += used) {
    long long k;
    dim[rank++] = sscanf(word, "%lld", &k) == 1 ? sym_int(n->t, k) : named(n, word);
  }
  bool none = rank == 1 && dim[0] == named(n, "-");
  v->is_input = true;
  Shape s = none ? SHAPE_UNKNOWN : (Shape){rank, arena_copy(n->m->arena, (const void *)dim, sizeof dim)};
  v->declared = (Type){TYPE_TENSOR, t, s, NULL};
  vec_push(n->m->arena, &n->g->inputs, v);
  return v;
}

static Value *constant(Net *n, Tensor *t) {
  Value *v = value(n);
  v->is_initializer = true;
  v->init = t;
  return v;
}

static Value *ints(Net *n, int count, const int64_t *at) {
  return constant(n, tensor_int64s(n->m->arena, 1, at, count));
}

static Value *scalar(Net *n, int64_t v) {
  return constant(n, tensor_int64s(n->m->arena, 0, &v, 1));
}

#define INTS(...) ints(&n, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static Node *op(Net *n, const char *name, int n_out, int n_in, Value *const *in) {
  Node *node = node_new(n->g, n->m->empty, str_internz(n->m->strs, name), n_in, n_out);
  node->opset = n->opset;
  node->op = op_find("", name, n->opset);
  for (int i = 0; i < n_in; i++) node_set_input(node, i, in[i]);
  for (int o = 0; o < n_out; o++) node_set_output(node, o, value(n));
  node_link(n->g, NULL, node);
  return node;
}

static void set_int(Net *n, Node *node, const char *name, int64_t v) {
  vec_push(n->m->arena, &node->attrs,
           ((Attr){.name = str_internz(n->m->strs, name), .type = ATTR_INT, .v.i = v}));
}

static void set_ints(Net *n, Node *node, const char *name, size_t count, const int64_t *at) {
  Attr a = {.name = str_internz(n->m->strs, name), .type = ATTR_INTS};
  a.v.ints.at = arena_copy(n->m->arena, at, count * sizeof *at);
  a.v.ints.n = count;
  vec_push(n->m->arena, &node->attrs, a);
}

#define OP(name, ...)                                                                                        \
  op(&n, name, 1, sizeof((Value *[]){__VA_ARGS__}) / sizeof(Value *), (Value *[]){__VA_ARGS__})
#define OUT(node) ((node)->out[0])

/* "float[B, S, 768]"; fresh dims are "?". */
static const char *shape_text(Net *n, Value *v) {
  Shape s = shape_of(v);
  const char *text = elem_name(dtype_of(v));
  if (s.rank < 0) return text;
  text = arena_printf(n->m->arena, "%s[", text);
  for (int i = 0; i < s.rank; i++) {
    const char *d = sym_text(n->t, s.dim[i]);
    text = arena_printf(n->m->arena, "%s%s%s", text, i ? ", " : "", d[0] == '?' ? "?" : d);
  }
  return arena_printf(n->m->arena, "%s]", text);
}

/* "B 12 ?" */
static const char *value_text(Net *n, Value *v) {
  const Partial *p = value_of(v);
  const char *text = "";
  for (size_t i = 0; p && i < p->n; i++)
    text = arena_printf(n->m->arena, "%s%s%s", text, i ? " " : "", p->at[i] ? sym_text(n->t, p->at[i]) : "?");
  return p ? text : "none";
}

#define CHECK_SHAPE(v, text) CHECK_STR(shape_text(&n, (v)), text)
#define CHECK_VALUE(v, text) CHECK_STR(value_text(&n, (v)), text)

TEST(infer_broadcast_merges_nothing) {
  Net n;
  net_open(&n, 14);
  Value *a = input(&n, DT_FLOAT, "B 1 768"), *b = input(&n, DT_FLOAT, "S 768"),
        *c = input(&n, DT_FLOAT, "T 1");
  CHECK_SHAPE(OUT(OP("Add", a, b)), "float[B, S, 768]");
  Value *sum = OUT(OP("Add", b, c));
  CHECK_SHAPE(sum, "float[?, 768]"); /* S and T may differ by broadcasting */
  CHECK(shape_of(sum).dim[0] == shape_of(sum).dim[0]);
  CHECK_SHAPE(OUT(OP("Mul", b, input(&n, DT_FLOAT, "5 1"))), "float[5, 768]");
  CHECK_SHAPE(OUT(OP("Mul", input(&n, DT_FLOAT, "2 3"), input(&n, DT_FLOAT, "4 3"))), "float");
  CHECK_SHAPE(OUT(OP("Mul", b, input(&n, DT_FLOAT, "0 1"))), "float[0, 768]");
  CHECK(shape_broadcasts_to(shape_of(b), shape_of(b)) && !shape_broadcasts_to(shape_of(b), shape_of(c)));
  net_close(&n);
}

TEST(infer_reshape_from_shape_chain) {
  Net n;
  net_open(&n, 14);
  Value *x = input(&n, DT_FLOAT, "B S 768");
  Value *shape = OUT(OP("Shape", x));
  CHECK_VALUE(shape, "B S 768");
  Value *b = OUT(OP("Unsqueeze", OUT(OP("Gather", shape, scalar(&n, 0))), INTS(0)));
  Value *s = OUT(OP("Unsqueeze", OUT(OP("Gather", shape, scalar(&n, -2))), INTS(0)));
  Node *cat = OP("Concat", b, s, INTS(12), INTS(-1));
  set_int(&n, cat, "axis", 0);
  CHECK_VALUE(OUT(cat), "B S 12 -1");
  CHECK_SHAPE(OUT(OP("Reshape", x, OUT(cat))), "float[B, S, 12, 64]");
  Node *merge = OP("Concat", OUT(OP("Mul", b, s)), INTS(768));
  set_int(&n, merge, "axis", 0);
  CHECK_SHAPE(OUT(OP("Reshape", x, OUT(merge))), "float[B*S, 768]");
  CHECK_SHAPE(OUT(OP("Reshape", x, INTS(0, -1))), "float[B, 768*S]");
  CHECK_SHAPE(OUT(OP("Reshape", x, INTS(0, 0, 0, 0))), "float"); /* the last 0 names no dim */
  CHECK_SHAPE(OUT(OP("Reshape", x, INTS(-1, -1))), "float");
  net_close(&n);
}

TEST(infer_reshape_zero_dims) {
  Net n;
  net_open(&n, 14);
  Value *x = input(&n, DT_FLOAT, "B 5 T"), *y = input(&n, DT_FLOAT, "S T");
  Node *cat = OP("Concat", OUT(OP("Shape", y)), INTS(5));
  set_int(&n, cat, "axis", 0);
  /* [S, T, 5] of [B, 5, T]: where S is 0 the result has the input's dim B, where T is 0 it has 5 */
  CHECK_SHAPE(OUT(OP("Reshape", x, OUT(cat))), "float[?, ?, 5]");
  Node *plain = OP("Reshape", x, OUT(cat));
  set_int(&n, plain, "allowzero", 1);
  CHECK_SHAPE(OUT(plain), "float[S, T, 5]");
  Node *zero = OP("Reshape", input(&n, DT_FLOAT, "0 4"), INTS(2, 0));
  set_int(&n, zero, "allowzero", 1);
  CHECK_SHAPE(OUT(zero), "float[2, 0]");
  net_close(&n);
}

TEST(infer_expand_idiom) {
  Net n;
  net_open(&n, 14);
  Value *x = input(&n, DT_INT64, "B S");
  Value *shape = OUT(OP("Shape", x)), *minus = INTS(-1, -1);
  Value *same = OUT(OP("Equal", shape, minus));
  CHECK_VALUE(same, "0 0"); /* dims are never negative */
  Value *target = OUT(OP("Where", same, INTS(1, 1), shape));
  CHECK_VALUE(target, "B S");
  CHECK_SHAPE(OUT(OP("Expand", scalar(&n, 3), target)), "int64[B, S]");
  Value *unknown = OUT(OP("Where", input(&n, DT_BOOL, "2"), INTS(7, 3), INTS(7, 4)));
  CHECK_VALUE(unknown, "7 ?");
  net_close(&n);
}

TEST(infer_integer_arithmetic) {
  Net n;
  net_open(&n, 14);
  Value *x = input(&n, DT_FLOAT, "H 6");
  Value *h = OUT(OP("Gather", OUT(OP("Shape", x)), scalar(&n, 0)));
  CHECK_VALUE(OUT(OP("Div", h, scalar(&n, 2))), "floor((H)/(2))");
  CHECK_VALUE(OUT(OP("Div", scalar(&n, -7), scalar(&n, 2))), "-3");
  CHECK_VALUE(OUT(OP("Mod", scalar(&n, -7), scalar(&n, 2))), "1");
  CHECK_VALUE(OUT(OP("Sub", OUT(OP("Add", h, h)), h)), "H");
  CHECK_VALUE(OUT(OP("Div", h, scalar(&n, 0))), "?");
  CHECK_VALUE(OUT(OP("Less", h, scalar(&n, 0))), "0");
  CHECK_VALUE(OUT(OP("Greater", h, scalar(&n, 3))), "?");
  Node *narrow = OP("Cast", h), *number = OP("Cast", scalar(&n, 70000)),
       *small = OP("Cast", scalar(&n, 70000));
  set_int(&n, narrow, "to", DT_INT32);
  set_int(&n, number, "to", DT_INT32);
  set_int(&n, small, "to", DT_INT16);
  CHECK_VALUE(OUT(narrow), "?"); /* may wrap */
  CHECK_VALUE(OUT(number), "70000");
  CHECK_VALUE(OUT(small), "?");
  Node *f = OP("Cast", scalar(&n, 512)), *half = OP("Cast", scalar(&n, 2));
  set_int(&n, f, "to", DT_FLOAT);
  set_int(&n, half, "to", DT_FLOAT);
  Node *back = OP("Cast", OUT(OP("Ceil", OUT(OP("Div", OUT(f), OUT(half))))));
  set_int(&n, back, "to", DT_INT64);
  CHECK_VALUE(OUT(back), "256");
  Node *odd = OP("Cast", scalar(&n, 7));
  set_int(&n, odd, "to", DT_FLOAT);
  Value *quotient = OUT(OP("Div", OUT(odd), OUT(half)));
  Node *down = OP("Cast", quotient), *up = OP("Cast", OUT(OP("Ceil", quotient)));
  Node *product = OP("Cast", OUT(OP("Mul", quotient, quotient)));
  set_int(&n, down, "to", DT_INT64);
  set_int(&n, up, "to", DT_INT64);
  set_int(&n, product, "to", DT_INT64);
  CHECK_VALUE(OUT(down), "3");
  CHECK_VALUE(OUT(up), "4");
  CHECK_VALUE(OUT(product), "12"); /* 3.5 * 3.5 = 12.25 */
  CHECK(value_of(OUT(f)) == NULL);
  Value *r = OUT(OP("Range", scalar(&n, 0), h, scalar(&n, 1)));
  CHECK_SHAPE(r, "int64[H]");
  CHECK_VALUE(OUT(OP("Range", scalar(&n, 5), scalar(&n, 0), scalar(&n, -2))), "5 3 1");
  CHECK_VALUE(OUT(OP("ReduceProd", OUT(OP("Shape", x)))), "6*H");
  net_close(&n);
}

TEST(infer_slices) {
  Net n;
  net_open(&n, 13);
  Value *x = input(&n, DT_FLOAT, "S 10"), *end = INTS(INT64_MAX), *zero = INTS(0);
  CHECK_SHAPE(OUT(OP("Slice", x, zero, end, zero)), "float[S, 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, INTS(2), end, zero)), "float[max(S - 2, 0), 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, INTS(-2), end, zero)), "float[min(S, 2), 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, zero, INTS(-1), zero)), "float[max(S - 1, 0), 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, zero, INTS(3), zero)), "float[min(S, 3), 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, zero, end, zero, INTS(2))), "float[floor((S + 1)/(2)), 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, INTS(-1), INTS(INT64_MIN), zero, INTS(-1))), "float[S, 10]");
  CHECK_SHAPE(OUT(OP("Slice", x, INTS(8), INTS(1), INTS(1), INTS(-3))), "float[S, 3]");
  CHECK_SHAPE(OUT(OP("Slice", x, INTS(12), INTS(20), INTS(1))), "float[S, 0]");
  CHECK_SHAPE(OUT(OP("Slice", x, input(&n, DT_INT64, "1"), end, INTS(1))), "float[S, ?]");
  CHECK_SHAPE(OUT(OP("Slice", x, zero, end, INTS(5))), "float[?, ?]");
  CHECK_VALUE(OUT(OP("Slice", INTS(1, 2, 3, 4, 5), INTS(-1), INTS(-9), zero, INTS(-2))), "5 3 1");
  net_close(&n);
}

/* torch's constant_pad: Concat, Reshape to pairs, reverse, Transpose, Reshape to a vector */
TEST(infer_pad_idiom) {
  Net n;
  net_open(&n, 14);
  Value *x = input(&n, DT_FLOAT, "B 3 H W");
  Node *cat = OP("Concat", INTS(1, 2, 3, 4), OUT(OP("ConstantOfShape", INTS(4))));
  set_int(&n, cat, "axis", 0);
  CHECK_VALUE(OUT(cat), "? ? ? ? ? ? ? ?"); /* ConstantOfShape is float without its attribute */
  Node *zeros = OP("ConstantOfShape", INTS(4));
  Attr a = {.name = str_internz(n.m->strs, "value"), .type = ATTR_TENSOR};
  a.v.tensor = tensor_int64s(n.m->arena, 1, &(int64_t){0}, 1);
  vec_push(n.m->arena, &zeros->attrs, a);
  cat = OP("Concat", INTS(1, 2, 3, 4), OUT(zeros));
  set_int(&n, cat, "axis", 0);
  Value *pairs = OUT(OP("Reshape", OUT(cat), INTS(-1, 2)));
  CHECK_SHAPE(pairs, "int64[4, 2]");
  Value *reversed = OUT(OP("Slice", pairs, INTS(-1), INTS(INT64_MIN), INTS(0), INTS(-1)));
  Node *turned = OP("Transpose", reversed);
  set_ints(&n, turned, "perm", 2, (int64_t[]){1, 0});
  Value *pads = OUT(OP("Reshape", OUT(turned), INTS(-1)));
  CHECK_VALUE(pads, "0 0 3 1 0 0 4 2");
  CHECK_SHAPE(OUT(OP("Pad", x, pads)), "float[B, 3, H + 7, W + 3]");
  net_close(&n);
}

TEST(infer_convolutions) {
  Net n;
  net_open(&n, 12);
  Value *x = input(&n, DT_FLOAT, "B 3 H 224"), *w = input(&n, DT_FLOAT, "64 3 3 3");
  Node *conv = OP("Conv", x, w);
  set_ints(&n, conv, "strides", 2, (int64_t[]){2, 2});
  set_ints(&n, conv, "pads", 4, (int64_t[]){1, 1, 1, 1});
  CHECK_SHAPE(OUT(conv), "float[B, 64, floor((H + 1)/(2)), 112]");
  Node *pool = OP("MaxPool", OUT(conv));
  set_ints(&n, pool, "kernel_shape", 2, (int64_t[]){2, 2});
  set_ints(&n, pool, "strides", 2, (int64_t[]){2, 2});
  CHECK_SHAPE(OUT(pool), "float[B, 64, floor((H + 1)/(4)), 56]");
  Node *up = OP("ConvTranspose", OUT(pool), input(&n, DT_FLOAT, "64 8 2 2"));
  set_ints(&n, up, "strides", 2, (int64_t[]){2, 2});
  CHECK_SHAPE(OUT(up), "float[B, 8, 2*floor((H + 1)/(4)), 112]");
  CHECK_SHAPE(OUT(OP("GlobalAveragePool", up->out[0])), "float[B, 8, 1, 1]");
  net_close(&n);
}

TEST(infer_matrix_products) {
  Net n;
  net_open(&n, 13);
  Value *a = input(&n, DT_FLOAT, "B 12 S 64"), *b = input(&n, DT_FLOAT, "B 12 64 S"),
        *v = input(&n, DT_FLOAT, "64");
  CHECK_SHAPE(OUT(OP("MatMul", a, b)), "float[B, 12, S, S]");
  CHECK_SHAPE(OUT(OP("MatMul", a, v)), "float[B, 12, S]");
  CHECK_SHAPE(OUT(OP("MatMul", v, v)), "float[]");
  CHECK_SHAPE(OUT(OP("MatMul", v, input(&n, DT_FLOAT, "65 2"))), "float");
  Node *g = OP("Gemm", input(&n, DT_FLOAT, "S 64"), input(&n, DT_FLOAT, "10 64"));
  set_int(&n, g, "transB", 1);
  CHECK_SHAPE(OUT(g), "float[S, 10]");
  net_close(&n);
}

TEST(infer_several_outputs) {
  Net n;
  net_open(&n, 13);
  Value *x = input(&n, DT_FLOAT, "S 9");
  Value *in[2] = {x, NULL};
  Node *split = op(&n, "Split", 3, 1, in);
  set_int(&n, split, "axis", 1);
  for (int i = 0; i < 3; i++) CHECK_SHAPE(split->out[i], "float[S, 3]");
  Node *top = op(&n, "TopK", 2, 2, (Value *[]){x, INTS(4)});
  CHECK_SHAPE(top->out[0], "float[S, 4]");
  CHECK_SHAPE(top->out[1], "int64[S, 4]");
  net_close(&n);
}

/* Nonsense stays unknown. */
TEST(infer_invalid_models) {
  Net n;
  net_open(&n, 13);
  Value *x = input(&n, DT_FLOAT, "2 3"), *none = input(&n, DT_FLOAT, "-");
  CHECK_SHAPE(OUT(op(&n, "Reshape", 1, 2, (Value *[]){x, NULL})), "float");
  CHECK_SHAPE(OUT(OP("Transpose", none)), "float");
  CHECK_SHAPE(OUT(OP("Squeeze", x, INTS(0))), "float");
  CHECK_SHAPE(OUT(OP("Squeeze", x, INTS(9))), "float");
  CHECK_SHAPE(OUT(OP("Gather", none, none)), "float");
  CHECK_SHAPE(OUT(OP("Reshape", x, INTS(-5))), "float");
  Node *pool = OP("MaxPool", x);
  set_ints(&n, pool, "kernel_shape", 3, (int64_t[]){2, 2, 2});
  CHECK_SHAPE(OUT(pool), "float");
  CHECK_SHAPE(OUT(OP("Concat", x, x)), "float"); /* no axis */
  Node *unknown = OP("NoSuchOperator", x);
  OUT(unknown)->declared = *type_of(input(&n, DT_INT32, "N 4"));
  CHECK_SHAPE(OUT(unknown), "int32[?, 4]");
  net_close(&n);
}

TEST(infer_forget) {
  Net n;
  net_open(&n, 13);
  Value *x = input(&n, DT_FLOAT, "N 4");
  Node *a = OP("Relu", x), *b = OP("Shape", OUT(a)), *c = OP("ConstantOfShape", OUT(b));
  CHECK_SHAPE(OUT(c), "float[N, 4]");
  Dim dims[2] = {sym_int(n.t, 7), sym_int(n.t, 4)};
  x->declared.shape.dim = dims;
  CHECK_SHAPE(OUT(c), "float[N, 4]");
  facts_forget(x);
  CHECK_SHAPE(OUT(c), "float[7, 4]");
  CHECK_VALUE(OUT(b), "7 4");
  const int64_t *at;
  size_t count;
  CHECK(value_ints(OUT(b), &at, &count) && count == 2 && at[0] == 7 && at[1] == 4);
  net_close(&n);
}

TEST(infer_deep_graph) {
  Net n;
  net_open(&n, 13);
  Value *x = input(&n, DT_FLOAT, "N 4");
  for (int i = 0; i < 200000; i++)
    x = OUT(op(&n, i % 2 ? "Relu" : "Add", 1, i % 2 ? 1 : 2, (Value *[]){x, x}));
  CHECK_SHAPE(x, "float[N, 4]");
  facts_forget(n.g->inputs.at[0]);
  CHECK_SHAPE(x, "float[N, 4]");
  net_close(&n);
}

TEST(infer_branches) {
  Net n;
  net_open(&n, 13);
  Value *x = input(&n, DT_FLOAT, "N 4"), *c = input(&n, DT_BOOL, "");
  Node *node = op(&n, "If", 1, 1, (Value *[]){c});
  Graph *outer = n.g;
  const char *names[2] = {"then_branch", "else_branch"};
  for (int i = 0; i < 2; i++) {
    Graph **bodies = NEW_ARRAY(n.m->arena, Graph *, 1);
    bodies[0] = n.g = graph_new(n.m, outer, node, NULL);
    Value *out = OUT(i ? OP("Neg", x) : OP("Concat", x, x));
    if (!i) set_int(&n, out->producer, "axis", 1);
    vec_push(n.m->arena, &n.g->outputs, out);
    out->n_outputs = 1;
    Attr a = {.name = str_internz(n.m->strs, names[i]), .type = ATTR_GRAPH};
    a.v.graphs.at = bodies;
    a.v.graphs.n = 1;
    vec_push(n.m->arena, &node->attrs, a);
  }
  n.g = outer;
  CHECK_SHAPE(OUT(node), "float[N, ?]");
  Dim dims[2] = {sym_int(n.t, 7), sym_int(n.t, 4)};
  x->declared.shape.dim = dims;
  facts_forget(x);
  CHECK_SHAPE(OUT(node), "float[7, ?]");
  net_close(&n);
}

/* --- nonsense of every operator ------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static void set_random(Net *n, Node *node, uint64_t *seed) {
  static const char *const names[] = {"axis",
                                      "axes",
                                      "perm",
                                      "keepdims",
                                      "to",
                                      "kernel_shape",
                                      "strides",
                                      "pads",
                                      "dilations",
                                      "auto_pad",
                                      "group",
                                      "blocksize",
                                      "equation",
                                      "value",
                                      "value_ints",
                                      "starts",
                                      "ends",
                                      "split",
                                      "shape",
                                      "k",
                                      "output_shape",
                                      "direction",
                                      "hidden_size",
                                      "dtype",
                                      "allowzero",
                                      "batch_dims",
                                      "scales",
                                      "ceil_mode",
                                      "output_padding",
                                      "num_outputs",
                                      "num_scan_inputs",
                                      "start"};
  static const int64_t numbers[] = {0, 1, 2, 3, -1, -2, 7, 64, INT32_MAX, INT64_MAX, INT64_MIN};
  static const char *const texts[] = {"", "SAME_UPPER", "VALID", "ij,jk->ik", "->", "bidirectional", "none"};
  Attr a = {.name = str_internz(n->m->strs, names[next_random(seed) % (sizeof names / sizeof *names)])};
  size_t count = next_random(seed) % 5;
  int64_t list[4];
  for (int i = 0; i < 4; i++) list[i] = numbers[next_random(seed) % (sizeof numbers / sizeof *numbers)];
  if (node_attr(node, a.name->s)) return;
  switch (next_random(seed) % 4) {
  case 0:
    a.type = ATTR_INT;
    a.v.i = list[0];
    break;
  case 1: {
    const char *text = texts[next_random(seed) % (sizeof texts / sizeof *texts)];
    a.type = ATTR_STRING;
    a.v.s = (Span){(const uint8_t *)text, strlen(text)};
    break;
  }
  case 2:
    a.type = ATTR_TENSOR;
    a.v.tensor = tensor_int64s(n->m->arena, 1, list, (int64_t)(count < 4 ? count : 4));
    break;
  default:
    a.type = ATTR_INTS;
    a.v.ints.at = arena_copy(n->m->arena, list, sizeof list);
    a.v.ints.n = count < 4 ? count : 4;
  }
  vec_push(n->m->arena, &node->attrs, a);
}

/* Whatever inputs and attributes a node has, inference answers, and what it answers is well formed. */
TEST(infer_survives_nonsense) {
  enum { ROUNDS = 40, POOL = 14 };
  static const int opsets[] = {7, 9, 10, 11, 12, 13, 14, 18, 20, 22, 24, 28};
  uint64_t seed = 42;
  for (int id = 1; id < OP_COUNT_; id++) {
    const OpDef *def = op_def((OpId)id);
    if (!def || def->domain[0]) continue;
    Net n;
    net_open(&n, 0);
    Value *pool[POOL] = {NULL,
                         input(&n, DT_FLOAT, "-"),
                         input(&n, DT_FLOAT, ""),
                         input(&n, DT_FLOAT, "B 3 H W"),
                         input(&n, DT_INT64, "0 4"),
                         input(&n, DT_BOOL, "2"),
                         input(&n, DT_UNDEFINED, "S 5"),
                         INTS(1, 2, 3),
                         INTS(-1, 0, INT64_MAX, INT64_MIN),
                         ints(&n, 0, NULL),
                         scalar(&n, 0),
                         scalar(&n, INT64_MIN),
                         constant(&n, tensor_float(n.m->arena, 2.5f)),
                         OUT(op(&n, "NoSuchOperator", 1, 0, NULL))};
    for (int i = 0; i < ROUNDS; i++) {
      Value *in[6];
      int n_in = (int)(next_random(&seed) % 7), n_out = (int)(next_random(&seed) % 5);
      for (int k = 0; k < n_in; k++) in[k] = pool[next_random(&seed) % POOL];
      n.opset = opsets[next_random(&seed) % (sizeof opsets / sizeof *opsets)];
      Node *node = op(&n, def->name, n_out, n_in, in);
      for (int k = (int)(next_random(&seed) % 4); k > 0; k--) set_random(&n, node, &seed);
      for (int o = 0; o < n_out; o++) {
        Shape s = shape_of(node->out[o]);
        const Partial *p = value_of(node->out[o]);
        for (int k = 0; k < s.rank; k++) CHECK(s.dim[k] != NULL && sym_upper(s.dim[k]) >= 0);
        if (p) CHECK(p->rank == s.rank && (p->rank == 0 ? p->n == 1 : sym_is(s.dim[0], (int64_t)p->n)));
        if (o == 0) pool[1 + next_random(&seed) % (POOL - 1)] = node->out[o];
      }
    }
    net_close(&n);
  }
}
