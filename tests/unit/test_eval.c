#include "eval/constant.h"
#include "eval/kernel.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>

/* --- fixtures ------------------------------------------------------------------------------------------ */

typedef struct Bench {
  Ctx cx;
  Model *m;
} Bench;

static void bench_open(Bench *b) {
  ctx_init(&b->cx, NULL, NULL);
  b->m = model_new(&b->cx);
  b->m->ir_version = 8;
  b->m->graph = graph_new(b->m, NULL, NULL, NULL);
  vec_push(b->m->arena, &b->m->opsets, ((OpsetImport){b->m->empty, 17}));
}

static uint32_t random_bits(uint32_t *state) {
  return *state = *state * 1664525u + 1013904223u;
}

/* Floats in [-1, 1) at an address that is aligned to `shift` bytes only. */
static Tensor *random_floats(Model *m, int rank, const int64_t *dim, uint32_t seed, size_t shift) {
  uint64_t count;
  if (!tensor_count(rank, dim, &count)) return NULL;
  uint8_t *bytes = blob_new(m->arena, (size_t)count * 4 + 16);
  for (uint64_t i = 0; i < count; i++) {
    float f = (float)(int32_t)random_bits(&seed) * 0x1p-31f;
    memcpy(bytes + shift + i * 4, &f, 4);
  }
  return tensor_new(m->arena, DT_FLOAT, rank, dim, TS_SPAN, bytes + shift);
}

typedef struct Sink {
  uint8_t *bytes;
  size_t n, room;
} Sink;

static bool collect(void *arg, const void *bytes, size_t n) {
  Sink *s = arg;
  if (n > s->room - s->n) return false;
  memcpy(s->bytes + s->n, bytes, n);
  s->n += n;
  return true;
}

static bool fetch(void *arg, Span s, void *to) {
  (void)arg;
  memcpy(to, s.p, s.n);
  return true;
}

/* Streamed in parts of `most` rows, evaluated as a whole: the same bytes? */
static bool parts_as_evaluated(Model *m, Tensor *t, uint64_t most) {
  Arena *scratch = arena_child(m->arena);
  Sink sink = {blob_new(scratch, (size_t)t->nbytes + 1), 0, (size_t)t->nbytes};
  const void *whole = tensor_bytes(scratch, t);
  StreamTo to = {collect, fetch, &sink};
  uint64_t rows = tensor_rows(scratch, t);
  bool same = whole;
  for (uint64_t from = 0; from < rows && same; from += most)
    same = tensor_stream(scratch, t, from, rows - from < most ? rows - from : most, &to);
  same = same && sink.n == t->nbytes && memcmp(whole, sink.bytes, sink.n) == 0;
  arena_free(scratch);
  return same;
}

/* Known by the same hash before and after it is evaluated? */
static bool samples_as_evaluated(Model *m, Tensor *t) {
  Arena *scratch = arena_child(m->arena);
  const void *whole = tensor_bytes(scratch, t);
  Tensor *stored = tensor_new(scratch, t->dtype, t->rank, t->dim, TS_SPAN, whole);
  uint64_t a = 0, b = 1;
  bool same = whole;
  for (int first = 0; first < 2 && same; first++)
    same =
        tensor_sample_hash(scratch, t, first, &a) && tensor_sample_hash(scratch, stored, first, &b) && a == b;
  arena_free(scratch);
  return same;
}

static bool streams_as_evaluated(Model *m, Tensor *t) {
  if (!t || !samples_as_evaluated(m, t)) return false;
  return parts_as_evaluated(m, t, UINT64_MAX) && parts_as_evaluated(m, t, 7);
}

static float float_at(Model *m, Tensor *t, uint64_t i) {
  Arena *scratch = arena_child(m->arena);
  const float *p = tensor_bytes(scratch, t);
  float f = p ? p[i] : NAN;
  arena_free(scratch);
  return f;
}

static Value *new_value(Model *m) {
  return graph_value(m->graph, str_internz(m->strs, arena_printf(m->arena, "v%u", m->n_values)));
}

static Node *add_node(Bench *b, const char *op, int n_in, Value *const *in, int n_out) {
  Model *m = b->m;
  Node *n = node_new(m->graph, m->empty, str_internz(m->strs, op), n_in, n_out);
  n->op = op_find("", op, n->opset);
  for (int i = 0; i < n_in; i++) node_set_input(n, i, in[i]);
  for (int i = 0; i < n_out; i++) node_set_output(n, i, new_value(m));
  node_link(m->graph, NULL, n);
  return n;
}

