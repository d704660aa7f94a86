/* What the library calls back for: a line that says how far long work is, messages, dumps. */
#include "cli.h"
#include "system.h"

#include <inttypes.h>
#include <string.h>

/* --- the line ------------------------------------------------------------------------------------------ */

/* "optimize fuse_conv_batchnorm, 1234 rewrites, 567/s, 3 s": what is left of the line is for the pass. */
static void draw_optimize(const Progress *p, const onnxslim_progress_t *at, double seconds, int width) {
  char numbers[100], separator[] = ", ";
  int n = snprintf(numbers, sizeof numbers, "%" PRIu64 " rewrites, %.0f/s, %.0f s", at->rewrites,
                   (double)(at->rewrites - p->rewrites_before) / seconds, p->drawn - p->started);
  fputs("optimize ", stderr);
  width -= n + (int)strlen("optimize ") + (int)strlen(separator);
  if (at->pass && width >= 10) {
    print_shortened(stderr, at->pass, width);
    fputs(separator, stderr);
  }
  fputs(numbers, stderr);
}

/* "write 45 %, 1.2 GB of 2.7 GB, 812.0 MB/s, 3 s"; the sizes only where there is room. */
static void draw_bytes(const Progress *p, uint64_t done, uint64_t total, double seconds, int width) {
  enum { WITH_SIZES = 60 };
  char text[3][TEXT_ROOM];
  bytes_text(text[0], done);
  bytes_text(text[1], total);
  bytes_text(text[2], (uint64_t)((double)(done - p->done_before) / seconds));
  fprintf(stderr, "%s %.0f %%, ", p->phase, (double)done * 100 / (double)total);
  if (width >= WITH_SIZES) fprintf(stderr, "%s of %s, ", text[0], text[1]);
  fprintf(stderr, "%s/s, %.0f s", text[2], p->drawn - p->started);
}

static void draw(Progress *p, uint64_t done, uint64_t total) {
  onnxslim_progress_t at = onnxslim_progress(p->cli->cx);
  double seconds = p->drawn - p->phase_started;
  int width = terminal_width(stderr) - 1; /* in the last column some terminals wrap */
  clear_progress(p);
  p->shown = true;
  if (seconds < 1e-3) seconds = 1e-3;
  if (strcmp(p->phase, "optimize") == 0)
    draw_optimize(p, &at, seconds, width);
  else if (total && (strcmp(p->phase, "write") == 0 || strcmp(p->phase, "read") == 0))
    draw_bytes(p, done, total, seconds, width);
  else if (total)
    fprintf(stderr, "%s %.0f %%, %.0f s", p->phase, (double)done * 100 / (double)total,
            p->drawn - p->started);
  else
    fprintf(stderr, "%s, %.0f s", p->phase, p->drawn - p->started);
  fflush(stderr);
}

static void begin_phase(Progress *p, const char *phase, uint64_t done, double t) {
  snprintf(p->phase, sizeof p->phase, "%s", phase);
  p->phase_started = t;
  p->done_before = done;
  p->rewrites_before = onnxslim_progress(p->cli->cx).rewrites;
}

/* Nothing in the first half second: most runs are over by then. */
int on_progress(void *user, const char *phase, uint64_t done, uint64_t total) {
  const double wait = 0.5, redraw = 0.1;
  Progress *p = user;
  if (system_caught()) return 1;
  if (!p->enabled || p->cli->quiet) return 0;
  double t = system_seconds();
  if (strcmp(p->phase, phase) != 0) begin_phase(p, phase, done, t);
  if (t - p->started < wait || t - p->drawn < redraw) return 0;
  p->drawn = t;
  draw(p, done, total);
  return 0;
}

void begin_progress(Progress *p, Cli *c) {
  *p = (Progress){
      .cli = c, .enabled = system_is_terminal(stderr) && !terminal_is_dumb(), .started = system_seconds()};
}

void clear_progress(Progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
  p->shown = false;
}

/* --- messages and dumps -------------------------------------------------------------------------------- */

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
