#include "pipeline.h"
#include "history.h"

#include "eval/deferred.h"
#include "user_rules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const OptionId asks[] = {OPT_passes, OPT_only, OPT_decompose,
                                OPT_fuse}; /* they name passes that shall run */
enum { N_ASKS = sizeof asks / sizeof *asks };

const Target *pipeline_target(const onnxslim_options *o) {
  return o->value[OPT_target].set ? target_find(option_text(o, OPT_target)) : NULL;
}

static bool is_chosen(const onnxslim_options *o) {
  return o->value[OPT_passes].set || o->value[OPT_only].set;
}

static bool is_asked(const onnxslim_options *o, const Pass *p) {
  for (int i = 0; i < N_ASKS; i++)
    if (option_lists(o, asks[i], p->name)) return true;
  return !is_chosen(o) && target_switches(pipeline_target(o), p) > 0;
}

bool pipeline_freezes(const onnxslim_options *o) {
  return o->value[OPT_freeze].set || o->value[OPT_freeze_all].set || o->value[OPT_input_shape].set;
}

static bool is_enabled(const onnxslim_options *o, const Pass *p) {
  if (p->phase) return (is_asked(o, p) || pipeline_freezes(o)) && !option_lists(o, OPT_skip, p->name);
  bool by_default = !is_chosen(o) && !p->opt_in && target_switches(pipeline_target(o), p) >= 0;
  return (is_asked(o, p) || by_default) && !option_lists(o, OPT_skip, p->name);
}

static bool runs(const onnxslim_options *o, const Pass *p) {
  bool on = is_enabled(o, p);
  for (size_t k = 0; k < PASS_COUNT && on; k++) {
    const Pass *other = all_passes[k];
    on = !other->inverse || strcmp(other->inverse, p->name) != 0 || !is_enabled(o, other);
  }
  return on;
}

static const Pass *pass_named(const char *name) {
  size_t i = 0;
  while (strcmp(all_passes[i]->name, name) != 0) i++; /* options.c knows that there is one */
  return all_passes[i];
}

size_t enabled_passes(const onnxslim_options *o, const Pass *passes[PASS_COUNT]) {
  const OptionValue *first = &o->value[OPT_order];
  size_t n = 0;
  for (size_t i = 0; i < first->names.n; i++) {
    const Pass *p = pass_named(first->names.at[i]);
    bool again = false;
    for (size_t k = 0; k < n; k++) again = again || passes[k] == p;
    if (!again && runs(o, p)) passes[n++] = p;
  }
  for (size_t i = 0; i < PASS_COUNT; i++)
    if (!option_lists(o, OPT_order, all_passes[i]->name) && runs(o, all_passes[i]))
      passes[n++] = all_passes[i];
  return n;
}

Frozen pipeline_freeze(Model *m, const onnxslim_options *o) {
  const OptionValue *v = o->value;
  FreezeOptions f = {v[OPT_freeze].sizes.at,      v[OPT_freeze].sizes.n, v[OPT_input_shape].shapes.at,
                     v[OPT_input_shape].shapes.n, v[OPT_freeze_all].set, (int64_t)v[OPT_freeze_all].number};
  if (!pipeline_freezes(o))
    fail(m->cx, ONNXSLIM_ERR_USAGE, "%s needs a size (freeze, freeze-all, input-shape)",
         pass_freeze_dynamic_shapes.name);
  if (v[OPT_freeze_all].number > INT64_MAX)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "option 'freeze-all': there is no such size");
  return freeze_dynamic_shapes(m, &f);
}

static bool wants_remarks_but(const onnxslim_options *o, const char *others) {
  const char *which = option_text(o, OPT_remarks);
  return which && strcmp(which, others) != 0;
}

static bool wants_fired(const onnxslim_options *o) {
  return wants_remarks_but(o, "missed");
}

static bool wants_missed(const onnxslim_options *o) {
  return wants_remarks_but(o, "fired");
}

static void meet_newer_opset(Model *m, const onnxslim_options *o, bool warns) {
  bool assume = option_on(o, OPT_assume_unchanged);
  NewerOpset newer = phase_newer_opset(m, assume);
  if (!newer.nodes || assume || !warns) return;
  ctx_log(
      m->cx, ONNXSLIM_LOG_WARNING,
      "the model imports version %d of %s, and %d is the newest that is known: %zu of its %zu nodes stay as "
      "they are (assume-unchanged takes them for what they were in %d)",
      newer.version, newer.domain, newer.known, newer.nodes, model_node_count(m), newer.known);
}

/* Nodes that a phase removed or made. */
static void note_phase(onnxslim_report *report, Model *m, const char *pass, const char *rule) {
  if (report && report_history(report)) history_phase(&report_history(report)->steps, m, pass, rule);
}