static void set_attr(Model *m, Node *n, const char *name, AttrType type, int64_t i, const int64_t *ints,
                     size_t count) {
  Attr a = {.name = str_internz(m->strs, name), .type = type};
  if (type == ATTR_INT)
    a.v.i = i;
  else {
    a.v.ints.at = ints;
    a.v.ints.n = count;
  }
  vec_push(m->arena, &n->attrs, a);
}

static Value *initializer(Bench *b, Tensor *t) {
  Value *v = new_value(b->m);
  v->init = t;
  v->is_initializer = true;
  vec_push(b->m->arena, &b->m->graph->inits, v);
  return v;
}

/* --- the operator table --------------------------------------------------------------------------------- */

TEST(ops_are_found_by_version) {
  CHECK(op_find("", "Add", 14) == op_def(OP_Add));
  CHECK(op_find("ai.onnx", "Add", 7) == op_def(OP_Add));
  CHECK(op_find("", "Add", 6) == NULL); /* broadcast by attribute: other semantics */
  CHECK(op_find("", "PRelu", 6) == NULL);
  CHECK(op_find("", "Relu", 6) == op_def(OP_Relu));
  CHECK(op_find("", "Gelu", 19) == NULL); /* came with 20 */
  CHECK(op_find("", "Gelu", ONNX_NEWEST_OPSET + 1) == NULL);
  CHECK(op_find("ai.onnx.ml", "Scaler", 1) == op_def(OP_Scaler));
  CHECK(op_find("com.microsoft", "Gelu", 1) == NULL);
  CHECK_EQ(op_since(op_def(OP_Softmax), 12), 11);
  CHECK_EQ(op_since(op_def(OP_Softmax), 0), 0);
}

TEST(attributes_have_defaults_by_version) {
  Bench b;
  bench_open(&b);
  Node n = {.op = op_def(OP_Softmax), .opset = 12}, other = {.op = op_def(OP_Softmax), .opset = 12};
  int64_t axis = 0;
  CHECK(attr_int(&n, "axis", &axis));
  CHECK_EQ(axis, 1);
  n.opset = 13;
  CHECK(attr_int(&n, "axis", &axis));
  CHECK_EQ(axis, -1);
  CHECK(!attr_int(&n, "no such", &axis));
  set_attr(b.m, &other, "axis", ATTR_INT, 1, NULL, 0);
  CHECK(!attrs_equal(&n, &other));
  n.opset = 12; /* written out or not */
  CHECK(attrs_equal(&n, &other));
  CHECK(attrs_hash(&n) == attrs_hash(&other));
  float f;
  CHECK(!attr_float(&other, "axis", &f)); /* another type */
  model_free(b.m);
}

/* --- deferred ------------------------------------------------------------------------------------------- */

/* The least and the largest element decide, unless the least one becomes 0: then each is looked at. */
TEST(scaled_weights_are_normal_or_not) {
  static const struct {
    float element;
    bool as_float, as_half;
  } cases[] = {{0, true, true},      {1e-38f, false, false},   {1e-45f, true, true},
               {1e38f, true, false}, {-3e5f, true, true},      {-6e5f, true, false},
               {3e-4f, true, false}, {INFINITY, false, false}, {NAN, false, false}};
  Bench b;
  bench_open(&b);
  const int64_t dim[2] = {130, 257}, turn[2] = {1, 0};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    void *bytes;
    Tensor *w = tensor_alloc(b.m->arena, DT_FLOAT, 2, dim, &bytes);
    for (uint64_t i = 0; i < w->count; i++) ((float *)bytes)[i] = i % 2 ? 0.25f : -4;
    ((float *)bytes)[30000] = cases[c].element;
    Tensor *scaled = tx_binary(b.m, OP_Mul, tx_transpose(b.m, w, 2, turn), tensor_float(b.m->arena, 0.125f));
    CHECK(scaled && scaled->store == TS_DEFERRED);
    CHECK_EQ(tx_all_normal(b.m, scaled, DT_FLOAT), cases[c].as_float);
    CHECK_EQ(tx_all_normal(b.m, scaled, DT_FLOAT16), cases[c].as_half);
  }
  model_free(b.m);
}

/* Whole squares and what is left at both edges, rows of the result at a distance, a source that is not
 * aligned. */
