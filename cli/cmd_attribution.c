/* onnxslim attribution IN, bisect IN [OUT] */
#include "cli.h"

#include <inttypes.h>

static void print_attribution(const Cli *c, const onnxslim_attribution_t *a) {
  char text[TEXT_ROOM];
  print_line(c, PLAIN, "", "%s: %" PRIu64 " nodes, %s; each pass alone, then all", c->path[0], a->nodes,
             bytes_text(text, a->bytes));
  fputc('\n', c->out);
  Table t = {.cli = c, .align = "lrrrrrr"};
  static const char *const heads[] = {"pass", "rewrites", "nodes", "left", "bytes", "pairs", "time"};
  table_row(&t);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) table_cell(&t, BOLD, "%s", heads[i]);
  for (size_t i = 0; i < a->n_rows; i++) {
    const onnxslim_attribution_row *r = &a->rows[i];
    table_row(&t);
    table_cell(&t,
               i + 1 == a->n_rows ? BOLD
               : r->rewrites      ? PLAIN
                                  : DIM,
               "%s%s%s", r->pass, r->flags ? " " : "", r->flags ? r->flags : "");
    table_number(&t, r->rewrites);
    table_change(&t, r->nodes);
    table_number(&t, r->nodes_after);
    table_change_bytes(&t, r->bytes);
    table_number(&t, r->pairs);
    table_seconds(&t, r->seconds);
  }
  table_print(&t);
}

int cmd_attribution(Cli *c) {
  onnxslim_attribution_t *a;
  onnxslim_status status = onnxslim_attribution(c->cx, c->path[0], c->options, &a);
  clear_progress(c->progress);
  if (status != ONNXSLIM_OK) return report_error(c, status);
  if (!c->quiet) print_attribution(c, a);
  int code = c->json ? write_json(c, onnxslim_attribution_json(a)) : EXIT_DONE;
  onnxslim_attribution_free(a);
  return code;
}

static void print_suspect(const Cli *c, const onnxslim_suspect *s) {
  if (!s->number) {
    print_line(c, PLAIN, "", "%s: the outputs are the same after all %" PRIu64 " rewrites", c->path[0],
               s->rewrites);
    return;
  }
  print_line(c, PLAIN, "",
             "%s: rewrite %" PRIu64 " of %" PRIu64 " changes the outputs (%" PRIu64 " candidates run)",
             c->path[0], s->number, s->rewrites, s->checks);
  print_indented(c, 2, PLAIN, "", "%s: %s: %s: %s", s->pass, s->rule, s->node, s->text);
  print_indented(c, 2, PLAIN, "", "--bisect=%" PRIu64 " stops after it, --bisect=%" PRIu64 " before",
                 s->number, s->number - 1);
  if (s->reproducer)
    print_indented(c, 2, PLAIN, "", "%s: %" PRIu64 " node%s, and --only=%s changes the outputs",
                   s->reproducer, s->reproducer_nodes, s->reproducer_nodes == 1 ? "" : "s", s->pass);
}

int cmd_bisect(Cli *c) {
  onnxslim_suspect *s = NULL;
  onnxslim_status status = ONNXSLIM_OK;
  if (c->n_paths == 2) status = onnxslim_options_set(c->options, "reproducer", c->path[1]);
  if (status != ONNXSLIM_OK) return report_error(c, status);
  status = onnxslim_bisect(c->cx, c->path[0], c->options, &s);
  clear_progress(c->progress);
  int code = EXIT_DONE;
  if (s) {
    if (!c->quiet) print_suspect(c, s);
    if (c->json) code = write_json(c, onnxslim_suspect_json(s));
    onnxslim_suspect_free(s);
  }
  return status == ONNXSLIM_OK ? code : report_error(c, status);
}
