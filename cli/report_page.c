/* --report: the page with the report in it. */
#include "cli.h"
#include "page.h"
#include "system.h"

#include <errno.h>
#include <string.h>

static const char mark[] = "<script type=\"application/json\" id=\"data\">";

/* How many bytes of the page come before the data. */
static size_t split_page(void) {
  size_t i = 0, n = sizeof mark - 1;
  while (memcmp(report_page + i, mark, n) != 0) i++; /* it is there: tests/ui */
  return i + n;
}

static bool put(FILE *f, const char *at, size_t n) {
  return fwrite(at, 1, n, f) == n;
}

int write_report_page(Cli *c, char *json) {
  if (!json) return report_error(c, ONNXSLIM_ERR_MEMORY);
  FILE *f = strcmp(c->report, "-") == 0 ? stdout : system_create(c->report);
  size_t head = split_page();
  bool ok = f && put(f, report_page, head) && put(f, json, strlen(json)) &&
            put(f, report_page + head, report_page_size() - head);
  if (f) ok = (f == stdout ? fflush(f) : fclose(f)) == 0 && ok;
  onnxslim_buffer_free(c->cx, json);
  if (!ok) error_line(c, "cannot write '%s': %s", c->report, strerror(errno));
  return ok ? EXIT_DONE : EXIT_IO;
}
