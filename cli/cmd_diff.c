/* onnxslim diff A B: what is different between two models */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS_SHOWN = 40 }; /* of each kind of change, without --verbose */

static const onnxslim_summary *side(const onnxslim_diff_t *d, int i) {
  return i ? d->after : d->before;
}

/* --- sizes and interface
 * ------------------------------------------------------------------------------------------------------- */

static void size_row(Table *t, const char *what, uint64_t before, uint64_t after, bool bytes) {
  table_row(t);
  table_cell(t, PLAIN, "%s", what);
  if (bytes) {
    table_bytes(t, before);
    table_bytes(t, after);
    table_change_bytes(t, (int64_t)after - (int64_t)before);
  } else {
    table_number(t, before);
    table_number(t, after);
    table_change(t, (int64_t)after - (int64_t)before);
  }
}

static void heads(Table *t, const char *first) {
  table_row(t);
  table_cell(t, BOLD, "%s", first);
  table_cell(t, BOLD, "before");
  table_cell(t, BOLD, "after");
  table_cell(t, BOLD, "change");
}

static void print_sizes(const Cli *c, const onnxslim_diff_t *d) {
  const onnxslim_summary *a = d->before, *b = d->after;
  Table t = {.cli = c, .align = "lrrr"};
  heads(&t, "");
  size_row(&t, "file", a->bytes, b->bytes, true);
  if (a->external_bytes || b->external_bytes)
    size_row(&t, "external data", a->external_bytes, b->external_bytes, true);
  size_row(&t, "initializers", a->initializers, b->initializers, false);
  size_row(&t, "  their bytes", a->initializer_bytes, b->initializer_bytes, true);
  size_row(&t, "parameters", a->parameters, b->parameters, false);
  size_row(&t, "nodes", a->nodes, b->nodes, false);
  for (size_t i = 0; i < d->n_opsets; i++) {
    const onnxslim_opset_change *o = &d->opsets[i];
    if (o->before == o->after && !c->verbose) continue;
    table_row(&t);
    table_cell(&t, PLAIN, "opset %s", *o->domain ? o->domain : "ai.onnx");
    for (int k = 0; k < 2; k++)
      table_cell(&t, PLAIN, (k ? o->after : o->before) ? "%" PRId64 : "-", k ? o->after : o->before);
  }
  if (side(d, 0)->ir_version != side(d, 1)->ir_version)
    size_row(&t, "IR version", (uint64_t)a->ir_version, (uint64_t)b->ir_version, false);
  table_print(&t);
  fputc('\n', c->out);
}

static bool is_kept(const char *fate) {
  return strcmp(fate, "kept") == 0;
}

static void edge_rows(Table *t, const char *what, const onnxslim_value_fate *at, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const onnxslim_value_fate *v = &at[i];
    if (is_kept(v->fate) && !t->cli->verbose) continue;
    table_row(t);
    table_cell(t, PLAIN, "%s %s", v->fate, what);
    if (v->before) table_cell(t, PLAIN, "%s %s", v->before, v->before_type);
    if (v->before && v->after && !is_kept(v->fate)) table_cell(t, DIM, "->");
    if (v->after && !(v->before && is_kept(v->fate))) table_cell(t, PLAIN, "%s %s", v->after, v->after_type);
  }
}

static void print_edges(const Cli *c, const onnxslim_diff_t *d) {
  Table t = {.cli = c, .align = "wlwl"};
  edge_rows(&t, "input", d->inputs, d->n_inputs);
  edge_rows(&t, "output", d->outputs, d->n_outputs);
  if (t.n_rows)
    table_print(&t);
  else
    fputs("inputs and outputs are the same\n", c->out);
  fputc('\n', c->out);
}

static void print_ops(const Cli *c, const onnxslim_diff_t *d) {
  Table t = {.cli = c, .align = "lrrr"};
  heads(&t, "operator");
  size_t same = 0;
  for (size_t i = 0; i < d->n_ops; i++) {
    const onnxslim_op_count *op = &d->ops[i];
    same += op->before == op->after;
    if (op->before == op->after && !c->verbose) continue;
    table_row(&t);
    table_cell(&t, PLAIN, "%s%s%s", op->domain, *op->domain ? "::" : "", op->op_type);
    table_number(&t, op->before);
    table_number(&t, op->after);
    table_change(&t, (int64_t)op->after - (int64_t)op->before);
  }
  if (same < d->n_ops || c->verbose) table_print(&t);
  if (same && !c->verbose)
    fprintf(c->out, "%zu %soperator%s as often as before\n", same, same < d->n_ops ? "other " : "",
            same == 1 ? "" : "s");
  fputc('\n', c->out);
}

