#include "passes/attention/bias.h"

#include "passes/linear.h"

#include <math.h>

/* --- ranges --------------------------------------------------------------------------------------------- */

/* Bounds of all elements; false: not known, perhaps NaN. Infinities are bounds like others. */
typedef struct Range {
  double lo, hi;
} Range;

enum { RANGE_DEPTH = 12 };

static double largest(ElemType t) {
  switch (t) {
  case DT_FLOAT16: return 65504;
  case DT_BFLOAT16: return 0x1.fep127;
  case DT_FLOAT: return 0x1.fffffep127;
  default: return 0x1.fffffffffffffp1023;
  }
}

static double nearest(double x, ElemType t) {
  if (fabs(x) > largest(t)) return copysign(INFINITY, x);
  switch (t) {
  case DT_FLOAT16: return half_to_float(float_to_half((float)x));
  case DT_BFLOAT16: return bfloat16_to_float(float_to_bfloat16((float)x));
  case DT_FLOAT: return (float)x;
  default: return x;
  }
}

static bool constant_range(const Tensor *t, Range *r) {
  *r = (Range){INFINITY, -INFINITY};
  for (uint64_t i = 0; i < t->count; i++) {
    double c;
    if (!tensor_get_double(t, i, &c) || isnan(c)) return false;
    r->lo = fmin(r->lo, c);
    r->hi = fmax(r->hi, c);
  }
  return t->count > 0;
}

static bool range_of(Value *v, int depth, Range *r);

/* Of integers, what their type holds. */
static bool integer_range(Value *v, int depth, Range *r) {
  ElemType t = dtype_of(v);
  int bits = elem_bits(t);
  double half = ldexp(1, bits - 1);
  if (t == DT_BOOL) return *r = (Range){0, 1}, true;
  if (!elem_is_int(t)) return false;
  Range own = elem_is_signed(t) ? (Range){-half, half} : (Range){0, 2 * half}, from;
  *r = own;
  /* What is an integer already keeps its value, if it fits. */
  Node *n = v->producer;
  Value *x = node_is(n, OP_Cast) ? node_in(n, 0) : NULL;
  if (x && depth && (dtype_of(x) == DT_BOOL || elem_is_int(dtype_of(x))) &&
      integer_range(x, depth - 1, &from) && from.lo >= own.lo && from.hi <= own.hi)
    *r = from;
  return true;
}

static void widen(Range *r, Range by) {
  r->lo = fmin(r->lo, by.lo);
  r->hi = fmax(r->hi, by.hi);
}

/* Elements of the inputs of the result's type; what such an operator writes of its own is 0 or 1. */
static bool moved_range(const Node *n, int depth, Range *r) {
  bool found = false;
  *r = (Range){0, 1};
  for (int i = 0; i < n->n_in; i++) {
    Range from;
    Value *v = node_in(n, i);
    if (!v || dtype_of(v) != dtype_of(n->out[0])) continue;
    if (!range_of(v, depth, &from)) return false;
    if (!found && node_is(n, OP_Where)) *r = from; /* writes nothing of its own */
    widen(r, from);
    found = true;
  }
  return found;
}

static Range product(Range a, Range b) {
  double first = a.lo * b.lo;
  Range r = {first, first};
  widen(&r, (Range){fmin(a.lo * b.hi, a.hi * b.lo), fmax(a.lo * b.hi, a.hi * b.lo)});
  widen(&r, (Range){a.hi * b.hi, a.hi * b.hi});
  return r;
}

/* Of finite operands: others may give NaN. */
static bool arithmetic_range(const Node *n, int depth, Range *r) {
  Range a, b;
  if (n->n_in != 2 || !range_of(node_in(n, 0), depth, &a) || !range_of(node_in(n, 1), depth, &b))
    return false;
  if (isinf(a.lo) || isinf(a.hi) || isinf(b.lo) || isinf(b.hi)) return false;
  switch (n->op->id) {
  case OP_Add: *r = (Range){a.lo + b.lo, a.hi + b.hi}; break;
  case OP_Sub: *r = (Range){a.lo - b.hi, a.hi - b.lo}; break;
  case OP_Mul: *r = product(a, b); break;
  case OP_Max: *r = (Range){fmax(a.lo, b.lo), fmax(a.hi, b.hi)}; break;
  default: *r = (Range){fmin(a.lo, b.lo), fmin(a.hi, b.hi)}; break;
  }
  return true;
}

static bool computed_range(Value *v, int depth, Range *r) {
  const Node *n = v->producer;
  if (!n || !n->op || !depth) return false;
  if (node_has(n, OP_MOVES_DATA)) return moved_range(n, depth - 1, r);
  switch (n->op->id) {
  case OP_Cast: return node_in(n, 0) && range_of(node_in(n, 0), depth - 1, r);
  case OP_Add:
  case OP_Sub:
  case OP_Mul:
  case OP_Max:
  case OP_Min: return arithmetic_range(n, depth - 1, r);
  default: return false;
  }
}

