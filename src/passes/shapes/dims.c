/* Shape: of which tensor, and of which of its dims. */
#include "passes/shapes/shapes.h"

/* --- dims of a tensor, taken apart and put together ----------------------------------------------------- */

enum { LOOKED_AT = 32 }; /* nodes above, in which the Shape is looked for */

/* Where in the dims of s do all the elements of p stand in a row? -1: nowhere. */
static int place_in(Shape s, const Partial *p) {
  for (int start = 0; start + (int)p->n <= s.rank; start++) {
    size_t i = 0;
    while (i < p->n && p->at[i] && sym_equal(p->at[i], s.dim[start + (int)i])) i++;
    if (i == p->n) return start;
  }
  return -1;
}

typedef Vec(Node *) NodeList;

/* n and the nodes above it in its graph, nearest first, as far as they are looked at; none above a Shape. */
static NodeList nodes_above(Rewriter *rw, Node *n) {
  NodeList above = {0};
  Map seen;
  map_init(&seen, rw_scratch(rw));
  vec_push(rw_scratch(rw), &above, n);
  for (size_t i = 0; i < above.n && above.n < LOOKED_AT; i++) {
    const Node *at = above.at[i];
    for (int k = 0; k < at->n_in && !node_is(at, OP_Shape); k++) {
      const Value *v = node_in(at, k);
      if (!v || !v->producer || v->graph != n->graph || map_get(&seen, map_key(v->producer))) continue;
      map_put(&seen, map_key(v->producer), v->producer);
      vec_push(rw_scratch(rw), &above, v->producer);
    }
  }
  return above;
}

/* The tensor of a Shape above n whose dims, from *start on, are p; NULL: none is found. */
static Value *tensor_with_dims(Rewriter *rw, Node *n, const Partial *p, int *start) {
  NodeList above = nodes_above(rw, n);
  for (size_t i = 0; i < above.n; i++) {
    Value *x = node_is(above.at[i], OP_Shape) ? node_in(above.at[i], 0) : NULL;
    if (x && (*start = place_in(shape_of(x), p)) >= 0) return x;
  }
  return NULL;
}

static bool any_symbol(const Partial *p) {
  for (size_t i = 0; i < p->n; i++)
    if (p->at[i] && !sym_const(p->at[i], NULL)) return true;
  return false;
}

/* Whatever yields a vector of neighbouring dims of one tensor: Shape does, with start and end. */
Outcome shapes_dims_of_tensor(Rewriter *rw, Node *node) {
  Value *y = node_out(node, 0);
  TRY(y && !node_is(node, OP_Shape) && !node_has(node, OP_CONTROL) && value_in_use(y));
  const Partial *p = value_of(y);
  TRY(p && p->rank == 1 && any_symbol(p) && dtype_of(y) == DT_INT64);
  int start;
  Value *x = tensor_with_dims(rw, node, p, &start);
  TRY(x);
  bool whole = (int)p->n == rank_of(x);
  NEED(whole || graph_opset(node->graph, rw_model(rw)->empty) >= 15,
       "Shape has no start and end before opset 15");
  Node *shape = rw_node(rw, OP_Shape, 1, &x);
  if (!whole) {
    rw_attr_int(rw, shape, "start", start);
    rw_attr_int(rw, shape, "end", start + (int)p->n);
  }
  const char *why;
  NEED(rw_can_replace(rw, y, shape->out[0], &why), "%s", why);
  rw_replace(rw, y, shape->out[0]);
  rw_note(rw, "dims %d to %d of '%s'", start, start + (int)p->n - 1, x->name->s);
  return FIRED;
}

/* --- vectors of dims and numbers
 * ------------------------------------------------------------------------------ */

enum { LONGEST_VECTOR = 16 };

/* The vector among the nodes above that holds most of p's elements from `at` on; NULL: none holds any. */
static Value *longest_part(Node *const *above, size_t n, const Partial *p, size_t at, size_t *length) {
  Value *best = NULL;
  *length = 0;
  for (size_t i = 1; i < n; i++) {
    Value *v = node_out(above[i], 0);
    const Partial *q = v && dtype_of(v) == DT_INT64 ? value_of(v) : NULL;
    if (!q || q->rank != 1 || q->n <= *length || at + q->n > p->n) continue;
    size_t k = 0;
    while (k < q->n && q->at[k] && sym_equal(q->at[k], p->at[at + k])) k++;
    if (k < q->n) continue;
    best = v;
    *length = k;
  }
  return best;
}

/* Whatever yields numbers and what is there already, in a row: Concat does. */
Outcome shapes_vector_of_parts(Rewriter *rw, Node *node) {
  Value *y = node_out(node, 0);
  TRY(y && value_in_use(y) && !node_is(node, OP_Concat) && !node_is(node, OP_Shape) &&
      !node_has(node, OP_CONTROL));
  const Partial *p = value_of(y);
  TRY(p && p->rank == 1 && p->n >= 2 && p->n <= LONGEST_VECTOR && any_symbol(p) && dtype_of(y) == DT_INT64);
  NodeList above = nodes_above(rw, node);
  Vec(Value *) parts = {0};
  int64_t numbers[LONGEST_VECTOR];
  size_t run = 0, length; /* numbers that are not among the parts yet */
  for (size_t i = 0; i < p->n; i += length) {
    length = 1;
    bool number = p->at[i] && sym_const(p->at[i], &numbers[run]);
    if (number) run++;
    if (run && (!number || i + 1 == p->n)) {
      vec_push(rw_scratch(rw), &parts, rw_const_ints(rw, numbers, run));
      run = 0;
    }
    if (number) continue;
    Value *part = p->at[i] ? longest_part(above.at, above.n, p, i, &length) : NULL;
    TRY(part);
    vec_push(rw_scratch(rw), &parts, part);
  }
  Node *concat = rw_node(rw, OP_Concat, (int)parts.n, parts.at);
  rw_attr_int(rw, concat, "axis", 0);
  const char *why;
  NEED(rw_can_replace(rw, y, concat->out[0], &why), "%s", why);
  rw_replace(rw, y, concat->out[0]);
  rw_note(rw, "%zu elements from %zu operands", p->n, parts.n);
  return FIRED;
}

