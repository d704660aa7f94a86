/* Rules that a program adds, what their guards see, and models that are lent under a name. */
#include "model_bytes.h"
#include "object.h"
#include "unit.h"

typedef struct Bench {
  onnxslim_context *cx;
  onnxslim_options *options;
  Arena *arena;
  Span bytes;
} Bench;

/* x[N,2] -> Mul by w -> LeakyRelu -> y[N,2] */
static Span leaky_model(Arena *a) {
  static const int64_t dims[] = {-1, 2};
  static const float w[] = {2, 3};
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g);
  put_str(&g, Graph_name, "main");
  add_node(&g, Graph_node, "Mul", "x w", "m");
  Open n = begin_node(&g, Graph_node, "LeakyRelu", "m", "y");
  put_str(&g, Node_name, "leaky");
  put_end(&g, n);
  add_floats(&g, Graph_initializer, "w", 2, w);
  add_info(&g, Graph_input, "x", 2, dims);
  add_info(&g, Graph_output, "y", 2, dims);
  put_end(&g, graph);
  return flat(&g);
}

static Bench bench_open(void) {
  Bench b = {.cx = onnxslim_context_new(NULL, NULL)};
  b.options = onnxslim_options_new(b.cx);
  b.arena = arena_new(&b.cx->cx);
  b.bytes = leaky_model(b.arena);
  CHECK_EQ(onnxslim_options_set(b.options, "remarks", "all"), ONNXSLIM_OK);
  return b;
}

static void bench_close(Bench *b) {
  arena_free(b->arena);
  onnxslim_options_free(b->options);
  onnxslim_context_free(b->cx);
}

/* The model after optimizing, as text; the report in *report. */
static char *optimized(const Bench *b, onnxslim_report **report) {
  onnxslim_model *m = NULL;
  char *text = NULL;
  CHECK_EQ(onnxslim_load_bytes(b->cx, b->bytes.p, b->bytes.n, NULL, &m), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_optimize(m, b->options, report), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_model_text(m, NULL, &text), ONNXSLIM_OK);
  onnxslim_model_free(m);
  return text;
}

static bool has_remark(const onnxslim_report *r, const char *rule, bool fired, const char *part) {
  for (size_t i = 0; i < r->n_remarks; i++)
    if (strcmp(r->remarks[i].rule, rule) == 0 && r->remarks[i].fired == fired &&
        strstr(r->remarks[i].text, part))
      return true;
  return false;
}

/* --- rules --------------------------------------------------------------------------------------------- */

static int looks(void *user, onnxslim_match *match) {
  int *seen = user;
  onnxslim_match_value_t x, w, none;
  onnxslim_match_node_t node;
  onnxslim_attribute alpha;
  size_t size;
  CHECK(onnxslim_match_value(match, "x", &x) && onnxslim_match_value(match, "w", &w));
  CHECK(!onnxslim_match_value(match, "nothing", &none));
  CHECK_STR(x.name, "x");
  CHECK_EQ(x.dtype, 1);
  CHECK_EQ(x.rank, 2);
  CHECK_EQ(x.dims[0], -1);
  CHECK_STR(x.dim_names[0], "N");
  CHECK_EQ(x.dims[1], 2);
  CHECK(!x.constant && w.constant);
  const float *data = onnxslim_match_constant(match, "w", &size);
  CHECK(data && size == 8 && data[0] == 2 && data[1] == 3);
  CHECK(!onnxslim_match_constant(match, "x", &size));
  CHECK(onnxslim_match_node(match, "", &node));
  CHECK_STR(node.op_type, "LeakyRelu");
  CHECK(onnxslim_match_node(match, "product", &node));
  CHECK_STR(node.op_type, "Mul");
  CHECK(onnxslim_match_attribute(match, "", "alpha", &alpha));
  CHECK(alpha.type == 1 && alpha.f > 0.009F && alpha.f < 0.011F);
  CHECK(!onnxslim_match_attribute(match, "", "beta", &alpha));
  return ++*seen;
}

TEST(a_rule_of_the_caller_fires_with_attributes_and_a_domain) {
  Bench b = bench_open();
  int seen = 0;
  onnxslim_report *report;
  onnxslim_rule_t rule = {.name = "fuse-mine",
                          .match = "LeakyRelu:leaky(Mul:product(x, w#))",
                          .replace = "my.ops::Scaled<leaky..., gain = 0.5, axes = [1, 2]>(x, w)",
                          .bitwise = 1,
                          .guard = looks,
                          .user = &seen};
  CHECK_EQ(onnxslim_options_add_rule(b.options, &rule), ONNXSLIM_OK);
  char *text = optimized(&b, &report);
  CHECK_EQ(seen, 1);
  CHECK(strstr(text, "my.ops.Scaled") && strstr(text, "gain: float = 0.5") &&
        strstr(text, "axes: ints = [1, 2]"));
  CHECK(strstr(text, "\"my.ops\" : 1"));
  CHECK_EQ(report->nodes_after, 1);
  CHECK_STR(report->passes[0].name, "user");
  CHECK_EQ(report->passes[0].fired, 1);
  onnxslim_options_free(b.options); /* the report has its own copies of the names */
  b.options = NULL;
  CHECK_STR(report->rules[0].rule, "fuse-mine");
  CHECK(has_remark(report, "fuse-mine", true, ""));
  onnxslim_report_free(report);
  onnxslim_buffer_free(b.cx, text);
  bench_close(&b);
}

