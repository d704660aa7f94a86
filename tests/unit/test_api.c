/* The public functions as a program calls them: statuses, ownership, callbacks, no memory. */
#include "base/suggest.h"
#include "model_bytes.h"
#include "options.h"
#include "unit.h"

/* x[N,2] -> Identity, Mul by w, Add of Neg(Constant) -> y[N,2]; opset 17. */
static const uint8_t model[] = {
    0x08, 0x08, 0x3a, 0xb8, 0x01, 0x0a, 0x12, 0x0a, 0x01, 0x78, 0x12, 0x01, 0x61, 0x22, 0x08, 0x49, 0x64,
    0x65, 0x6e, 0x74, 0x69, 0x74, 0x79, 0x3a, 0x00, 0x0a, 0x10, 0x0a, 0x01, 0x61, 0x0a, 0x01, 0x77, 0x12,
    0x01, 0x62, 0x22, 0x03, 0x4d, 0x75, 0x6c, 0x3a, 0x00, 0x0a, 0x2d, 0x12, 0x01, 0x63, 0x22, 0x08, 0x43,
    0x6f, 0x6e, 0x73, 0x74, 0x61, 0x6e, 0x74, 0x2a, 0x1c, 0x0a, 0x05, 0x76, 0x61, 0x6c, 0x75, 0x65, 0x2a,
    0x10, 0x08, 0x02, 0x10, 0x01, 0x22, 0x08, 0x00, 0x00, 0x40, 0x40, 0x00, 0x00, 0x80, 0x40, 0x42, 0x00,
    0xa0, 0x01, 0x04, 0x3a, 0x00, 0x0a, 0x0d, 0x0a, 0x01, 0x63, 0x12, 0x01, 0x64, 0x22, 0x03, 0x4e, 0x65,
    0x67, 0x3a, 0x00, 0x0a, 0x10, 0x0a, 0x01, 0x62, 0x0a, 0x01, 0x64, 0x12, 0x01, 0x79, 0x22, 0x03, 0x41,
    0x64, 0x64, 0x3a, 0x00, 0x12, 0x01, 0x67, 0x2a, 0x11, 0x08, 0x02, 0x10, 0x01, 0x22, 0x08, 0x00, 0x00,
    0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0, 0x42, 0x01, 0x77, 0x5a, 0x14, 0x0a, 0x01, 0x78, 0x12, 0x0f, 0x0a,
    0x0d, 0x08, 0x01, 0x12, 0x09, 0x0a, 0x03, 0x12, 0x01, 0x4e, 0x0a, 0x02, 0x08, 0x02, 0x62, 0x14, 0x0a,
    0x01, 0x79, 0x12, 0x0f, 0x0a, 0x0d, 0x08, 0x01, 0x12, 0x09, 0x0a, 0x03, 0x12, 0x01, 0x4e, 0x0a, 0x02,
    0x08, 0x02, 0x42, 0x04, 0x0a, 0x00, 0x10, 0x11,
};

/* --- everything in memory ------------------------------------------------------------------------------ */

typedef struct Session {
  onnxslim_context *cx;
  onnxslim_options *options;
  onnxslim_model *model, *original;
  onnxslim_report *report;
  onnxslim_summary *summary;
  onnxslim_explanation *explanation;
  onnxslim_diff_t *diff;
  uint8_t *bytes;
  char *text, *json, *why, *what;
  size_t size;
} Session;

/* The status of the first call that fails. */
static onnxslim_status use_all(Session *s) {
  onnxslim_status status;
  s->options = onnxslim_options_new(s->cx);
  if (!s->options) return ONNXSLIM_ERR_MEMORY;
  if ((status = onnxslim_options_set(s->options, "remarks", NULL))) return status;
  if ((status = onnxslim_options_set(s->options, "infer-shapes", "1"))) return status;
  if ((status = onnxslim_options_set(s->options, "freeze", "N=3"))) return status;
  if ((status = onnxslim_load_bytes(s->cx, model, sizeof model, NULL, &s->model))) return status;
  if ((status = onnxslim_optimize(s->model, s->options, &s->report))) return status;
  if ((status = onnxslim_inspect(s->model, &s->summary))) return status;
  if ((status = onnxslim_save_bytes(s->model, s->options, &s->bytes, &s->size))) return status;
  if ((status = onnxslim_model_text(s->model, s->options, &s->text))) return status;
  if ((status = onnxslim_load_bytes(s->cx, model, sizeof model, NULL, &s->original))) return status;
  if ((status = onnxslim_diff(s->original, s->model, &s->diff))) return status;
  if ((status = onnxslim_explain(s->original, s->options, NULL, &s->explanation))) return status;
  s->json = onnxslim_report_json(s->report);
  s->why = onnxslim_explanation_json(s->explanation);
  s->what = onnxslim_diff_json(s->diff);
  return s->json && s->why && s->what ? ONNXSLIM_OK : ONNXSLIM_ERR_MEMORY;
}

