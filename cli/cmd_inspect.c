/* onnxslim inspect IN..., print IN, passes */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static onnxslim_model *load(Cli *c, int *code) {
  onnxslim_model *model;
  onnxslim_status status = onnxslim_load_with(c->cx, c->path[0], c->options, &model);
  *code = status == ONNXSLIM_OK ? EXIT_DONE : report_error(c, status);
  return model;
}

/* --- inspect
 * ----------------------------------------------------------------------------------------------------- */

static void add_values(Table *t, const char *what, const onnxslim_value_info_t *at, size_t n) {
  for (size_t i = 0; i < n; i++) {
    table_row(t);
    table_cell(t, DIM, "%s", what);
    table_cell(t, PLAIN, "%s", at[i].name);
    table_cell(t, PLAIN, "%s", at[i].type);
  }
}

static void print_numbers(const Cli *c, const onnxslim_summary *s) {
  char text[3][TEXT_ROOM], line[400];
  bool external = s->external_bytes != 0;
  print_line(c, PLAIN, "", "%s: %s%s%s%s", c->path[0], bytes_text(text[0], s->bytes), external ? " + " : "",
             external ? bytes_text(text[1], s->external_bytes) : "", external ? " of external data" : "");
  int n = snprintf(line, sizeof line, "IR version %" PRId64 ", opset", s->ir_version);
  for (size_t i = 0; i < s->n_opsets && n < (int)sizeof line; i++)
    n += snprintf(line + n, sizeof line - (size_t)n, "%s %s%s%" PRId64, i ? "," : "", s->opsets[i].domain,
                  *s->opsets[i].domain ? " " : "", s->opsets[i].version);
  if (*s->producer_name)
    snprintf(line + n, sizeof line - (size_t)n, ", made by %.100s%s%.60s", s->producer_name,
             *s->producer_version ? " " : "", s->producer_version);
  print_line(c, PLAIN, "", "%s", line);
  n = snprintf(line, sizeof line, "%" PRIu64 " nodes", s->nodes);
  if (s->bodies) n += snprintf(line + n, sizeof line - (size_t)n, ", %" PRIu64 " bodies", s->bodies);
  if (s->functions) n += snprintf(line + n, sizeof line - (size_t)n, ", %" PRIu64 " functions", s->functions);
  snprintf(line + n, sizeof line - (size_t)n, ", %" PRIu64 " initializers (%s), %" PRIu64 " parameters",
           s->initializers, bytes_text(text[2], s->initializer_bytes), s->parameters);
  print_line(c, PLAIN, "", "%s", line);
  fputc('\n', c->out);
}

static void print_ops(const Cli *c, const onnxslim_summary *s) {
  Table t = {.cli = c, .align = "lr"};
  for (size_t i = 0; i < s->n_ops; i++) {
    const onnxslim_op_count *op = &s->ops[i];
    table_row(&t);
    table_cell(&t, PLAIN, "%s%s%s", op->domain, *op->domain ? "::" : "", op->op_type);
    table_number(&t, op->before);
  }
  table_print(&t);
}

/* --- dims, types, memory
 * ------------------------------------------------------------------------------------------------------- */

static void print_dims(const Cli *c, const onnxslim_summary *s) {
  Table t = {.cli = c, .align = "llr"};
  for (size_t i = 0; i < s->n_dims; i++) {
    table_row(&t);
    table_cell(&t, PLAIN, "dim %s", s->dims[i].name ? s->dims[i].name : "without a name");
    table_cell(&t, PLAIN, "%s", s->dims[i].axes);
    if (s->dims[i].assumed >= 0) table_cell(&t, DIM, "taken as %" PRId64, s->dims[i].assumed);
  }
  if (t.n_rows) fputc('\n', c->out);
  table_print(&t);
}

static void print_dtypes(const Cli *c, const onnxslim_summary *s) {
  Table t = {.cli = c, .align = "lrrr"};
  static const char *const heads[] = {"initializers", "tensors", "elements", "bytes"};
  if (!s->n_dtypes) return;
  fputc('\n', c->out);
  table_row(&t);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) table_cell(&t, BOLD, "%s", heads[i]);
  for (size_t i = 0; i < s->n_dtypes; i++) {
    table_row(&t);
    table_cell(&t, PLAIN, "%s", s->dtypes[i].dtype);
    table_number(&t, s->dtypes[i].tensors);
    table_number(&t, s->dtypes[i].elements);
    table_bytes(&t, s->dtypes[i].bytes);
  }
  table_print(&t);
}

enum { TENSORS_SHOWN = 5 };

static void print_largest(const Cli *c, const char *title, const onnxslim_tensor_size *at, size_t n) {
  Table t = {.cli = c, .align = "lwr"};
  if (!n) return;
  fprintf(c->out, "\n%s%s%s\n", style_on(c, BOLD), title, style_off(c));
  for (size_t i = 0; i < n && (i < TENSORS_SHOWN || c->verbose); i++) {
    table_row(&t);
    table_cell(&t, PLAIN, "%s", at[i].name);
    table_cell(&t, PLAIN, "%s", at[i].type);
    table_bytes(&t, at[i].bytes);
    if (!at[i].size[strspn(at[i].size, "0123456789")]) continue;
    t.align = "lwrw"; /* not in numbers alone */
    table_cell(&t, DIM, "%s bytes", at[i].size);
  }
  table_print(&t);
}

