#include "report.h"

#include <stdlib.h>
#include <string.h>

/* --- operators
 * ---------------------------------------------------------------------------------------------- */

typedef struct Tally {
  Arena *arena;
  Vec(onnxslim_op_count) rows; /* one per node, then one per operator */
} Tally;

static int by_name(const void *x, const void *y) {
  const onnxslim_op_count *a = x, *b = y;
  int order = strcmp(a->domain, b->domain);
  return order ? order : strcmp(a->op_type, b->op_type);
}

static void tally_graph(Graph *g, void *arg) {
  Tally *t = arg;
  for (const Node *n = g->first; n; n = n->next) {
    onnxslim_op_count one = {str_is(n->domain, "ai.onnx") ? "" : n->domain->s, n->op_type->s, 1, 1};
    vec_push(t->arena, &t->rows, one);
  }
}

onnxslim_op_count *count_ops(Arena *a, Model *m, size_t *n) {
  Arena *scratch = arena_child(a);
  Tally t = {.arena = scratch};
  model_each_graph(m, tally_graph, &t);
  if (t.rows.n) qsort(t.rows.at, t.rows.n, sizeof *t.rows.at, by_name);
  size_t kinds = 0;
  for (size_t i = 0; i < t.rows.n; i++) {
    onnxslim_op_count *last = kinds ? &t.rows.at[kinds - 1] : NULL;
    if (last && by_name(last, &t.rows.at[i]) == 0)
      last->before++, last->after++;
    else
      t.rows.at[kinds++] = t.rows.at[i];
  }
  onnxslim_op_count *ops = arena_copy(a, t.rows.at, kinds * sizeof *ops);
  for (size_t i = 0; i < kinds; i++) {
    ops[i].domain = copy_text(a, ops[i].domain);
    ops[i].op_type = copy_text(a, ops[i].op_type);
  }
  arena_free(scratch);
  *n = kinds;
  return ops;
}

const onnxslim_op_count *merge_ops(Arena *a, const onnxslim_op_count *before, size_t n_before,
                                   const onnxslim_op_count *after, size_t n_after, size_t *n) {
  onnxslim_op_count *merged = NEW_ARRAY(a, onnxslim_op_count, n_before + n_after);
  size_t i = 0, k = 0;
  *n = 0;
  while (i < n_before || k < n_after) {
    int order = i == n_before ? 1 : k == n_after ? -1 : by_name(&before[i], &after[k]);
    onnxslim_op_count *row = &merged[(*n)++];
    *row = order <= 0 ? before[i] : after[k];
    row->before = order <= 0 ? before[i].before : 0;
    row->after = order >= 0 ? after[k].after : 0;
    i += order <= 0;
    k += order >= 0;
  }
  return merged;
}

void report_ops_after(onnxslim_report *r, Model *m) {
  Arena *a = object_arena(r);
  size_t n;
  const onnxslim_op_count *after = count_ops(a, m, &n);
  r->ops = merge_ops(a, r->ops, r->n_ops, after, n, &r->n_ops);
  r->nodes_after = model_node_count(m);
}

/* --- frozen axes
 * -------------------------------------------------------------------------------------------- */

void report_frozen(onnxslim_report *r, const Frozen *frozen) {
  Arena *a = object_arena(r);
  onnxslim_frozen_axis *rows = NEW_ARRAY(a, onnxslim_frozen_axis, frozen->axes.n);
  for (size_t i = 0; i < frozen->axes.n; i++) {
    const FrozenAxis *from = &frozen->axes.at[i];
    rows[i] = (onnxslim_frozen_axis){.value = copy_text(a, from->value->name->s),
                                     .axis = from->axis,
                                     .dim = copy_text(a, from->dim ? from->dim->s : NULL),
                                     .size = from->size,
                                     .is_input = from->value->is_input};
  }
  r->frozen = rows;
  r->n_frozen = frozen->axes.n;
}

/* --- the target
 * ------------------------------------------------------------------------------------------------- */

static const char *verdict_text(Verdict v) {
  return v == REFUSED ? "refused" : v == RISKY ? "risky" : "untried";
}

void check_fill(Arena *a, onnxslim_target_check *c, const TargetCheck *check) {
  onnxslim_finding *findings = NEW_ARRAY(a, onnxslim_finding, check->findings.n);
  onnxslim_fused_pair *pairs = NEW_ARRAY(a, onnxslim_fused_pair, check->pairs.n);
  for (size_t i = 0; i < check->findings.n; i++) {
    const Finding *f = &check->findings.at[i];
    findings[i] =
        (onnxslim_finding){verdict_text(f->verdict), copy_text(a, f->where), copy_text(a, f->reason)};
  }
  for (size_t i = 0; i < check->pairs.n; i++) {
    const FusedPair *p = &check->pairs.at[i];
    pairs[i] = (onnxslim_fused_pair){copy_text(a, p->conv), copy_text(a, p->activation), p->becomes};
  }
  *c = (onnxslim_target_check){.target = check->target->name,
                               .through = check->target->through,
                               .refused = check->refused,
                               .risky = check->risky,
                               .untried = check->untried,
                               .findings = findings,
                               .n_findings = check->findings.n,
                               .pairs = pairs,
                               .n_pairs = check->pairs.n};
}

/* --- passes, rules, remarks
 * ----------------------------------------------------------------------------------- */