TEST(elements_of_every_size_are_transposed) {
  enum { ROWS = 150, COLS = 213, APART = 220 };
  static uint8_t src[ROWS * COLS * 8 + 1], dst[ROWS * APART * 8];
  for (size_t i = 0; i < sizeof src; i++) src[i] = (uint8_t)(i * 2654435761u >> 11);
  for (size_t size = 1; size <= 8; size *= 2) {
    memset(dst, 0xa5, sizeof dst);
    transpose_copy(dst, APART, src + 1, size, 2, (int64_t[]){ROWS, COLS}, (int64_t[]){1, ROWS});
    size_t wrong = 0;
    for (size_t r = 0; r < ROWS; r++) {
      for (size_t c = 0; c < COLS; c++)
        wrong += memcmp(dst + (r * APART + c) * size, src + 1 + (c * ROWS + r) * size, size) != 0;
      for (size_t i = (r * APART + COLS) * size; i < (r + 1) * APART * size; i++) wrong += dst[i] != 0xa5;
    }
    CHECK_EQ(wrong, 0);
  }
}

TEST(transposes_stream_as_they_evaluate) {
  static const struct {
    int rank;
    int64_t dim[4], perm[4];
  } cases[] = {
      {2, {300, 200}, {1, 0}},           {2, {17, 4097}, {1, 0}},
      {2, {1, 20000}, {1, 0}},           {3, {5, 130, 67}, {0, 2, 1}},
      {3, {33, 64, 50}, {2, 0, 1}},      {4, {3, 40, 12, 64}, {0, 2, 1, 3}},
      {4, {64, 32, 3, 3}, {2, 3, 1, 0}}, {4, {7, 9, 11, 30}, {3, 2, 1, 0}},
      {3, {2, 3, 600000}, {2, 1, 0}},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    Bench b;
    bench_open(&b);
    int rank = cases[c].rank;
    const int64_t *d = cases[c].dim;
    Tensor *w = random_floats(b.m, rank, d, (uint32_t)c, c % 4),
           *t = tx_transpose(b.m, w, rank, cases[c].perm);
    CHECK(t && t->store == TS_DEFERRED);
    CHECK(streams_as_evaluated(b.m, t));
    /* Against the definition, at some places. */
    Arena *scratch = arena_child(b.m->arena);
    const float *out = tensor_bytes(scratch, t);
    for (uint64_t i = 0; i < t->count; i += 997) {
      int64_t index[4], at = 0;
      uint64_t rest = i;
      for (int k = rank - 1; k >= 0; k--) {
        index[cases[c].perm[k]] = (int64_t)(rest % (uint64_t)t->dim[k]);
        rest /= (uint64_t)t->dim[k];
      }
      for (int k = 0; k < rank; k++) at = at * d[k] + index[k];
      float x;
      memcpy(&x, w->bytes + at * 4, 4);
      if (out[i] != x) CHECK(false);
    }
    arena_free(scratch);
    model_free(b.m);
  }
}

TEST(elementwise_streams_as_it_evaluates) {
  Bench b;
  bench_open(&b);
  Tensor *w = random_floats(b.m, 4, (int64_t[]){64, 48, 3, 3}, 1, 1);
  Tensor *scale = random_floats(b.m, 4, (int64_t[]){64, 1, 1, 1}, 2, 0),
         *one = tensor_float(b.m->arena, 0.5f);
  Tensor *lead = random_floats(b.m, 4, (int64_t[]){1, 48, 3, 3}, 3, 2);
  Tensor *scaled = tx_binary(b.m, OP_Mul, w, scale);
  CHECK(scaled && scaled->store == TS_DEFERRED);
  CHECK(streams_as_evaluated(b.m, scaled));
  CHECK(streams_as_evaluated(b.m, tx_binary(b.m, OP_Sub, one, w)));
  CHECK(streams_as_evaluated(b.m, tx_binary(b.m, OP_Add, lead, scaled)));
  CHECK(streams_as_evaluated(b.m, tx_unary(b.m, OP_Neg, w)));
  CHECK(streams_as_evaluated(b.m, tx_cast(b.m, scaled, DT_FLOAT16)));
  CHECK(streams_as_evaluated(b.m, tx_binary(b.m, OP_Max, w, one)));
  float x, s;
  memcpy(&x, w->bytes + 4 * 1000, 4);
  memcpy(&s, scale->bytes + 4 * (1000 / (48 * 9)), 4);
  CHECK(float_at(b.m, scaled, 1000) == x * s);
  model_free(b.m);
}

