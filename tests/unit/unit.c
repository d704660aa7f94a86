/* Runner of the unit tests. Prints failures with their place, then one summary line.
 *
 *   unit [SUBSTRING]      all tests, or those whose name contains SUBSTRING
 *   unit --list           their names as FILE::NAME, one a line
 *   unit --run FILE::NAME exactly one
 */
#include "unit.h"
#include <stdarg.h>

static UnitTest *tests; /* by file, in the order of the file */
static int failures_here;

void unit_register(UnitTest *t) {
  UnitTest **p = &tests;
  while (*p && strcmp((*p)->file, t->file) <= 0) p = &(*p)->next;
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

static bool is_named(const UnitTest *t, const char *id) {
  size_t n = strlen(t->file);
  return strncmp(id, t->file, n) == 0 && strncmp(id + n, "::", 2) == 0 && strcmp(id + n + 2, t->name) == 0;
}

static int list(void) {
  for (const UnitTest *t = tests; t; t = t->next) printf("%s::%s\n", t->file, t->name);
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--list") == 0) return list();
  const char *id = argc > 2 && strcmp(argv[1], "--run") == 0 ? argv[2] : NULL;
  const char *part = argc > 1 && !id ? argv[1] : "";
  int passed = 0, failed = 0;
  for (UnitTest *t = tests; t; t = t->next) {
    if (id ? !is_named(t, id) : !strstr(t->name, part)) continue;
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