static bool range_of(Value *v, int depth, Range *r) {
  if (!v) return false;
  const Tensor *t = constant_of(v);
  if (t) return constant_range(t, r);
  if (!is_weight_type(dtype_of(v))) return integer_range(v, depth, r);
  if (!computed_range(v, depth, r)) return false;
  *r = (Range){nearest(r->lo, dtype_of(v)), nearest(r->hi, dtype_of(v))};
  return true;
}

/* --- rows ----------------------------------------------------------------------------------------------- */

static bool element_kept(const Tensor *t, uint64_t i, bool inverted) {
  double c;
  if (!tensor_get_double(t, i, &c) || isnan(c)) return false;
  return t->dtype == DT_BOOL ? (c != 0) != inverted : c > -largest(t->dtype);
}

static const Tensor *mask_constant(Value *mask) {
  const Tensor *t = constant_of(mask);
  return t && t->count && t->store != TS_DEFERRED && t->rank >= 1 ? t : NULL;
}

bool mask_keeps_rows(Value *mask, bool inverted) {
  const Tensor *t = mask_constant(mask);
  if (!t) return false;
  uint64_t columns = (uint64_t)t->dim[t->rank - 1];
  for (uint64_t row = 0; row < t->count; row += columns) {
    bool kept = false;
    for (uint64_t i = 0; i < columns && !kept; i++) kept = element_kept(t, row + i, inverted);
    if (!kept) return false;
  }
  return true;
}

bool mask_is_causal(Value *mask, bool inverted, Shape scores) {
  const Tensor *t = mask_constant(mask);
  if (!t || t->rank < 2) return false;
  int64_t columns = t->dim[t->rank - 1], rows = t->dim[t->rank - 2];
  if (!sym_is(scores.dim[scores.rank - 1], columns) || !sym_is(scores.dim[scores.rank - 2], rows))
    return false;
  if (t->count != (uint64_t)rows * (uint64_t)columns) return false;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < columns; k++) {
      double c;
      if (!tensor_get_double(t, (uint64_t)(i * columns + k), &c)) return false;
      if (t->dtype == DT_BOOL ? (c != 0) == inverted : c != 0) { /* not kept as it is */
        if (k <= i || (t->dtype != DT_BOOL && c != -INFINITY)) return false;
      } else if (k > i)
        return false;
    }
  return true;
}

RowsKept bias_rows(Value *const *bias, int n) {
  Range r;
  ElemType t = dtype_of(bias[0]);
  double lo = 0, hi = 0;
  if (n == 1 && mask_keeps_rows(bias[0], false)) return ROWS_KEPT;
  for (int i = 0; i < n; i++) {
    if (!range_of(bias[i], RANGE_DEPTH, &r)) return ROWS_UNKNOWN;
    lo += r.lo;
    hi += r.hi;
  }
  lo = nearest(lo, t);
  if (isnan(lo) || nearest(hi, t) == INFINITY) return ROWS_UNKNOWN;
  return lo > -largest(t) ? ROWS_KEPT : lo == -largest(t) ? ROWS_LOWEST : ROWS_UNKNOWN;
}

/* --- raising -------------------------------------------------------------------------------------------- */

static Tensor *floor_tensor(Rewriter *rw, ElemType t) {
  double above = t == DT_FLOAT16 ? -65472 : -0x1.fffffcp127;
  return tx_cast(rw_model(rw), tensor_float(rw_model(rw)->arena, (float)above), t);
}

/* A branch of a Where that need not be computed anew; NULL otherwise. */
static Value *raised_branch(Rewriter *rw, Value *v, Tensor *least) {
  double c, floor;
  if (constant_scalar(v, &c) && tensor_get_double(least, 0, &floor) && constant_of(v)->rank == 0)
    return c < floor ? rw_const(rw, least, NULL) : v;
  return bias_rows(&v, 1) == ROWS_KEPT ? v : NULL;
}

Value *bias_raise(Rewriter *rw, Value *bias) {
  Tensor *least = floor_tensor(rw, dtype_of(bias));
  Node *where = bias->producer;
  if (node_is(where, OP_Where) && node_in(where, 1) && node_in(where, 2)) {
    Value *in[] = {node_in(where, 0), raised_branch(rw, node_in(where, 1), least),
                   raised_branch(rw, node_in(where, 2), least)};
    if (in[1] && in[2]) return rw_node(rw, OP_Where, 3, in)->out[0];
  }
  Value *in[] = {bias, rw_const(rw, least, NULL)};
  return rw_node(rw, OP_Max, 2, in)->out[0];
}