static void close_session(Session *s) {
  onnxslim_buffer_free(s->cx, s->bytes);
  onnxslim_buffer_free(s->cx, s->text);
  onnxslim_buffer_free(s->cx, s->json);
  onnxslim_buffer_free(s->cx, s->why);
  onnxslim_buffer_free(s->cx, s->what);
  onnxslim_summary_free(s->summary);
  onnxslim_explanation_free(s->explanation);
  onnxslim_diff_free(s->diff);
  onnxslim_model_free(s->original);
  onnxslim_report_free(s->report);
  onnxslim_model_free(s->model);
  onnxslim_options_free(s->options);
  onnxslim_context_free(s->cx);
}

TEST(api_in_memory) {
  Session s = {.cx = onnxslim_context_new(NULL, NULL)};
  CHECK_EQ(use_all(&s), ONNXSLIM_OK);
  CHECK_STR(onnxslim_error(s.cx), "");
  CHECK_EQ(s.report->nodes_before, 5);
  CHECK_EQ(s.report->nodes_after, 2);
  CHECK_EQ(s.report->bytes_after, s.size);
  CHECK_EQ(s.summary->nodes, 2);
  CHECK_STR(s.summary->inputs[0].type, "float[3,2]");
  CHECK(strstr(s.text, "Mul") && !strstr(s.text, "Identity"));
  CHECK(strstr(s.json, "\"nodes\": {\"before\": 5, \"after\": 2}"));
  CHECK(s.report->n_remarks >= 2);
  CHECK_EQ(s.diff->gone, 3);
  CHECK_EQ(s.diff->kept + s.diff->changed, 2);
  CHECK_EQ(s.explanation->nodes_after, 2);
  CHECK_EQ(s.explanation->n_nodes, 2);
  close_session(&s);
}

/* Models of two contexts are compared in the first one. */
TEST(api_diff_of_two_contexts) {
  onnxslim_context *cx[2] = {onnxslim_context_new(NULL, NULL), onnxslim_context_new(NULL, NULL)};
  onnxslim_model *m[2];
  onnxslim_diff_t *diff;
  for (int i = 0; i < 2; i++)
    CHECK_EQ(onnxslim_load_bytes(cx[i], model, sizeof model, NULL, &m[i]), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_diff(m[0], m[1], &diff), ONNXSLIM_OK);
  CHECK_EQ(diff->kept, 5);
  for (int i = 1; i >= 0; i--) {
    onnxslim_model_free(m[i]);
    if (i == 0) onnxslim_diff_free(diff);
    onnxslim_context_free(cx[i]);
  }
}

/* What a summary takes for granted is no news for the run that follows. */
TEST(api_inspect_then_optimize) {
  uint8_t *bytes[2];
  size_t size[2];
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_options *o = onnxslim_options_new(cx);
  CHECK_EQ(onnxslim_options_set(o, "freeze", "N=3"), ONNXSLIM_OK);
  for (int i = 0; i < 2; i++) {
    onnxslim_model *m;
    onnxslim_summary *s = NULL;
    CHECK_EQ(onnxslim_load_bytes(cx, model, sizeof model, NULL, &m), ONNXSLIM_OK);
    if (i) CHECK_EQ(onnxslim_inspect(m, &s), ONNXSLIM_OK);
    CHECK_EQ(onnxslim_optimize(m, o, NULL), ONNXSLIM_OK);
    CHECK_EQ(onnxslim_save_bytes(m, o, &bytes[i], &size[i]), ONNXSLIM_OK);
    onnxslim_summary_free(s);
    onnxslim_model_free(m);
  }
  CHECK_EQ(size[0], size[1]);
  CHECK(size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0);
  for (int i = 0; i < 2; i++) onnxslim_buffer_free(cx, bytes[i]);
  onnxslim_options_free(o);
  onnxslim_context_free(cx);
}

