#include "reproduce.h"

#include <string.h>

enum { MAX_REMOVALS = 64 }; /* parts that are tried to make the first one smaller */

/* A set of nodes of the main graph, by id. */
typedef struct Part {
  bool *has;
  size_t n;
} Part;

typedef struct Search {
  Reproducer *r;
  Model *m; /* only read: parts are cut out of copies */
  Arena *arena;
  Node *root;
  Vec(const char *) inputs, outputs; /* of the part that is tried */
  bool shown;
} Search;

/* --- parts --------------------------------------------------------------------------------------------- */

/* The node of the main graph that holds n in its bodies, or n. */
static Node *in_main_graph(const Model *m, Node *n) {
  while (n && n->graph != m->graph) n = n->graph->owner;
  return n;
}

static void find_node(Graph *g, void *arg) {
  Search *s = arg;
  for (Node *n = g->first; n && !s->root; n = n->next)
    if (strcmp(node_label(n), s->r->node) == 0) s->root = in_main_graph(s->m, n);
}

typedef void Reads(Search *s, Part *p, Value *v);

/* Every value that a node or its bodies read from the main graph. */
static void each_read(Search *s, Part *p, const Node *n, Reads *fn) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i].value && n->in[i].value->graph == s->m->graph) fn(s, p, n->in[i].value);
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++) {
      const Graph *body = a->v.graphs.at[k];
      for (const Node *inner = body->first; inner; inner = inner->next) each_read(s, p, inner, fn);
      for (size_t o = 0; o < body->outputs.n; o++)
        if (body->outputs.at[o]->graph == s->m->graph) fn(s, p, body->outputs.at[o]);
    }
  }
}

static bool part_has(const Part *p, const Node *n) {
  return n && p->has[n->id];
}

static void part_add(Part *p, const Node *n) {
  p->n += !p->has[n->id];
  p->has[n->id] = true;
}

static Part part_copy(Search *s, const Part *p) {
  return (Part){arena_copy(s->arena, p->has, s->m->n_nodes_made * sizeof *p->has), p->n};
}

static void add_producer(Search *s, Part *p, Value *v) {
  (void)s;
  if (v->producer) part_add(p, v->producer);
}

/* Constants belong to what reads them. */
static void add_constant(Search *s, Part *p, Value *v) {
  (void)s;
  if (v->producer && !v->producer->n_in && !v->producer->graph->has_bodies) part_add(p, v->producer);
}

/* The part and all its neighbours. */
static Part part_grown(Search *s, const Part *p) {
  Part grown = part_copy(s, p);
  for (const Node *n = s->m->graph->first; n; n = n->next) {
    if (!part_has(p, n)) continue;
    each_read(s, &grown, n, add_producer);
    for (int i = 0; i < n->n_out; i++)
      for (const Use *u = n->out[i] ? n->out[i]->uses : NULL; u; u = u->next)
        part_add(&grown, in_main_graph(s->m, u->node));
  }
  return grown;
}

/* --- one try ------------------------------------------------------------------------------------------- */

static void list_input(Search *s, Part *p, Value *v) {
  if (v->is_initializer || part_has(p, v->producer)) return;
  for (size_t i = 0; i < s->inputs.n; i++)
    if (strcmp(s->inputs.at[i], v->name->s) == 0) return;
  vec_push(s->arena, &s->inputs, v->name->s);
}

/* Is it read outside the part? */
static bool leaves(const Search *s, const Part *p, const Value *v) {
  bool outside = v->n_outputs > 0 || !v->n_uses;
  for (const Use *u = v->uses; u && !outside; u = u->next)
    outside = !part_has(p, in_main_graph(s->m, u->node));
  return outside;
}

static void list_edge(Search *s, Part *p) {
  s->inputs.n = s->outputs.n = 0;
  for (const Node *n = s->m->graph->first; n; n = n->next)
    if (part_has(p, n)) each_read(s, p, n, add_constant);
  for (const Node *n = s->m->graph->first; n; n = n->next) {
    if (!part_has(p, n)) continue;
    each_read(s, p, n, list_input);
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i] && leaves(s, p, n->out[i])) vec_push(s->arena, &s->outputs, n->out[i]->name->s);
  }
}

static Model *read_part(const Search *s) {
  Model *m = model_read_file(s->r->cx, s->r->path);
  phase_extract(m, s->inputs.at, s->inputs.n, s->outputs.at, s->outputs.n);
  return m;
}

static void write_part(const Search *s, const char *out) {
  Model *m = read_part(s);
  s->r->nodes = model_node_count(m);
  WriteOptions w = write_options(s->r->o);
  w.keep_external = false;
  model_write_file(m, out, &w);
  model_free(m);
}

/* Runs the part as it is and after the pass. */
static void call_try(void *arg) {
  Search *s = arg;
  Reproducer *r = s->r;
  Arena *scratch = arena_new(r->cx);
  Model *m = read_part(s);
  ModelSource before = temp_model(scratch, m, NULL, r->o);
  RunLimits limits = {.only = r->pass, .max_rewrites = UINT64_MAX};
  if (pipeline_run(m, r->o, &limits, NULL)->rewrites) {
    ModelSource after = temp_model(scratch, m, NULL, r->o);
    VerifyOptions v = verify_options(scratch, r->o);
    v.feed = (FeedOptions){0};
    s->shown = !verify(scratch, &before, &after, &v)->verified;
  }
  model_free(m);
  arena_free(scratch);
}

/* A part that cannot be cut out or run shows nothing. Memory and the user's wish to stop are no such thing.
 */
static bool shows(Search *s, Part *p) {
  Ctx *cx = s->r->cx;
  list_edge(s, p);
  s->shown = false;
  s->r->checks++;
  if (ctx_protect(cx, call_try, s)) return s->shown;
  if (cx->status == ONNXSLIM_ERR_MEMORY || cx->status == ONNXSLIM_ERR_CANCELLED)
    fail(cx, cx->status, "%s", arena_printf(s->arena, "%s", cx->message));
  return false;
}

/* --- the search ---------------------------------------------------------------------------------------- */

/* False if not even the whole model shows it. */
static bool grow(Search *s, Part *p) {
  if (!s->root) { /* a rule that looks at whole graphs */
    for (const Node *n = s->m->graph->first; n; n = n->next) part_add(p, n);
    return shows(s, p);
  }
  part_add(p, s->root);
  while (!shows(s, p)) {
    Part grown = part_grown(s, p);
    if (grown.n == p->n) return false;
    *p = grown;
  }
  return true;
}

static void shrink(Search *s, Part *p) {
  int tries = MAX_REMOVALS;
  for (const Node *n = s->m->graph->last; n && tries; n = n->prev) {
    if (n == s->root || !part_has(p, n) || p->n == 1) continue;
    Part smaller = part_copy(s, p);
    smaller.has[n->id] = false;
    smaller.n--;
    tries--;
    if (shows(s, &smaller)) *p = smaller;
  }
}

bool reproduce(Reproducer *r, const char *out) {
  Model *m = model_read_file(r->cx, r->path);
  Search s = {.r = r, .m = m, .arena = m->arena};
  model_each_graph(m, find_node, &s);
  Part part = {NEW_ARRAY(m->arena, bool, m->n_nodes_made), 0};
  bool found = grow(&s, &part);
  if (found) {
    shrink(&s, &part);
    list_edge(&s, &part);
    write_part(&s, out);
  }
  model_free(m);
  return found;
}
