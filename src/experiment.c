/* Public functions that run models in ONNX Runtime: verify, bench; and attribution. */
#include "experiment.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/lent.h"
#include "base/temp.h"

#include <string.h>

/* --- sources and options ----------------------------------------------------------------------------------
 */

static int option_int(const onnxslim_options *o, OptionId id) {
  uint64_t v = option_number(o, id);
  return v > INT32_MAX ? INT32_MAX : (int)v;
}

static FeedOptions feed_options(Arena *a, const onnxslim_options *o) {
  const OptionValue *dims = &o->value[OPT_freeze], *shapes = &o->value[OPT_input_shape];
  DimSize *d = NEW_ARRAY(a, DimSize, dims->sizes.n);
  InputShape *s = NEW_ARRAY(a, InputShape, shapes->shapes.n);
  for (size_t i = 0; i < dims->sizes.n; i++) d[i] = (DimSize){dims->sizes.at[i].name, dims->sizes.at[i].size};
  for (size_t i = 0; i < shapes->shapes.n; i++)
    s[i] = (InputShape){shapes->shapes.at[i].name, shapes->shapes.at[i].rank, shapes->shapes.at[i].dim};
  const OptionValue *feeds = &o->value[OPT_feed];
  return (FeedOptions){d, dims->sizes.n, s, shapes->shapes.n, feeds->names.at, feeds->names.n};
}

VerifyOptions verify_options(Arena *a, const onnxslim_options *o) {
  return (VerifyOptions){.ort = option_text(o, OPT_ort),
                         .seeds = option_int(o, OPT_verify),
                         .threads = option_int(o, OPT_threads),
                         .feed = feed_options(a, o),
                         .interface_differs = o->value[OPT_outputs].set};
}

ModelSource model_source(Ctx *cx, const char *path) {
  const struct Lent *lent = lent_find(cx, path);
  if (lent) return (ModelSource){.bytes = lent->bytes.p, .size = lent->bytes.n, .dir = lent->dir};
  return (ModelSource){.path = path};
}

ModelSource temp_model(Arena *a, Model *m, const char *beside, const onnxslim_options *o) {
  WriteOptions w = write_options(o);
  const char *path = temp_path(a, beside, ".onnx");
  w.external_name = path_leaf(temp_path(a, path, ".data"));
  w.keep_external = w.keep_external && beside;
  model_write_file(m, path, &w);
  return (ModelSource){.path = path};
}

void original_prepare(Original *original, Model *m, const onnxslim_options *o) {
  if (original->path) original->source = model_source(m->cx, original->path);
  if (o->value[OPT_inputs].set || o->value[OPT_outputs].set) {
    original->source = temp_model(m->arena, m, NULL, o);
    original->prepared = true;
  } else if (!original->path || strcmp(original->path, "-") == 0) {
    original->source = (ModelSource){.bytes = m->raw.p, .size = m->raw.n, .dir = m->dir};
  }
}

/* --- verify
 * -------------------------------------------------------------------------------------------------- */

static onnxslim_verification *verification_of(Arena *a, onnxslim_verification *v, const VerifyResult *r,
                                              int seeds) {
  onnxslim_difference *rows = NEW_ARRAY(a, onnxslim_difference, r->n_rows);
  for (size_t i = 0; i < r->n_rows; i++) {
    const VerifyRow *from = &r->row[i];
    const Comparison *d = &from->diff;
    rows[i] = (onnxslim_difference){.output = copy_text(a, from->output),
                                    .level = from->level == ORT_OFF ? "off" : "default",
                                    .seed = from->seed,
                                    .ok = d->ok,
                                    .bitwise = d->same_bits,
                                    .max_diff = d->max_diff,
                                    .max_rel_diff = d->max_rel,
                                    .max_ulp = d->max_ulp,
                                    .tolerance = d->tolerance,
                                    .largest = d->largest,
                                    .self_diff = from->self.max_diff};
  }
  *v = (onnxslim_verification){.passed = r->verified,
                               .bitwise = r->bitwise,
                               .seeds = (uint64_t)seeds,
                               .max_diff = r->max_diff,
                               .max_rel_diff = r->max_rel,
                               .max_ulp = r->max_ulp,
                               .largest = r->largest,
                               .self_diff = r->self_diff,
                               .failure = copy_text(a, r->failure),
                               .runtime = copy_text(a, r->ort_version),
                               .runtime_path = copy_text(a, r->ort_path),
                               .rows = rows,
                               .n_rows = r->n_rows};
  if (!v->passed && !v->failure) v->failure = "the outputs differ";
  return v;
}

