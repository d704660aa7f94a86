/* The public functions but those that need ONNX Runtime (experiment.c): every one runs under ctx_protect().
 */
#include "base/clock.h"
#include "base/lent.h"
#include "diff.h"
#include "experiment.h"
#include "explain.h"
#include "history.h"
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>

struct onnxslim_model {
  Ctx *cx;
  Model *m;
  bool broken; /* a failure has left it half edited */
};

static onnxslim_status protect(Ctx *cx, void (*fn)(void *), void *arg) {
  return ctx_protect(cx, fn, arg) ? ONNXSLIM_OK : cx->status;
}

/* --- context and options -----------------------------------------------------------------------------------
 */

onnxslim_context *onnxslim_context_new(const onnxslim_allocator *alloc, const onnxslim_callbacks *calls) {
  onnxslim_context *cx = alloc ? alloc->alloc(alloc->user, sizeof *cx) : malloc(sizeof *cx);
  if (cx) ctx_init(&cx->cx, alloc, calls);
  return cx;
}

onnxslim_progress_t onnxslim_progress(const onnxslim_context *cx) {
  return cx->cx.at;
}

void onnxslim_context_free(onnxslim_context *cx) {
  if (!cx) return;
  lent_free(&cx->cx);
  mem_free(&cx->cx, cx);
}

const char *onnxslim_error(const onnxslim_context *cx) {
  return cx->cx.message;
}

const char *onnxslim_version(void) {
  return ONNXSLIM_VERSION;
}

typedef struct OptionsCall {
  onnxslim_options *o;
  Ctx *cx;
  const char *name, *value;
} OptionsCall;

static void call_options_new(void *arg) {
  OptionsCall *c = arg;
  c->o = options_new(arena_new(c->cx));
}

static void call_options_set(void *arg) {
  OptionsCall *c = arg;
  option_set(c->o, c->name, c->value);
}

onnxslim_options *onnxslim_options_new(onnxslim_context *cx) {
  OptionsCall c = {.cx = &cx->cx};
  return protect(c.cx, call_options_new, &c) == ONNXSLIM_OK ? c.o : NULL;
}

onnxslim_status onnxslim_options_set(onnxslim_options *o, const char *name, const char *value) {
  OptionsCall c = {.o = o, .cx = o->cx, .name = name, .value = value};
  return protect(c.cx, call_options_set, &c);
}

void onnxslim_options_free(onnxslim_options *o) {
  if (o) arena_free(o->arena);
}

/* --- passes and rules --------------------------------------------------------------------------------------
 */

static bool pass_is_bitwise(const Pass *p) {
  for (size_t i = 0; i < p->n_rules; i++)
    if (p->rules[i].exact != BITWISE) return false;
  return true;
}

int onnxslim_pass_info(size_t i, onnxslim_pass_info_t *info) {
  if (i >= PASS_COUNT) return 0;
  const Pass *p = all_passes[i];
  *info = (onnxslim_pass_info_t){p->name, p->doc, pass_is_bitwise(p), !p->opt_in};
  return 1;
}

int onnxslim_rule_info(size_t i, onnxslim_rule_info_t *info) {
  for (size_t p = 0; p < PASS_COUNT; p++) {
    if (i < all_passes[p]->n_rules) {
      const Rule *r = &all_passes[p]->rules[i];
      *info = (onnxslim_rule_info_t){all_passes[p]->name, r->name, r->doc, r->match, r->replace,
                                     r->exact == BITWISE};
      return 1;
    }
    i -= all_passes[p]->n_rules;
  }
  return 0;
}

/* --- optimize a file ---------------------------------------------------------------------------------------
 */

typedef struct FileCall {
  Ctx *cx;
  const char *in, *out;
  const onnxslim_options *o;
  onnxslim_report *report;
} FileCall;

