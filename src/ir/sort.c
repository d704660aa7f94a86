#include "ir/ir.h"

/* A node waits for the nodes of its own graph that it reads from, directly or inside its bodies. Those inputs
 * are gathered once per node; bodies are walked through, so a captured value counts (Law 7). */

typedef struct Deps {
  Graph *g;
  Arena *arena;
  Vec(Node *) at;
} Deps;

static void gather(Deps *d, const Node *n) {
  for (int i = 0; i < n->n_in; i++) {
    Value *v = n->in[i].value;
    if (v && v->graph == d->g && v->producer) vec_push(d->arena, &d->at, v->producer);
  }
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++) {
      const Graph *body = a->v.graphs.at[k];
      for (const Node *inner = body->first; inner; inner = inner->next) gather(d, inner);
      for (size_t o = 0; o < body->outputs.n; o++) {
        Value *v = body->outputs.at[o];
        if (v->graph == d->g && v->producer) vec_push(d->arena, &d->at, v->producer);
      }
    }
  }
}

static bool sorted(Graph *g, Arena *scratch) {
  Deps d = {.g = g, .arena = scratch};
  for (Node *n = g->first; n; n = n->next) {
    d.at.n = 0;
    gather(&d, n);
    for (size_t i = 0; i < d.at.n; i++)
      if (!node_before(d.at.at[i], n)) return false;
  }
  return true;
}

typedef enum Mark { UNSEEN, ON_STACK, PLACED } Mark;

typedef struct Frame {
  Node *node;
  Node **deps;
  size_t n, next;
} Frame;

typedef struct Sorter {
  Graph *g;
  Arena *scratch;
  Map marks; /* Node -> Mark + 1, as a pointer */
  Vec(Frame) stack;
  Vec(Node *) order;
} Sorter;

static void mark(Sorter *s, const Node *n, Mark k) {
  map_put(&s->marks, map_key(n), (void *)(uintptr_t)k);
}

static void push(Sorter *s, Node *n) {
  Deps d = {.g = s->g, .arena = s->scratch};
  gather(&d, n);
  mark(s, n, ON_STACK);
  Frame f = {n, d.at.at, d.at.n, 0};
  vec_push(s->scratch, &s->stack, f);
}

/* Depth first in list order, with an explicit stack: keeps the order of nodes that were placed right already.
 */
static void place(Sorter *s, Node *root) {
  push(s, root);
  while (s->stack.n) {
    Frame *f = &s->stack.at[s->stack.n - 1];
    if (f->next == f->n) {
      mark(s, f->node, PLACED);
      vec_push(s->scratch, &s->order, f->node);
      s->stack.n--;
      continue;
    }
    Node *dep = f->deps[f->next++];
    Mark k = (Mark)(uintptr_t)map_get(&s->marks, map_key(dep));
    if (k == ON_STACK)
      fail(s->g->model->cx, ONNXSLIM_ERR_MODEL, "the graph has a cycle through node %s", node_label(dep));
    if (k == UNSEEN) push(s, dep);
  }
}

void graph_sort(Graph *g) {
  graph_renumber(g);
  Arena *scratch = arena_child(g->model->arena);
  if (!sorted(g, scratch)) {
    Sorter s = {.g = g, .scratch = scratch};
    map_init(&s.marks, scratch);
    for (Node *n = g->first; n; n = n->next)
      if (!map_get(&s.marks, map_key(n))) place(&s, n);
    g->first = g->last = NULL;
    g->n_nodes = 0;
    for (size_t i = 0; i < s.order.n; i++) node_link(g, NULL, s.order.at[i]);
    graph_renumber(g);
    g->dirty = true;
  }
  arena_free(scratch);
}
