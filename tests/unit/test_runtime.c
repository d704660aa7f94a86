/* Feeds on graphs built by hand; comparison of arrays; statistics; ONNX Runtime itself where it is installed.
 */
#include "unit.h"

#include "ops/ops.h"
#include "runtime/runtime.h"

#include <math.h>
#include <stdlib.h>

/* --- graphs by hand ------------------------------------------------------------------------------------- */

typedef struct Fixture {
  Ctx cx;
  Arena *arena;
  Model *m;
} Fixture;

static void fixture_open(Fixture *f) {
  ctx_init(&f->cx, NULL, NULL);
  f->arena = arena_new(&f->cx);
  f->m = model_new(&f->cx);
  f->m->ir_version = 8;
  f->m->graph = graph_new(f->m, NULL, NULL, NULL);
  OpsetImport opset = {f->m->empty, 17};
  vec_push(f->m->arena, &f->m->opsets, opset);
}

static void fixture_close(Fixture *f) {
  model_free(f->m);
  arena_free(f->arena);
}

static Str name(Fixture *f, const char *text) {
  return str_internz(f->m->strs, text);
}

/* dims: text means a named dim, "" an unknown one, digits a size; NULL ends. */
static Value *input(Fixture *f, const char *id, ElemType t, const char *const *dims) {
  Value *v = graph_value(f->m->graph, name(f, id));
  Dim *dim = NEW_ARRAY(f->m->arena, Dim, 8);
  int rank = 0;
  for (; dims[rank]; rank++) {
    const char *d = dims[rank];
    bool digit = *d >= '0' && *d <= '9';
    dim[rank] = digit ? sym_int(f->m->syms, strtoll(d, NULL, 10))
                : *d  ? sym_named(f->m->syms, name(f, d))
                      : sym_fresh(f->m->syms);
  }
  v->declared = (Type){TYPE_TENSOR, t, {rank, dim}, NULL};
  v->is_input = true;
  vec_push(f->m->arena, &f->m->graph->inputs, v);
  return v;
}
#define DIMS(...) ((const char *const[]){__VA_ARGS__, NULL})

static Value *initializer(Fixture *f, const char *id, Tensor *t) {
  Value *v = graph_value(f->m->graph, name(f, id));
  v->init = t;
  v->is_initializer = true;
  vec_push(f->m->arena, &f->m->graph->inits, v);
  return v;
}

static Value *table(Fixture *f, const char *id, int64_t rows) {
  return initializer(f, id, tensor_alloc(f->m->arena, DT_FLOAT, 2, (int64_t[]){rows, 4}, NULL));
}

static Value *node2(Fixture *f, const char *op, const char *out, Value *a, Value *b) {
  Node *n = node_new(f->m->graph, f->m->empty, name(f, op), b ? 2 : 1, 1);
  n->op = op_find("", op, 17);
  node_set_input(n, 0, a);
  if (b) node_set_input(n, 1, b);
  Value *v = graph_value(f->m->graph, name(f, out));
  node_set_output(n, 0, v);
  node_link(f->m->graph, NULL, n);
  return v;
}

static Value *cast(Fixture *f, const char *out, Value *a, ElemType to) {
  Value *v = node2(f, "Cast", out, a, NULL);
  Attr attr = {.name = name(f, "to"), .type = ATTR_INT, .v.i = to};
  vec_push(f->m->arena, &v->producer->attrs, attr);
  return v;
}

static const FeedInput *planned(const FeedPlan *p, const char *id) {
  for (size_t i = 0; i < p->n; i++)
    if (strcmp(p->at[i].name, id) == 0) return &p->at[i];
  return NULL;
}

static Tensor *fed(Tensors feed, const char *id) {
  for (size_t i = 0; i < feed.n; i++)
    if (strcmp(feed.at[i].name, id) == 0) return feed.at[i].tensor;
  return NULL;
}

/* --- roles ---------------------------------------------------------------------------------------------- */

