/* onnxslim inspect IN --target=T: what the target does not take; the same after optimizing */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static Style style_of(const char *verdict) {
  return strcmp(verdict, "refused") == 0 ? BAD : strcmp(verdict, "risky") == 0 ? BOLD : DIM;
}

void print_target(const Cli *c, const onnxslim_target_check *t) {
  char pairs[80] = "";
  if (t->n_pairs) snprintf(pairs, sizeof pairs, "; %zu convolutions take their activation in", t->n_pairs);
  print_line(c, PLAIN, t->target, "(%s): %" PRIu64 " refused, %" PRIu64 " risky, %" PRIu64 " untried%s",
             t->through, t->refused, t->risky, t->untried, pairs);
  for (size_t i = 0; i < t->n_findings; i++) {
    const onnxslim_finding *f = &t->findings[i];
    print_line(c, style_of(f->verdict), f->verdict, "%s: %s", f->where, f->reason);
  }
  for (size_t i = 0; c->verbose && i < t->n_pairs; i++)
    print_line(c, GOOD, "fused", "%s, %s: %s", t->pairs[i].conv, t->pairs[i].activation, t->pairs[i].becomes);
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
