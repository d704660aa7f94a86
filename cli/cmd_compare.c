/* onnxslim verify A B, bench A B */
#include "cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- verify
 * ------------------------------------------------------------------------------------------------------- */

static void add_row(Table *t, const char *name, const onnxslim_difference *d) {
  table_row(t);
  table_cell(t, PLAIN, "%s", name);
  table_cell(t, PLAIN, "%s", d->level);
  table_cell(t, d->ok ? PLAIN : BAD, d->bitwise ? "0 (same bits)" : "%.3g", d->max_diff);
  table_cell(t, PLAIN, "%.3g", d->max_rel_diff);
  table_cell(t, DIM, "%.3g", d->tolerance);
  table_cell(t, DIM, "%.3g", d->self_diff);
}

/* Of several seeds the worst. */
static void worse(onnxslim_difference *worst, const onnxslim_difference *d) {
  worst->ok &= d->ok;
  worst->bitwise &= d->bitwise;
  worst->max_diff = fmax(worst->max_diff, d->max_diff);
  worst->max_rel_diff = fmax(worst->max_rel_diff, d->max_rel_diff);
  worst->tolerance = fmin(worst->tolerance, d->tolerance);
  worst->self_diff = fmax(worst->self_diff, d->self_diff);
}

static bool same_row(const onnxslim_difference *a, const onnxslim_difference *b) {
  return strcmp(a->output, b->output) == 0 && strcmp(a->level, b->level) == 0;
}

void print_verification(const Cli *c, const onnxslim_verification *v) {
  const char *verdict = !v->passed ? "DIFFERENT" : v->bitwise ? "the same bits" : "the same within tolerance";
  print_line(c, v->passed ? GOOD : BAD, verdict, "(ONNX Runtime %s, %" PRIu64 " seeds)",
             v->runtime ? v->runtime : "", v->seeds);
  Table t = {.cli = c, .align = "lwrrrr"};
  static const char *const heads[] = {"output",   "optimizer", "max diff",
                                      "relative", "tolerance", "original on/off"};
  table_row(&t);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) table_cell(&t, BOLD, "%s", heads[i]);
  for (size_t i = 0; i < v->n_rows; i++) {
    bool first = true;
    for (size_t k = 0; k < i && first; k++) first = !same_row(&v->rows[k], &v->rows[i]);
    if (!first) continue;
    onnxslim_difference worst = v->rows[i];
    for (size_t k = i + 1; k < v->n_rows; k++)
      if (same_row(&v->rows[k], &worst)) worse(&worst, &v->rows[k]);
    add_row(&t, worst.output, &worst);
  }
  table_print(&t);
  if (v->failure) print_line(c, PLAIN, "", "%s", v->failure);
  fputc('\n', c->out);
}

int cmd_verify(Cli *c) {
  onnxslim_verification *v;
  onnxslim_status status = onnxslim_verify(c->cx, c->path[0], c->path[1], c->options, &v);
  clear_progress(c->progress);
  int code = EXIT_DONE;
  if (v) {
    if (!c->quiet) print_verification(c, v);
    if (c->json) code = write_json(c, onnxslim_verification_json(v));
    onnxslim_verification_free(v);
  }
  return status == ONNXSLIM_OK ? code : report_error(c, status);
}

/* --- bench
 * -------------------------------------------------------------------------------------------------------- */

static void add_side(Table *t, const char *name, const onnxslim_timing *s) {
  table_row(t);
  table_cell(t, PLAIN, "%s", name);
  table_seconds(t, s->median);
  table_seconds(t, s->low_quartile);
  table_seconds(t, s->high_quartile);
  table_seconds(t, s->fastest);
  table_seconds(t, s->open_seconds);
}

static void print_bench(const Cli *c, const onnxslim_comparison *b) {
  print_line(c, PLAIN, "", "ONNX Runtime %s, %d thread%s, %zu runs each, in turn; %s", b->runtime, b->threads,
             b->threads == 1 ? "" : "s", b->before.n_runs, b->inputs);
  fputc('\n', c->out);
  Table t = {.cli = c, .align = "lrrrrr"};
  static const char *const heads[] = {"", "median", "25 %", "75 %", "fastest", "open"};
  table_row(&t);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) table_cell(&t, BOLD, "%s", heads[i]);
  add_side(&t, c->path[0], &b->before);
  add_side(&t, c->path[1], &b->after);
  table_print(&t);
  bool clear = b->speedup_low > 1 || b->speedup_high < 1;
  char speedup[TEXT_ROOM];
  snprintf(speedup, sizeof speedup, "%.3f x", b->speedup);
  fputc('\n', c->out);
  print_line(c, clear ? b->speedup > 1 ? GOOD : BAD : PLAIN, speedup, "as fast (95 %%: %.3f to %.3f%s)",
             b->speedup_low, b->speedup_high, clear ? "" : "; no clear difference");
}

int cmd_bench(Cli *c) {
  onnxslim_comparison *b;
  onnxslim_status status = onnxslim_bench(c->cx, c->path[0], c->path[1], c->options, &b);
  clear_progress(c->progress);
  if (status != ONNXSLIM_OK) return report_error(c, status);
  if (!c->quiet) print_bench(c, b);
  int code = c->json ? write_json(c, onnxslim_comparison_json(b)) : EXIT_DONE;
  onnxslim_comparison_free(b);
  return code;
}