onnxslim_verification *verify_model(Arena *a, const Original *original, Model *m, const char *out,
                                    const onnxslim_options *o) {
  Arena *scratch = arena_child(a);
  VerifyOptions v = verify_options(scratch, o);
  if (original->prepared) v.feed.n_dims = v.feed.n_shapes = 0;
  bool named = out && strcmp(out, "-") != 0;
  ModelSource candidate = temp_model(scratch, m, named ? out : NULL, o);
  VerifyResult *r = verify(scratch, &original->source, &candidate, &v);
  onnxslim_verification *result = verification_of(a, NEW(a, onnxslim_verification), r, v.seeds);
  arena_free(scratch);
  return result;
}

/* --- calls
 * --------------------------------------------------------------------------------------------------- */

typedef struct Call {
  Ctx *cx;
  const char *a, *b;
  const onnxslim_options *o;
  onnxslim_verification *verification;
  onnxslim_comparison *comparison;
  onnxslim_attribution_t *attribution;
  const char *found; /* for call_differ */
} Call;

static onnxslim_status protect(Call *c, void (*fn)(void *)) {
  return ctx_protect(c->cx, fn, c) ? ONNXSLIM_OK : c->cx->status;
}

static void call_differ(void *arg) {
  const Call *c = arg;
  fail(c->cx, ONNXSLIM_ERR_VERIFY, "%s", c->found);
}

static void call_verify(void *arg) {
  Call *c = arg;
  onnxslim_verification *result = OBJECT(c->cx, onnxslim_verification);
  Arena *a = object_arena(result), *scratch = arena_child(a);
  if (!c->o) c->o = options_new(scratch);
  VerifyOptions v = verify_options(scratch, c->o);
  if (!v.seeds) v.seeds = 3;
  ModelSource before = model_source(c->cx, c->a), after = model_source(c->cx, c->b);
  VerifyResult *r = verify(scratch, &before, &after, &v);
  verification_of(a, result, r, v.seeds);
  arena_free(scratch);
  c->verification = result;
}

onnxslim_status onnxslim_verify(onnxslim_context *cx, const char *original, const char *optimized,
                                const onnxslim_options *options, onnxslim_verification **result) {
  Call c = {.cx = &cx->cx, .a = original, .b = optimized, .o = options};
  onnxslim_status status = protect(&c, call_verify);
  if (status == ONNXSLIM_OK && !c.verification->passed) {
    c.found = c.verification->failure;
    status = protect(&c, call_differ);
  }
  if (result)
    *result = c.verification;
  else
    onnxslim_verification_free(c.verification);
  return status;
}

void onnxslim_verification_free(onnxslim_verification *result) {
  object_free(result);
}

/* --- bench
 * --------------------------------------------------------------------------------------------------- */

static onnxslim_timing timing_of(Arena *a, const BenchSide *s) {
  return (onnxslim_timing){s->median,  s->low_quartile, s->high_quartile,
                           s->fastest, s->open_seconds, arena_copy(a, s->run, s->n_runs * sizeof *s->run),
                           s->n_runs};
}

static OrtLevel bench_level(const onnxslim_options *o) {
  const char *level = option_text(o, OPT_ort_level);
  if (strcmp(level, "off") == 0) return ORT_OFF;
  if (strcmp(level, "basic") == 0) return ORT_BASIC;
  return strcmp(level, "extended") == 0 ? ORT_EXTENDED : ORT_DEFAULT;
}