TEST(api_every_allocation_fails_once) {
  long refused = 0;
  for (bool done = false; !done; refused++) {
    Heap h = {.refuse = refused + 1};
    Ctx ctx = heap_ctx(&h);
    Session s = {.cx = onnxslim_context_new(&ctx.alloc, NULL)};
    if (s.cx) {
      onnxslim_status status = use_all(&s);
      done = status == ONNXSLIM_OK;
      CHECK(done || status == ONNXSLIM_ERR_MEMORY);
      close_session(&s);
    }
    CHECK_EQ(h.live, 0);
  }
  CHECK(refused > 10);
}

/* --- failures ------------------------------------------------------------------------------------------ */

TEST(api_bad_model) {
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_model *m = NULL;
  CHECK_EQ(onnxslim_load_bytes(cx, NULL, 0, NULL, &m), ONNXSLIM_ERR_MODEL);
  CHECK(!m);
  CHECK_EQ(onnxslim_load_bytes(cx, model, sizeof model / 2, NULL, &m), ONNXSLIM_ERR_MODEL);
  CHECK(strstr(onnxslim_error(cx), "byte"));
  onnxslim_context_free(cx);
}

/* After a failure in the middle the model is not written by mistake. */
TEST(api_half_optimized) {
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_options *o = onnxslim_options_new(cx);
  onnxslim_model *m;
  onnxslim_report *report = (void *)&m;
  uint8_t *bytes;
  size_t size;
  CHECK_EQ(onnxslim_load_bytes(cx, model, sizeof model, NULL, &m), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_options_set(o, "freeze", "nothing=1"), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_optimize(m, o, &report), ONNXSLIM_ERR_USAGE);
  CHECK(!report);
  CHECK_EQ(onnxslim_save_bytes(m, NULL, &bytes, &size), ONNXSLIM_ERR_USAGE);
  CHECK(!bytes);
  onnxslim_model_free(m);
  onnxslim_options_free(o);
  onnxslim_context_free(cx);
}

static int stop(void *user, const char *phase, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  return strcmp(phase, user) == 0;
}

TEST(api_cancel) {
  static char phases[][16] = {"read", "optimize", "write"};
  for (size_t i = 0; i < 3; i++) {
    Heap h = {0};
    Ctx ctx = heap_ctx(&h);
    onnxslim_callbacks calls = {.progress = stop, .user = phases[i]};
    Session s = {.cx = onnxslim_context_new(&ctx.alloc, &calls)};
    CHECK_EQ(use_all(&s), ONNXSLIM_ERR_CANCELLED);
    CHECK(strstr(onnxslim_error(s.cx), phases[i]));
    close_session(&s);
    CHECK_EQ(h.live, 0);
  }
}

/* --- options ------------------------------------------------------------------------------------------- */

static const char *set(const char *name, const char *value) {
  static char message[1024];
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_options *o = onnxslim_options_new(cx);
  onnxslim_status status = onnxslim_options_set(o, name, value);
  CHECK(status == ONNXSLIM_OK || status == ONNXSLIM_ERR_USAGE);
  snprintf(message, sizeof message, "%s", onnxslim_error(cx));
  onnxslim_options_free(o);
  onnxslim_context_free(cx);
  return message;
}

TEST(options_table) {
  const onnxslim_option_info_t *info;
  for (size_t i = 0; (info = onnxslim_option_info(i)); i++) {
    CHECK(info->doc && *info->doc && info->group);
    CHECK((info->argument != NULL) == (info->type != ONNXSLIM_SWITCH));
    if (info->standard) CHECK_STR(set(info->name, info->standard), "");
    bool bare = !info->argument || info->implied;
    CHECK(!*set(info->name, NULL) == bare);
  }
  CHECK(!onnxslim_option_info(OPT_COUNT_));
}

