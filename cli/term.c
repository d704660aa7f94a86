/* The terminal: its width, its colours. */
#include "cli.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

int terminal_width(FILE *file) {
  enum { UNKNOWN = 80, FIXED = 100, LEAST = 20, MOST = 1000 };
  if (!system_is_terminal(file)) return FIXED;
  int told = system_columns(file);
  if (told >= LEAST) return told;
  const char *columns = getenv("COLUMNS");
  long n = columns ? strtol(columns, NULL, 10) : 0;
  return n >= LEAST && n <= MOST ? (int)n : UNKNOWN;
}

bool terminal_is_dumb(void) {
  const char *term = getenv("TERM");
  return term && strcmp(term, "dumb") == 0;
}

bool terminal_color(FILE *file, const char *when) {
  if (when && strcmp(when, "auto") != 0) return strcmp(when, "always") == 0;
  const char *off = getenv("NO_COLOR");
  return system_is_terminal(file) && !(off && *off) && !terminal_is_dumb();
}
