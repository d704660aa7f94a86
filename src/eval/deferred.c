#include "eval/deferred.h"
#include "eval/kernel.h"

enum { MAX_DEPTH = 64 };

/* Large results by what they are computed from; equal hashes are chained. */
typedef struct Made {
  Deferred expr;
  Tensor *tensor;
  struct Made *next;
} Made;

typedef struct Deferrals {
  Map made;
} Deferrals;

/* --- the same expression -------------------------------------------------------------------------------- */

/* Small operands (shapes, axes, scalars) are alike by content, large ones only if they are one object. */
static bool same_operand(const Tensor *a, const Tensor *b) {
  return a == b || (a && b && a->nbytes <= DEFER_ABOVE && tensor_same(a, b));
}

static uint64_t expr_hash(const Deferred *x) {
  uint64_t h = hash_u64((uint64_t)x->op->op->id, (uint64_t)op_since(x->op->op, x->op->opset));
  h = hash_u64(h, attrs_hash(x->op));
  for (int k = 0; k < x->n_in; k++) {
    const Tensor *t = x->in[k];
    h = hash_u64(h, !t ? 0 : t->nbytes <= DEFER_ABOVE ? tensor_hash(t) : map_key(t));
  }
  return h;
}

static bool expr_same(const Deferred *a, const Deferred *b) {
  if (a->op->op != b->op->op || a->n_in != b->n_in || !attrs_equal(a->op, b->op)) return false;
  if (op_since(a->op->op, a->op->opset) != op_since(b->op->op, b->op->opset)) return false;
  for (int k = 0; k < a->n_in; k++)
    if (!same_operand(a->in[k], b->in[k])) return false;
  return true;
}

static Made *made_find(Model *m, const Deferred *x, uint64_t hash) {
  if (!m->deferrals) {
    m->deferrals = NEW(m->arena, Deferrals);
    map_init(&m->deferrals->made, m->arena);
  }
  Made *e = map_get(&m->deferrals->made, hash);
  while (e && !expr_same(&e->expr, x)) e = e->next;
  return e;
}

/* Keeps a copy: a graph node may change or go, its attributes' contents don't. */
static Made *made_keep(Model *m, const Deferred *x, uint64_t hash) {
  Made *e = NEW(m->arena, Made);
  Node *op = arena_copy(m->arena, x->op, sizeof *op);
  op->in = NULL;
  op->n_in = 0;
  op->out = NULL;
  op->n_out = 1;
  op->prev = op->next = NULL;
  op->attrs.at = arena_copy(m->arena, x->op->attrs.at, x->op->attrs.n * sizeof *op->attrs.at);
  op->attrs.cap = op->attrs.n;
  e->expr = *x;
  e->expr.op = op;
  e->expr.in = arena_copy(m->arena, x->in, (size_t)x->n_in * sizeof *x->in);
  e->next = map_get(&m->deferrals->made, hash);
  map_put(&m->deferrals->made, hash, e);
  return e;
}

/* --- what may be deferred ------------------------------------------------------------------------------- */

static bool all_floats(int n_in, Tensor *const *in) {
  for (int k = 0; k < n_in; k++) /* a missing operand is the evaluator's to refuse */
    if (!in[k] || !elem_is_computed_float(in[k]->dtype) || in[k]->dtype != in[0]->dtype) return false;
  return true;
}

/* A conversion that no element can make undefined. */
static bool cast_is_safe(ElemType from, ElemType to) {
  if (elem_is_computed_float(from))
    return elem_is_computed_float(to) && (from != DT_DOUBLE || to == DT_DOUBLE || to == DT_FLOAT);
  return (elem_is_real(from) || from == DT_BOOL) && (to == DT_FLOAT || to == DT_DOUBLE || elem_is_int(to));
}

/* Can it be evaluated later, blockwise or at least for certain? Depends on dtypes only. */
static bool deferrable(const Node *op, int n_in, Tensor *const *in) {
  int64_t to;
  for (int k = 0; k < n_in; k++)
    if (in[k] &&
        (in[k]->dtype == DT_STRING || (in[k]->store != TS_DEFERRED && in[k]->count && !in[k]->bytes)))
      return false;
  switch (op->op->id) {
  case OP_Transpose:
  case OP_Concat:
  case OP_Slice:
  case OP_Split:
  case OP_Reshape:
  case OP_Flatten:
  case OP_Squeeze:
  case OP_Unsqueeze:
  case OP_Identity: return true;
  case OP_Pad: return n_in == 2 && attr_string_is(op, "mode", "constant");
  case OP_Where: return n_in == 3 && in[0] && in[0]->dtype == DT_BOOL;
  case OP_Cast:
    return in[0] && attr_int(op, "to", &to) && to > 0 && to < DT_COUNT_ &&
           cast_is_safe(in[0]->dtype, (ElemType)to);
  case OP_Add:
  case OP_Sub:
  case OP_Mul:
  case OP_Div:
  case OP_Max:
  case OP_Min:
  case OP_Sum:
  case OP_Mean:
  case OP_Neg:
  case OP_Abs:
  case OP_Sqrt:
  case OP_Reciprocal:
  case OP_Exp:
  case OP_Log:
  case OP_Erf:
  case OP_Tanh:
  case OP_Sigmoid:
  case OP_Relu: return all_floats(n_in, in);
  default: return false;
  }
}

