#include "passes/einsum/equation.h"

#include <ctype.h>
#include <string.h>

enum { ELLIPSIS = '.', FIRST_OF_ELLIPSIS = 128, MAX_ELLIPSIS = 64 };

int label_index(const Labels *l, uint8_t label) {
  for (int i = 0; i < l->n; i++)
    if (l->at[i] == label) return i;
  return -1;
}

void label_add(Labels *l, uint8_t label) {
  if (!label_in(l, label) && l->n < MAX_RANK) l->at[l->n++] = label;
}

/* One term as written: letters, and '.' for an ellipsis. False on anything else, and on labels that repeat.
 */
static bool read_term(const uint8_t **p, const uint8_t *end, Labels *t) {
  t->n = 0;
  for (; *p < end && **p != ',' && **p != '-'; (*p)++) {
    uint8_t c = **p;
    if (c == ' ') continue;
    if (c == ELLIPSIS) {
      if (end - *p < 3 || (*p)[1] != ELLIPSIS || (*p)[2] != ELLIPSIS) return false;
      *p += 2;
    } else if (!isalpha(c) || c >= FIRST_OF_ELLIPSIS)
      return false;
    if (label_in(t, c) || t->n == MAX_RANK) return false;
    t->at[t->n++] = c;
  }
  return true;
}

/* Puts the labels of an ellipsis of `length` axes in the place of its mark. */
static bool expand(Labels *t, int length) {
  int at = label_index(t, ELLIPSIS);
  if (at < 0) return true;
  if (length < 0 || length > MAX_ELLIPSIS || t->n - 1 + length > MAX_RANK) return false;
  memmove(t->at + at + length, t->at + at + 1, (size_t)(t->n - at - 1));
  for (int i = 0; i < length; i++) t->at[at + i] = (uint8_t)(FIRST_OF_ELLIPSIS + length - 1 - i);
  t->n += length - 1;
  return true;
}

/* Without "->": the ellipsis, then the letters that occur once, in alphabetical order. What that is for
 * capital and small letters together is nowhere said. */
static bool implied_output(Equation *eq, int ellipsis) {
  bool small = false, capital = false;
  eq->out.n = 0;
  for (int i = ellipsis - 1; i >= 0; i--) eq->out.at[eq->out.n++] = (uint8_t)(FIRST_OF_ELLIPSIS + i);
  for (int c = 'A'; c <= 'z'; c++) {
    int count = 0;
    for (int i = 0; i < eq->n_in; i++) count += label_in(&eq->in[i], (uint8_t)c);
    small = small || (count && c >= 'a');
    capital = capital || (count && c <= 'Z');
    if (count == 1) label_add(&eq->out, (uint8_t)c);
  }
  return !small || !capital;
}

/* All labels together must fit into one list. */
static bool too_many_labels(const Equation *eq) {
  Labels all = {0};
  for (int i = 0; i < eq->n_in; i++)
    for (int k = 0; k < eq->in[i].n; k++) label_add(&all, eq->in[i].at[k]);
  return all.n == MAX_RANK;
}

static bool output_is_known(const Equation *eq) {
  for (int k = 0; k < eq->out.n; k++) {
    bool found = false;
    for (int i = 0; i < eq->n_in; i++) found = found || label_in(&eq->in[i], eq->out.at[k]);
    if (!found) return false;
  }
  return true;
}

bool equation_read(Span text, int n_in, const int *rank, Equation *eq, const char **why) {
  const uint8_t *p = text.p, *end = span_end(text);
  int ellipsis = 0;
  bool marked = false;
  *why = "the equation has a diagonal, or is none";
  if (n_in < 1 || n_in > MAX_OPERANDS) return *why = "it has too many operands", false;
  eq->n_in = n_in;
  for (int i = 0; i < n_in; i++) {
    Labels *t = &eq->in[i];
    if (rank[i] < 0) return *why = "the rank of an operand is not known", false;
    if (i && (p == end || *p != ',')) return false;
    if (i) p++;
    if (!read_term(&p, end, t)) return false;
    bool has = label_in(t, ELLIPSIS);
    int length = rank[i] - (t->n - has);
    if ((!has && length) || !expand(t, length)) return false;
    if (has && marked && length != ellipsis)
      return *why = "its ellipses stand for different numbers of axes", false;
    if (has) ellipsis = length;
    marked = marked || has;
  }
  if (too_many_labels(eq)) return *why = "it has too many labels", false;
  if (p == end) {
    if (!implied_output(eq, ellipsis))
      return *why = "the order of the output's axes is not well defined", false;
    return true;
  }
  if (end - p < 2 || p[0] != '-' || p[1] != '>') return false;
  p += 2;
  if (!read_term(&p, end, &eq->out) || p != end) return false;
  bool kept = label_in(&eq->out, ELLIPSIS);
  if (kept != marked && (kept || ellipsis)) return *why = "the ellipsis is not in the output", false;
  return expand(&eq->out, ellipsis) && output_is_known(eq);
}
