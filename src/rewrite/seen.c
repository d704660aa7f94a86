/* What a plain C rule has recognised, for rewrite/explain.h. */
#include "rewrite/rewriter_int.h"

void rw_saw(Rewriter *rw, const Node *n) {
  if (rw->o->explain && n) vec_push(rw->scratch, &rw->seen_nodes, n);
}

enum { MOST_VISITED = 512 }; /* what is recognised is no larger */
enum { APART = 1, BETWEEN };

typedef struct Search {
  Rewriter *rw;
  const Graph *graph;
  Value *const *from;
  int n_from, visited;
  uint64_t first; /* nodes in front of this place read nothing of `from` */
  Map states;     /* node -> APART or BETWEEN */
} Search;

static bool is_from(const Search *s, const Value *v) {
  for (int i = 0; i < s->n_from; i++)
    if (s->from[i] == v) return true;
  return false;
}

static bool leads_from(Search *s, const Node *n) {
  uintptr_t state = (uintptr_t)map_get(&s->states, map_key(n));
  if (state) return state == BETWEEN;
  bool between = false;
  map_put(&s->states, map_key(n), (void *)(uintptr_t)APART);
  if (n->graph != s->graph || n->order < s->first || s->visited++ == MOST_VISITED) return false;
  for (int i = 0; i < n->n_in; i++) {
    const Value *v = n->in[i].value;
    if (v) between = is_from(s, v) || (v->producer && leads_from(s, v->producer)) || between;
  }
  if (!between) return false;
  map_put(&s->states, map_key(n), (void *)(uintptr_t)BETWEEN);
  rw_saw(s->rw, n);
  return true;
}

void rw_saw_from(Rewriter *rw, const Node *root, int n, Value *const *from) {
  if (!rw->o->explain) return;
  Search s = {.rw = rw, .graph = root->graph, .from = from, .n_from = n, .first = UINT64_MAX};
  map_init(&s.states, rw->scratch);
  for (int i = 0; i < n; i++) {
    const Node *producer = from[i] ? from[i]->producer : NULL;
    uint64_t order = producer && producer->graph == root->graph ? producer->order : 0;
    if (from[i] && order < s.first) s.first = order;
  }
  leads_from(&s, root);
}
