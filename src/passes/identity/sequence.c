/* Sequences and optionals whose elements are known. */
#include "passes/identity/identity.h"

/* The constant that input i of n is, a place counted from the front of `length` elements; false if it is
 * none. */
static bool place_of(const Node *n, int i, int64_t length, int64_t *at) {
  if (!node_in(n, i) || !constant_int(node_in(n, i), at)) return false;
  if (*at < 0) *at += length;
  return *at >= 0 && *at < length;
}

/* --- of listed elements --------------------------------------------------------------------------------- */

Outcome identity_sequence_at(Rewriter *rw, Node *node) {
  Node *list = identity_producer(node, 0);
  int64_t at;
  TRY(node_is(list, OP_SequenceConstruct) && node_out(node, 0));
  NEED(place_of(node, 1, list->n_in, &at), "the place is not known, or there is none");
  return identity_forward(rw, node, node_in(list, (int)at));
}

Outcome identity_sequence_length(Rewriter *rw, Node *node) {
  Node *list = identity_producer(node, 0);
  TRY((node_is(list, OP_SequenceConstruct) || node_is(list, OP_SequenceEmpty)) && node_out(node, 0));
  NEED(!node->out[0]->keep, "'%s' is kept (--keep)", node->out[0]->name->s);
  int64_t n = list->n_in;
  rw_make_constant(rw, node->out[0], tensor_int64s(rw_model(rw)->arena, 0, &n, 1));
  return FIRED;
}

Outcome identity_sequence_concat(Rewriter *rw, Node *node) {
  Node *list = identity_producer(node, 0);
  int64_t axis, stacks;
  TRY(node_is(list, OP_SequenceConstruct) && node_out(node, 0) && attr_int(node, "axis", &axis));
  NEED(attr_int(node, "new_axis", &stacks) && !stacks, "it makes a new axis");
  Value **in = NEW_ARRAY(rw_scratch(rw), Value *, list->n_in);
  for (int i = 0; i < list->n_in; i++) in[i] = node_in(list, i);
  Node *concat = rw_node(rw, OP_Concat, list->n_in, in);
  rw_attr_int(rw, concat, "axis", axis);
  return identity_forward(rw, node, concat->out[0]);
}

/* An element more at the end: listed like the others. */
Outcome identity_sequence_insert(Rewriter *rw, Node *node) {
  Node *list = identity_producer(node, 0);
  TRY((node_is(list, OP_SequenceConstruct) || node_is(list, OP_SequenceEmpty)) && node_out(node, 0));
  NEED(!node_in(node, 2), "it is not put at the end");
  NEED(node_is_inner(list), "the sequence has other users");
  Value **in = NEW_ARRAY(rw_scratch(rw), Value *, list->n_in + 1);
  for (int i = 0; i < list->n_in; i++) in[i] = node_in(list, i);
  in[list->n_in] = node_in(node, 1);
  return identity_forward(rw, node, rw_node(rw, OP_SequenceConstruct, list->n_in + 1, in)->out[0]);
}

/* --- of parts of a tensor
 * ----------------------------------------------------------------------------------- */

typedef struct Parts {
  int axis;
  int64_t n, *length;
  bool dropped; /* parts of one element, without the axis */
} Parts;

enum { MOST_PARTS = 1024 };

/* The parts of a SplitToSequence; false: not known, or too many. */
static bool read_parts(Rewriter *rw, const Node *n, Parts *p) {
  Shape s = shape_of(node_in(n, 0));
  int64_t total, keep, each = 1;
  const int64_t *listed;
  size_t count;
  if (s.rank < 1 || !node_axis(n, s.rank, &p->axis) || !sym_const(s.dim[p->axis], &total)) return false;
  Value *split = node_in(n, 1);
  p->dropped = !split && attr_int(n, "keepdims", &keep) && !keep;
  if (split && rank_of(split) == 1) {
    if (!value_ints(split, &listed, &count)) return false;
    if (count > MOST_PARTS) return false;
    p->n = (int64_t)count;
    p->length = arena_copy(rw_scratch(rw), listed, count * sizeof *listed);
    return true;
  }
  if (split && !constant_int(split, &each)) return false;
  if (each < 1 || total < 1) return false;
  p->n = (total - 1) / each + 1;
  if (p->n > MOST_PARTS) return false;
  p->length = NEW_ARRAY(rw_scratch(rw), int64_t, p->n);
  for (int64_t i = 0; i < p->n; i++) p->length[i] = i + 1 < p->n ? each : total - each * i;
  return true;
}

