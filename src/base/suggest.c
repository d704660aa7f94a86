#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 64 };

/* '-' and '_' and the case of letters are where most slips are: they are no difference at all. */
static bool alike(char a, char b) {
  if (a == '_') a = '-';
  if (b == '_') b = '-';
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
static size_t distance(const char *a, size_t n, const char *b, size_t m) {
  size_t rows[3][LONGEST + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t k = 0; k <= m; k++) last[k] = k;
  for (size_t i = 1; i <= n; i++) {
    row[0] = i;
    for (size_t k = 1; k <= m; k++) {
      bool same = alike(a[i - 1], b[k - 1]);
      row[k] = least(last[k - 1] + !same, 1 + least(last[k], row[k - 1]));
      if (i > 1 && k > 1 && alike(a[i - 1], b[k - 2]) && alike(a[i - 2], b[k - 1]))
        row[k] = least(row[k], before[k - 2] + 1);
    }
    size_t *oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  return last[m];
}

void suggest_try(Suggest *s, const char *candidate) {
  size_t n = strlen(s->word), m = strlen(candidate);
  if (!n || n > LONGEST || m > LONGEST) return;
  size_t d = distance(s->word, n, candidate, m);
  /* A word that was cut short, or the beginning of one, is near whatever its length. */
  bool begins = n >= 3 && n < m && strncmp(s->word, candidate, n) == 0;
  if (begins) d = 1;
  if (d > 1 + m / 5 || d >= m || (s->best && d >= s->distance)) return;
  s->best = candidate;
  s->distance = d;
}

const char *suggest_text(const Suggest *s, char *text, size_t room) {
  text[0] = 0;
  if (s->best) snprintf(text, room, " (did you mean '%s'?)", s->best);
  return text;
}
