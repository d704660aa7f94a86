/* onnxslim explain IN [--node NAME]: why nodes are still there */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

enum { REASONS_SHOWN = 25 }; /* without --verbose */

typedef enum Kind { ONE_GUARD, ONLY_OFF, MORE } Kind;

static Kind kind_of(const onnxslim_refusal *r) {
  return r->guards == 1 && !r->off ? ONE_GUARD : !r->guards && r->off ? ONLY_OFF : MORE;
}

/* --- one node
 * ------------------------------------------------------------------------------------------------------- */

static void print_refusal(const Cli *c, const onnxslim_refusal *r) {
  print_indented(c, 2, BOLD, r->rule, "(%s) at %s", r->pass, r->node);
  fputs("    ", c->out);
  print_wrapped(c, 4, 4, r->pattern);
  fprintf(c->out, "    %s", style_on(c, r->off ? GOOD : BAD));
  print_wrapped(c, 4, 4, r->reason);
  fputs(style_off(c), c->out);
  if (r->guards > 1)
    fprintf(c->out, "    and %" PRIu64 " more guard%s\n", r->guards - 1, r->guards == 2 ? "" : "s");
  if (r->guards == 1 && !r->all_asked) fputs("    (the rule asks no further)\n", c->out);
  if (r->guards && r->off) fputs("    and the rule is off\n", c->out);
}

/* Those of one node: by exactly one guard; not enabled; by several. */
static void print_kind(const Cli *c, const onnxslim_explanation *x, const onnxslim_remaining *n, Kind kind,
                       const char *title) {
  bool any = false;
  for (size_t i = 0; i < n->n_refusals; i++) {
    const onnxslim_refusal *r = &x->refusals[n->refusals[i]];
    if (kind_of(r) != kind) continue;
    if (!any) fprintf(c->out, "%s:\n", title);
    any = true;
    print_refusal(c, r);
  }
}

static size_t count_several(const onnxslim_explanation *x, const onnxslim_remaining *n) {
  size_t several = 0;
  for (size_t i = 0; i < n->n_refusals; i++) several += kind_of(&x->refusals[n->refusals[i]]) == MORE;
  return several;
}

static void print_starts(const Cli *c, const onnxslim_explanation *x, const char *op) {
  bool any = false;
  for (size_t i = 0; i < x->n_starts; i++) {
    const onnxslim_start *s = &x->starts[i];
    if (strcmp(s->op, op) != 0) continue;
    if (!any) fputs("patterns that start at this operator:\n", c->out);
    any = true;
    print_indented(c, 2, BOLD, s->rule, "(%s)%s%s", s->pass, s->off ? ": " : "", s->off ? s->off : "");
    fputs("    ", c->out);
    print_wrapped(c, 4, 4, s->pattern);
  }
  if (!any) fputs("no pattern starts at this operator\n", c->out);
}

static void print_remaining(const Cli *c, const onnxslim_explanation *x, const onnxslim_remaining *n) {
  size_t several = count_several(x, n);
  bool inner = *n->graph != 0;
  print_line(c, BOLD, n->node, "is still there%s%s%s", inner ? " (" : "", n->graph, inner ? ")" : "");
  if (!n->n_refusals) fputs("no rule matches here\n", c->out);
  print_kind(c, x, n, ONE_GUARD, "refused by one guard");
  print_kind(c, x, n, ONLY_OFF, "would fire, but is off");
  if (c->verbose)
    print_kind(c, x, n, MORE, "refused for several reasons");
  else if (several)
    print_line(c, PLAIN, "", "%zu more rule%s refused for several reasons (-v lists them)", several,
               several == 1 ? " is" : "s are");
  if (!n->n_refusals || c->verbose) print_starts(c, x, n->op);
  fputc('\n', c->out);
}

static void print_removed(const Cli *c, const onnxslim_removed *r) {
  if (r->rule)
    print_line(c, BOLD, r->node, "is gone: %s (%s) at %s: %s", r->rule, r->pass, r->at, r->text);
  else
    print_line(c, BOLD, r->node, "is gone: what the options ask for took it away before the rules began");
  fputc('\n', c->out);
}

/* --- all nodes
 * ------------------------------------------------------------------------------------------------------- */