TEST(options_values) {
  CHECK_STR(set("exact", NULL), "");
  CHECK_STR(set("exact", "yes"), "option 'exact': 'yes' is not 0 or 1");
  CHECK_STR(set("runs", "-1"), "option 'runs': '-1' is not a whole number");
  CHECK_STR(set("runs", "99999999999999999999"),
            "option 'runs': '99999999999999999999' is not a whole number");
  CHECK_STR(set("max-growth", "3G"), "");
  CHECK(*set("max-growth", "3T") && *set("max-growth", "17179869184G") && *set("max-growth", ""));
  CHECK_STR(set("freeze", "a=1,b=0"), "");
  CHECK(*set("freeze", "=1") && *set("freeze", "a=") && *set("freeze", "a=1,") && *set("freeze", "a=-1"));
  CHECK(*set("freeze", "a=9223372036854775808"));
  CHECK_STR(set("input-shape", "x:1,?,3"), "");
  CHECK_STR(set("input-shape", "x:"), "");
  CHECK(*set("input-shape", "x") && *set("input-shape", ":1") && *set("input-shape", "x:1,,2"));
  CHECK_STR(set("passes", "fold_constants,eliminate_dead_nodes"), "");
  CHECK_STR(set("passes", "fold-constants"),
            "there is no pass 'fold-constants' (did you mean 'fold_constants'?)");
  CHECK_STR(set("frezee", "1"), "there is no option 'frezee' (did you mean 'freeze'?)");
  CHECK_STR(set("zzz", "1"), "there is no option 'zzz'");
}

TEST(options_lists) {
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_options *o = onnxslim_options_new(cx);
  CHECK_EQ(onnxslim_options_set(o, "keep", "a\\,b,c"), ONNXSLIM_OK);
  CHECK_EQ(onnxslim_options_set(o, "keep", "d"), ONNXSLIM_OK);
  CHECK_EQ(o->value[OPT_keep].names.n, 3);
  CHECK(option_lists(o, OPT_keep, "a,b") && option_lists(o, OPT_keep, "c") && option_lists(o, OPT_keep, "d"));
  CHECK(!option_lists(o, OPT_keep, "a"));
  CHECK_EQ(onnxslim_options_set(o, "input-shape", "in:0:2,?"), ONNXSLIM_OK);
  const NamedDims *shape = o->value[OPT_input_shape].shapes.at;
  CHECK_STR(shape->name, "in:0");
  CHECK(shape->rank == 2 && shape->dim[0] == 2 && shape->dim[1] == -1);
  onnxslim_options_free(o);
  onnxslim_context_free(cx);
}

/* --- suggestions --------------------------------------------------------------------------------------- */

static const char *nearest(const char *word) {
  static const char *const words[] = {"batch", "sequence_length", "height", "w"};
  Suggest s = {.word = word};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) suggest_try(&s, words[i]);
  return s.best ? s.best : "";
}

TEST(suggest) {
  CHECK_STR(nearest("btach"), "batch");
  CHECK_STR(nearest("Batch"), "batch");
  CHECK_STR(nearest("sequence-length"), "sequence_length");
  CHECK_STR(nearest("sequence"), "sequence_length");
  CHECK_STR(nearest("heigth"), "height");
  CHECK_STR(nearest("depth"), "");
  CHECK_STR(nearest("x"), "");
  CHECK_STR(nearest(""), "");
}

/* --- passes -------------------------------------------------------------------------------------------- */

TEST(api_passes_and_rules) {
  onnxslim_pass_info_t pass;
  onnxslim_rule_info_t rule;
  size_t passes = 0, rules = 0;
  while (onnxslim_pass_info(passes, &pass)) {
    CHECK(pass.doc && *pass.doc);
    passes++;
  }
  while (onnxslim_rule_info(rules, &rule)) {
    CHECK(rule.doc || (rule.match && rule.replace));
    rules++;
  }
  CHECK(passes >= 8 && rules >= passes);
  CHECK_STR(onnxslim_suggest("pass", "fold_constant"), "fold_constants");
  CHECK(!onnxslim_suggest("kind", "fold_constants"));
}