static onnxslim_report *report_new(Ctx *cx, Model *m, const onnxslim_options *o) {
  onnxslim_report *r = &OBJECT(cx, ReportObject)->shown;
  WriteOptions w = write_options(o);
  r->ops = count_ops(object_arena(r), m, &r->n_ops);
  r->nodes_before = model_node_count(m);
  r->bytes_before = model_size(m, &w);
  return r;
}

/* Phases and rules on a model; the report gets everything but sizes after. */
static void optimize_model(Model *m, const onnxslim_options *o, onnxslim_report *r) {
  double start = clock_seconds();
  RunLimits limits = {.max_rewrites = UINT64_MAX};
  if (pipeline_target(o)) target_need_sizes(m, pipeline_target(o));
  pipeline_lift(m, o, r);
  const RunResult *run = pipeline_run(m, o, &limits, r);
  if (report_history(r)) report_history(r)->run = run;
  pipeline_finish(m, o, r);
  pipeline_judge(m, o, r);
  report_ops_after(r, m);
  r->seconds_optimize += clock_seconds() - start;
}

/* All of a run between reading and writing. True if the result may be handed out. */
static bool run_on(Model *m, const char *path, const char *out, const onnxslim_options *o,
                   onnxslim_report *r) {
  Original original = {.path = path};
  if (option_on(o, OPT_history)) ((ReportObject *)r)->history = history_begin(object_arena(r), m);
  double start = clock_seconds();
  pipeline_prepare(m, o, r);
  r->seconds_optimize = clock_seconds() - start;
  bool verified = option_number(o, OPT_verify) > 0;
  if (verified) original_prepare(&original, m, o);
  optimize_model(m, o, r);
  if (verified) {
    start = clock_seconds();
    r->verification = verify_model(object_arena(r), &original, m, out, o);
    r->seconds_verify = clock_seconds() - start;
  }
  bool good = !verified || r->verification->passed;
  if (good) pipeline_convert(m, o, r);
  if (report_history(r)) history_end(report_history(r), m);
  return good;
}

static void write_model(FileCall *c, Model *m) {
  onnxslim_report *r = c->report;
  WriteOptions w = write_options(c->o);
  double start = clock_seconds();
  if (c->out) {
    ctx_progress(c->cx, "write", 0, 0);
    WriteResult done = model_write_file(m, c->out, &w);
    r->bytes_after = done.model_bytes + done.external_bytes;
  } else {
    r->bytes_after = model_size(m, &w);
  }
  r->seconds_write = clock_seconds() - start;
}

static void call_optimize_file(void *arg) {
  FileCall *c = arg;
  double start = clock_seconds();
  ctx_progress(c->cx, "read", 0, 0);
  Model *m = pipeline_read(c->cx, c->in, c->o);
  if (!c->o) c->o = options_new(m->arena);
  onnxslim_report *r = report_new(c->cx, m, c->o);
  Arena *a = object_arena(r);
  r->input = copy_text(a, c->in);
  r->output = copy_text(a, c->out);
  r->seconds_read = clock_seconds() - start;
  c->report = r;
  if (run_on(m, c->in, c->out, c->o, r)) write_model(c, m);
  model_free(m);
}

typedef struct Failure {
  Ctx *cx;
  const char *name;
  const onnxslim_report *report;
} Failure;

/* The report says by how much: so the run itself has to end well. */
static void call_report_failure(void *arg) {
  const Failure *f = arg;
  fail(f->cx, ONNXSLIM_ERR_VERIFY,
       "%s: not written, it computes something else: %s (onnxslim bisect finds the rewrite)", f->name,
       f->report->verification->failure);
}

/* Hands the report out. */
static onnxslim_status finish_run(Ctx *cx, const char *name, onnxslim_report *r, onnxslim_report **report) {
  onnxslim_status status = ONNXSLIM_OK;
  if (r->verification && !r->verification->passed)
    status = protect(cx, call_report_failure, &(Failure){cx, name, r});
  if (report)
    *report = r;
  else
    onnxslim_report_free(r);
  return status;
}

