#include "passes/transposes/spread.h"

#include <string.h>

/* --- helpers of the families ---------------------------------------------------------------------------- */

int spread_to(const Spread *s, int a) {
  for (int i = 0; i < s->in[0].n; i++)
    if (s->in[0].at[i] == a) return i;
  return a;
}

Value *spread_ints(Rewriter *rw, Value *like, const int64_t *at, size_t n) {
  if (dtype_of(like) != DT_INT32) return rw_const_ints(rw, at, n);
  void *bytes;
  Tensor *t = tensor_alloc(rw_model(rw)->arena, DT_INT32, 1, &(int64_t){(int64_t)n}, &bytes);
  for (size_t i = 0; i < n; i++) ((int32_t *)bytes)[i] = (int32_t)at[i];
  return rw_const(rw, t, NULL);
}

static bool all_dims_one(Value *v) {
  Shape s = shape_of(v);
  for (int i = 0; i < s.rank; i++)
    if (!sym_is(s.dim[i], 1)) return false;
  return s.rank >= 0;
}

bool spread_operand(const Perm *p, Value *v, Perm *out) {
  int rank = rank_of(v);
  *out = PERM_NONE;
  if (rank < 0 || rank > p->n) return false;
  if (all_dims_one(v)) return true;
  if (rank == p->n)
    *out = *p;
  else if (!perm_narrow(p, rank, out)) {
    if (!constant_of(v)) return false;
    *out = *p;
  }
  return true;
}

/* --- elementwise -----------------------------------------------------------------------------------------
 */

static const char *same(Spread *s, int slot, const Perm *p) {
  (void)slot;
  s->in[0] = s->out[0] = *p;
  return NULL;
}

static const char *broadcast(Spread *s, int slot, const Perm *p) {
  Node *n = s->node;
  int rank = node_is(n, OP_PRelu) ? rank_of(node_in(n, 0)) : rank_of(n->out[0]);
  if (rank < p->n || rank > MAX_AXES) return "the rank of its result is not known";
  Perm out = perm_widen(p, rank);
  for (int i = 0; i < n->n_in; i++)
    if (!node_in(n, i) || !spread_operand(&out, node_in(n, i), &s->in[i]))
      return "an operand of lower rank is computed";
  if (slot >= 0 && !s->in[slot].n) return "the operand does not change";
  s->out[0] = out;
  return NULL;
}

/* --- along an axis ---------------------------------------------------------------------------------------
 */

static bool reads_data(const Node *n, int i) {
  return i == 0 || node_is(n, OP_Concat) || node_is(n, OP_GatherElements);
}

static bool yields_data(const Node *n, int i) {
  return i == 0 || node_is(n, OP_Split) || node_is(n, OP_TopK);
}

static void all_data(Spread *s, const Perm *p) {
  for (int i = 0; i < s->node->n_in; i++)
    if (reads_data(s->node, i)) s->in[i] = *p;
  for (int i = 0; i < s->node->n_out; i++)
    if (yields_data(s->node, i)) s->out[i] = *p;
}

/* ONNX Runtime's Softmax over another axis than the last transposes to and fro. */
static int64_t softmax_penalty(const Spread *s, int axis, int rank) {
  if (!node_is(s->node, OP_Softmax) && !node_is(s->node, OP_LogSoftmax)) return 0;
  if (axis != rank - 1 || spread_to(s, axis) == axis) return 0;
  Shape shape = shape_of(node_in(s->node, 0));
  int64_t bytes = 2 * elem_bits(dtype_of(node_in(s->node, 0))) / 8, k;
  for (int i = 0; i < shape.rank; i++)
    if (sym_const(shape.dim[i], &k) && __builtin_mul_overflow(bytes, k, &bytes)) return INT64_MAX;
  return bytes;
}

static const char *along_axis(Spread *s, int slot, const Perm *p) {
  (void)slot;
  int axis;
  if (!node_axis(s->node, p->n, &axis)) return "its axis is out of range";
  all_data(s, p);
  s->penalty = softmax_penalty(s, axis, p->n);
  return NULL;
}

static void axis_attr(Rewriter *rw, const Spread *s, Node *copy) {
  int axis, rank = s->in[0].n;
  if (node_axis(s->node, rank, &axis) && spread_to(s, axis) != axis)
    rw_attr_int(rw, copy, "axis", spread_to(s, axis));
}

