/* decompose_layernorm
 *
 * Before:    y, mean, inverse = LayerNormalization(x, scale, bias)
 * After:     mean = ReduceMean(x);  d = x - mean;  deviation = Sqrt(ReduceMean(d * d) + epsilon);
 *            y = d / deviation * scale + bias, means over the axes from `axis` on; Casts around it where
 *            stash_type says that it is computed in float; inverse = Reciprocal(deviation) if anybody reads
 *            it, and y = d * inverse then
 * Formula:   the operator's own definition
 * When not:  nobody asked for it; the rank or the type of x is not known; stash_type is neither float nor
 *            x's type
 * Exactness: rounding (kernels add up in another order)
 */
#include "passes/passes.h"

typedef struct Parts {
  Rewriter *rw;
  Node *node;
  ElemType type, stash; /* of x, and in which it is normalised */
  int64_t axes[MAX_RANK];
  int n_axes;
} Parts;

static Value *make(Parts *p, OpId op, Value *a, Value *b) {
  Value *in[] = {a, b};
  return rw_node(p->rw, op, 2, in)->out[0];
}

static Value *cast(Parts *p, Value *v, ElemType to) {
  Node *n = rw_node(p->rw, OP_Cast, 1, &v);
  rw_attr_int(p->rw, n, "to", to);
  return n->out[0];
}

static Value *mean_of(Parts *p, Value *v) {
  bool as_input = p->node->opset >= 18;
  Value *in[] = {v, as_input ? rw_const_ints(p->rw, p->axes, (size_t)p->n_axes) : NULL};
  Node *n = rw_node(p->rw, OP_ReduceMean, 2, in);
  if (!as_input) rw_attr_ints(p->rw, n, "axes", p->axes, (size_t)p->n_axes);
  return n->out[0];
}

static bool read_parts(Node *node, Parts *p) {
  int64_t axis, stash;
  int rank = rank_of(node_in(node, 0));
  p->type = dtype_of(node_in(node, 0));
  if (rank < 1 || !attr_int(node, "axis", &axis) || !attr_int(node, "stash_type", &stash)) return false;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return false;
  for (int64_t i = axis; i < rank; i++) p->axes[p->n_axes++] = i;
  p->stash = stash > 0 && stash < DT_COUNT_ ? (ElemType)stash : DT_UNDEFINED;
  return p->type == DT_FLOAT || p->type == DT_FLOAT16 || p->type == DT_DOUBLE || p->type == DT_BFLOAT16;
}

static Outcome decompose(Rewriter *rw, Node *node) {
  Parts p = {.rw = rw, .node = node};
  float epsilon;
  TRY(node_in(node, 0) && node_in(node, 1) && node_out(node, 0) && attr_float(node, "epsilon", &epsilon));
  NEED(read_parts(node, &p), "the rank or the type of its input is not known");
  NEED(p.stash == DT_FLOAT || p.stash == p.type, "stash_type is neither float nor the type of its input");
  Tensor *eps = tx_cast(rw_model(rw), tensor_float(rw_model(rw)->arena, epsilon), p.stash);
  NEED(eps, "epsilon can't be cast to %s", elem_name(p.stash));
  Value *x = node_in(node, 0), *result[3] = {NULL};
  if (p.stash != p.type) x = cast(&p, x, p.stash);
  result[1] = mean_of(&p, x);
  Value *d = make(&p, OP_Sub, x, result[1]);
  Value *e = make(&p, OP_Add, mean_of(&p, make(&p, OP_Mul, d, d)), rw_const(rw, eps, "epsilon"));
  Value *deviation = rw_node(rw, OP_Sqrt, 1, &e)->out[0];
  if (value_in_use(node_out(node, 2))) result[2] = rw_node(rw, OP_Reciprocal, 1, &deviation)->out[0];
  Value *y = result[2] ? make(&p, OP_Mul, d, result[2]) : make(&p, OP_Div, d, deviation);
  if (p.stash != p.type) y = cast(&p, y, p.type);
  y = make(&p, OP_Mul, y, node_in(node, 1));
  result[0] = node_in(node, 2) ? make(&p, OP_Add, y, node_in(node, 2)) : y;
  for (int i = 0; i < 3; i++) {
    const char *why;
    Value *old = node_out(node, i);
    if (i && !value_in_use(old)) continue;
    NEED(rw_can_replace(rw, old, result[i], &why), "%s", why);
    rw_replace(rw, old, result[i]);
  }
  return FIRED;
}

static const Rule rules[] = {
    {.name = "take-layernorm-apart",
     .doc = "LayerNormalization => ReduceMean, Sub, Mul, ReduceMean, Add, Sqrt, Div, Mul, Add",
     .exact = ROUNDING,
     .apply = decompose,
     .roots = {OP_LayerNormalization}},
};

const Pass pass_decompose_layernorm = {
    "decompose_layernorm",       "takes LayerNormalization apart, for targets that lack it",
    PASS_RULES(rules),           .lowers = OP_LayerNormalization,
    .inverse = "fuse_layernorm", .opt_in = true};
