/* Texts on the terminal: styles, numbers with units, columns, shortening, wrapping. */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- styles and units ---------------------------------------------------------------------------------- */

const char *style_on(const Cli *c, Style s) {
  static const char *const codes[] = {
      [PLAIN] = "", [BOLD] = "\033[1m", [DIM] = "\033[2m", [GOOD] = "\033[32m", [BAD] = "\033[31m"};
  return c->color ? codes[s] : "";
}

const char *style_off(const Cli *c) {
  return c->color ? "\033[0m" : "";
}

const char *bytes_text(char text[TEXT_ROOM], uint64_t bytes) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  double v = (double)bytes;
  size_t u = 0;
  for (; v >= 999.95 && u + 1 < sizeof units / sizeof *units; u++) v /= 1000;
  snprintf(text, TEXT_ROOM, u ? "%.1f %s" : "%.0f %s", v, units[u]);
  return text;
}

const char *seconds_text(char text[TEXT_ROOM], double s) {
  if (s < 0.001)
    snprintf(text, TEXT_ROOM, "%.0f us", s * 1e6);
  else if (s < 1)
    snprintf(text, TEXT_ROOM, "%.1f ms", s * 1e3);
  else
    snprintf(text, TEXT_ROOM, "%.2f s", s);
  return text;
}

/* --- columns ------------------------------------------------------------------------------------------- */

/* Reads one code point; a byte that begins none is one of its own. */
static uint32_t next_point(const char **p) {
  const unsigned char *s = (const unsigned char *)*p;
  int more = *s >= 0xF0 ? 3 : *s >= 0xE0 ? 2 : *s >= 0xC0 ? 1 : 0;
  uint32_t point = more ? *s & (0x3Fu >> more) : *s;
  for (int i = 1; i <= more; i++) {
    if ((s[i] & 0xC0) != 0x80) {
      (*p)++;
      return *s;
    }
    point = point << 6 | (s[i] & 0x3F);
  }
  *p += more + 1;
  return point;
}

/* What terminals make of it: East Asian wide and emoji take two columns, marks on other letters none. The
 * C library knows only in the user's locale, which need not be that of the model. */
static int point_columns(uint32_t point) {
  static const struct {
    uint32_t first, last;
    int columns;
  } ranges[] = {{0x300, 0x36F, 0},     {0x200B, 0x200F, 0},   {0x20D0, 0x20FF, 0},   {0xFE00, 0xFE0F, 0},
                {0x1100, 0x115F, 2},   {0x2E80, 0x303E, 2},   {0x3041, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},
                {0xF900, 0xFAFF, 2},   {0xFE30, 0xFE6F, 2},   {0xFF00, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2},
                {0x1F300, 0x1F64F, 2}, {0x1F680, 0x1F6FF, 2}, {0x1F900, 0x1F9FF, 2}, {0x20000, 0x3FFFD, 2}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (point >= ranges[i].first && point <= ranges[i].last) return ranges[i].columns;
  return 1;
}

static int columns_of(const char *text, const char *end) {
  int n = 0;
  while (text < end) n += point_columns(next_point(&text));
  return n;
}

int text_width(const char *text) {
  return columns_of(text, text + strlen(text));
}

size_t text_fitting(const char *text, int width) {
  const char *p = text;
  for (int left = width; *p;) {
    const char *next = p;
    left -= point_columns(next_point(&next));
    if (left < 0) break;
    p = next;
  }
  return (size_t)(p - text);
}

void print_shortened(FILE *out, const char *text, int width) {
  int n = text_width(text), tail = width / 2;
  if (n <= width) {
    fputs(text, out);
    return;
  }
  const char *rest = text;
  for (int skip = n - tail; *rest && skip > 0;) skip -= point_columns(next_point(&rest));
  fprintf(out, "%.*s\xE2\x80\xA6%s", (int)text_fitting(text, width - 1 - tail), text, rest);
}

void make_printable(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7F) *text = '?';
}

/* --- lines --------------------------------------------------------------------------------------------- */

void print_wrapped(const Cli *c, int at, int indent, const char *text) {
  while (*text) {
    const char *end = text + strcspn(text, " ");
    int width = columns_of(text, end);
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

char *formatted(const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  size_t room = (size_t)vsnprintf(NULL, 0, fmt, ap) + 1;
  char *text = malloc(room);
  if (!text) abort(); /* one line */
  vsnprintf(text, room, fmt, again);
  va_end(again);
  make_printable(text);
  return text;
}

static void print_text(const Cli *c, int indent, Style style, const char *head, const char *fmt, va_list ap) {
  enum { HANGING = 2 };
  char *text = formatted(fmt, ap);
  fprintf(c->out, "%*s%s%s%s", indent, "", style_on(c, style), head, style ? style_off(c) : "");
  if (c->terminal)
    print_wrapped(c, indent + text_width(head), indent + (*head ? HANGING : 0), text);
  else
    fprintf(c->out, "%s%s\n", *head && *text ? " " : "", text);
  free(text);
}

void print_line(const Cli *c, Style style, const char *head, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  print_text(c, 0, style, head, fmt, ap);
  va_end(ap);
}

void print_indented(const Cli *c, int indent, Style style, const char *head, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  print_text(c, indent, style, head, fmt, ap);
  va_end(ap);
}