static void call_bench(void *arg) {
  Call *c = arg;
  onnxslim_comparison *result = OBJECT(c->cx, onnxslim_comparison);
  Arena *a = object_arena(result), *scratch = arena_child(a);
  if (!c->o) c->o = options_new(scratch);
  BenchOptions b = {.ort = option_text(c->o, OPT_ort),
                    .level = bench_level(c->o),
                    .threads = option_int(c->o, OPT_threads),
                    .warmups = option_int(c->o, OPT_warmup),
                    .runs = option_int(c->o, OPT_runs),
                    .feed = feed_options(scratch, c->o)};
  ModelSource before = model_source(c->cx, c->a), after = model_source(c->cx, c->b);
  BenchResult *r = bench(scratch, &before, &after, &b);
  *result = (onnxslim_comparison){.before = timing_of(a, &r->before),
                                  .after = timing_of(a, &r->after),
                                  .speedup = r->speedup,
                                  .speedup_low = r->speedup_low,
                                  .speedup_high = r->speedup_high,
                                  .inputs = copy_text(a, r->inputs),
                                  .runtime = copy_text(a, r->ort_version),
                                  .runtime_path = copy_text(a, r->ort_path),
                                  .threads = r->threads};
  arena_free(scratch);
  c->comparison = result;
}

onnxslim_status onnxslim_bench(onnxslim_context *cx, const char *before, const char *after,
                               const onnxslim_options *options, onnxslim_comparison **result) {
  Call c = {.cx = &cx->cx, .a = before, .b = after, .o = options};
  onnxslim_status status = protect(&c, call_bench);
  *result = c.comparison;
  return status;
}

void onnxslim_comparison_free(onnxslim_comparison *result) {
  object_free(result);
}

/* --- attribution
 * --------------------------------------------------------------------------------------------- */

Model *read_prepared(Ctx *cx, const char *path, const onnxslim_options *o) {
  Model *m = pipeline_read(cx, path, o);
  pipeline_prepare(m, o, NULL);
  return m;
}

Model *read_lifted(Ctx *cx, const char *path, const onnxslim_options *o) {
  Model *m = read_prepared(cx, path, o);
  pipeline_lift(m, o, NULL);
  return m;
}

/* One pass alone (NULL: all enabled ones) on a fresh load. */
static onnxslim_attribution_row run_alone(Call *c, const onnxslim_attribution_t *t, const Pass *pass) {
  Model *m = read_lifted(c->cx, c->a, c->o);
  double start = clock_seconds();
  RunLimits limits = {.only = pass, .max_rewrites = UINT64_MAX};
  RunResult *run = pipeline_run(m, c->o, &limits, NULL);
  double seconds = clock_seconds() - start;
  pipeline_finish(m, c->o, NULL);
  WriteOptions w = write_options(c->o);
  uint64_t nodes = model_node_count(m), bytes = model_size(m, &w);
  onnxslim_attribution_row row = {.pass = pass ? pass->name : "all",
                                  .nodes_after = nodes,
                                  .bytes_after = bytes,
                                  .rewrites = run->rewrites,
                                  .nodes = (int64_t)(nodes - t->nodes),
                                  .bytes = (int64_t)(bytes - t->bytes),
                                  .seconds = seconds};
  if (pipeline_target(c->o)) row.pairs = target_check(m, pipeline_target(c->o)).pairs.n;
  model_free(m);
  return row;
}

