/* onnxslim IN [OUT] */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

/* --- the report
 * ------------------------------------------------------------------------------------------------ */

static void add_count(Table *t, const onnxslim_op_count *op) {
  table_row(t);
  table_cell(t, op->before == op->after ? DIM : PLAIN, "  %s%s%s", op->domain, *op->domain ? "::" : "",
             op->op_type);
  table_number(t, op->before);
  table_number(t, op->after);
  table_change(t, (int64_t)(op->after - op->before));
}

static void print_operators(const Cli *c, const onnxslim_report *r) {
  Table t = {.cli = c, .align = "lrrr"};
  table_row(&t);
  table_cell(&t, BOLD, "operator");
  table_cell(&t, BOLD, "before");
  table_cell(&t, BOLD, "after");
  table_cell(&t, BOLD, "change");
  for (size_t i = 0; i < r->n_ops; i++) add_count(&t, &r->ops[i]);
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
  for (size_t i = 0, n; i < r->n_frozen; i += n) {
    const onnxslim_frozen_axis *a = &r->frozen[i];
    char axes[400] = "";
    size_t at = 0;
    for (n = 0; i + n < r->n_frozen && strcmp(a[n].value, a->value) == 0; n++) {
      const char *dim = a[n].dim;
      if (at < sizeof axes)
        at += (size_t)snprintf(axes + at, sizeof axes - at, "%s axis %d%s%s%s = %" PRId64, n ? "," : "",
                               a[n].axis, dim ? " (" : "", dim ? dim : "", dim ? ")" : "", a[n].size);
    }
    print_line(c, PLAIN, "frozen", "%s %s:%s", a->is_input ? "input" : "output", a->value, axes);
  }
  if (r->n_frozen) fputc('\n', c->out);
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
    print_line(c, m->fired ? GOOD : DIM, m->fired ? "fired" : "missed", "%s: %s: %s", m->rule, m->node,
               m->text);
  }
}

static void print_opset(const Cli *c, const onnxslim_report *r) {
  char change[60];
  if (r->opset_after > r->opset_before)
    snprintf(change, sizeof change, "%" PRId64 " -> %" PRId64, r->opset_before, r->opset_after);
  else
    snprintf(change, sizeof change, "%" PRId64 " stays", r->opset_before);
  print_line(c, PLAIN, "opset", "%s%s%s", change, r->opset_reason ? ": " : "",
             r->opset_reason ? r->opset_reason : "");
}

static void print_times(const Cli *c, const onnxslim_report *r) {
  char text[4][TEXT_ROOM];
  bool verified = r->verification != NULL, written = r->output != NULL;
  print_line(c, PLAIN, "read", "%s, optimize %s%s%s%s%s", seconds_text(text[0], r->seconds_read),
             seconds_text(text[1], r->seconds_optimize), verified ? ", verify " : "",
             verified ? seconds_text(text[2], r->seconds_verify) : "", written ? ", write " : "",
             written ? seconds_text(text[3], r->seconds_write) : "");
}

static void print_report(const Cli *c, const onnxslim_report *r) {
  print_line(c, PLAIN, "", "%s%s%s%s", r->input, r->output ? " -> " : "", r->output ? r->output : "",
             c->dry_run ? " (dry run)" : "");
  fputc('\n', c->out);
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
