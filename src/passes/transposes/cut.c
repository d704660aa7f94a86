/* Dinic's algorithm: shortest augmenting paths, all of one length at a time, without recursion. */
#include "passes/transposes/cut.h"

void cut_init(Cut *c, Arena *a) {
  *c = (Cut){.arena = a};
  cut_vertex(c);
  cut_vertex(c);
}

int cut_vertex(Cut *c) {
  vec_push(c->arena, &c->first, -1);
  return (int)c->first.n - 1;
}

static void half_edge(Cut *c, int u, int v, int64_t capacity) {
  CutEdge e = {v, c->first.at[u], capacity};
  c->first.at[u] = (int)c->edges.n;
  vec_push(c->arena, &c->edges, e);
}

void cut_edge(Cut *c, int u, int v, int64_t forward, int64_t backward) {
  half_edge(c, u, v, forward);
  half_edge(c, v, u, backward);
}

/* Distances from the source along edges with capacity left. False if the sink is out of reach. */
static bool find_levels(Cut *c) {
  int *queue = NEW_ARRAY(c->arena, int, c->first.n), head = 0, tail = 0;
  for (size_t v = 0; v < c->first.n; v++) c->level[v] = -1;
  c->level[CUT_SOURCE] = 0;
  queue[tail++] = CUT_SOURCE;
  while (head < tail) {
    int u = queue[head++];
    for (int e = c->first.at[u]; e >= 0; e = c->edges.at[e].next) {
      int v = c->edges.at[e].to;
      if (!c->edges.at[e].left || c->level[v] >= 0) continue;
      c->level[v] = c->level[u] + 1;
      queue[tail++] = v;
    }
  }
  return c->level[CUT_SINK] >= 0;
}

static void push_along(Cut *c, const int *path, int length) {
  int64_t flow = INT64_MAX;
  for (int i = 0; i < length; i++)
    if (c->edges.at[path[i]].left < flow) flow = c->edges.at[path[i]].left;
  for (int i = 0; i < length; i++) {
    c->edges.at[path[i]].left -= flow;
    c->edges.at[path[i] ^ 1].left += flow;
  }
}

/* One path from the source to the sink that goes up one level with each step. */
static bool augment(Cut *c, int *path) {
  int u = CUT_SOURCE, length = 0;
  while (u != CUT_SINK) {
    int *e = &c->at[u];
    while (*e >= 0 && !(c->edges.at[*e].left && c->level[c->edges.at[*e].to] == c->level[u] + 1))
      *e = c->edges.at[*e].next;
    if (*e >= 0) {
      path[length++] = *e;
      u = c->edges.at[*e].to;
      continue;
    }
    if (!length) return false;
    u = c->edges.at[path[--length] ^ 1].to; /* a dead end: back, and never this way again */
    c->at[u] = c->edges.at[c->at[u]].next;
  }
  push_along(c, path, length);
  return true;
}

void cut_solve(Cut *c) {
  c->level = NEW_ARRAY(c->arena, int, c->first.n);
  c->at = NEW_ARRAY(c->arena, int, c->first.n);
  int *path = NEW_ARRAY(c->arena, int, c->first.n);
  while (find_levels(c)) {
    for (size_t v = 0; v < c->first.n; v++) c->at[v] = c->first.at[v];
    while (augment(c, path)) {
    }
  }
}

bool cut_with_source(const Cut *c, int v) {
  return c->level[v] >= 0;
}