/* Softmax before opset 13 and the normalizations work on all axes from one on, as if they were one. */
static const char *from_axis(Spread *s, int slot, const Perm *p) {
  int axis;
  if (!node_axis(s->node, p->n, &axis)) return "its axis is out of range";
  if (!perm_keeps_from(p, axis)) return "it works on the last axes, which would move";
  for (int i = 1; i < s->node->n_out; i++)
    if (value_in_use(s->node->out[i])) return "its statistics are in use";
  return same(s, slot, p);
}

static const char *last_two_axes(Spread *s, int slot, const Perm *p) {
  if (p->n < 2 || !perm_keeps_from(p, p->n - 2)) return "it works on the last two axes, which would move";
  return same(s, slot, p);
}

/* Does it add over the image, in an order of its own? */
static bool adds_over_image(const Node *n) {
  int64_t training = 0;
  if (node_is(n, OP_GlobalMaxPool)) return false;
  if (!node_is(n, OP_BatchNormalization)) return true;
  attr_int(n, "training_mode", &training);
  return training || n->n_out > 1;
}

/* Batch and channels are the first two axes; the others may move among each other. */
static const char *behind_channels(Spread *s, int slot, const Perm *p) {
  if (p->n < 2 || p->at[0] != 0 || p->at[1] != 1) return "its channels are the second axis, which would move";
  if (adds_over_image(s->node) && !s->may_round)
    return "its additions may come in another order, which rounds";
  for (int i = 1; i < s->node->n_out; i++)
    if (value_in_use(s->node->out[i])) return "its statistics are in use";
  return same(s, slot, p);
}

static const char *cumsum(Spread *s, int slot, const Perm *p) {
  int64_t axis;
  if (!node_in(s->node, 1) || !constant_int(node_in(s->node, 1), &axis)) return "its axis is not constant";
  if (axis < -p->n || axis >= p->n) return "its axis is out of range";
  return same(s, slot, p);
}

static void cumsum_axis(Rewriter *rw, const Spread *s, Value **in) {
  int64_t axis = 0;
  constant_int(in[1], &axis);
  int64_t to = spread_to(s, (int)(axis < 0 ? axis + s->in[0].n : axis));
  void *bytes;
  Shape shape = shape_of(in[1]);
  Tensor *t = tensor_alloc(rw_model(rw)->arena, dtype_of(in[1]), shape.rank > 0, &(int64_t){1}, &bytes);
  if (t->dtype == DT_INT32)
    memcpy(bytes, &(int32_t){(int32_t)to}, sizeof(int32_t));
  else
    memcpy(bytes, &to, sizeof to);
  in[1] = rw_const(rw, t, NULL);
}

/* The axis counts only where the scale has one. */
static bool is_per_tensor(const Node *n) {
  return n->opset < 13 || (node_in(n, 1) && rank_of(node_in(n, 1)) == 0);
}

static const char *quantize(Spread *s, int slot, const Perm *p) {
  int64_t block = 0;
  int axis;
  if (attr_int(s->node, "block_size", &block) && block) return "it scales blocks";
  if (!is_per_tensor(s->node) && !node_axis(s->node, p->n, &axis)) return "its axis is out of range";
  return same(s, slot, p);
}

static void quantize_axis(Rewriter *rw, const Spread *s, Node *copy) {
  if (!is_per_tensor(s->node)) axis_attr(rw, s, copy);
}

static const Family unary = {same, NULL, NULL}, broadcasting = {broadcast, NULL, NULL};
static const Family one_axis = {along_axis, NULL, axis_attr}, last_axes = {from_axis, NULL, NULL};
static const Family any_image = {behind_channels, NULL, NULL};
static const Family triangle = {last_two_axes, NULL, NULL}, running_sum = {cumsum, cumsum_axis, NULL};
static const Family quantizing = {quantize, NULL, quantize_axis};

/* --- which family ----------------------------------------------------------------------------------------
 */

