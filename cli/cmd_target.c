/* onnxslim inspect IN --target=T: what the target does not take; the same after optimizing */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static Style style_of(const char *verdict) {
  return strcmp(verdict, "refused") == 0 ? BAD : strcmp(verdict, "risky") == 0 ? BOLD : DIM;
}

void print_target(const Cli *c, const onnxslim_target_check *t) {
  fprintf(c->out, "%s (%s): %" PRIu64 " refused, %" PRIu64 " risky, %" PRIu64 " untried", t->target,
          t->through, t->refused, t->risky, t->untried);
  if (t->n_pairs) fprintf(c->out, "; %zu convolutions take their activation in", t->n_pairs);
  fputc('\n', c->out);
  for (size_t i = 0; i < t->n_findings; i++) {
    const onnxslim_finding *f = &t->findings[i];
    Style style = style_of(f->verdict);
    fprintf(c->out, "%s%s%s %s: %s\n", style_on(c, style), f->verdict, style_off(c), f->where, f->reason);
  }
  for (size_t i = 0; c->verbose && i < t->n_pairs; i++)
    fprintf(c->out, "%sfused%s %s, %s: %s\n", style_on(c, GOOD), style_off(c), t->pairs[i].conv,
            t->pairs[i].activation, t->pairs[i].becomes);
}

int inspect_target(Cli *c, onnxslim_model *model) {
  onnxslim_target_check *check;
  onnxslim_status status = onnxslim_check_target(model, c->options, &check);
  if (status != ONNXSLIM_OK) return report_error(c, status);
  if (!c->quiet) print_target(c, check);
  int code = check->refused ? EXIT_VERIFY : EXIT_DONE;
  if (c->json) {
    int written = write_json(c, onnxslim_target_check_json(check));
    if (written != EXIT_DONE) code = written;
  }
  onnxslim_target_check_free(check);
  return code;
}