/* freeze_dynamic_shapes on the model as it is in the file; without sizes all dims become 1. */
static onnxslim_attribution_row run_freeze(Call *c) {
  Model *m = pipeline_read(c->cx, c->a, c->o);
  WriteOptions w = write_options(c->o);
  onnxslim_options sizes = *c->o;
  bool given = pipeline_freezes(c->o);
  if (!given) sizes.value[OPT_freeze_all] = (OptionValue){.set = true, .number = 1};
  uint64_t nodes = model_node_count(m), bytes = model_size(m, &w);
  double start = clock_seconds();
  Frozen frozen = pipeline_freeze(m, &sizes);
  onnxslim_attribution_row row = {.pass = pass_freeze_dynamic_shapes.name,
                                  .flags = given ? NULL : "--freeze-all=1",
                                  .rewrites = frozen.axes.n,
                                  .seconds = clock_seconds() - start};
  row.nodes_after = model_node_count(m);
  row.bytes_after = model_size(m, &w);
  row.nodes = (int64_t)(row.nodes_after - nodes);
  row.bytes = (int64_t)(row.bytes_after - bytes);
  model_free(m);
  return row;
}

/* Every pass, also those that run only if asked for; unless the options choose. */
static bool is_attributed(const onnxslim_options *o, const Pass *p) {
  bool chosen = o->value[OPT_passes].set || o->value[OPT_only].set;
  bool listed = option_lists(o, OPT_passes, p->name) || option_lists(o, OPT_only, p->name);
  return (listed || !chosen) && !option_lists(o, OPT_skip, p->name);
}

/* Rows of fuse_conv_relu beside what it does with standard operators: what it makes for ONNX Runtime, and
 * what converters will make of the same model. */
static const struct {
  const char *target;
  bool contrib;
  const char *flags;
} conv_variants[] = {{"ort", true, "--target=ort --allow-contrib"},
                     {"tflite", false, "--target=tflite"},
                     {"coreml", false, "--target=coreml"}};
enum { N_VARIANTS = sizeof conv_variants / sizeof *conv_variants };

static onnxslim_attribution_row run_variant(Call *c, const onnxslim_attribution_t *t, int i) {
  onnxslim_options o = *c->o;
  Call call = *c;
  call.o = &o;
  o.value[OPT_target] = (OptionValue){.set = true, .text = conv_variants[i].target};
  o.value[OPT_allow_contrib].number = conv_variants[i].contrib;
  onnxslim_attribution_row row = run_alone(&call, t, &pass_fuse_conv_relu);
  row.flags = conv_variants[i].flags;
  return row;
}

static void call_attribution(void *arg) {
  Call *c = arg;
  onnxslim_attribution_t *t = OBJECT(c->cx, onnxslim_attribution_t);
  Arena *a = object_arena(t);
  if (!c->o) c->o = options_new(a);
  if (strcmp(c->a, "-") == 0)
    fail(c->cx, ONNXSLIM_ERR_USAGE, "attribution reads the model many times: it needs a file");
  Model *m = read_lifted(c->cx, c->a, c->o);
  WriteOptions w = write_options(c->o);
  t->nodes = model_node_count(m);
  t->bytes = model_size(m, &w);
  model_free(m);
  onnxslim_attribution_row *rows = NEW_ARRAY(a, onnxslim_attribution_row, PASS_COUNT + N_VARIANTS + 1);
  for (size_t i = 0; i < PASS_COUNT; i++) {
    const Pass *p = all_passes[i];
    if (!is_attributed(c->o, p)) continue;
    rows[t->n_rows++] = p->phase ? run_freeze(c) : run_alone(c, t, p);
    for (int k = 0; p == &pass_fuse_conv_relu && !pipeline_target(c->o) && k < N_VARIANTS; k++)
      rows[t->n_rows++] = run_variant(c, t, k);
  }
  rows[t->n_rows++] = run_alone(c, t, NULL);
  t->rows = rows;
  c->attribution = t;
}

onnxslim_status onnxslim_attribution(onnxslim_context *cx, const char *in, const onnxslim_options *options,
                                     onnxslim_attribution_t **result) {
  Call c = {.cx = &cx->cx, .a = in, .o = options};
  onnxslim_status status = protect(&c, call_attribution);
  *result = c.attribution;
  return status;
}

void onnxslim_attribution_free(onnxslim_attribution_t *result) {
  object_free(result);
}