TEST(feed_bounds_indices_by_their_tables) {
  Fixture f;
  fixture_open(&f);
  Value *ids = input(&f, "tokens", DT_INT64, DIMS("batch", "seq"));
  Value *kind = input(&f, "kinds", DT_INT32, DIMS("batch", "seq"));
  Value *place = input(&f, "places", DT_INT64, DIMS("batch", "seq"));
  Value *shifted = input(&f, "shifted", DT_INT64, DIMS("batch", "seq"));
  node2(&f, "Gather", "e0", table(&f, "words", 1000), node2(&f, "Identity", "i0", ids, NULL));
  node2(&f, "Gather", "e1", table(&f, "types", 2), cast(&f, "i1", kind, DT_INT64));
  node2(&f, "Gather", "e2", table(&f, "spots", 40), place);
  node2(&f, "Gather", "e3", table(&f, "spots2", 30), place);
  Value *two = initializer(&f, "two", tensor_int64s(f.m->arena, 0, (int64_t[]){2}, 1));
  node2(&f, "Gather", "e4", table(&f, "spots3", 10), node2(&f, "Add", "i4", shifted, two));
  FeedPlan *p = feed_plan(f.arena, f.m, NULL);
  CHECK_EQ(planned(p, "tokens")->role, FEED_INDEX);
  CHECK_EQ(planned(p, "tokens")->high, 1000);
  CHECK_EQ(planned(p, "kinds")->high, 2);
  CHECK_EQ(planned(p, "places")->high, 30);
  CHECK_EQ(planned(p, "shifted")->low, 0);
  CHECK_EQ(planned(p, "shifted")->high, 8);

  Tensors feed = feed_make(f.arena, p, 0, 7);
  Tensor *t = fed(feed, "tokens");
  int64_t largest = 0;
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t x = -1;
    CHECK(tensor_get_int(t, i, &x) && x >= 0 && x < 1000);
    if (x > largest) largest = x;
  }
  CHECK(largest > 100);
  fixture_close(&f);
}

TEST(feed_masks_and_lengths) {
  Fixture f;
  fixture_open(&f);
  float one = 1, huge = -10000;
  Value *plain = input(&f, "loose", DT_INT64, DIMS("1", "9"));
  Value *soft = input(&f, "visible", DT_FLOAT, DIMS("1", "9"));
  Value *noise = input(&f, "signal", DT_FLOAT, DIMS("1", "9"));
  Value *named = input(&f, "Pad_Mask", DT_FLOAT, DIMS("1", "9"));
  Value *shape = input(&f, "to", DT_INT64, DIMS("2"));
  input(&f, "pixels", DT_UINT8, DIMS("1", "9"));
  Value *ones = initializer(&f, "one", tensor_float(f.m->arena, one));
  Value *big = initializer(&f, "big", tensor_float(f.m->arena, huge));
  node2(&f, "Neg", "y0", plain, NULL);
  node2(&f, "Mul", "y1", big, node2(&f, "Sub", "s1", ones, soft));
  node2(&f, "Sub", "y2", ones, noise);
  node2(&f, "Neg", "y3", named, NULL);
  node2(&f, "Reshape", "y4", noise, shape);
  FeedPlan *p = feed_plan(f.arena, f.m, NULL);
  CHECK_EQ(planned(p, "loose")->role, FEED_MASK);
  CHECK_EQ(planned(p, "visible")->role, FEED_MASK);
  CHECK_EQ(planned(p, "signal")->role, FEED_NOISE);
  CHECK_EQ(planned(p, "Pad_Mask")->role, FEED_MASK);
  CHECK_EQ(planned(p, "pixels")->role, FEED_NOISE);
  CHECK_EQ(planned(p, "to")->role, FEED_INDEX);
  CHECK_EQ(planned(p, "to")->low, 1);
  CHECK_EQ(planned(p, "to")->high, 2);
  Tensor *t = fed(feed_make(f.arena, p, 0, 0), "visible");
  double first = 0;
  CHECK(tensor_get_double(t, 0, &first) && first == 1);
  fixture_close(&f);
}

/* --- sizes ---------------------------------------------------------------------------------------------- */