static void print_reason(const Cli *c, const onnxslim_reason *r) {
  char head[TERM_ROOM];
  snprintf(head, sizeof head, "%6" PRIu64 "%s  %s", r->close ? r->close : r->count, r->all_asked ? " " : "*",
           r->rule);
  print_line(c, BOLD, head, "(%s)", r->pass);
  fputs("         ", c->out);
  print_wrapped(c, 9, 9, r->reason);
  fputs(style_on(c, DIM), c->out);
  fputs("         ", c->out);
  print_wrapped(c, 9, 9, r->example);
  fputs(style_off(c), c->out);
}

/* The most frequent first; those of one kind. Returns how many there are. */
static size_t print_reasons(const Cli *c, const onnxslim_explanation *x, Kind kind, const char *title) {
  size_t found = 0;
  for (size_t i = 0; i < x->n_reasons; i++) {
    const onnxslim_reason *r = &x->reasons[i];
    if ((!r->close ? MORE : r->off ? ONLY_OFF : ONE_GUARD) != kind) continue;
    if (!found++) {
      fputc('\n', c->out);
      print_line(c, PLAIN, "", "%s:", title);
    }
    if (c->verbose || found <= REASONS_SHOWN) print_reason(c, r);
  }
  if (!c->verbose && found > REASONS_SHOWN)
    fprintf(c->out, "        and %zu more (-v lists all)\n", found - REASONS_SHOWN);
  return found;
}

static void print_ops(const Cli *c, const onnxslim_explanation *x) {
  static const char *const heads[] = {"operator", "left", "one step away", "refused", "rules"};
  Table t = {.cli = c, .align = "lrrrr"};
  table_row(&t);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) table_cell(&t, BOLD, "%s", heads[i]);
  for (size_t i = 0; i < x->n_ops; i++) {
    const onnxslim_op_refusals *op = &x->ops[i];
    table_row(&t);
    table_cell(&t, PLAIN, "%s%s%s", op->domain, *op->domain ? "::" : "", op->op_type);
    table_number(&t, op->nodes);
    table_number(&t, op->close);
    table_number(&t, op->refused);
    table_number(&t, op->rules);
  }
  table_print(&t);
}

static void print_explanation(const Cli *c, const onnxslim_explanation *x) {
  print_line(c, PLAIN, "", "%s: %" PRIu64 " nodes, %" PRIu64 " after %" PRIu64 " rewrites", c->path[0],
             x->nodes_before, x->nodes_after, x->rewrites);
  fputc('\n', c->out);
  if (x->asked) {
    for (size_t i = 0; i < x->n_removed; i++) print_removed(c, &x->removed[i]);
    for (size_t i = 0; i < x->n_nodes; i++) print_remaining(c, x, &x->nodes[i]);
    return;
  }
  print_ops(c, x);
  size_t n = print_reasons(c, x, ONE_GUARD, "refused by one guard, everything else matches");
  if (!n) fputs("\nno rule was refused by exactly one guard\n", c->out);
  print_reasons(c, x, ONLY_OFF, "would fire, but is off");
  if (c->verbose) print_reasons(c, x, MORE, "refused for several reasons");
  if (!c->verbose && x->n_reasons) {
    fputc('\n', c->out);
    print_line(c, PLAIN, "", "-v also lists what is refused for several reasons");
  }
  fputc('\n', c->out);
  print_line(c, PLAIN, "",
             "* the rule stops at this guard and asks no further; --node=NAME tells of one node");
}

int cmd_explain(Cli *c) {
  onnxslim_model *model = NULL;
  onnxslim_explanation *x = NULL;
  onnxslim_status status = onnxslim_load_with(c->cx, c->path[0], c->options, &model);
  if (status == ONNXSLIM_OK) status = onnxslim_explain(model, c->options, c->node, &x);
  clear_progress(c->progress);
  int code = EXIT_DONE;
  if (status != ONNXSLIM_OK) {
    code = report_error(c, status);
  } else {
    if (!c->quiet) print_explanation(c, x);
    if (c->json) code = write_json(c, onnxslim_explanation_json(x));
  }
  onnxslim_explanation_free(x);
  onnxslim_model_free(model);
  return code;
}
