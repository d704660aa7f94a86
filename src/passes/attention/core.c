#include "passes/attention/core.h"

#include "passes/linear.h"

#include <math.h>

/* The node that computes v for its only reader, an Identity aside. */
static Node *inner_node(Value *v) {
  Node *n = v ? v->producer : NULL;
  while (node_is(n, OP_Identity) && node_is_inner(n) && node_in(n, 0)) n = node_in(n, 0)->producer;
  return n && n->op && node_is_inner(n) ? n : NULL;
}

/* The same, also above a Reshape that merges or parts batch and heads, where that is what is read. */
static Node *inner_source(Value *v, const Core *c) {
  Node *n = inner_node(v);
  while (c->merged && n && merged_heads(n) == c->merged) n = inner_node(node_in(n, 0));
  return n;
}

static bool read_scores(Value *v, Core *c);

/* With heads and batch in one axis a mask can't be taken apart, unless it is the same for all. */
static bool fits_rank(Value *mask, const Value *masked, const Core *c) {
  Shape s = shape_of(mask);
  bool merged = c->merged && rank_of((Value *)masked) == 3;
  return !merged || (s.rank >= 0 && s.rank < 3) || (s.rank == 3 && sym_is(s.dim[0], 1));
}

/* Either operand may be the scores: the one that leads to a product. */
static bool read_bias(const Node *n, Core *c) {
  if (c->n_biases == MAX_BIASES || c->scale != 1 || c->cap != 0 || n->n_in != 2) return false;
  for (int i = 0; i < 2; i++) {
    Core t = *c;
    t.bias[t.n_biases++] = node_in(n, 1 - i);
    if (!node_in(n, 1 - i) || !fits_rank(node_in(n, 1 - i), n->out[0], c)) continue;
    bool found = read_scores(node_in(n, i), &t);
    if (!found && !t.why) continue;
    *c = t;
    return found;
  }
  return false;
}

/* Where(kept, scores, -inf), or the other way round. */
static bool read_fill(const Node *n, Core *c) {
  double fill;
  if (c->kept || c->scale != 1 || c->cap != 0 || !node_in(n, 0)) return false;
  if (!fits_rank(node_in(n, 0), n->out[0], c)) return false;
  for (int i = 1; i < 3; i++) {
    if (!node_in(n, 3 - i) || !constant_scalar(node_in(n, 3 - i), &fill)) continue;
    c->kept = node_in(n, 0);
    c->inverted = i == 2;
    bool found = read_scores(node_in(n, i), c);
    if (found && fill != -INFINITY) c->why = "masked scores become a finite number, not -inf";
    return found && !c->why;
  }
  return false;
}

static bool read_factor(Node *n, Core *c) {
  Factor f;
  if (!factor_of(n, &f)) return false;
  Node *tanh = inner_source(f.x, c);
  if (!node_is(tanh, OP_Tanh)) {
    c->scale *= f.value;
    return read_scores(f.x, c);
  }
  if (c->cap != 0 || c->scale != 1 || !node_in(tanh, 0)) return false;
  c->cap = f.value;
  if (!read_scores(node_in(tanh, 0), c)) return false;
  c->scale *= c->cap; /* tanh(s * scale / cap) */
  return true;
}

static bool read_scores(Value *v, Core *c) {
  Node *n = inner_source(v, c);
  if (!n) return false;
  switch (n->op->id) {
  case OP_MatMul: c->scores = n->out[0]; return node_in(n, 0) && node_in(n, 1);
  case OP_Add: return read_bias(n, c);
  case OP_Where: return read_fill(n, c);
  case OP_Mul:
  case OP_Div: return read_factor(n, c);
  default: return false;
  }
}

/* Where(IsNaN(w), 0, w) behind Softmax. A NaN may come from the inputs, so it has work to do. */
static bool is_guard(const Node *n) {
  const Node *test = node_is(n, OP_Where) && node_in(n, 0) ? node_in(n, 0)->producer : NULL;
  return node_is(test, OP_IsNaN) && node_in(test, 0) && node_is(node_in(test, 0)->producer, OP_Softmax);
}

/* Softmax of float16 scores may be computed in float. */
static Node *read_softmax(Value *v, Core *c) {
  Node *n = inner_source(v, c);
  bool widened = node_is(n, OP_Cast);
  if (widened) n = inner_source(node_in(n, 0), c);
  if (is_guard(n)) c->why = "a guard replaces NaN behind Softmax";
  if (!node_is(n, OP_Softmax) || !node_in(n, 0)) return NULL;
  c->precision = dtype_of(n->out[0]);
  c->weights = node_in(n, 0);
  if (!widened) return n;
  Node *cast = inner_source(c->weights, c);
  if (!node_is(cast, OP_Cast) || !node_in(cast, 0) || dtype_of(node_in(cast, 0)) != dtype_of(v)) return NULL;
  c->weights = node_in(cast, 0);
  return n;
}

static bool is_last_axis(const Node *softmax) {
  int64_t axis;
  int rank = rank_of(node_in(softmax, 0));
  return attr_int(softmax, "axis", &axis) && (axis == -1 || axis == rank - 1) && softmax->opset >= 13;
}

static bool read_operands(const Node *product, Value *v, Core *c) {
  Value *q = node_in(product, 0), *k = node_in(product, 1);
  bool (*read)(Value *, OperandKind, Operand *) = c->merged ? operand_read_merged : operand_read;
  if (constant_of(q) || constant_of(k)) return false;
  if (!read(q, QUERY, &c->q) || !read(k, KEY, &c->k) || !read(v, VALUE, &c->v))
    c->why = "Q, K and V are not of rank 3 or 4, or their heads or depth are not known";
  else if (rank_of(k) != rank_of(q) || rank_of(v) != rank_of(q))
    c->why = "Q, K and V are of different ranks";
  c->rank = c->merged ? 4 : rank_of(q);
  bool merged = c->q.merged == c->merged && c->k.merged == c->merged && c->v.merged == c->merged;
  return !c->why && merged;
}

static bool read_core(Node *root, int64_t merged, Core *c) {
  *c = (Core){.scale = 1, .merged = merged, .result = root->out[0]};
  Node *softmax = read_softmax(node_in(root, 0), c);
  if (!softmax || !read_scores(c->weights, c)) return false;
  if (!read_operands(c->scores->producer, node_in(root, 1), c)) return false;
  if (!is_last_axis(softmax)) c->why = "Softmax is not taken over the keys";
  return !c->why;
}

bool core_read(Node *root, Core *c) {
  *c = (Core){0};
  if (!node_in(root, 0) || !node_in(root, 1) || !node_out(root, 0)) return false;
  const Use *u = node_is_inner(root) ? root->out[0]->uses : NULL;
  int64_t merged = u && u->index == 0 && rank_of(root->out[0]) == 3 ? merged_heads(u->node) : 0;
  if (merged && read_core(root, merged, c)) {
    c->result = u->node->out[0];
    return true;
  }
  return read_core(root, 0, c);
}