onnxslim_status onnxslim_optimize_file(onnxslim_context *cx, const char *in, const char *out,
                                       const onnxslim_options *options, onnxslim_report **report) {
  FileCall c = {.cx = &cx->cx, .in = in, .out = out, .o = options};
  if (report) *report = NULL;
  onnxslim_status status = protect(c.cx, call_optimize_file, &c);
  return status == ONNXSLIM_OK ? finish_run(c.cx, out ? out : in, c.report, report) : status;
}

void onnxslim_report_free(onnxslim_report *report) {
  object_free(report);
}

/* --- bytes under a name ------------------------------------------------------------------------------------
 */

typedef struct LendCall {
  Ctx *cx;
  const char *name, *dir;
  Span bytes;
} LendCall;

static void call_lend(void *arg) {
  const LendCall *c = arg;
  lent_add(c->cx, c->name, c->bytes, c->dir);
}

onnxslim_status onnxslim_lend(onnxslim_context *cx, const char *name, const void *bytes, size_t size,
                              const char *dir) {
  LendCall c = {&cx->cx, name, dir, {bytes, size}};
  return protect(c.cx, call_lend, &c);
}

/* --- models
 * ------------------------------------------------------------------------------------------------- */

typedef struct ModelCall {
  Ctx *cx;
  const char *path;
  const void *bytes;
  size_t size;
  onnxslim_model *model;
  const onnxslim_options *o;
  onnxslim_report *report;
  uint8_t *buffer;
  char *text;
} ModelCall;

static void call_load(void *arg) {
  ModelCall *c = arg;
  ctx_progress(c->cx, "read", 0, 0);
  Model *m =
      c->bytes ? model_read_bytes(c->cx, c->bytes, c->size, c->path) : pipeline_read(c->cx, c->path, c->o);
  c->model = NEW(m->arena, onnxslim_model);
  *c->model = (onnxslim_model){.cx = c->cx, .m = m};
}

static onnxslim_status load(ModelCall *c, onnxslim_model **model) {
  onnxslim_status status = protect(c->cx, call_load, c);
  *model = status == ONNXSLIM_OK ? c->model : NULL;
  return status;
}

onnxslim_status onnxslim_load(onnxslim_context *cx, const char *path, onnxslim_model **model) {
  return load(&(ModelCall){.cx = &cx->cx, .path = path}, model);
}

onnxslim_status onnxslim_load_with(onnxslim_context *cx, const char *path, const onnxslim_options *options,
                                   onnxslim_model **model) {
  return load(&(ModelCall){.cx = &cx->cx, .path = path, .o = options}, model);
}

onnxslim_status onnxslim_load_bytes(onnxslim_context *cx, const void *bytes, size_t size, const char *dir,
                                    onnxslim_model **model) {
  return load(&(ModelCall){.cx = &cx->cx, .path = dir, .bytes = bytes ? bytes : "", .size = size}, model);
}

static void need_whole(const onnxslim_model *model) {
  if (model->broken)
    fail(model->cx, ONNXSLIM_ERR_USAGE, "the model was left half optimized by a failure; load it again");
}

static void call_optimize(void *arg) {
  ModelCall *c = arg;
  Model *m = c->model->m;
  need_whole(c->model);
  if (!c->o) c->o = options_new(m->arena);
  onnxslim_report *r = report_new(c->cx, m, c->o);
  c->model->broken = true;
  bool good = run_on(m, m->path, NULL, c->o, r);
  WriteOptions w = write_options(c->o);
  r->bytes_after = model_size(m, &w);
  c->model->broken = !good;
  c->report = r;
}

onnxslim_status onnxslim_optimize(onnxslim_model *model, const onnxslim_options *options,
                                  onnxslim_report **report) {
  ModelCall c = {.cx = model->cx, .model = model, .o = options};
  onnxslim_status status = protect(c.cx, call_optimize, &c);
  if (report) *report = NULL;
  return status == ONNXSLIM_OK ? finish_run(c.cx, "the model", c.report, report) : status;
}