TEST(zeros_around_a_tensor) {
  Bench b;
  bench_open(&b);
  Tensor *w = random_floats(b.m, 3, (int64_t[]){64, 96, 3}, 1, 1);
  Tensor *padded = tx_pad(b.m, w, (int64_t[]){0, 0, 1}, (int64_t[]){0, 2, 0});
  CHECK(padded && padded->store == TS_DEFERRED && padded->dim[1] == 98 && padded->dim[2] == 4);
  CHECK(streams_as_evaluated(b.m, padded));
  CHECK(float_at(b.m, padded, 0) == 0 && float_at(b.m, padded, 96 * 4 + 1) == 0);
  CHECK(float_at(b.m, padded, 98 * 4 + 1) == float_at(b.m, w, 96 * 3));
  CHECK(tx_pad(b.m, NULL, NULL, NULL) == NULL);
  model_free(b.m);
}

TEST(sum_from_an_axis) {
  Bench b;
  bench_open(&b);
  Tensor *w = random_floats(b.m, 3, (int64_t[]){4, 2, 2}, 1, 1), *sum = tx_sum_from(b.m, w, 1);
  double wanted = 0;
  for (uint64_t i = 4; i < 8; i++) wanted += (double)float_at(b.m, w, i);
  CHECK(sum && sum->rank == 1 && sum->dim[0] == 4);
  CHECK(fabs((double)float_at(b.m, sum, 1) - wanted) < 1e-6);
  Tensor *all = tx_sum_from(b.m, w, 0), *none = tx_sum_from(b.m, w, 3);
  CHECK(all && all->rank == 0);
  CHECK(none && none->rank == 3 && float_at(b.m, none, 5) == float_at(b.m, w, 5));
  model_free(b.m);
}

TEST(concat_slice_reshape_stream_as_they_evaluate) {
  Bench b;
  bench_open(&b);
  Tensor *q = random_floats(b.m, 2, (int64_t[]){128, 256}, 1, 1),
         *k = random_floats(b.m, 2, (int64_t[]){128, 256}, 2, 3);
  Tensor *turned = tx_transpose(b.m, k, 2, (int64_t[]){1, 0});
  Tensor *rows = tx_concat(b.m, 2, (Tensor *[]){q, k}, 0), *cols = tx_concat(b.m, 2, (Tensor *[]){q, k}, 1);
  CHECK(rows && cols && rows->store == TS_DEFERRED);
  CHECK(streams_as_evaluated(b.m, rows));
  CHECK(streams_as_evaluated(b.m, cols));
  CHECK(streams_as_evaluated(b.m, tx_slice(b.m, cols, 1, 100, 400)));
  CHECK(streams_as_evaluated(b.m, tx_reshape(b.m, turned, 3, (int64_t[]){4, 64, 128})));
  CHECK(tx_concat(b.m, 2, (Tensor *[]){q, turned}, 0) == NULL); /* dims differ */
  CHECK(float_at(b.m, cols, 256) == float_at(b.m, k, 0));
  /* A reshaped span stays one. */
  Tensor *flat = tx_reshape(b.m, q, 1, (int64_t[]){128 * 256});
  CHECK(flat && flat->store == TS_SPAN && flat->bytes == q->bytes);
  model_free(b.m);
}

/* What a merged projection is made of: weights turned, some scaled, side by side. */
TEST(nested_expressions_stream_as_they_evaluate) {
  Bench b;
  bench_open(&b);
  const int64_t dim[2] = {256, 96}, turn[2] = {1, 0}, swap[3] = {0, 2, 1};
  Tensor *w[3], *bias = random_floats(b.m, 2, (int64_t[]){1, 256}, 7, 0);
  for (uint32_t i = 0; i < 3; i++) w[i] = tx_transpose(b.m, random_floats(b.m, 2, dim, i, i), 2, turn);
  Tensor *scaled = tx_binary(b.m, OP_Mul, w[0], tensor_float(b.m->arena, 0.125f));
  Tensor *moved = tx_binary(b.m, OP_Add, w[1], bias), *cast = tx_cast(b.m, moved, DT_FLOAT16);
  Tensor *qkv[] = {scaled, w[1], w[2]}, *beside = tx_concat(b.m, 3, qkv, 1);
  CHECK(streams_as_evaluated(b.m, scaled) && streams_as_evaluated(b.m, cast));
  CHECK(streams_as_evaluated(b.m, beside));
  CHECK(streams_as_evaluated(b.m, tx_concat(b.m, 3, (Tensor *[]){beside, beside, beside}, 0)));
  CHECK(
      streams_as_evaluated(b.m, tx_unary(b.m, OP_Neg, tx_reshape(b.m, scaled, 3, (int64_t[]){96, 16, 16}))));
  CHECK_EQ(tensor_rows(b.m->arena, beside), 96);
  CHECK_EQ(tensor_rows(b.m->arena, tx_slice(b.m, beside, 1, 3, 700)), 1); /* only as a whole */
  Tensor *batch = random_floats(b.m, 3, (int64_t[]){6, 64, 80}, 9, 1),
         *turned = tx_transpose(b.m, batch, 3, swap);
  CHECK(streams_as_evaluated(b.m, turned));
  CHECK(streams_as_evaluated(b.m, tx_concat(b.m, 2, (Tensor *[]){turned, turned}, 1)));
  CHECK(streams_as_evaluated(b.m, tx_concat(b.m, 2, (Tensor *[]){turned, turned}, 2)));
  model_free(b.m);
}

