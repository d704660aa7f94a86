/* Runner of the unit tests: unit [SUBSTRING]. Prints failures with their place, then one summary line. */
#include "unit.h"
#include <stdarg.h>

static UnitTest *tests;
static int failures_here;

void unit_register(UnitTest *t) {
  UnitTest **p = &tests;
  while (*p && (strcmp((*p)->file, t->file) < 0 || (strcmp((*p)->file, t->file) == 0))) p = &(*p)->next;
  t->next = *p;
  *p = t;
}

void unit_failed(const char *file, int line, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "%s:%d: ", file, line);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  failures_here++;
}

int main(int argc, char **argv) {
  int passed = 0, failed = 0;
  for (UnitTest *t = tests; t; t = t->next) {
    if (argc > 1 && !strstr(t->name, argv[1])) continue;
    failures_here = 0;
    t->run();
    if (failures_here) {
      failed++;
      fprintf(stderr, "FAILED %s\n", t->name);
    } else {
      passed++;
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0 || passed == 0;
}