static void call_save(void *arg) {
  ModelCall *c = arg;
  need_whole(c->model);
  if (!c->o) c->o = options_new(c->model->m->arena);
  WriteOptions w = write_options(c->o);
  ctx_progress(c->cx, "write", 0, 0);
  if (c->path)
    model_write_file(c->model->m, c->path, &w);
  else
    c->size = (size_t)model_write_bytes(c->model->m, &w, &c->buffer).model_bytes;
}

onnxslim_status onnxslim_save(onnxslim_model *model, const char *path, const onnxslim_options *options) {
  return protect(model->cx, call_save,
                 &(ModelCall){.cx = model->cx, .model = model, .path = path, .o = options});
}

onnxslim_status onnxslim_save_bytes(onnxslim_model *model, const onnxslim_options *options, uint8_t **bytes,
                                    size_t *size) {
  ModelCall c = {.cx = model->cx, .model = model, .o = options};
  onnxslim_status status = protect(c.cx, call_save, &c);
  *bytes = status == ONNXSLIM_OK ? c.buffer : NULL;
  *size = status == ONNXSLIM_OK ? c.size : 0;
  return status;
}

void onnxslim_model_free(onnxslim_model *model) {
  if (model) model_free(model->m);
}

void onnxslim_buffer_free(onnxslim_context *cx, void *buffer) {
  if (buffer) mem_free(&cx->cx, buffer);
}

static void call_text(void *arg) {
  ModelCall *c = arg;
  need_whole(c->model);
  const char *text = model_text(c->model->m, c->o && option_on(c->o, OPT_full));
  size_t n = strlen(text) + 1;
  c->text = mem_alloc(c->cx, n);
  memcpy(c->text, text, n);
}

onnxslim_status onnxslim_model_text(onnxslim_model *model, const onnxslim_options *options, char **text) {
  ModelCall c = {.cx = model->cx, .model = model, .o = options};
  onnxslim_status status = protect(c.cx, call_text, &c);
  *text = status == ONNXSLIM_OK ? c.text : NULL;
  return status;
}

/* --- inspection
 * ----------------------------------------------------------------------------------------------- */

typedef struct InspectCall {
  onnxslim_model *model;
  const onnxslim_options *o;
  onnxslim_summary *summary;
} InspectCall;

static void call_inspect(void *arg) {
  InspectCall *c = arg;
  need_whole(c->model);
  if (c->o && pipeline_freezes(c->o)) {
    c->model->broken = true;
    pipeline_freeze(c->model->m, c->o);
    c->model->broken = false;
  }
  onnxslim_summary *s = OBJECT(c->model->cx, onnxslim_summary);
  summarize(object_arena(s), c->model->m, s);
  c->summary = s;
}

onnxslim_status onnxslim_inspect_with(onnxslim_model *model, const onnxslim_options *options,
                                      onnxslim_summary **summary) {
  InspectCall c = {.model = model, .o = options};
  onnxslim_status status = protect(model->cx, call_inspect, &c);
  *summary = status == ONNXSLIM_OK ? c.summary : NULL;
  return status;
}

onnxslim_status onnxslim_inspect(onnxslim_model *model, onnxslim_summary **summary) {
  return onnxslim_inspect_with(model, NULL, summary);
}

void onnxslim_summary_free(onnxslim_summary *summary) {
  object_free(summary);
}

typedef struct NodesCall {
  const onnxslim_model *model;
  onnxslim_node_list *list;
} NodesCall;

static void call_nodes(void *arg) {
  NodesCall *c = arg;
  need_whole(c->model);
  c->list = list_nodes(c->model->cx, c->model->m);
}

onnxslim_status onnxslim_nodes(onnxslim_model *model, onnxslim_node_list **list) {
  NodesCall c = {.model = model};
  onnxslim_status status = protect(model->cx, call_nodes, &c);
  *list = status == ONNXSLIM_OK ? c.list : NULL;
  return status;
}