TEST(equal_expressions_are_one_object) {
  Bench b;
  bench_open(&b);
  Tensor *w = random_floats(b.m, 2, (int64_t[]){200, 300}, 1, 0),
         *other = random_floats(b.m, 2, (int64_t[]){200, 300}, 1, 0);
  const int64_t turn[2] = {1, 0};
  Tensor *t = tx_transpose(b.m, w, 2, turn);
  CHECK(t && t == tx_transpose(b.m, w, 2, turn));
  CHECK(t != tx_transpose(b.m, other, 2, turn)); /* large ones are told apart by identity */
  CHECK(tx_binary(b.m, OP_Mul, t, tensor_float(b.m->arena, 2)) ==
        tx_binary(b.m, OP_Mul, t, tensor_float(b.m->arena, 2)));
  CHECK(tx_binary(b.m, OP_Mul, t, tensor_float(b.m->arena, 2)) !=
        tx_binary(b.m, OP_Mul, t, tensor_float(b.m->arena, 3)));
  model_free(b.m);
}

TEST(half_arithmetic_rounds_once) {
  Bench b;
  bench_open(&b);
  /* 1 + 2^-11 and 1 - 2^-11 are no halves: rounding the sum early loses the low part. */
  uint16_t one = float_to_half(1.0f), tiny = float_to_half(0x1p-11f);
  Tensor *a = tensor_new(b.m->arena, DT_FLOAT16, 0, NULL, TS_OWNED, arena_copy(b.m->arena, &one, 2));
  Tensor *c = tensor_new(b.m->arena, DT_FLOAT16, 0, NULL, TS_OWNED, arena_copy(b.m->arena, &tiny, 2));
  Tensor *sum = tx_binary(b.m, OP_Add, a, c);
  CHECK(sum && sum->dtype == DT_FLOAT);
  Tensor *more = tx_cast(b.m, tx_binary(b.m, OP_Add, sum, c), DT_FLOAT16);
  double v;
  CHECK(more && tensor_get_double(more, 0, &v) && v == 1 + 0x1p-10);
  model_free(b.m);
}