static const Family *family_of(const Node *n) {
  if (!n->op) return NULL;
  switch (n->op->id) {
  case OP_Concat:
  case OP_Split:
  case OP_TopK:
  case OP_GatherElements:
  case OP_LpNormalization: return &one_axis;
  case OP_Softmax:
  case OP_LogSoftmax:
  case OP_Hardmax: return n->opset >= 13 ? &one_axis : &last_axes;
  case OP_LayerNormalization:
  case OP_RMSNormalization: return &last_axes;
  case OP_BatchNormalization:
  case OP_InstanceNormalization:
  case OP_GroupNormalization:
  case OP_GlobalAveragePool:
  case OP_GlobalMaxPool: return &any_image;
  case OP_Trilu: return &triangle;
  case OP_CumSum: return &running_sum;
  case OP_QuantizeLinear:
  case OP_DequantizeLinear: return &quantizing;
  case OP_MatMul: return &spread_matmul;
  case OP_Gemm: return &spread_gemm;
  case OP_PRelu: return &broadcasting;
  case OP_ReduceL1:
  case OP_ReduceL2:
  case OP_ReduceLogSum:
  case OP_ReduceLogSumExp:
  case OP_ReduceMax:
  case OP_ReduceMean:
  case OP_ReduceMin:
  case OP_ReduceProd:
  case OP_ReduceSum:
  case OP_ReduceSumSquare:
  case OP_ArgMax:
  case OP_ArgMin: return &spread_reduce;
  case OP_Squeeze: return &spread_squeeze;
  case OP_Unsqueeze: return &spread_unsqueeze;
  case OP_Gather: return &spread_gather;
  case OP_Reshape: return &spread_reshape;
  case OP_Flatten: return &spread_flatten;
  case OP_Slice: return &spread_slice;
  case OP_Pad: return &spread_pad;
  case OP_Tile: return &spread_tile;
  case OP_Expand: return &spread_expand;
  case OP_Resize: return &spread_resize;
  default: break;
  }
  if (node_has(n, OP_BROADCASTS)) return &broadcasting;
  return node_has(n, OP_LAYOUT_AGNOSTIC) ? &unary : NULL;
}

static void drop_identity(Perm *p, int n) {
  for (int i = 0; i < n; i++)
    if (perm_is_identity(&p[i])) p[i] = PERM_NONE;
}

const char *spread_from(Spread *s, Arena *a, Node *n, int slot, const Perm *p, bool may_round) {
  const Family *f = family_of(n);
  if (!f) return n->op ? "the operator fixes the layout" : "the operator is not known";
  if (!node_in(n, 0) || !node_out(n, 0)) return "an operand is missing";
  *s = (Spread){.node = n, .may_round = may_round};
  s->in = NEW_ARRAY(a, Perm, n->n_in);
  s->out = NEW_ARRAY(a, Perm, n->n_out);
  const char *why = f->spread(s, slot, p);
  if (why) return why;
  if (!perm_equal(slot >= 0 ? &s->in[slot] : &s->out[~slot], p))
    return "the operand is not the data it moves";
  drop_identity(s->in, n->n_in);
  drop_identity(s->out, n->n_out);
  return NULL;
}

Tensor *spread_constant(Model *m, Tensor *t, const Perm *p) {
  int64_t dim[MAX_AXES], at[MAX_AXES];
  int extra = p->n - t->rank;
  for (int i = 0; i < p->n; i++) {
    dim[i] = i < extra ? 1 : t->dim[i - extra];
    at[i] = p->at[i];
  }
  if (extra > 0) t = tx_reshape(m, t, p->n, dim);
  return tx_transpose(m, t, p->n, at);
}

Node *spread_build(Rewriter *rw, const Spread *s, Value *const *in) {
  const Node *n = s->node;
  const Family *f = family_of(n);
  Value **now = NEW_ARRAY(rw_scratch(rw), Value *, n->n_in + MAX_EXTRA_INPUTS);
  int n_in = n->n_in;
  for (int i = 0; i < n->n_in; i++) now[i] = in[i];
  if (f->inputs) f->inputs(rw, s, now);
  while (n_in < n->n_in + MAX_EXTRA_INPUTS && now[n_in]) n_in++;
  Node *copy = rw_copy(rw, n, n_in, now);
  for (int i = 0; i < n->n_out; i++)
    if (!n->out[i]) rw_drop_output(rw, copy, i);
  if (f->attrs) f->attrs(rw, s, copy);
  return copy;
}