TEST(feed_sizes_agree_by_name) {
  Fixture f;
  fixture_open(&f);
  input(&f, "a", DT_FLOAT, DIMS("batch", "length", "64"));
  input(&f, "b", DT_FLOAT, DIMS("length", "batch"));
  input(&f, "c", DT_FLOAT, DIMS("", "3", "height", ""));
  input(&f, "d", DT_FLOAT, DIMS("batch", "past", "8"));
  input(&f, "e", DT_FLOAT, DIMS("batch", "past + length + 1"));
  Value *fixed = input(&f, "default", DT_FLOAT, DIMS("4"));
  fixed->init = tensor_alloc(f.m->arena, DT_FLOAT, 1, (int64_t[]){4}, NULL);
  fixed->is_initializer = true;
  FeedPlan *p = feed_plan(f.arena, f.m, NULL);
  CHECK_EQ(p->n, 5);
  CHECK(feed_variants(p) > FEED_ROTATION);
  for (size_t k = 0; k < feed_variants(p); k++) {
    Tensors feed = feed_make(f.arena, p, k, 0);
    const int64_t *a = fed(feed, "a")->dim, *b = fed(feed, "b")->dim, *c = fed(feed, "c")->dim;
    CHECK_EQ(a[0], b[1]);
    CHECK_EQ(a[1], b[0]);
    CHECK_EQ(a[2], 64);
    CHECK_EQ(c[0], a[0]);
    CHECK_EQ(c[1], 3);
    CHECK_EQ(c[2], c[3]);
    CHECK_EQ(fed(feed, "e")->dim[1], fed(feed, "d")->dim[1] + a[1] + 1);
  }
  CHECK_EQ(fed(feed_make(f.arena, p, 0, 0), "a")->dim[0], 1);
  fixture_close(&f);
}

TEST(feed_sizes_from_the_user_and_the_other_model) {
  Fixture f, g;
  fixture_open(&f);
  fixture_open(&g);
  input(&f, "a", DT_FLOAT, DIMS("batch", "seq", "dim"));
  input(&f, "b", DT_FLOAT, DIMS("seq", "", "dim"));
  input(&g, "a", DT_FLOAT, DIMS("batch", "seq", "5"));
  FeedOptions o = {.dims = (DimSize[]){{"batch", 4}},
                   .n_dims = 1,
                   .shapes = (InputShape[]){{"b", 3, (int64_t[]){7, 6, -1}}},
                   .n_shapes = 1};
  FeedPlan *p = feed_plan(f.arena, f.m, &o);
  CHECK(feed_variants(p) > 1);
  feed_pin(p, g.m);
  CHECK_EQ(feed_variants(p), 1);
  Tensors feed = feed_make(f.arena, p, 0, 0);
  const int64_t *a = fed(feed, "a")->dim, *b = fed(feed, "b")->dim;
  CHECK(a[0] == 4 && a[1] == 7 && a[2] == 5 && b[0] == 7 && b[1] == 6 && b[2] == 5);
  fixture_close(&g);
  fixture_close(&f);
}

typedef struct Planning {
  Fixture *f;
  const FeedOptions *o;
} Planning;

static void plan(void *arg) {
  Planning *p = arg;
  feed_plan(p->f->arena, p->f->m, p->o);
}

TEST(feed_refusals_say_why) {
  Fixture f;
  fixture_open(&f);
  Value *v = input(&f, "a", DT_FLOAT, DIMS("2"));
  FeedOptions wrong = {.shapes = (InputShape[]){{"a", 2, (int64_t[]){1, 2}}}, .n_shapes = 1};
  CHECK(!ctx_protect(&f.cx, plan, &(Planning){&f, &wrong}));
  CHECK_STR(f.cx.message, "input 'a' has rank 1, not 2");
  v->declared.shape = SHAPE_UNKNOWN;
  CHECK(!ctx_protect(&f.cx, plan, &(Planning){&f, NULL}));
  CHECK_EQ(f.cx.status, ONNXSLIM_ERR_UNAVAILABLE);
  CHECK(ctx_protect(&f.cx, plan, &(Planning){&f, &wrong}));
  v->declared.kind = TYPE_SEQUENCE;
  CHECK(!ctx_protect(&f.cx, plan, &(Planning){&f, NULL}));
  fixture_close(&f);
}

/* --- elements ------------------------------------------------------------------------------------------- */

TEST(feed_elements_depend_on_the_seed_and_the_name_alone) {
  Fixture f;
  fixture_open(&f);
  for (const char *const *t = DIMS("f", "g", "h", "d"); *t; t++)
    input(&f, *t, **t == 'h' ? DT_FLOAT16 : **t == 'd' ? DT_DOUBLE : DT_FLOAT, DIMS("64", "64"));
  input(&f, "words", DT_STRING, DIMS("3"));
  FeedPlan *p = feed_plan(f.arena, f.m, NULL);
  Tensors a = feed_make(f.arena, p, 0, 1), b = feed_make(f.arena, p, 0, 1), c = feed_make(f.arena, p, 0, 2);
  for (size_t i = 0; i < a.n; i++) {
    CHECK(tensor_same(a.at[i].tensor, b.at[i].tensor));
    CHECK(!tensor_same(a.at[i].tensor, c.at[i].tensor));
  }
  CHECK(!tensor_same(fed(a, "f"), fed(a, "g")));
  for (const char *const *t = DIMS("f", "h", "d"); *t; t++) {
    double sum = 0, squares = 0, x = 0;
    const Tensor *n = fed(a, *t);
    for (uint64_t i = 0; i < n->count; i++) {
      CHECK(tensor_get_double(n, i, &x) && fabs(x) <= 4);
      sum += x, squares += x * x;
    }
    CHECK(fabs(sum / 4096) < 0.1);
    CHECK(fabs(squares / 4096 - 1.33) < 0.15);
  }
  /* Pinned: results of verification must not depend on the machine or the release. */
  uint64_t state = 0;
  CHECK_EQ(random_next(&state), 0xE220A8397B1DCDAFu);
  fixture_close(&f);
}