TEST(normal_numbers_are_told_by_stored_dtype) {
  Bench b;
  bench_open(&b);
  struct {
    float value;
    bool half, single;
  } cases[] = {{1.0f, true, true},      {0.0f, true, true},       {65504.0f, true, true},
               {65520.0f, false, true}, {1e-5f, false, true},     {-0x1p-14f, true, true},
               {1e-40f, false, false},  {INFINITY, false, false}, {NAN, false, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Tensor *t = tensor_float(b.m->arena, cases[i].value);
    CHECK_EQ(tx_all_normal(b.m, t, DT_FLOAT16), cases[i].half);
    CHECK_EQ(tx_all_normal(b.m, t, DT_FLOAT), cases[i].single);
  }
  model_free(b.m);
}

/* --- refusals ------------------------------------------------------------------------------------------- */

static Tensor *int32s(Model *m, int64_t n, const int32_t *v) {
  return tensor_new(m->arena, DT_INT32, 1, &n, TS_OWNED, arena_copy(m->arena, v, (size_t)n * 4));
}

TEST(undefined_results_are_refused) {
  Bench b;
  bench_open(&b);
  Model *m = b.m;
  Tensor *two = int32s(m, 1, (int32_t[]){2}), *zero = int32s(m, 1, (int32_t[]){0});
  CHECK(tx_binary(m, OP_Div, two, zero) == NULL);
  CHECK(tx_binary(m, OP_Mod, two, zero) == NULL);
  CHECK(tx_binary(m, OP_Pow, two, int32s(m, 1, (int32_t[]){31})) == NULL);
  CHECK(tx_binary(m, OP_Pow, two, int32s(m, 1, (int32_t[]){-1})) == NULL);
  CHECK(tx_binary(m, OP_Add, two, tensor_float(m->arena, 1)) == NULL);
  CHECK(tx_cast(m, tensor_float(m->arena, 3e9f), DT_INT32) == NULL);
  CHECK(tx_cast(m, tensor_float(m->arena, NAN), DT_INT64) == NULL);
  CHECK(tx_cast(m, tensor_float(m->arena, -1.0f), DT_UINT8) == NULL);
  Tensor *least = tensor_int64s(m->arena, 1, (int64_t[]){INT64_MIN}, 1),
         *minus = tensor_int64s(m->arena, 1, (int64_t[]){-1}, 1);
  CHECK(tx_binary(m, OP_Div, least, minus) == NULL);
  Tensor *wrapped = tx_binary(m, OP_Mul, least, minus);
  int64_t v = 0;
  CHECK(wrapped && tensor_get_int(wrapped, 0, &v) && v == INT64_MIN);
  /* A double on which double -> half and double -> float -> half differ. */
  double odd = 1 + 0x1p-11 + 0x1p-40;
  CHECK(tx_cast(m, tensor_new(m->arena, DT_DOUBLE, 0, NULL, TS_OWNED, arena_copy(m->arena, &odd, 8)),
                DT_FLOAT16) == NULL);
  CHECK(tx_reshape(m, two, 1, (int64_t[]){3}) == NULL);
  CHECK(tx_slice(m, two, 5, 0, 1) == NULL);
  CHECK(tx_binary(m, OP_Add, NULL, two) == NULL);
  model_free(m);
}

/* --- constant_of ---------------------------------------------------------------------------------------- */

TEST(constants_are_seen_through_nodes) {
  Bench b;
  bench_open(&b);
  Model *m = b.m;
  Value *w = initializer(&b, random_floats(m, 2, (int64_t[]){100, 200}, 1, 1)),
        *two = initializer(&b, tensor_float(m->arena, 2));
  Node *turn = add_node(&b, "Transpose", 1, &w, 1);
  Node *mul = add_node(&b, "Mul", 2, (Value *[]){turn->out[0], two}, 1),
       *root = add_node(&b, "Exp", 1, mul->out, 1);
  Tensor *t = constant_of(mul->out[0]);
  CHECK(t && t->store == TS_DEFERRED && t->dim[0] == 200 && constant_is_exact(mul->out[0]));
  CHECK(constant_of(mul->out[0]) == t);
  CHECK(constant_of(root->out[0]) && !constant_is_exact(root->out[0]));
  double v;
  CHECK(constant_scalar(two, &v) && v == 2);
  CHECK(!constant_scalar(w, &v));
  model_free(m);
}

TEST(inputs_and_random_nodes_are_no_constants) {
  Bench b;
  bench_open(&b);
  Model *m = b.m;
  Value *w = initializer(&b, tensor_float(m->arena, 1)), *x = initializer(&b, tensor_float(m->arena, 1));
  x->is_input = true; /* overridable since IR 4 */
  vec_push(m->arena, &m->graph->inputs, x);
  CHECK(constant_of(w) != NULL);
  CHECK(constant_of(x) == NULL);
  Node *sum = add_node(&b, "Add", 2, (Value *[]){w, x}, 1),
       *noise = add_node(&b, "RandomNormalLike", 1, &w, 1);
  Node *unknown = add_node(&b, "NoSuchOperator", 1, &w, 1);
  CHECK(constant_of(sum->out[0]) == NULL);
  CHECK(constant_of(noise->out[0]) == NULL);
  CHECK(constant_of(unknown->out[0]) == NULL);
  model_free(m);
}

TEST(long_chains_do_not_recurse) {
  Bench b;
  bench_open(&b);
  Value *v = initializer(&b, tensor_float(b.m->arena, 1)), *one = v;
  for (int i = 0; i < 100000; i++) v = add_node(&b, "Add", 2, (Value *[]){v, one}, 1)->out[0];
  double x;
  CHECK(constant_scalar(v, &x) && x == 100001);
  model_free(b.m);
}
