/* The terminal: its width, its colours, progress. */
#include "cli.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

int terminal_width(FILE *out) {
  int n = system_is_terminal(out) ? system_columns(out) : 0;
  if (n >= 20) return n;
  const char *columns = getenv("COLUMNS");
  long fixed = columns ? strtol(columns, NULL, 10) : 0;
  return fixed >= 20 && fixed <= 1000 ? (int)fixed : 100;
}

bool terminal_color(FILE *out) {
  const char *off = getenv("NO_COLOR"), *term = getenv("TERM");
  return system_is_terminal(out) && !(off && *off) && !(term && strcmp(term, "dumb") == 0);
}

/* --- callbacks
 * ------------------------------------------------------------------------------------------------ */

enum { REDRAWS_PER_SECOND = 10 };

/* Nothing in the first second: most runs are over by then. */
int on_progress(void *user, const char *phase, uint64_t done, uint64_t total) {
  Progress *p = user;
  if (system_caught()) return 1;
  if (!p->enabled) return 0;
  double t = system_seconds();
  if (p->started == 0) p->started = t;
  if (t - p->started < 1 || t - p->drawn < 1.0 / REDRAWS_PER_SECOND) return 0;
  p->drawn = t;
  p->shown = true;
  fprintf(stderr, "\r\033[K%s", phase);
  if (total) fprintf(stderr, " %d %%", (int)((double)done * 100 / (double)total));
  fprintf(stderr, " (%.0f s)", t - p->started);
  fflush(stderr);
  return 0;
}

void clear_progress(Progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
  p->shown = false;
}

void on_log(void *user, onnxslim_log_level level, const char *line) {
  Progress *p = user;
  if (p->cli->quiet || (level != ONNXSLIM_LOG_WARNING && !p->cli->verbose)) return;
  clear_progress(p);
  fprintf(stderr, "onnxslim: %s%s\n", level == ONNXSLIM_LOG_WARNING ? "warning: " : "", line);
}

void on_dump(void *user, const char *title, const char *text) {
  Progress *p = user;
  clear_progress(p);
  fprintf(p->cli->out, "# %s\n%s\n", title, text);
}