static int refuses(void *user, onnxslim_match *match) {
  (void)user;
  onnxslim_match_refuse(match, "not today");
  return 0;
}

TEST(a_guard_refuses_with_its_reason) {
  Bench b = bench_open();
  onnxslim_report *report;
  onnxslim_rule_t rule = {.name = "never", .match = "LeakyRelu(x)", .replace = "Relu(x)", .guard = refuses};
  CHECK_EQ(onnxslim_options_add_rule(b.options, &rule), ONNXSLIM_OK);
  char *text = optimized(&b, &report);
  CHECK(strstr(text, "LeakyRelu"));
  CHECK(has_remark(report, "never", false, "not today"));
  onnxslim_report_free(report);
  onnxslim_buffer_free(b.cx, text);
  bench_close(&b);
}

/* Attributes in a match are conditions, which defaults meet too; a rule that rounds is off with "exact". */
TEST(attributes_and_exactness_decide) {
  static const struct {
    const char *match;
    bool exact, fires;
  } cases[] = {{"LeakyRelu<alpha = 0.01>(Mul(x, w#))", false, true},
               {"LeakyRelu<alpha = 0.02>(Mul(x, w#))", false, false},
               {"LeakyRelu<nothing = 1>(Mul(x, w#))", false, false},
               {"LeakyRelu<alpha = 0.01>(Mul(x, w#))", true, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Bench b = bench_open();
    onnxslim_report *report;
    onnxslim_rule_t rule = {.name = "mine", .match = cases[i].match, .replace = "PRelu(x, w)"};
    CHECK_EQ(onnxslim_options_add_rule(b.options, &rule), ONNXSLIM_OK);
    if (cases[i].exact) CHECK_EQ(onnxslim_options_set(b.options, "exact", "1"), ONNXSLIM_OK);
    char *text = optimized(&b, &report);
    CHECK_EQ(strstr(text, "PRelu") != NULL, cases[i].fires);
    onnxslim_report_free(report);
    onnxslim_buffer_free(b.cx, text);
    bench_close(&b);
  }
}

TEST(bad_rules_are_refused_with_the_place) {
  static const struct {
    const char *name, *match, *replace, *why;
  } cases[] = {
      {"mine", "Relu(x", "x", "column 7"},
      {"mine", "Relu(x)", "Relu(z)", "not captured"},
      {"mine", "Rellu(x)", "x", "there is no operator 'Rellu'"},
      {"mine", "Relu(x)", "Sigmod(x)", "there is no operator 'Sigmod'"},
      {"mine", "Relu<a = >(x)", "x", "a number was expected"},
      {"mine", "Relu<a = [1, 2>(x)", "x", "']' or ',' was expected"},
      {"mine", "Relu<a = \"b>(x)", "x", "the text has no end"},
      {"mine", "Relu:r(x)", "Neg<q...>(x)", "not captured"},
      {"mine", "", "x", "needs a match"},
      {"fold", "Relu(x)", "x", "there is a rule 'fold' already"},
  };
  Bench b = bench_open();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    onnxslim_rule_t rule = {.name = cases[i].name, .match = cases[i].match, .replace = cases[i].replace};
    CHECK_EQ(onnxslim_options_add_rule(b.options, &rule), ONNXSLIM_ERR_USAGE);
    if (!strstr(onnxslim_error(b.cx), cases[i].why))
      unit_failed(__FILE__, __LINE__, "\"%s\" says: %s", cases[i].match, onnxslim_error(b.cx));
  }
  bench_close(&b);
}

/* --- nodes and names ------------------------------------------------------------------------------------ */

TEST(nodes_are_listed_with_what_is_known) {
  Bench b = bench_open();
  onnxslim_model *m;
  onnxslim_node_list *list;
  CHECK_EQ(onnxslim_load_bytes(b.cx, b.bytes.p, b.bytes.n, NULL, &m), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_nodes(m, &list), ONNXSLIM_OK);
  CHECK_EQ(list->n_rows, 2);
  CHECK_STR(list->rows[0].op_type, "Mul");
  CHECK_STR(list->rows[0].type, "float[N,2]");
  CHECK_STR(list->rows[1].name, "leaky");
  CHECK_STR(list->rows[1].output, "y");
  char *json = onnxslim_node_list_json(list);
  CHECK(json && strstr(json, "\"type\": \"float[N,2]\""));
  onnxslim_buffer_free(b.cx, json);
  onnxslim_node_list_free(list);
  onnxslim_model_free(m);
  bench_close(&b);
}

TEST(lent_bytes_are_read_as_a_path) {
  Bench b = bench_open();
  onnxslim_report *report = NULL;
  onnxslim_attribution_t *alone = NULL;
  CHECK_EQ(onnxslim_optimize_file(b.cx, "in memory", NULL, NULL, NULL), ONNXSLIM_ERR_IO);
  CHECK_EQ(onnxslim_lend(b.cx, "in memory", "", 0, NULL), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_lend(b.cx, "in memory", b.bytes.p, b.bytes.n, "/tmp"), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_optimize_file(b.cx, "in memory", NULL, NULL, &report), ONNXSLIM_OK);
  CHECK_EQ(report->nodes_before, 2);
  CHECK_EQ(onnxslim_attribution(b.cx, "in memory", NULL, &alone), ONNXSLIM_OK);
  CHECK(alone && alone->nodes == 2);
  onnxslim_attribution_free(alone);
  onnxslim_report_free(report);
  bench_close(&b);
}