/* SplitToSequence of which only single elements are taken: Split, or Gather where the axis goes. */
Outcome identity_split_to_sequence(Rewriter *rw, Node *node) {
  TRY(node_in(node, 0) && node_out(node, 0) && node->out[0]->n_uses);
  const Value *list = node->out[0];
  Parts p;
  int64_t at;
  for (const Use *u = list->uses; u; u = u->next) TRY(node_is(u->node, OP_SequenceAt) && !u->index);
  NEED(!list->n_outputs && !list->keep, "the sequence is a graph output or kept");
  NEED(read_parts(rw, node, &p), "its parts are not known, or too many");
  for (const Use *u = list->uses; u; u = u->next)
    NEED(u->node->graph == node->graph && place_of(u->node, 1, p.n, &at) && node_out(u->node, 0),
         "the element that %s takes is not known", node_label(u->node));
  Value *x = node_in(node, 0);
  Node *split = NULL;
  if (!p.dropped) {
    bool as_input = node->opset >= 13;
    Value *in[] = {x, as_input ? rw_const_ints(rw, p.length, (size_t)p.n) : NULL};
    split = rw_node_n(rw, OP_Split, 2, in, (int)p.n);
    rw_attr_int(rw, split, "axis", p.axis);
    if (!as_input) rw_attr_ints(rw, split, "split", p.length, (size_t)p.n);
  }
  while (list->uses) {
    Node *taker = list->uses->node;
    place_of(taker, 1, p.n, &at);
    Value *part = split ? split->out[at] : NULL;
    if (!part) {
      Value *in[] = {x, rw_const(rw, tensor_int64s(rw_model(rw)->arena, 0, &at, 1), NULL)};
      Node *gather = rw_node(rw, OP_Gather, 2, in);
      rw_attr_int(rw, gather, "axis", p.axis);
      part = gather->out[0];
    }
    const char *why;
    if (rw_can_replace(rw, taker->out[0], part, &why)) rw_replace(rw, taker->out[0], part);
    NEED(!value_in_use(taker->out[0]) && rw_remove(rw, taker), "%s", why);
  }
  rw_note(rw, "%lld parts", (long long)p.n);
  return FIRED;
}

/* --- optionals
 * ------------------------------------------------------------------------------------------------ */

/* What the optional v surely holds; NULL: not known. A tensor or sequence stands for itself. */
static Value *held(Value *v) {
  if (!v) return NULL;
  if (v->index == 0 && node_is(v->producer, OP_Optional)) return node_in(v->producer, 0);
  TypeKind kind = type_of(v)->kind;
  return kind == TYPE_TENSOR || kind == TYPE_SEQUENCE ? v : NULL;
}

Outcome identity_optional_get(Rewriter *rw, Node *node) {
  Value *x = held(node_in(node, 0));
  TRY(x && node_out(node, 0));
  return identity_forward(rw, node, x);
}

Outcome identity_optional_has(Rewriter *rw, Node *node) {
  TRY(node_out(node, 0) && (!node_in(node, 0) || held(node_in(node, 0))));
  NEED(!node->out[0]->keep, "'%s' is kept (--keep)", node->out[0]->name->s);
  int64_t has = node_in(node, 0) != NULL;
  rw_make_constant(rw, node->out[0], tensor_ints(rw_model(rw)->arena, DT_BOOL, 0, &has, 1));
  return FIRED;
}