/* --- tensor_apply --------------------------------------------------------------------------------------- */

static Tensor *evaluate(Model *m, const Deferred *x, int n_out, int out_index) {
  Tensor **out = NEW_ARRAY(m->arena, Tensor *, n_out);
  Eval e = {.arena = m->arena,
            .node = x->op,
            .n_in = x->n_in,
            .n_out = n_out,
            .in = x->in,
            .out = out,
            .max_bytes = EAGER_BELOW};
  return eval_node(&e) ? out[out_index] : NULL;
}

/* Dtype and dims of every output, in `arena`. */
static Tensor **dry_run(Arena *arena, const Deferred *x, int n_out) {
  Tensor **out = NEW_ARRAY(arena, Tensor *, n_out);
  Eval e = {.arena = arena, .node = x->op, .n_in = x->n_in, .n_out = n_out, .in = x->in, .out = out};
  return eval_shapes(&e) ? out : NULL;
}

static Tensor *defer(Model *m, const Deferred *x, const Tensor *shape) {
  uint64_t hash = expr_hash(x);
  Made *made = made_find(m, x, hash);
  if (made) return made->tensor;
  made = made_keep(m, x, hash);
  if (node_has(x->op, OP_MOVES_DATA) && !node_is(x->op, OP_Transpose) && x->in[0] &&
      x->in[0]->store != TS_DEFERRED) {
    /* A view of bytes that are there, if it is one. */
    switch (x->op->op->id) {
    case OP_Reshape:
    case OP_Flatten:
    case OP_Squeeze:
    case OP_Unsqueeze:
    case OP_Identity:
      return made->tensor = tensor_new(m->arena, shape->dtype, shape->rank, shape->dim, x->in[0]->store,
                                       x->in[0]->bytes);
    default: break;
    }
  }
  Tensor *t = tensor_new(m->arena, shape->dtype, shape->rank, shape->dim, TS_DEFERRED, NULL);
  t->expr = &made->expr;
  return made->tensor = t;
}

/* A part of a Split is a Slice. */
static Tensor *apply_split(Model *m, const Deferred *x, Tensor *const *part, int out_index) {
  Tensor *t = x->in[0];
  int axis = 0;
  Eval e = {.node = x->op};
  if (node_attr(x->op, "axis") && !attr_axis(&e, t->rank, &axis)) return NULL;
  int64_t from = 0;
  for (int i = 0; i < out_index; i++) from += part[i]->dim[axis];
  return tx_slice(m, t, axis, from, from + part[out_index]->dim[axis]);
}

Tensor *tensor_apply(Model *m, const Node *op, int n_in, Tensor *const *in, int out_index) {
  Deferred x = {op, n_in, in, 1};
  uint64_t largest = 0;
  if (!eval_supported(op) || node_has(op, OP_RANDOM) || node_has(op, OP_EFFECT)) return NULL;
  int n_out = out_index + 1 > op->n_out ? out_index + 1 : op->n_out;
  for (int k = 0; k < n_in; k++) {
    if (!in[k]) continue;
    bool in_place =
        node_has(op, OP_MOVES_DATA) && in[k]->store != TS_DEFERRED; /* of it, only what moves is read */
    if (in[k]->nbytes > largest && !in_place) largest = in[k]->nbytes;
    if (in[k]->store == TS_DEFERRED && in[k]->expr->depth >= x.depth) x.depth = in[k]->expr->depth + 1;
  }
  if (!deferrable(op, n_in, in)) return largest <= EAGER_BELOW ? evaluate(m, &x, n_out, out_index) : NULL;
  Arena *scratch = arena_child(m->arena);
  Tensor **out = dry_run(scratch, &x, n_out), *result = NULL;
  if (out && node_is(op, OP_Split))
    result = apply_split(m, &x, out, out_index);
  else if (out && out[out_index]->nbytes <= DEFER_ABOVE)
    result = evaluate(m, &x, n_out, out_index);
  else if (out && x.depth <= MAX_DEPTH)
    result = defer(m, &x, out[out_index]);
  arena_free(scratch);
  return result;
}

/* --- tensor expressions --------------------------------------------------------------------------------- */