void onnxslim_node_list_free(onnxslim_node_list *list) {
  object_free(list);
}

/* --- what stayed
 * ------------------------------------------------------------------------------------------------- */

typedef struct ExplainCall {
  onnxslim_model *model;
  const onnxslim_options *o;
  const char *node;
  onnxslim_explanation *result;
} ExplainCall;

static void call_explain(void *arg) {
  ExplainCall *c = arg;
  Model *m = c->model->m;
  need_whole(c->model);
  if (!c->o) c->o = options_new(m->arena);
  onnxslim_explanation *x = OBJECT(c->model->cx, onnxslim_explanation);
  c->model->broken = true;
  if (pipeline_target(c->o)) target_need_sizes(m, pipeline_target(c->o));
  bool found = explain_model(object_arena(x), m, c->o, c->node, x);
  c->model->broken = false;
  if (!found)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "no node is called '%s' or has an output of that name", c->node);
  c->result = x;
}

onnxslim_status onnxslim_explain(onnxslim_model *model, const onnxslim_options *options, const char *node,
                                 onnxslim_explanation **result) {
  ExplainCall c = {.model = model, .o = options, .node = node};
  onnxslim_status status = protect(model->cx, call_explain, &c);
  *result = status == ONNXSLIM_OK ? c.result : NULL;
  return status;
}

void onnxslim_explanation_free(onnxslim_explanation *result) {
  object_free(result);
}

/* --- two models
 * ------------------------------------------------------------------------------------------------- */

typedef struct DiffCall {
  const onnxslim_model *before, *after;
  onnxslim_diff_t *result;
} DiffCall;

static void call_diff(void *arg) {
  DiffCall *c = arg;
  need_whole(c->before);
  need_whole(c->after);
  c->result = OBJECT(c->before->cx, onnxslim_diff_t);
  diff_models(object_arena(c->result), c->before->m, c->after->m, c->result);
}

/* What fails in the second model's context, fails in the first one's. */
static void call_diff_in_both(void *arg) {
  const DiffCall *c = arg;
  Ctx *other = c->after->cx;
  if (!ctx_protect(other, call_diff, arg)) fail(c->before->cx, other->status, "%s", other->message);
}

onnxslim_status onnxslim_diff(onnxslim_model *before, onnxslim_model *after, onnxslim_diff_t **result) {
  DiffCall c = {.before = before, .after = after};
  onnxslim_status status = protect(before->cx, call_diff_in_both, &c);
  *result = status == ONNXSLIM_OK ? c.result : NULL;
  return status;
}

void onnxslim_diff_free(onnxslim_diff_t *result) {
  object_free(result);
}

/* --- targets
 * -------------------------------------------------------------------------------------------------- */

typedef struct TargetCall {
  const onnxslim_model *model;
  const onnxslim_options *o;
  onnxslim_target_check *result;
} TargetCall;

static void call_check_target(void *arg) {
  TargetCall *c = arg;
  need_whole(c->model);
  const Target *t = c->o ? pipeline_target(c->o) : NULL;
  if (!t) fail(c->model->cx, ONNXSLIM_ERR_USAGE, "option 'target' is not set");
  TargetCheck check = target_check(c->model->m, t);
  c->result = OBJECT(c->model->cx, onnxslim_target_check);
  check_fill(object_arena(c->result), c->result, &check);
}

onnxslim_status onnxslim_check_target(onnxslim_model *model, const onnxslim_options *options,
                                      onnxslim_target_check **result) {
  TargetCall c = {.model = model, .o = options};
  onnxslim_status status = protect(model->cx, call_check_target, &c);
  *result = status == ONNXSLIM_OK ? c.result : NULL;
  return status;
}

void onnxslim_target_check_free(onnxslim_target_check *result) {
  object_free(result);
}