/* --- comparison ----------------------------------------------------------------------------------------- */

static Tensor *floats(Fixture *f, int n, const float *x) {
  return tensor_new(f->arena, DT_FLOAT, 1, (int64_t[]){n}, TS_OWNED, x);
}

TEST(compare_floats_by_the_largest) {
  Fixture f;
  fixture_open(&f);
  Tensor *e = floats(&f, 3, (float[]){-200, 1, NAN});
  Comparison c = compare_tensors(e, floats(&f, 3, (float[]){-200, 1.0009765625f, NAN}));
  CHECK(c.ok && !c.same_bits && c.same_nonfinite);
  CHECK(c.max_diff == 0x1p-10 && c.largest == 200 && c.max_rel == 0x1p-10 / 200);
  CHECK(c.tolerance == 1e-5 * 200);
  CHECK(!compare_tensors(e, floats(&f, 3, (float[]){-200, 1.0625f, NAN})).ok);
  CHECK(!compare_tensors(e, floats(&f, 3, (float[]){-200, 1, 1})).ok);
  CHECK(!compare_tensors(e, floats(&f, 3, (float[]){-200, INFINITY, NAN})).same_nonfinite);
  CHECK(compare_tensors(e, e).same_bits && compare_tensors(e, e).ok);
  Comparison zero = compare_tensors(floats(&f, 1, (float[]){0}), floats(&f, 1, (float[]){-0.0f}));
  CHECK(zero.ok && !zero.same_bits && zero.max_diff == 0);
  CHECK(!compare_tensors(e, floats(&f, 2, (float[]){-200, 1})).same_shape);
  Comparison none = compare_tensors(floats(&f, 0, NULL), floats(&f, 0, NULL));
  CHECK(none.ok && none.same_bits);
  fixture_close(&f);
}

TEST(compare_halves_by_ulp) {
  Fixture f;
  fixture_open(&f);
  uint16_t x[] = {float_to_half(8), float_to_half(0.5f)}, y[] = {x[0], x[1]};
  y[1] = float_to_half(0.5f + 4 * 0x1p-7f); /* an ulp at 8 is 2^-7 */
  int64_t two = 2;
  Tensor *e = tensor_new(f.arena, DT_FLOAT16, 1, &two, TS_OWNED, x);
  Tensor *a = tensor_new(f.arena, DT_FLOAT16, 1, &two, TS_OWNED, y);
  Comparison c = compare_tensors(e, a);
  CHECK(c.ok && c.max_ulp == 4);
  y[1] = float_to_half(0.5f + 5 * 0x1p-7f);
  c = compare_tensors(e, a);
  CHECK(!c.ok && c.max_ulp == 5);
  uint16_t tiny[] = {0, 0}, sub[] = {3, 0};
  c = compare_tensors(tensor_new(f.arena, DT_FLOAT16, 1, &two, TS_OWNED, tiny),
                      tensor_new(f.arena, DT_FLOAT16, 1, &two, TS_OWNED, sub));
  CHECK(c.ok && c.max_ulp == 3);
  fixture_close(&f);
}