static void print_memory(const Cli *c, const onnxslim_summary *s) {
  char text[2][TEXT_ROOM], line[600];
  if (!s->activations) return;
  int n = snprintf(line, sizeof line, "computed values: %s at the same time at most",
                   bytes_text(text[0], s->peak_bytes));
  if (s->peak_node) n += snprintf(line + n, sizeof line - (size_t)n, ", at %.200s", s->peak_node);
  n += snprintf(line + n, sizeof line - (size_t)n, "; %s together (%" PRIu64 " values",
                bytes_text(text[1], s->activation_bytes), s->activations);
  if (s->unknown)
    n += snprintf(line + n, sizeof line - (size_t)n, ", %" PRIu64 " of unknown size not counted", s->unknown);
  snprintf(line + n, sizeof line - (size_t)n, ")");
  fputc('\n', c->out);
  print_line(c, PLAIN, "", "%s", line);
}

static void print_summary(const Cli *c, const onnxslim_summary *s) {
  print_numbers(c, s);
  Table t = {.cli = c, .align = "wlw"};
  add_values(&t, "input", s->inputs, s->n_inputs);
  add_values(&t, "output", s->outputs, s->n_outputs);
  table_print(&t);
  print_dims(c, s);
  fputc('\n', c->out);
  print_ops(c, s);
  print_dtypes(c, s);
  print_largest(c, "largest initializers", s->largest_initializers, s->n_largest_initializers);
  print_memory(c, s);
  print_largest(c, "largest computed values", s->largest_activations, s->n_largest_activations);
}

int cmd_inspect(Cli *c) {
  int code;
  if (c->n_paths > 1) return inspect_several(c);
  onnxslim_model *model = load(c, &code);
  if (!model) return code;
  if (c->transposes || c->target) {
    code = c->transposes ? inspect_transposes(c, model) : inspect_target(c, model);
    onnxslim_model_free(model);
    return code;
  }
  onnxslim_summary *summary;
  onnxslim_status status = onnxslim_inspect_with(model, c->options, &summary);
  if (status != ONNXSLIM_OK) {
    code = report_error(c, status);
  } else {
    if (!c->quiet) print_summary(c, summary);
    if (c->json) code = write_json(c, onnxslim_summary_json(summary));
  }
  onnxslim_summary_free(summary);
  onnxslim_model_free(model);
  return code;
}

/* --- print
 * ------------------------------------------------------------------------------------------------------- */

int cmd_print(Cli *c) {
  int code;
  onnxslim_model *model = load(c, &code);
  if (!model) return code;
  char *text;
  onnxslim_status status = onnxslim_model_text(model, c->options, &text);
  if (status != ONNXSLIM_OK) {
    code = report_error(c, status);
  } else {
    size_t n = strlen(text);
    fputs(text, c->out);
    if (!n || text[n - 1] != '\n') fputc('\n', c->out);
    onnxslim_buffer_free(c->cx, text);
  }
  onnxslim_model_free(model);
  return code;
}

/* --- passes
 * ------------------------------------------------------------------------------------------------------ */

static void print_rules_of(const Cli *c, const char *pass) {
  enum { NAME_INDENT = 4, RULE_INDENT = 6 };
  onnxslim_rule_info_t rule;
  for (size_t i = 0; onnxslim_rule_info(i, &rule); i++) {
    if (strcmp(rule.pass, pass) != 0) continue;
    print_indented(c, NAME_INDENT, BOLD, rule.name, "%s", rule.bitwise ? "" : "(rounds)");
    const char *lines[] = {rule.doc, rule.doc ? NULL : rule.match, rule.doc ? NULL : rule.replace};
    for (int k = 0; k < 3; k++) {
      if (!lines[k]) continue;
      int at = fprintf(c->out, "%*s%s", RULE_INDENT, "", k == 2 ? "=>" : "");
      print_wrapped(c, at, RULE_INDENT, lines[k]);
    }
  }
}

int cmd_passes(Cli *c) {
  enum { DOC_INDENT = 2 };
  if (c->json) return write_json(c, onnxslim_passes_json(c->cx));
  onnxslim_pass_info_t pass;
  for (size_t i = 0; onnxslim_pass_info(i, &pass); i++) {
    print_line(c, BOLD, pass.name, "%s%s%s", pass.bitwise ? "" : "(rounds)",
               pass.bitwise || pass.by_default ? "" : " ", pass.by_default ? "" : "(only if asked for)");
    fprintf(c->out, "%*s", DOC_INDENT, "");
    print_wrapped(c, DOC_INDENT, DOC_INDENT, pass.doc);
    if (c->verbose) print_rules_of(c, pass.name);
  }
  return EXIT_DONE;
}
