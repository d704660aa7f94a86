/* onnxslim IN [OUT] */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

/* --- the report
 * ------------------------------------------------------------------------------------------------ */

static void add_count(Table *t, const char *name, uint64_t before, uint64_t after) {
  table_row(t);
  bool same = before == after;
  table_cell(t, same ? DIM : PLAIN, "  %s", name);
  table_number(t, before);
  table_number(t, after);
  if (same)
    table_cell(t, DIM, "0");
  else
    table_change(t, (int64_t)(after - before));
}

static void print_operators(const Cli *c, const onnxslim_report *r) {
  Table t = {.cli = c, .align = "lrrr"};
  table_row(&t);
  table_cell(&t, BOLD, "operator");
  table_cell(&t, BOLD, "before");
  table_cell(&t, BOLD, "after");
  table_cell(&t, BOLD, "change");
  for (size_t i = 0; i < r->n_ops; i++) {
    char name[100];
    const onnxslim_op_count *op = &r->ops[i];
    snprintf(name, sizeof name, "%s%s%s", op->domain, *op->domain ? "::" : "", op->op_type);
    add_count(&t, name, op->before, op->after);
  }
  table_row(&t);
  table_cell(&t, BOLD, "nodes");
  table_number(&t, r->nodes_before);
  table_number(&t, r->nodes_after);
  table_change(&t, (int64_t)(r->nodes_after - r->nodes_before));
  table_row(&t);
  table_cell(&t, BOLD, "size");
  table_bytes(&t, r->bytes_before);
  table_bytes(&t, r->bytes_after);
  table_change_bytes(&t, (int64_t)(r->bytes_after - r->bytes_before));
  table_print(&t);
}

/* Which axes got a size: one line for each input and output. */
static void print_frozen(const Cli *c, const onnxslim_report *r) {
  for (size_t i = 0; i < r->n_frozen; i++) {
    const onnxslim_frozen_axis *a = &r->frozen[i];
    bool first = !i || strcmp(r->frozen[i - 1].value, a->value) != 0;
    if (first) fprintf(c->out, "%sfrozen %s %s:", i ? "\n" : "", a->is_input ? "input" : "output", a->value);
    fprintf(c->out, "%s axis %d%s%s%s = %" PRId64, first ? "" : ",", a->axis, a->dim ? " (" : "",
            a->dim ? a->dim : "", a->dim ? ")" : "", a->size);
  }
  if (r->n_frozen) fputs("\n\n", c->out);
}

static void print_passes(const Cli *c, const onnxslim_report *r) {
  Table t = {.cli = c, .align = "lrrrr"};
  table_row(&t);
  table_cell(&t, BOLD, "pass");
  table_cell(&t, BOLD, "rewrites");
  table_cell(&t, BOLD, "nodes");
  table_cell(&t, BOLD, "constants");
  table_cell(&t, BOLD, "time");
  for (size_t i = 0; i < r->n_passes; i++) {
    const onnxslim_pass_stat *p = &r->passes[i];
    table_row(&t);
    table_cell(&t, p->fired ? PLAIN : DIM, "%s", p->name);
    table_number(&t, p->fired);
    table_change(&t, p->nodes);
    table_change_bytes(&t, p->bytes);
    table_seconds(&t, p->seconds);
  }
  table_print(&t);
}

static void print_rules(const Cli *c, const onnxslim_report *r) {
  Table t = {.cli = c, .align = "lrrrrrr"};
  static const char *const heads[] = {"rule", "tried", "fired", "missed", "nodes", "constants", "time"};
  table_row(&t);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) table_cell(&t, BOLD, "%s", heads[i]);
  for (size_t i = 0; i < r->n_rules; i++) {
    const onnxslim_rule_stat *s = &r->rules[i];
    table_row(&t);
    table_cell(&t, s->fired ? PLAIN : DIM, "%s", s->rule);
    table_number(&t, s->tried);
    table_number(&t, s->fired);
    table_number(&t, s->missed);
    table_change(&t, s->nodes);
    table_change_bytes(&t, s->bytes);
    table_seconds(&t, s->seconds);
  }
  table_print(&t);
}

static void print_remarks(const Cli *c, const onnxslim_report *r) {
  for (size_t i = 0; i < r->n_remarks; i++) {
    const onnxslim_remark *m = &r->remarks[i];
    fprintf(c->out, "%s%s%s %s: %s: %s\n", style_on(c, m->fired ? GOOD : DIM), m->fired ? "fired" : "missed",
            style_off(c), m->rule, m->node, m->text);
  }
}

static void print_opset(const Cli *c, const onnxslim_report *r) {
  if (r->opset_after > r->opset_before)
    fprintf(c->out, "opset %" PRId64 " -> %" PRId64, r->opset_before, r->opset_after);
  else
    fprintf(c->out, "opset %" PRId64 " stays", r->opset_before);
  fprintf(c->out, "%s%s\n", r->opset_reason ? ": " : "", r->opset_reason ? r->opset_reason : "");
}

static void print_times(const Cli *c, const onnxslim_report *r) {
  char text[3][32];
  fprintf(c->out, "read %s, optimize %s", seconds_text(text[0], r->seconds_read),
          seconds_text(text[1], r->seconds_optimize));
  if (r->verification) fprintf(c->out, ", verify %s", seconds_text(text[2], r->seconds_verify));
  if (r->output) fprintf(c->out, ", write %s", seconds_text(text[2], r->seconds_write));
  fputc('\n', c->out);
}

static void print_report(const Cli *c, const onnxslim_report *r) {
  fprintf(c->out, "%s%s%s%s\n\n", r->input, r->output ? " -> " : "", r->output ? r->output : "",
          c->dry_run ? " (dry run)" : "");
  print_frozen(c, r);
  print_operators(c, r);
  if (r->opset_before) print_opset(c, r);
  fputc('\n', c->out);
  print_passes(c, r);
  if (c->stats || c->verbose) {
    fputc('\n', c->out);
    print_rules(c, r);
  }
  if (r->target) {
    fputc('\n', c->out);
    print_target(c, r->target);
  }
  if (r->n_remarks) {
    fputc('\n', c->out);
    print_remarks(c, r);
  }
  fputc('\n', c->out);
  if (r->verification) print_verification(c, r->verification);
  print_times(c, r);
}

int cmd_optimize(Cli *c) {
  onnxslim_report *report;
  const char *out = c->n_paths > 1 && !c->dry_run ? c->path[1] : NULL;
  onnxslim_status status = c->report ? onnxslim_options_set(c->options, "history", "1") : ONNXSLIM_OK;
  if (status != ONNXSLIM_OK) return report_error(c, status);
  status = onnxslim_optimize_file(c->cx, c->path[0], out, c->options, &report);
  clear_progress(c->progress);
  int code = EXIT_DONE;
  if (report) {
    if (!c->quiet) print_report(c, report);
    if (c->json) code = write_json(c, onnxslim_report_json(report));
    if (c->report && code == EXIT_DONE) code = write_report_page(c, onnxslim_report_json(report));
    onnxslim_report_free(report);
  }
  return status == ONNXSLIM_OK ? code : report_error(c, status);
}
