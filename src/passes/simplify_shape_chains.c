/* simplify_shape_chains
 *
 * Before:    Shape -> Gather -> Mul -> Concat -> ... -> Reshape, all of it arithmetic on dims
 * After:     a constant where every element is known; Reshape(x, [0, 0, 12, 64]) and Expand(x, [1, 4]) where
 *            the operator can copy the dims that are not, Resize by scales where the sizes are multiples of
 *            the input's; and where values are needed, one node for each value instead of many: Shape with
 *            start and end where they are neighbouring dims of a tensor
 * Formula:   elements are canonical expressions over dims (ir/sym.h), so equal values are equal pointers
 * When not:  an element is not known and neither copied (0 in Reshape, 1 in Expand) nor the one -1; -1 needs
 *            the other dims to be provably not 0, unless the model wrote it itself
 * Exactness: bitwise (integers)
 *
 * What reads shapes is in shapes/targets.c, Shape itself in shapes/dims.c.
 */
#include "passes/shapes/shapes.h"

/* --- values that are known, or known to be equal -------------------------------------------------------- */

static bool is_int_like(ElemType t) {
  return t == DT_INT64 || t == DT_INT32 || t == DT_BOOL;
}

static bool only_output_in_use(const Node *n) {
  if (!value_in_use(node_out(n, 0))) return false;
  for (int i = 1; i < n->n_out; i++)
    if (value_in_use(n->out[i])) return false;
  return true;
}

static Outcome known_value(Rewriter *rw, Node *node) {
  TRY(!node_is(node, OP_Constant) && only_output_in_use(node));
  const Partial *p = value_of(node->out[0]);
  TRY(p && is_int_like(dtype_of(node->out[0])));
  const int64_t *v;
  size_t n;
  TRY(value_ints(node->out[0], &v, &n));
  NEED(!node->out[0]->keep, "'%s' is kept (--keep)", node->out[0]->name->s);
  Tensor *t = tensor_ints(rw_model(rw)->arena, dtype_of(node->out[0]), p->rank, v, (int64_t)n);
  TRY(t);
  rw_make_constant(rw, node->out[0], t);
  rw_note(rw, "its value is known from shapes");
  return FIRED;
}

typedef struct Known {
  Value *value;
  struct Known *next;
} Known;

static bool fully_symbolic(const Partial *p) {
  for (size_t i = 0; i < p->n; i++)
    if (!p->at[i]) return false;
  return p->n > 0;
}

static bool same_partial(const Partial *a, const Partial *b) {
  if (!a || !b || a->rank != b->rank || a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (a->at[i] != b->at[i]) return false;
  return true;
}

/* Without what is gone by now: chains must not grow with the rewrites. */
static Known *live_chain(Map *table, uint64_t key) {
  Known *first = map_get(table, key), *chain = first;
  Known **link = &chain;
  while (*link) {
    const Node *producer = (*link)->value->producer;
    if (producer && !producer->dead)
      link = &(*link)->next;
    else
      *link = (*link)->next;
  }
  if (chain != first) map_put(table, key, chain);
  return chain;
}

/* Value numbering by what is known of the elements: later nodes that yield the same integers read the first
 * one. */
static Outcome same_value(Rewriter *rw, Node *node) {
  TRY(only_output_in_use(node) && !node_is(node, OP_Constant));
  Value *v = node->out[0];
  const Partial *p = value_of(v);
  TRY(p && fully_symbolic(p) && is_int_like(dtype_of(v)));
  Map *table = rw_table(rw);
  uint64_t key = hash_u64(map_key(node->graph), (uint64_t)dtype_of(v));
  key = hash_bytes(hash_u64(key, (uint64_t)p->rank), p->at, p->n * sizeof *p->at);
  Known *chain = live_chain(table, key);
  bool listed = false;
  for (Known *k = chain; k; k = k->next) {
    Value *w = k->value;
    if (w == v) listed = true;
    if (w == v || w->graph != v->graph) continue;
    if (dtype_of(w) != dtype_of(v) || !same_partial(value_of(w), p)) continue;
    bool first = node_before(w->producer, node);
    Value *keep = first ? w : v, *drop = first ? v : w;
    if (!value_in_use(drop) || !rw_can_replace(rw, drop, keep, NULL)) continue;
    rw_replace(rw, drop, keep);
    rw_note(rw, "the same integers as '%s'", keep->name->s);
    return FIRED;
  }
  if (!listed) {
    Known *k = NEW(rw_arena(rw), Known);
    *k = (Known){v, chain};
    map_put(table, key, k);
  }
  return NO_MATCH;
}

static const Rule rules[] = {
    {.name = "known-shape-value", .doc = "integers known from shapes => constant", .apply = known_value},
    {.name = "same-shape-value", .doc = "equal integers computed twice => once", .apply = same_value},
    {.name = "reshape-target",
     .doc = "Reshape(x, computed) => Reshape(x, constant with 0 and one -1)",
     .apply = shapes_reshape_target,
     .roots = {OP_Reshape}},
    {.name = "reshape-target-part",
     .doc = "Reshape(x, Concat(computed, ...)) => Reshape(x, Concat(constant, ...))",
     .apply = shapes_reshape_target_part,
     .roots = {OP_Reshape}},
    {.name = "expand-target",
     .doc = "Expand(x, computed) => Expand(x, constant with 1)",
     .apply = shapes_expand_target,
     .roots = {OP_Expand}},
    {.name = "resize-scales",
     .doc = "Resize(x, sizes that are multiples of x's) => Resize(x, constant scales)",
     .apply = shapes_resize_scales,
     .roots = {OP_Resize}},
    {.name = "dims-of-tensor",
     .doc = "dims taken from a Shape and put together => Shape(x), with start and end",
     .apply = shapes_dims_of_tensor},
    {.name = "vector-of-parts",
     .doc = "a vector computed from dims and numbers in a row => their Concat",
     .apply = shapes_vector_of_parts},
    {.name = "shared-shape",
     .doc = "Gather(Shape(x), i) => Gather(Shape(y), k), which is there and has the same dim",
     .apply = shapes_shared_shape,
     .roots = {OP_Shape, OP_Gather}},
    {.name = "shape-before",
     .doc = "Shape(Op(x)) with nothing else to read Op => Shape(x)",
     .apply = shapes_shape_before,
     .roots = {OP_Shape, OP_Size}},
};

const Pass pass_simplify_shape_chains = {"simplify_shape_chains", "does arithmetic on dims ahead of time",
                                         PASS_RULES(rules)};