/* --- nodes
 * ------------------------------------------------------------------------------------------------------- */

static Style fate_style(const char *fate) {
  return strcmp(fate, "gone") == 0 ? BAD : strcmp(fate, "new") == 0 ? GOOD : BOLD;
}

static void print_change(const Cli *c, const onnxslim_change *change) {
  char text[600];
  snprintf(text, sizeof text, "%s: %s -> %s", change->what, change->before ? change->before : "(none)",
           change->after ? change->after : "(none)");
  fputs("    ", c->out);
  print_wrapped(c, 4, 6, text);
}

static void print_node(const Cli *c, const onnxslim_node_fate *n) {
  char fate[TERM_ROOM];
  bool renamed = n->before && n->after && strcmp(n->before, n->after) != 0, inner = *n->graph != 0;
  snprintf(fate, sizeof fate, "%-8s", n->fate);
  print_line(c, fate_style(n->fate), fate, "%s%s%s%s%s%s", n->before ? n->before : n->after,
             renamed ? " -> " : "", renamed ? n->after : "", inner ? " (" : "", n->graph, inner ? ")" : "");
  for (size_t i = 0; i < n->n_changes; i++) print_change(c, &n->changes[i]);
}

/* A Constant that is an initializer now, or the other way round, is what the readers' rows tell. */
static bool holds_constant(const onnxslim_node_fate *n) {
  const char *op = n->before_op ? n->before_op : n->after_op;
  return !(n->before && n->after) && strcmp(op, "Constant") == 0;
}

static void print_nodes(const Cli *c, const onnxslim_diff_t *d) {
  static const char *const fates[] = {"kept", "changed", "gone", "new"};
  size_t shown[4] = {0}, constants = 0;
  print_line(c, PLAIN, "nodes:", "%" PRIu64 " kept, %" PRIu64 " changed, %" PRIu64 " gone, %" PRIu64 " new",
             d->kept, d->changed, d->gone, d->added);
  for (size_t i = 0; i < d->n_nodes; i++) {
    const onnxslim_node_fate *n = &d->nodes[i];
    size_t k = 0;
    while (strcmp(fates[k], n->fate) != 0) k++;
    if (!c->verbose && holds_constant(n)) {
      constants++;
      continue;
    }
    if ((k == 0 || shown[k]++ >= ROWS_SHOWN) && !c->verbose) continue;
    print_node(c, n);
  }
  for (size_t k = 1; k < 4 && !c->verbose; k++)
    if (shown[k] > ROWS_SHOWN)
      fprintf(c->out, "and %zu more %s (-v lists all)\n", shown[k] - ROWS_SHOWN, fates[k]);
  if (constants) fprintf(c->out, "and %zu Constants, gone or new (-v lists them)\n", constants);
}

int cmd_diff(Cli *c) {
  onnxslim_model *model[2] = {NULL};
  onnxslim_diff_t *diff = NULL;
  onnxslim_status status = ONNXSLIM_OK;
  for (int i = 0; i < 2 && status == ONNXSLIM_OK; i++)
    status = onnxslim_load_with(c->cx, c->path[i], c->options, &model[i]);
  if (status == ONNXSLIM_OK) status = onnxslim_diff(model[0], model[1], &diff);
  int code = EXIT_DONE;
  if (status != ONNXSLIM_OK) {
    code = report_error(c, status);
  } else {
    if (!c->quiet) {
      print_sizes(c, diff);
      print_edges(c, diff);
      print_ops(c, diff);
      print_nodes(c, diff);
    }
    if (c->json) code = write_json(c, onnxslim_diff_json(diff));
  }
  onnxslim_diff_free(diff);
  for (int i = 0; i < 2; i++) onnxslim_model_free(model[i]);
  return code;
}
