/* Tables that fit the terminal, and the texts in them. */
#include "cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- texts
 * ---------------------------------------------------------------------------------------------------- */

const char *style_on(const Cli *c, Style s) {
  static const char *const codes[] = {
      [PLAIN] = "", [BOLD] = "\033[1m", [DIM] = "\033[2m", [GOOD] = "\033[32m", [BAD] = "\033[31m"};
  return c->color ? codes[s] : "";
}

const char *style_off(const Cli *c) {
  return c->color ? "\033[0m" : "";
}

enum { TEXT_ROOM = 32 };

const char *bytes_text(char *text, uint64_t bytes) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  double v = (double)bytes;
  size_t u = 0;
  for (; v >= 999.95 && u + 1 < sizeof units / sizeof *units; u++) v /= 1000;
  snprintf(text, TEXT_ROOM, u ? "%.1f %s" : "%.0f %s", v, units[u]);
  return text;
}

const char *seconds_text(char *text, double s) {
  if (s < 0.001)
    snprintf(text, TEXT_ROOM, "%.0f us", s * 1e6);
  else if (s < 1)
    snprintf(text, TEXT_ROOM, "%.1f ms", s * 1e3);
  else
    snprintf(text, TEXT_ROOM, "%.2f s", s);
  return text;
}

/* Columns a UTF-8 text takes: code points, which is right for all but wide scripts. */
static int text_width(const char *text) {
  int n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

void print_wrapped(const Cli *c, int at, int indent, const char *text) {
  while (*text) {
    const char *end = text + strcspn(text, " ");
    char word[200];
    int n = snprintf(word, sizeof word, "%.*s", (int)(end - text), text);
    int width = n < (int)sizeof word ? text_width(word) : n;
    if (at > indent && at + 1 + width > c->width) {
      fprintf(c->out, "\n%*s", indent, "");
      at = indent;
    } else if (at > indent) {
      fputc(' ', c->out);
      at++;
    }
    fprintf(c->out, "%.*s", (int)(end - text), text);
    at += width;
    text = end + strspn(end, " ");
  }
  fputc('\n', c->out);
}

/* --- tables
 * --------------------------------------------------------------------------------------------------- */

void table_row(Table *t) {
  if (t->n_rows == t->cap) {
    size_t cap = t->cap ? t->cap * 2 : 32;
    void *rows = realloc(t->rows, cap * sizeof *t->rows);
    if (!rows) abort(); /* a few kilobytes */
    t->rows = rows;
    t->cap = cap;
  }
  memset(t->rows[t->n_rows++], 0, sizeof *t->rows);
  t->column = 0;
}

void table_cell(Table *t, Style style, const char *fmt, ...) {
  Cell *cell = &t->rows[t->n_rows - 1][t->column++];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(cell->text, sizeof cell->text, fmt, ap);
  va_end(ap);
  for (char *p = cell->text; *p; p++)
    if ((unsigned char)*p < ' ') *p = '?';
  cell->style = style;
}

void table_number(Table *t, uint64_t v) {
  table_cell(t, PLAIN, "%" PRIu64, v);
}

void table_bytes(Table *t, uint64_t bytes) {
  char text[TEXT_ROOM];
  table_cell(t, PLAIN, "%s", bytes_text(text, bytes));
}

void table_seconds(Table *t, double seconds) {
  char text[TEXT_ROOM];
  table_cell(t, PLAIN, "%s", seconds_text(text, seconds));
}

static Style change_style(int64_t v) {
  return v < 0 ? GOOD : v > 0 ? BAD : DIM;
}

void table_change(Table *t, int64_t v) {
  table_cell(t, change_style(v), v ? "%+" PRId64 : "%" PRId64, v);
}

void table_change_bytes(Table *t, int64_t v) {
  char text[TEXT_ROOM];
  bytes_text(text, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
  table_cell(t, change_style(v), "%s%s", v < 0 ? "-" : v > 0 ? "+" : "", text);
}

static void print_cell(const Cli *c, const Cell *cell, int width, bool left, bool last) {
  int n = text_width(cell->text);
  const char *shown = cell->text;
  char cut[sizeof cell->text + 4];
  if (n > width) { /* the beginning of a name says least: numbers and leaf names are at its end */
    const char *p = cell->text;
    for (int skip = n - width + 1; *p && (skip > 0 || ((unsigned char)*p & 0xC0) == 0x80); p++)
      skip -= ((unsigned char)p[1] & 0xC0) != 0x80;
    snprintf(cut, sizeof cut, "\xE2\x80\xA6%s", p);
    shown = cut;
    n = width;
  }
  if (!left) fprintf(c->out, "%*s", width - n, "");
  fprintf(c->out, "%s%s%s", style_on(c, cell->style), shown, cell->style ? style_off(c) : "");
  if (left && !last) fprintf(c->out, "%*s", width - n, "");
}

void table_print(Table *t) {
  enum { GAP = 2, LEAST = 12 };
  int n_columns = (int)strlen(t->align), width[MAX_COLUMNS] = {0}, total = -GAP;
  for (int k = 0; k < n_columns; k++) {
    for (size_t i = 0; i < t->n_rows; i++) {
      int n = text_width(t->rows[i][k].text);
      if (n > width[k]) width[k] = n;
    }
    total += width[k] + GAP;
  }
  int too_much = total - t->cli->width;
  if (too_much > 0) width[0] = width[0] - too_much > LEAST ? width[0] - too_much : LEAST;
  for (size_t i = 0; i < t->n_rows; i++) {
    for (int k = 0; k < n_columns; k++) {
      if (k) fprintf(t->cli->out, "%*s", GAP, "");
      print_cell(t->cli, &t->rows[i][k], width[k], t->align[k] == 'l', k + 1 == n_columns);
    }
    fputc('\n', t->cli->out);
  }
  free(t->rows);
  t->rows = NULL;
  t->n_rows = t->cap = 0;
}
