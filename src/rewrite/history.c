#include "rewrite/history.h"

static void set_alive(History *h, const Node *n, bool alive) {
  while (h->alive.n <= n->id) vec_push(h->arena, &h->alive, NULL);
  h->alive.at[n->id] = alive ? n : NULL;
}

static void add_graph(Graph *g, void *arg) {
  for (const Node *n = g->first; n; n = n->next) set_alive(arg, n, true);
}

void history_init(History *h, Arena *a, Model *m) {
  *h = (History){.arena = a};
  map_init(&h->seen, a);
  model_each_graph(m, add_graph, h);
}

static void add_step(History *h, const HistoryStep *step) {
  for (size_t i = 0; i < step->removed.n; i++) set_alive(h, step->removed.at[i], false);
  for (size_t i = 0; i < step->made.n; i++) set_alive(h, step->made.at[i], true);
  vec_push(h->arena, &h->steps, *step);
}

/* Those of a that are not in b. */
static NodeList missing(Arena *arena, const NodeList *a, const NodeList *b) {
  NodeList list = {0};
  for (size_t i = 0; i < a->n; i++)
    if (a->at[i] && (i >= b->n || !b->at[i])) vec_push(arena, &list, a->at[i]);
  return list;
}

void history_phase(History *h, Model *m, const char *pass, const char *rule) {
  History now = {.arena = arena_child(h->arena)};
  model_each_graph(m, add_graph, &now);
  HistoryStep step = {.pass = pass,
                      .rule = rule,
                      .removed = missing(h->arena, &h->alive, &now.alive),
                      .made = missing(h->arena, &now.alive, &h->alive)};
  arena_free(now.arena);
  if (step.removed.n + step.made.n) add_step(h, &step);
}

void history_rewrite(History *h, const Journal *j, uint32_t first_made, HistoryStep *step) {
  uintptr_t number = h->steps.n + 1;
  for (size_t i = 0; i < j->edits.n; i++) {
    const Node *n = j->edits.at[i].node;
    if (!n || n->dead || n->id >= first_made || (uintptr_t)map_get(&h->seen, map_key(n)) == number) continue;
    map_put(&h->seen, map_key(n), (void *)number);
    vec_push(h->arena, &step->changed, n);
  }
  add_step(h, step);
}