static void add_rule(onnxslim_pass_stat *p, const RuleStat *s) {
  p->tried += s->tried;
  p->fired += s->fired;
  p->missed += s->missed;
  p->nodes += s->nodes;
  p->bytes += s->bytes;
  p->seconds += s->seconds;
}

static void report_stats(onnxslim_report *r, const RunOptions *o, const RunResult *run) {
  Arena *a = object_arena(r);
  onnxslim_pass_stat *passes = NEW_ARRAY(a, onnxslim_pass_stat, o->n_passes);
  onnxslim_rule_stat *rules = NEW_ARRAY(a, onnxslim_rule_stat, run->rules.n);
  for (size_t p = 0; p < o->n_passes; p++) {
    passes[p].name = copy_text(a, o->passes[p]->name);
    if (o->passes[p]->phase) { /* so far the time is that of the phases */
      passes[p].tried = passes[p].fired = r->n_frozen;
      passes[p].seconds = r->seconds_optimize;
    }
    for (size_t i = 0; i < run->rules.n; i++)
      if (run->rules.at[i].pass == o->passes[p]) add_rule(&passes[p], &run->rules.at[i]);
  }
  for (size_t i = 0; i < run->rules.n; i++) {
    const RuleStat *s = &run->rules.at[i];
    rules[i] = (onnxslim_rule_stat){.pass = copy_text(a, s->pass->name),
                                    .rule = copy_text(a, s->rule->name),
                                    .tried = s->tried,
                                    .fired = s->fired,
                                    .missed = s->missed,
                                    .seconds = s->seconds,
                                    .nodes = s->nodes,
                                    .bytes = s->bytes};
  }
  r->passes = passes;
  r->n_passes = o->n_passes;
  r->rules = rules;
  r->n_rules = run->rules.n;
}

/* The remarks so far, with room for n more. */
static onnxslim_remark *more_remarks(onnxslim_report *r, size_t n) {
  onnxslim_remark *remarks = NEW_ARRAY(object_arena(r), onnxslim_remark, r->n_remarks + n);
  if (r->n_remarks) memcpy(remarks, r->remarks, r->n_remarks * sizeof *remarks);
  r->remarks = remarks;
  return remarks;
}

void report_lift(onnxslim_report *r, const Lift *lift, bool fired, bool missed) {
  static const char pass[] = "lift", rule[] = "lift-opset";
  Arena *a = object_arena(r);
  if (!r->opset_before) r->opset_before = lift->from;
  r->opset_after = lift->to;
  const char *node = copy_text(a, lift->node), *why = copy_text(a, lift->why);
  r->opset_reason = node ? arena_printf(a, "%s: %s", node, why) : why;
  onnxslim_remark *remarks = more_remarks(r, lift->notes.n + 1);
  size_t n = 0; /* what was refused before is refused again, or not any more */
  for (size_t i = 0; i < r->n_remarks; i++)
    if (remarks[i].fired || strcmp(remarks[i].rule, rule) != 0) remarks[n++] = remarks[i];
  r->n_remarks = n;
  for (size_t i = 0; i < lift->notes.n && fired; i++)
    remarks[r->n_remarks++] = (onnxslim_remark){.fired = true,
                                                .pass = pass,
                                                .rule = rule,
                                                .node = copy_text(a, lift->notes.at[i].node),
                                                .text = copy_text(a, lift->notes.at[i].text)};
  if (lift->why && missed)
    remarks[r->n_remarks++] =
        (onnxslim_remark){.pass = pass, .rule = rule, .node = node ? node : "model", .text = why};
}

void report_notes(onnxslim_report *r, const char *pass, const char *rule, const PhaseNotes *notes, bool fired,
                  bool missed) {
  Arena *a = object_arena(r);
  onnxslim_remark *remarks = more_remarks(r, notes->n);
  for (size_t i = 0; i < notes->n; i++) {
    const PhaseNote *n = &notes->at[i];
    if (n->fired ? !fired : !missed) continue;
    remarks[r->n_remarks++] = (onnxslim_remark){.fired = n->fired,
                                                .pass = pass,
                                                .rule = rule,
                                                .node = copy_text(a, n->node),
                                                .text = copy_text(a, n->text)};
  }
}

static const char *const *names_of(Arena *a, const NamedNodes *nodes) {
  const char **names = NEW_ARRAY(a, const char *, nodes->n);
  for (size_t i = 0; i < nodes->n; i++)
    names[i] = nodes->at[i].name ? copy_text(a, nodes->at[i].name->s) : "";
  return names;
}

static void report_remarks(onnxslim_report *r, const RunResult *run, bool fired, bool missed) {
  Arena *a = object_arena(r);
  onnxslim_remark *remarks = more_remarks(r, run->remarks.n);
  for (size_t i = 0; i < run->remarks.n; i++) {
    const Remark *from = &run->remarks.at[i];
    if (from->fired ? !fired : !missed) continue;
    remarks[r->n_remarks++] = (onnxslim_remark){.fired = from->fired,
                                                .pass = copy_text(a, from->pass->name),
                                                .rule = copy_text(a, from->rule->name),
                                                .node = copy_text(a, from->node),
                                                .text = copy_text(a, from->text),
                                                .removed = names_of(a, &from->removed),
                                                .n_removed = from->removed.n,
                                                .made = names_of(a, &from->made),
                                                .n_made = from->made.n};
  }
}

void report_run(onnxslim_report *r, const RunOptions *o, const RunResult *run, bool fired, bool missed) {
  r->rewrites = run->rewrites;
  report_stats(r, o, run);
  report_remarks(r, run, fired, missed);
}