TEST(compare_the_rest_exactly) {
  Fixture f;
  fixture_open(&f);
  int64_t two = 2;
  uint64_t big[] = {UINT64_MAX, 1}, big2[] = {UINT64_MAX - 1, 1};
  Tensor *e = tensor_new(f.arena, DT_UINT64, 1, &two, TS_OWNED, big);
  Tensor *a = tensor_new(f.arena, DT_UINT64, 1, &two, TS_OWNED, big2);
  CHECK(!compare_tensors(e, a).ok && compare_tensors(e, e).ok);
  CHECK(!compare_tensors(tensor_int64s(f.arena, 1, (int64_t[]){INT64_MIN}, 1),
                         tensor_int64s(f.arena, 1, (int64_t[]){INT64_MAX}, 1))
             .ok);
  CHECK(!compare_tensors(tensor_int64s(f.arena, 0, &two, 1), tensor_float(f.arena, 2)).same_type);
  Tensor *s = tensor_new(f.arena, DT_STRING, 0, NULL, TS_STRINGS, NULL);
  Tensor *t = tensor_new(f.arena, DT_STRING, 0, NULL, TS_STRINGS, NULL);
  s->strings = &(Span){(const uint8_t *)"ab", 2};
  t->strings = &(Span){(const uint8_t *)"ac", 2};
  CHECK(!compare_tensors(s, t).ok && compare_tensors(s, s).ok);
  fixture_close(&f);
}

/* --- ONNX Runtime --------------------------------------------------------------------------------------- */

/* ModelProto, IR 7, opset 13: float y[n, 2] = Add(x, x), x float [n, 2]. The operator's name is at OP_AT. */
static const uint8_t add_model[] = {
    0x08, 0x07, 0x12, 0x00, 0x3a, 0x3f, 0x0a, 0x0e, 0x0a, 0x01, 0x78, 0x0a, 0x01, 0x78, 0x12,
    0x01, 0x79, 0x22, 0x03, 'A',  'd',  'd',  0x12, 0x01, 0x67, 0x5a, 0x14, 0x0a, 0x01, 0x78,
    0x12, 0x0f, 0x0a, 0x0d, 0x08, 0x01, 0x12, 0x09, 0x0a, 0x03, 0x12, 0x01, 0x6e, 0x0a, 0x02,
    0x08, 0x02, 0x62, 0x14, 0x0a, 0x01, 0x79, 0x12, 0x0f, 0x0a, 0x0d, 0x08, 0x01, 0x12, 0x09,
    0x0a, 0x03, 0x12, 0x01, 0x6e, 0x0a, 0x02, 0x08, 0x02, 0x42, 0x04, 0x0a, 0x00, 0x10, 0x0d,
};
enum { OP_AT = 19, OUTPUT_AT = 16, OUTPUT2_AT = 51 };

typedef struct OrtTest {
  Ctx *cx;
  const char *ort;
  void (*body)(Arena *);
} OrtTest;

static void ort_only(void *arg) {
  OrtTest *t = arg;
  ort_open(arena_new(t->cx), t->ort);
}

static void ort_body(void *arg) {
  OrtTest *t = arg;
  Arena *a = arena_new(t->cx);
  t->body(a);
  arena_free(a);
}

static void with_ort(const char *test, void (*body)(Arena *)) {
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  OrtTest t = {&cx, NULL, body};
  if (!ctx_protect(&cx, ort_only, &t)) {
    printf("skipped %s: %s\n", test, cx.message);
    CHECK_EQ(cx.status, ONNXSLIM_ERR_UNAVAILABLE);
    return;
  }
  while (cx.arenas) arena_free((Arena *)cx.arenas);
  bool ok = ctx_protect(&cx, ort_body, &t);
  CHECK_STR(ok ? "" : cx.message, "");
}

static void run_add(Arena *a) {
  Ort *ort = ort_open(a, NULL);
  CHECK(strchr(ort_version(ort), '.') != NULL);
  ModelSource m = {.bytes = add_model, .size = sizeof add_model};
  const char *why = NULL;
  Session *s = session_open(ort, a, &m, &(SessionOptions){0}, &why);
  CHECK(s && session_inputs(s).n == 1 && session_outputs(s).n == 1);
  if (!s) return;
  CHECK_STR(session_inputs(s).at[0], "x");
  CHECK_STR(session_outputs(s).at[0], "y");
  float x[] = {1, -2.5f, 3, 4};
  NamedTensor item = {"x", tensor_new(a, DT_FLOAT, 2, (int64_t[]){2, 2}, TS_OWNED, x)};
  CHECK(!session_bind(s, a, &(Tensors){0}, &why));
  CHECK_STR(why, "there is nothing to feed input 'x' with");
  Inputs *in = session_bind(s, a, &(Tensors){&item, 1}, &why);
  Tensors out = {0};
  double seconds = 0;
  CHECK(session_run(s, a, in, &out, &seconds) == NULL && out.n == 1 && seconds > 0);
  double y = 0;
  for (uint64_t i = 0; out.n && i < 4; i++)
    CHECK(tensor_get_double(out.at[0].tensor, i, &y) && y == (double)(2 * x[i]));
  session_close(s);
  m.size = 10;
  CHECK(!session_open(ort, a, &m, &(SessionOptions){.level = ORT_OFF}, &why) && why && !strchr(why, '\n'));
}