static Node *template(Model *m, OpId op) {
  Node *n = NEW(m->arena, Node);
  n->graph = m->graph;
  n->op = op_def(op);
  n->op_type = str_internz(m->strs, n->op->name);
  n->domain = m->empty;
  n->opset = ONNX_NEWEST_OPSET;
  n->n_out = 1;
  return n;
}

static Attr *add_attr(Model *m, Node *n, const char *name, AttrType type) {
  vec_push(m->arena, &n->attrs, ((Attr){.name = str_internz(m->strs, name), .type = type}));
  return &n->attrs.at[n->attrs.n - 1];
}

static Tensor *promoted(Model *m, Tensor *t) {
  return t && (t->dtype == DT_FLOAT16 || t->dtype == DT_BFLOAT16) ? tx_cast(m, t, DT_FLOAT) : t;
}

Tensor *tx_binary(Model *m, OpId op, Tensor *a, Tensor *b) {
  Tensor *in[2] = {promoted(m, a), promoted(m, b)};
  return in[0] && in[1] ? tensor_apply(m, template(m, op), 2, in, 0) : NULL;
}

Tensor *tx_matmul(Model *m, Tensor *a, Tensor *b) {
  return tx_binary(m, OP_MatMul, a, b);
}

Tensor *tx_unary(Model *m, OpId op, Tensor *a) {
  Tensor *in = promoted(m, a);
  return in ? tensor_apply(m, template(m, op), 1, &in, 0) : NULL;
}

Tensor *tx_transpose(Model *m, Tensor *a, int n, const int64_t *perm) {
  if (!a || n != a->rank) return NULL;
  Node *op = template(m, OP_Transpose);
  Attr *attr = add_attr(m, op, "perm", ATTR_INTS);
  attr->v.ints.at = arena_copy(m->arena, perm, (size_t)n * sizeof *perm);
  attr->v.ints.n = (size_t)n;
  return tensor_apply(m, op, 1, &a, 0);
}

Tensor *tx_reshape(Model *m, Tensor *a, int rank, const int64_t *dim) {
  if (!a) return NULL;
  Node *op = template(m, OP_Reshape);
  add_attr(m, op, "allowzero", ATTR_INT)->v.i = 1;
  Tensor *in[2] = {a, tensor_int64s(m->arena, 1, dim, rank)};
  return tensor_apply(m, op, 2, in, 0);
}

Tensor *tx_concat(Model *m, int n, Tensor *const *in, int axis) {
  for (int i = 0; i < n; i++)
    if (!in[i]) return NULL;
  Node *op = template(m, OP_Concat);
  add_attr(m, op, "axis", ATTR_INT)->v.i = axis;
  return tensor_apply(m, op, n, in, 0);
}

Tensor *tx_slice(Model *m, Tensor *a, int axis, int64_t start, int64_t end) {
  if (!a) return NULL;
  Tensor *in[4] = {a, tensor_int64s(m->arena, 1, &start, 1), tensor_int64s(m->arena, 1, &end, 1),
                   tensor_int64s(m->arena, 1, &(int64_t){axis}, 1)};
  return tensor_apply(m, template(m, OP_Slice), 4, in, 0);
}

Tensor *tx_cast(Model *m, Tensor *a, ElemType to) {
  if (!a || a->dtype == to) return a;
  Node *op = template(m, OP_Cast);
  add_attr(m, op, "to", ATTR_INT)->v.i = to;
  return tensor_apply(m, op, 1, &a, 0);
}

Tensor *tx_pad(Model *m, Tensor *a, const int64_t *before, const int64_t *after) {
  if (!a) return NULL;
  int64_t *pads = NEW_ARRAY(m->arena, int64_t, 2 * a->rank);
  for (int i = 0; i < a->rank; i++) pads[i] = before[i], pads[a->rank + i] = after[i];
  Tensor *in[2] = {a, tensor_int64s(m->arena, 1, pads, 2 * a->rank)};
  return tensor_apply(m, template(m, OP_Pad), 2, in, 0);
}

Tensor *tx_sum_from(Model *m, Tensor *a, int axis) {
  if (!(a = promoted(m, a))) return NULL;
  int64_t *axes = NEW_ARRAY(m->arena, int64_t, a->rank);
  for (int i = axis; i < a->rank; i++) axes[i - axis] = i;
  Node *op = template(m, OP_ReduceSum);
  add_attr(m, op, "keepdims", ATTR_INT)->v.i = 0;
  add_attr(m, op, "noop_with_empty_axes", ATTR_INT)->v.i = 1;
  Tensor *in[2] = {a, tensor_int64s(m->arena, 1, axes, a->rank - axis)};
  return tensor_apply(m, op, 2, in, 0);
}
