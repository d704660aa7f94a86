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

/* The tensor of a Shape above n whose dims, from *start on, are p; NULL: none is found. */
static Value *tensor_with_dims(Rewriter *rw, Node *n, const Partial *p, int *start) {
  Vec(Node *) above = {0};
  Map seen;
  map_init(&seen, rw_scratch(rw));
  vec_push(rw_scratch(rw), &above, n);
  for (size_t i = 0; i < above.n && i < LOOKED_AT; i++) {
    const Node *at = above.at[i];
    if (node_is(at, OP_Shape) && node_in(at, 0)) {
      *start = place_in(shape_of(node_in(at, 0)), p);
      if (*start >= 0) return node_in(at, 0);
      continue;
    }
    for (int k = 0; k < at->n_in; k++) {
      const Value *v = node_in(at, k);
      if (!v || !v->producer || v->graph != n->graph || map_get(&seen, map_key(v->producer))) continue;
      map_put(&seen, map_key(v->producer), v->producer);
      vec_push(rw_scratch(rw), &above, v->producer);
    }
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
