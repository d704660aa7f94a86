/* Tables that fit the terminal. */
#include "cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- filling it ---------------------------------------------------------------------------------------- */

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
  va_list ap;
  va_start(ap, fmt);
  t->rows[t->n_rows - 1][t->column++] = (Cell){formatted(fmt, ap), style};
  va_end(ap);
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

/* --- layout -------------------------------------------------------------------------------------------- */

enum {
  GAP = 2,
  INDENT = 2, /* of the second and later lines of a row */
  LEAST = 10  /* columns that a name keeps, if a row is to stay on one line */
};

typedef struct Layout {
  int n, width[MAX_COLUMNS];
  bool begins_line[MAX_COLUMNS];
} Layout;

static const char *text_of(const Cell *cell) {
  return cell->text ? cell->text : "";
}

static int natural_width(const Table *t, int k) {
  int width = 0;
  for (size_t i = 0; i < t->n_rows; i++) {
    int n = text_width(text_of(&t->rows[i][k]));
    if (n > width) width = n;
  }
  return width;
}

/* Takes columns from the widest names until the row fits. False if it cannot. */
static bool shorten_names(const Table *t, Layout *l, int too_much) {
  for (; too_much > 0; too_much--) {
    int widest = -1;
    for (int k = 0; k < l->n; k++)
      if (t->align[k] == 'l' && l->width[k] > LEAST && (widest < 0 || l->width[k] > l->width[widest]))
        widest = k;
    if (widest < 0) return false;
    l->width[widest]--;
  }
  return true;
}

/* Breaks a row into lines. */
static void fold(const Table *t, Layout *l) {
  for (int k = 0, at = 0; k < l->n; k++) {
    int room = t->cli->width - (k ? INDENT : 0);
    if (t->align[k] == 'l' && l->width[k] > room) l->width[k] = room;
    l->begins_line[k] = k && at + GAP + l->width[k] > t->cli->width;
    at = (l->begins_line[k] ? INDENT : k ? at + GAP : 0) + l->width[k];
  }
}

/* Only a terminal's lines have an end: what a program or a file reads is whole. */
static Layout lay_out(const Table *t) {
  Layout l = {.n = (int)strlen(t->align)};
  int total = -GAP;
  for (int k = 0; k < l.n; k++) total += GAP + (l.width[k] = natural_width(t, k));
  if (!t->cli->terminal || total <= t->cli->width) return l;
  Layout shorter = l;
  if (shorten_names(t, &shorter, total - t->cli->width)) return shorter;
  fold(t, &l);
  return l;
}

/* --- printing it --------------------------------------------------------------------------------------- */

/* A text that must not be shortened and is longer than any line goes on in the next. */
static void print_whole(const Cli *c, const char *text) {
  for (int room = c->width - INDENT; c->terminal && text_width(text) > room;) {
    size_t n = text_fitting(text, room);
    fprintf(c->out, "%.*s\n%*s", (int)n, text, INDENT, "");
    text += n;
  }
  fputs(text, c->out);
}

static void print_cell(const Table *t, const Cell *cell, const Layout *l, int k) {
  const Cli *c = t->cli;
  const char *text = text_of(cell);
  int spare = l->width[k] - text_width(text);
  bool left = t->align[k] != 'r', last = k + 1 == l->n || l->begins_line[k + 1];
  if (!left && spare > 0) fprintf(c->out, "%*s", spare, "");
  fputs(style_on(c, cell->style), c->out);
  if (t->align[k] == 'l')
    print_shortened(c->out, text, l->width[k]);
  else
    print_whole(c, text);
  if (cell->style) fputs(style_off(c), c->out);
  if (left && !last && spare > 0) fprintf(c->out, "%*s", spare, "");
}

void table_print(Table *t) {
  Layout l = lay_out(t);
  for (size_t i = 0; i < t->n_rows; i++) {
    for (int k = 0; k < l.n; k++) {
      if (l.begins_line[k])
        fprintf(t->cli->out, "\n%*s", INDENT, "");
      else if (k)
        fprintf(t->cli->out, "%*s", GAP, "");
      print_cell(t, &t->rows[i][k], &l, k);
    }
    fputc('\n', t->cli->out);
    for (int k = 0; k < MAX_COLUMNS; k++) free(t->rows[i][k].text);
  }
  free(t->rows);
  t->rows = NULL;
  t->n_rows = t->cap = 0;
}
