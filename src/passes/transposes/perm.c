#include "passes/transposes/perm.h"

#include "infer/facts.h"

#include <stdio.h>

Perm perm_identity(int n) {
  Perm p = {.n = n};
  for (int i = 0; i < n; i++) p.at[i] = (int8_t)i;
  return p;
}

bool perm_is_identity(const Perm *p) {
  return perm_keeps_from(p, 0);
}

bool perm_equal(const Perm *p, const Perm *q) {
  if (p->n != q->n) return false;
  for (int i = 0; i < p->n; i++)
    if (p->at[i] != q->at[i]) return false;
  return true;
}

Perm perm_inverse(const Perm *p) {
  Perm r = {.n = p->n};
  for (int i = 0; i < p->n; i++) r.at[p->at[i]] = (int8_t)i;
  return r;
}

Perm perm_then(const Perm *p, const Perm *q) {
  Perm r = {.n = p->n};
  for (int i = 0; i < p->n; i++) r.at[i] = p->at[q->at[i]];
  return r;
}

Axes perm_axes(const Perm *p, Axes axes) {
  Axes moved = 0;
  for (int i = 0; i < p->n; i++)
    if (axes & AXIS(p->at[i])) moved |= AXIS(i);
  return moved;
}

Perm perm_without(const Perm *p, Axes gone) {
  int8_t index[MAX_AXES];
  int8_t left = 0;
  for (int i = 0; i < p->n; i++) {
    index[i] = left;
    if (!(gone & AXIS(i))) left++;
  }
  Perm r = PERM_NONE;
  for (int i = 0; i < p->n; i++)
    if (!(gone & AXIS(p->at[i]))) r.at[r.n++] = index[p->at[i]];
  return r;
}

Perm perm_with(const Perm *p, Axes extra, int n) {
  int8_t index[MAX_AXES];
  int old = 0, next = 0;
  for (int i = 0; i < n; i++)
    if (!(extra & AXIS(i))) index[old++] = (int8_t)i;
  Perm r = {.n = n};
  for (int i = 0; i < n; i++) r.at[i] = extra & AXIS(i) ? (int8_t)i : index[p->at[next++]];
  return r;
}

Perm perm_widen(const Perm *p, int n) {
  Perm r = perm_identity(n);
  for (int i = 0; i < p->n; i++) r.at[n - p->n + i] = (int8_t)(n - p->n + p->at[i]);
  return r;
}

bool perm_narrow(const Perm *p, int k, Perm *out) {
  int lead = p->n - k;
  *out = (Perm){.n = k};
  for (int i = 0; i < k; i++) {
    if (p->at[lead + i] < lead) return false;
    out->at[i] = (int8_t)(p->at[lead + i] - lead);
  }
  return true;
}

bool perm_keeps_from(const Perm *p, int from) {
  for (int i = from; i < p->n; i++)
    if (p->at[i] != i) return false;
  return true;
}

bool perm_of(const Node *transpose, Perm *p) {
  const int64_t *at;
  size_t n;
  *p = PERM_NONE;
  if (!attr_ints(transpose, "perm", &at, &n)) {
    int rank = node_in(transpose, 0) ? rank_of(node_in(transpose, 0)) : -1;
    if (node_attr(transpose, "perm") || rank < 0 || rank > MAX_AXES) return false;
    p->n = rank;
    for (int i = 0; i < rank; i++) p->at[i] = (int8_t)(rank - 1 - i);
    return true;
  }
  if (n > MAX_AXES) return false;
  Axes seen = 0;
  for (size_t i = 0; i < n; i++) {
    if (at[i] < 0 || (size_t)at[i] >= n || seen & AXIS(at[i])) return false;
    seen |= AXIS(at[i]);
    p->at[p->n++] = (int8_t)at[i];
  }
  return true;
}

const char *perm_text(Arena *a, const Perm *p) {
  char text[8 * MAX_AXES];
  int n = snprintf(text, sizeof text, "[");
  for (int i = 0; i < p->n; i++) n += snprintf(text + n, sizeof text - (size_t)n, i ? ",%d" : "%d", p->at[i]);
  return arena_printf(a, "%s]", text);
}