void pipeline_prepare(Model *m, const onnxslim_options *o, onnxslim_report *report) {
  const OptionValue *v = o->value;
  meet_newer_opset(m, o, report != NULL);
  if (option_on(o, OPT_inline_functions)) {
    PhaseNotes calls = phase_inline_functions(m);
    if (report) report_notes(report, "inline", "inline-functions", &calls, wants_fired(o), wants_missed(o));
    note_phase(report, m, "inline", "inline-functions");
  }
  if (is_enabled(o, &pass_freeze_dynamic_shapes)) {
    Frozen frozen = pipeline_freeze(m, o);
    if (report) report_frozen(report, &frozen);
  }
  phase_extract(m, v[OPT_inputs].names.at, v[OPT_inputs].names.n, v[OPT_outputs].names.at,
                v[OPT_outputs].names.n);
  note_phase(report, m, "extract", "inputs-outputs");
  phase_keep(m, v[OPT_keep].names.at, v[OPT_keep].names.n);
}

/* 0 is max. */
static int wanted_opset(const onnxslim_options *o) {
  const char *text = option_text(o, OPT_opset);
  if (strcmp(text, "max") == 0) return 0;
  char *end;
  long n = strtol(text, &end, 10);
  if (*end || n < 1 || n > INT_MAX)
    fail(o->cx, ONNXSLIM_ERR_USAGE, "option 'opset': '%s' is neither a version nor max", text);
  return (int)n;
}

bool pipeline_lift(Model *m, const onnxslim_options *o, onnxslim_report *report) {
  if (!o->value[OPT_opset].set) return false;
  const Lift *lift = phase_lift(m, wanted_opset(o));
  const char *broken = option_on(o, OPT_verify_each) ? model_check(m) : NULL;
  if (broken) fail(m->cx, ONNXSLIM_ERR_INTERNAL, "lifting broke the graph: %s", broken);
  note_phase(report, m, "lift", "lift-opset");
  if (report) report_lift(report, lift, wants_fired(o), wants_missed(o));
  return lift->to > lift->from;
}

/* --- dumps
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Dumper {
  const onnxslim_options *o;
  Map seen; /* passes and rules whose first try has been shown */
  uint64_t rewrites;
} Dumper;

static void dump(Model *m, const char *title) {
  const onnxslim_callbacks *calls = &m->cx->calls;
  if (calls->dump) calls->dump(calls->user, title, model_text(m, false));
}

static void dump_before(Dumper *d, Model *m, const void *what, const char *name) {
  if (!option_lists(d->o, OPT_dump_before, name) || map_get(&d->seen, map_key(what))) return;
  map_put(&d->seen, map_key(what), d);
  dump(m, arena_printf(m->arena, "before %s", name));
}

static void observe(void *arg, RewriteMoment when, const Pass *pass, const Rule *rule, Model *m) {
  Dumper *d = arg;
  if (when == BEFORE_TRY) {
    dump_before(d, m, pass, pass->name);
    dump_before(d, m, rule, rule->name);
    return;
  }
  d->rewrites++;
  if (option_lists(d->o, OPT_dump_after, pass->name) || option_lists(d->o, OPT_dump_after, rule->name))
    dump(m, arena_printf(m->arena, "after rewrite %llu (%s: %s)", (unsigned long long)d->rewrites, pass->name,
                         rule->name));
}

static bool keeps_external(const onnxslim_options *o) {
  const char *name = option_text(o, OPT_external_data);
  return name && strcmp(name, "keep") == 0;
}

/* --- the run
 * -------------------------------------------------------------------------------------------------- */

static bool may_contribute(Ctx *cx, const onnxslim_options *o) {
  const Target *t = pipeline_target(o);
  if (!option_on(o, OPT_allow_contrib)) return false;
  if (!t || !t->contrib)
    fail(cx, ONNXSLIM_ERR_USAGE, "option 'allow-contrib' needs a target with operators of its own: ort");
  return true;
}

/* What a run did after another one with the same rules; of the first one's refusals nothing holds any more.
 */
static void add_run(Arena *a, RunResult *sum, const RunResult *more) {
  size_t fired = 0;
  sum->rewrites += more->rewrites;
  for (size_t i = 0; i < sum->rules.n; i++) rule_stat_add(&sum->rules.at[i], &more->rules.at[i]);
  for (size_t i = 0; i < sum->remarks.n; i++)
    if (sum->remarks.at[i].fired) sum->remarks.at[fired++] = sum->remarks.at[i];
  sum->remarks.n = fired;
  for (size_t i = 0; i < more->remarks.n; i++) vec_push(a, &sum->remarks, more->remarks.at[i]);
}

