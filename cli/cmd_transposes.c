/* onnxslim inspect IN --transposes: what becomes of a model's Transposes, and why the others stay */
#include "cli.h"

#include <string.h>

typedef struct Tally {
  uint64_t before, after, cancelled, composed, across;
  int64_t pushed, paired; /* nodes gone: with regions that changed their layout, with pairs */
} Tally;

static bool starts_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static Tally tally(const onnxslim_report *r) {
  Tally t = {0};
  for (size_t i = 0; i < r->n_ops; i++)
    if (!*r->ops[i].domain && strcmp(r->ops[i].op_type, "Transpose") == 0)
      t.before = r->ops[i].before, t.after = r->ops[i].after;
  for (size_t i = 0; i < r->n_rules; i++)
    if (starts_with(r->rules[i].rule, "push-transposes"))
      t.pushed -= r->rules[i].nodes;
    else if (strcmp(r->rules[i].rule, "compose-transposes") == 0)
      t.paired -= r->rules[i].nodes;
  for (size_t i = 0; i < r->n_remarks; i++) {
    const onnxslim_remark *m = &r->remarks[i];
    t.across += m->fired && strcmp(m->rule, "transposes-across-reshape") == 0;
    if (!m->fired || strcmp(m->rule, "compose-transposes") != 0) continue;
    t.cancelled += starts_with(m->text, "cancels");
    t.composed += starts_with(m->text, "composed");
  }
  t.paired += (int64_t)t.across;
  return t;
}

static void row(Table *t, const char *what, int64_t n) {
  table_row(t);
  table_cell(t, PLAIN, "%s", what);
  table_number(t, n > 0 ? (uint64_t)n : 0);
}

/* The last word on each Transpose that is still there. */
static void print_reasons(const Cli *c, const onnxslim_report *r) {
  for (size_t i = 0; i < r->n_remarks; i++) {
    const onnxslim_remark *m = &r->remarks[i];
    if (m->fired || strcmp(m->rule, "push-transposes") != 0) continue;
    print_line(c, BOLD, m->node, "%s", "");
    fputs("  ", c->out);
    print_wrapped(c, 2, 2, m->text);
  }
}

static void print_tally(const Cli *c, const onnxslim_report *r) {
  Tally t = tally(r);
  Table table = {.cli = c, .align = "lr"};
  int64_t gone = (int64_t)t.before - (int64_t)t.after;
  row(&table, "Transposes", (int64_t)t.before);
  row(&table, "pairs that cancel", (int64_t)t.cancelled);
  row(&table, "pairs that compose", (int64_t)t.composed);
  row(&table, "pairs that compose across a Reshape", (int64_t)t.across);
  row(&table, "removed with pairs", t.paired);
  row(&table, "removed by pushing", t.pushed);
  row(&table, "removed otherwise (of constants, duplicates)", gone - t.paired - t.pushed);
  row(&table, "surviving", (int64_t)t.after);
  table_print(&table);
  if (t.after) fputc('\n', c->out);
  print_reasons(c, r);
}

int inspect_transposes(Cli *c, onnxslim_model *model) {
  onnxslim_report *report = NULL;
  onnxslim_status status = onnxslim_options_set(c->options, "remarks", "all");
  if (status == ONNXSLIM_OK) status = onnxslim_optimize(model, c->options, &report);
  if (status != ONNXSLIM_OK) return report_error(c, status);
  if (!c->quiet) print_tally(c, report);
  int code = c->json ? write_json(c, onnxslim_report_json(report)) : EXIT_DONE;
  onnxslim_report_free(report);
  return code;
}