/* --- one Shape for many
 * -------------------------------------------------------------------------------------- */

typedef struct Source {
  Node *shape;
  struct Source *next;
} Source;

/* Dim `at` of what this Shape is of; NULL: there is none. */
static Dim dim_of(const Node *shape, int64_t at) {
  const Partial *p = value_of(shape->out[0]);
  if (!p || at >= (int64_t)p->n || at < -(int64_t)p->n) return NULL;
  return p->at[at < 0 ? at + (int64_t)p->n : at];
}

enum { MOST_SOURCES = 8 }; /* Shapes that are remembered for a dim: a batch is a dim of thousands */

static uint64_t source_key(const Graph *g, Dim d) {
  return hash_u64(map_key(g), map_key(d));
}

/* The Shapes that have the dim, without those that are gone. */
static Source *live_sources(Map *table, uint64_t key, int *count) {
  Source *first = map_get(table, key), *chain = first;
  Source **link = &chain;
  for (*count = 0; *link;) {
    if ((*link)->shape->dead) {
      *link = (*link)->next;
    } else {
      link = &(*link)->next;
      ++*count;
    }
  }
  if (chain != first) map_put(table, key, chain);
  return chain;
}

static void remember_shape(Rewriter *rw, Node *shape) {
  Map *table = rw_table(rw);
  Dim d;
  for (int64_t k = 0; (d = dim_of(shape, k)); k++) {
    int count;
    uint64_t key = source_key(shape->graph, d);
    if (sym_const(d, NULL)) continue;
    Source *chain = live_sources(table, key, &count);
    const Source *s = chain;
    while (s && s->shape != shape) s = s->next;
    if (s || count == MOST_SOURCES) continue;
    Source *made = NEW(rw_arena(rw), Source);
    *made = (Source){shape, chain};
    map_put(table, key, made);
  }
}

/* Which dim of the Shape is d? -1: none. */
static int64_t place_of(const Node *shape, Dim d) {
  Dim own;
  for (int64_t k = 0; (own = dim_of(shape, k)); k++)
    if (sym_equal(own, d)) return k;
  return -1;
}

/* Gather of one dim from a Shape that nothing else reads: from a Shape in front of it that has the dim too.
 */
Outcome shapes_shared_shape(Rewriter *rw, Node *node) {
  if (node_is(node, OP_Shape)) {
    remember_shape(rw, node);
    return NO_MATCH;
  }
  Value *v = node_in(node, 0);
  Node *own = v ? v->producer : NULL;
  int64_t at;
  int count;
  TRY(node_is(own, OP_Shape) && own->graph == node->graph && node_in(node, 1) && node_out(node, 0));
  const Tensor *index = constant_of(node_in(node, 1));
  TRY(index && index->count == 1 && tensor_get_int(index, 0, &at) && node_is_inner(own));
  Dim d = dim_of(own, at);
  TRY(d && !sym_const(d, NULL));
  for (const Source *s = live_sources(rw_table(rw), source_key(node->graph, d), &count); s; s = s->next) {
    if (s->shape == own || !value_in_use(s->shape->out[0]) || !node_before(s->shape, node)) continue;
    int64_t k = place_of(s->shape, d);
    if (k < 0) continue;
    Value *in[] = {s->shape->out[0],
                   rw_const(rw, tensor_int64s(rw_model(rw)->arena, index->rank, &k, 1), NULL)};
    Value *y = rw_copy(rw, node, 2, in)->out[0];
    const char *why;
    NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
    rw_replace(rw, node->out[0], y);
    rw_note(rw, "dim %lld of '%s' is the same", (long long)k, node_in(s->shape, 0)->name->s);
    return FIRED;
  }
  return NO_MATCH;
}

/* --- the shape of what was computed ------------------------------------------------------------------------
 */

/* An input of n that surely has the shape of its first output. */
static Value *same_shape_input(const Node *n) {
  if (node_has(n, OP_LAYOUT_AGNOSTIC)) return node_in(n, 0);
  Shape out = shape_of(n->out[0]);
  for (int i = 0; i < n->n_in && out.rank >= 0; i++) {
    Shape in = node_in(n, i) ? shape_of(node_in(n, i)) : SHAPE_UNKNOWN;
    if (in.rank == out.rank && shape_equal(in, out)) return node_in(n, i);
  }
  return NULL;
}

/* Shape or Size of something that is computed for nothing else: that of an input. */
Outcome shapes_shape_before(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0);
  TRY(x && x->producer && x->index == 0 && x->graph == node->graph && node_is_inner(x->producer));
  TRY(!node_has(x->producer, OP_CONTROL) && !node_has(x->producer, OP_EFFECT));
  Value *before = same_shape_input(x->producer);
  TRY(before);
  rw_note(rw, "of what %s reads", node_label(x->producer));
  rw_set_input(rw, node, 0, before);
  return FIRED;
}