static RunOptions run_options(Model *m, const onnxslim_options *o, const RunLimits *limits) {
  const Pass **passes = NEW_ARRAY(m->arena, const Pass *, PASS_COUNT + 1);
  const Target *target = pipeline_target(o);
  size_t n_user = o->rules && !limits->only;
  passes[0] = n_user ? user_pass(o->rules) : limits->only;
  size_t n_passes = limits->only ? 1 : n_user + enabled_passes(o, passes + n_user);
  Vec(const char *) asked = {0};
  for (size_t i = 0; i < PASS_COUNT; i++)
    if (is_asked(o, all_passes[i]) || limits->only == all_passes[i])
      vec_push(m->arena, &asked, all_passes[i]->name);
  Vec(const char *) skip = {0};
  for (size_t i = 0; i < o->value[OPT_skip].names.n; i++)
    vec_push(m->arena, &skip, o->value[OPT_skip].names.at[i]);
  for (const char *const *r = target ? target->skip : NULL; r && *r; r++) vec_push(m->arena, &skip, *r);
  RunOptions run = {
      .passes = passes,
      .n_passes = n_passes,
      .asked = asked.at,
      .n_asked = asked.n,
      .skip_rules = skip.at,
      .n_skip_rules = skip.n,
      .exact_only = option_on(o, OPT_exact),
      .contrib = may_contribute(m->cx, o),
      .leave_external = keeps_external(o),
      .skip_absent = option_on(o, OPT_auto),
      .verify_each = option_on(o, OPT_verify_each),
      .remarks = option_text(o, OPT_remarks) || limits->remarks,
      .max_growth = option_number(o, OPT_max_growth),
      .max_fold = o->value[OPT_max_fold].set ? option_number(o, OPT_max_fold) : UINT64_MAX,
      .max_rewrites = limits->max_rewrites,
  };
  if (o->value[OPT_bisect].set && option_number(o, OPT_bisect) < run.max_rewrites)
    run.max_rewrites = option_number(o, OPT_bisect);
  return run;
}

/* The caller's rules, by themselves on the graph as it is: those of the library would take nodes of theirs
 * away. NULL if there are none. */
static RunResult *run_user(Model *m, const onnxslim_options *o, RunOptions *run) {
  if (!o->rules || run->passes[0] != user_pass(o->rules)) return NULL;
  RunOptions alone = *run;
  alone.n_passes = 1;
  RunResult *first = rewrite_run(m, &alone);
  run->max_rewrites -= first->rewrites;
  return first;
}

/* What that run did, as the beginning of all; its rules are the first of sum's, too. */
static void add_user(Arena *a, RunResult *sum, const RunResult *user) {
  RunResult all = {.rewrites = sum->rewrites + user->rewrites, .rules = sum->rules};
  for (size_t i = 0; i < user->rules.n; i++) rule_stat_add(&all.rules.at[i], &user->rules.at[i]);
  for (size_t i = 0; i < user->remarks.n; i++)
    if (user->remarks.at[i].fired) vec_push(a, &all.remarks, user->remarks.at[i]);
  for (size_t i = 0; i < sum->remarks.n; i++) vec_push(a, &all.remarks, sum->remarks.at[i]);
  sum->rewrites = all.rewrites;
  sum->remarks = all.remarks;
}

RunResult *pipeline_run(Model *m, const onnxslim_options *o, const RunLimits *limits,
                        onnxslim_report *report) {
  Dumper dumper = {.o = o};
  map_init(&dumper.seen, m->arena);
  RunOptions run = run_options(m, o, limits);
  run.observe_arg = &dumper;
  if (report && report_history(report)) {
    run.history = &report_history(report)->steps;
    run.remarks = true;
  }
  if (o->value[OPT_dump_before].set || o->value[OPT_dump_after].set) run.observe = observe;
  const RunResult *user = run_user(m, o, &run);
  RunResult *result = rewrite_run(m, &run);
  /* What kept a node from being lifted may be known now, or the node be gone. */
  while (result->rewrites < run.max_rewrites && pipeline_lift(m, o, report)) {
    RunOptions rest = run;
    rest.max_rewrites -= result->rewrites;
    add_run(m->arena, result, rewrite_run(m, &rest));
  }
  if (user) add_user(m->arena, result, user);
  if (report) report_run(report, &run, result, wants_fired(o), wants_missed(o));
  return result;
}

/* --- what did not run
 * -------------------------------------------------------------------------------------------------- */

