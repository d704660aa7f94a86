/* The terminal: its width, its colours, progress, signals. */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

int terminal_width(FILE *out) {
  struct winsize size;
  if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
    return size.ws_col;
  const char *columns = getenv("COLUMNS");
  long n = columns ? strtol(columns, NULL, 10) : 0;
  return n >= 20 && n <= 1000 ? (int)n : 100;
}

bool terminal_color(FILE *out) {
  const char *off = getenv("NO_COLOR"), *term = getenv("TERM");
  return isatty(fileno(out)) && !(off && *off) && !(term && strcmp(term, "dumb") == 0);
}

/* --- signals
 * ------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void on_signal(int number) {
  caught = number;
}

/* The first interrupt lets the library clean up (the next progress report cancels the run), the second one
 * kills. A closed pipe and a file that may not grow are errors with a message. */
void catch_signals(void) {
  struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  sigaction(SIGXFSZ, &ignore, NULL);
}

int signal_caught(void) {
  return caught;
}

/* --- callbacks
 * ------------------------------------------------------------------------------------------------ */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { REDRAWS_PER_SECOND = 10 };

/* Nothing in the first second: most runs are over by then. */
int on_progress(void *user, const char *phase, uint64_t done, uint64_t total) {
  Progress *p = user;
  if (caught) return 1;
  if (!p->enabled) return 0;
  double t = now();
  if (!p->started) p->started = t;
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