TEST(ort_runs_a_model) {
  with_ort("ort_runs_a_model", run_add);
}

static VerifyResult *verify_bytes(Arena *a, const uint8_t *candidate) {
  return verify(a, &(ModelSource){.bytes = add_model, .size = sizeof add_model},
                &(ModelSource){.bytes = candidate, .size = sizeof add_model}, &(VerifyOptions){.seeds = 2});
}

static void verify_add(Arena *a) {
  uint8_t other[sizeof add_model];
  memcpy(other, add_model, sizeof other);
  VerifyResult *r = verify_bytes(a, other);
  CHECK(r->verified && r->bitwise && r->max_diff == 0 && r->largest > 0 && !r->failure);
  CHECK_EQ(r->n_rows, 4);
  CHECK(r->row[0].level == ORT_DEFAULT && r->row[3].level == ORT_OFF && r->row[3].seed == 1);

  memcpy(other + OP_AT, "Mul", 3);
  r = verify_bytes(a, other);
  CHECK(!r->verified && !r->bitwise && r->max_diff > 0.1);
  CHECK(r->failure && strstr(r->failure, "output 'y' differs by"));

  memcpy(other + OP_AT, "Foo", 3);
  r = verify_bytes(a, other);
  CHECK(!r->verified && r->failure && strstr(r->failure, "refuses"));

  memcpy(other, add_model, sizeof other);
  other[OUTPUT_AT] = other[OUTPUT2_AT] = 'z';
  r = verify_bytes(a, other);
  CHECK(!r->verified);
  CHECK_STR(r->failure, "output 'y' is missing");
}

TEST(verify_tells_models_apart) {
  with_ort("verify_tells_models_apart", verify_add);
}

static void bench_add(Arena *a) {
  ModelSource m = {.bytes = add_model, .size = sizeof add_model};
  BenchResult *r = bench(a, &m, &m, &(BenchOptions){.runs = 20});
  CHECK_STR(r->inputs, "x float[1,2]");
  CHECK_EQ(r->before.n_runs, 20);
  CHECK(r->before.median > 0 && r->before.low_quartile <= r->before.median);
  CHECK(r->after.fastest <= r->after.median && r->after.median <= r->after.high_quartile);
  CHECK(r->speedup_low <= r->speedup_high && r->speedup > 0 && r->before.open_seconds > 0);
}

TEST(bench_times_in_turn) {
  with_ort("bench_times_in_turn", bench_add);
}

/* Fails the allocation after `left` more; counts what is not given back. */
typedef struct Rationed {
  int left, live;
} Rationed;

static void *rationed_alloc(void *user, size_t size) {
  Rationed *r = user;
  if (r->left-- <= 0) return NULL;
  r->live++;
  return malloc(size);
}

static void rationed_free(void *user, void *block) {
  Rationed *r = user;
  r->live -= block != NULL;
  free(block);
}

static void verify_once(Arena *a) {
  CHECK(verify_bytes(a, add_model)->verified);
}

static void starve(Arena *unused) {
  (void)unused;
  bool done = false;
  for (int n = 0; n < 1000 && !done; n++) {
    Ctx cx;
    Rationed r = {n, 0};
    ctx_init(&cx, &(onnxslim_allocator){rationed_alloc, rationed_free, &r}, NULL);
    done = ctx_protect(&cx, ort_body, &(OrtTest){&cx, NULL, verify_once});
    CHECK(done || cx.status == ONNXSLIM_ERR_MEMORY);
    CHECK_EQ(r.live, 0);
  }
  CHECK(done);
}

TEST(verify_survives_every_failing_allocation) {
  with_ort("verify_survives_every_failing_allocation", starve);
}

TEST(ort_that_is_not_there) {
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  OrtTest t = {&cx, "/nowhere/libonnxruntime.so", NULL};
  CHECK(!ctx_protect(&cx, ort_only, &t));
  CHECK_EQ(cx.status, ONNXSLIM_ERR_UNAVAILABLE);
  CHECK(strstr(cx.message, "/nowhere/libonnxruntime.so"));
  t.ort = "libc.so.6";
  CHECK(!ctx_protect(&cx, ort_only, &t));
  CHECK(strstr(cx.message, "is not ONNX Runtime"));
}