static const char *why_pass_is_off(Arena *a, const onnxslim_options *o, const Pass *p) {
  if (runs(o, p)) return NULL;
  if (option_lists(o, OPT_skip, p->name)) return arena_printf(a, "--skip leaves %s out", p->name);
  for (size_t k = 0; k < PASS_COUNT; k++) {
    const Pass *other = all_passes[k];
    bool undoes = other->inverse && strcmp(other->inverse, p->name) == 0 && is_enabled(o, other);
    if (undoes) return arena_printf(a, "%s is on, which would take it back", other->name);
  }
  if (is_chosen(o)) return arena_printf(a, "%s is not among the passes that were chosen", p->name);
  if (p->opt_in)
    return arena_printf(a, "it runs only if asked for: --%s=%s", p->lowers ? "decompose" : "fuse", p->name);
  return arena_printf(a, "--target=%s leaves %s out", pipeline_target(o)->name, p->name);
}

static const char *why_rule_is_off(Arena *a, const onnxslim_options *o, const Pass *p, const Rule *r) {
  const char *why = why_pass_is_off(a, o, p);
  const Target *target = pipeline_target(o);
  if (why) return why;
  if (option_lists(o, OPT_skip, r->name)) return arena_printf(a, "--skip leaves %s out", r->name);
  for (const char *const *name = target ? target->skip : NULL; name && *name; name++)
    if (strcmp(*name, r->name) == 0)
      return arena_printf(a, "--target=%s leaves %s out", target->name, r->name);
  return option_on(o, OPT_exact) && r->exact == ROUNDING ? "it rounds, and --exact is on" : NULL;
}

const RuleState *pipeline_rules(Arena *a, const onnxslim_options *o, size_t *n) {
  const Pass *user = o->rules ? user_pass(o->rules) : NULL;
  size_t count = user ? user->n_rules : 0;
  for (size_t p = 0; p < PASS_COUNT; p++) count += all_passes[p]->n_rules;
  RuleState *rules = NEW_ARRAY(a, RuleState, count);
  *n = 0;
  for (size_t i = 0; user && i < user->n_rules; i++) rules[(*n)++] = (RuleState){user, &user->rules[i], NULL};
  for (size_t p = 0; p < PASS_COUNT; p++)
    for (size_t i = 0; i < all_passes[p]->n_rules; i++) {
      const Rule *r = &all_passes[p]->rules[i];
      rules[(*n)++] = (RuleState){all_passes[p], r, why_rule_is_off(a, o, all_passes[p], r)};
    }
  return rules;
}

Refusals pipeline_explain(Model *m, const onnxslim_options *o, const RuleState *rules, size_t n_rules) {
  RunLimits limits = {.max_rewrites = UINT64_MAX};
  RunOptions run = run_options(m, o, &limits);
  return rewrite_explain(m, &run, rules, n_rules);
}

void pipeline_judge(Model *m, const onnxslim_options *o, onnxslim_report *report) {
  const Target *t = pipeline_target(o);
  if (!t) return;
  TargetCheck check = target_check(m, t);
  onnxslim_target_check *result = NEW(object_arena(report), onnxslim_target_check);
  check_fill(object_arena(report), result, &check);
  report->target = result;
}

void pipeline_convert(Model *m, const onnxslim_options *o, onnxslim_report *report) {
  const char *dtype = option_text(o, OPT_dtype);
  if (!dtype) return;
  PhaseNotes done = phase_convert(m, strcmp(dtype, "fp16") == 0 ? DT_FLOAT16 : DT_FLOAT);
  report_notes(report, "convert", "dtype", &done, wants_fired(o), wants_missed(o));
  pipeline_run(m, o, &(RunLimits){.max_rewrites = UINT64_MAX}, NULL); /* Casts to what is there already */
  pipeline_finish(m, o, NULL);
  note_phase(report, m, "convert", "dtype");
  report_ops_after(report, m);
}

void pipeline_finish(Model *m, const onnxslim_options *o, onnxslim_report *report) {
  PhaseNotes wrong = phase_drop_wrong_infos(m);
  if (report) report_notes(report, "infer", "drop-wrong-value-info", &wrong, wants_fired(o), wants_missed(o));
  if (option_on(o, OPT_infer_shapes)) phase_infer_shapes(m);
  const char *broken = model_check(m);
  if (broken)
    fail(m->cx, ONNXSLIM_ERR_INTERNAL, "the optimized graph is broken, nothing was written: %s", broken);
}

Model *pipeline_read(Ctx *cx, const char *path, const onnxslim_options *o) {
  return model_read_file_from(cx, path, o && option_on(o, OPT_outside_data));
}

WriteOptions write_options(const onnxslim_options *o) {
  const char *name = option_text(o, OPT_external_data);
  bool keep = keeps_external(o);
  return (WriteOptions){.streamer = {tensor_rows, tensor_stream},
                        .threads = (unsigned)option_number(o, OPT_jobs),
                        .external = name && !keep,
                        .external_name = name && *name && !keep ? name : NULL,
                        .keep_external = keep,
                        .inline_limit = option_number(o, OPT_inline_limit)};
}
