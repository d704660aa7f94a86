/* Relu, Clip, Max(x, c) and Min(x, c) on top of each other: one of them with the tighter bounds.
 *
 * Formula    min(max(min(max(x, lo1), hi1), lo2), hi2) = min(max(x, max(lo1, lo2)), min(hi1, hi2))
 *            for lo1 <= hi1, lo2 <= hi2, lo1 <= hi2, lo2 <= hi1
 * When not   a bound is not constant, NaN or infinite; bounds that leave a single number, or none; Clip does
 *            not take the type at the model's opset; the inner value has other users
 *            Clip(x, lo) for Max(x, lo): runtimes read a bound that is left out as the largest finite number
 */
#include "passes/bounds.h"

#include <math.h>

typedef struct Bound {
  /* ABSENT: infinite. LEFT_OUT: an input Clip does without; in some runtimes the largest finite number. */
  enum { ABSENT, LEFT_OUT, NUMBER } kind;
  double at;
  Value *value; /* of a NUMBER; NULL if it is an attribute or Relu's 0 */
} Bound;

typedef struct Bounds {
  Bound lo, hi;
  Value *x;
} Bounds;

/* --- reading -------------------------------------------------------------------------------------------- */

/* A constant number that double holds exactly. */
static bool number(Value *v, Bound *b) {
  const Tensor *t = v ? constant_of(v) : NULL;
  double at;
  if (!t || t->count != 1 || !constant_scalar(v, &at) || (elem_is_int(t->dtype) && fabs(at) >= 0x1p53))
    return false;
  *b = (Bound){NUMBER, at, v};
  return true;
}

static bool clip_bound(const Node *n, int i, const char *name, Bound *b) {
  float f;
  if (n->opset < 11) {
    if (!attr_float(n, name, &f)) return false;
    *b = (Bound){NUMBER, (double)f, NULL};
    return true;
  }
  *b = (Bound){LEFT_OUT, 0, NULL};
  return !node_in(n, i) || number(node_in(n, i), b);
}

/* Max or Min of a value and a number that does not change its shape. */
static bool read_extreme(const Node *n, Bound *b, Value **x) {
  if (n->n_in != 2 || n->opset < 8) return false;
  for (int i = 0; i < 2; i++)
    if (node_in(n, i) && node_in(n, 1 - i) && number(node_in(n, 1 - i), b)) {
      *x = node_in(n, i);
      int rank = constant_of(node_in(n, 1 - i))->rank;
      return rank == 0 || rank <= rank_of(*x);
    }
  return false;
}

static bool read_bounds(const Node *n, Bounds *b) {
  *b = (Bounds){.x = node_in(n, 0)};
  switch (n->op->id) {
  case OP_Relu: b->lo.kind = NUMBER; return b->x != NULL;
  case OP_Clip: return b->x && clip_bound(n, 1, "min", &b->lo) && clip_bound(n, 2, "max", &b->hi);
  case OP_Max: return read_extreme(n, &b->lo, &b->x);
  case OP_Min: return read_extreme(n, &b->hi, &b->x);
  default: return false;
  }
}

static bool bounds_something(const Node *n) {
  return node_is(n, OP_Relu) || node_is(n, OP_Clip) || node_is(n, OP_Max) || node_is(n, OP_Min);
}

/* --- merging -------------------------------------------------------------------------------------------- */

/* The tighter of two lower (sign 1) or upper (sign -1) bounds. */
static Bound tighter(Bound a, Bound b, int sign) {
  if (a.kind == NUMBER && b.kind == NUMBER) return sign * a.at < sign * b.at ? b : a;
  if (a.kind == NUMBER || b.kind == NUMBER) return a.kind == NUMBER ? a : b;
  return a.kind == LEFT_OUT ? a : b;
}

static bool above(Bound lo, Bound hi) {
  return lo.kind == NUMBER && hi.kind == NUMBER && lo.at > hi.at;
}

static bool is_zero(Bound b) {
  return b.kind == NUMBER && b.at == 0;
}

static bool is_finite(Bound b) {
  return b.kind != NUMBER || isfinite(b.at);
}

/* Has Clip this type at this opset, and runtimes a kernel for it? */
static bool clip_takes(ElemType t, int opset) {
  if (opset < 12) return t == DT_FLOAT;
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_INT8 || t == DT_UINT8 ||
         t == DT_INT32 || t == DT_UINT32 || t == DT_INT64 || t == DT_UINT64;
}

/* The type of x, also where only that of the numbers is known (in functions). */
static ElemType type_of_all(const Bounds *a, const Bounds *b) {
  Value *numbers[] = {a->lo.value, a->hi.value, b->lo.value, b->hi.value};
  ElemType type = dtype_of(a->x);
  for (int i = 0; i < 4 && type == DT_UNDEFINED; i++)
    if (numbers[i]) type = dtype_of(numbers[i]);
  return type;
}

/* As an input of a Clip: a constant without axes. */
static Value *bound_input(Rewriter *rw, Bound b, ElemType type) {
  Model *m = rw_model(rw);
  if (b.kind != NUMBER) return NULL;
  if (b.value && constant_of(b.value)->rank == 0) return b.value;
  Tensor *t = b.value ? tx_reshape(m, constant_of(b.value), 0, &(int64_t){0})
                      : tx_cast(m, tensor_float(m->arena, 0), type);
  return rw_const(rw, t, b.value ? b.value->name->s : "zero");
}

static Node *make_clip(Rewriter *rw, int opset, Value *x, Bound lo, Bound hi, ElemType type) {
  if (opset >= 11)
    return rw_node(rw, OP_Clip, 3, (Value *[]){x, bound_input(rw, lo, type), bound_input(rw, hi, type)});
  Node *clip = rw_node(rw, OP_Clip, 1, &x);
  rw_attr_float(rw, clip, "min", (float)lo.at);
  rw_attr_float(rw, clip, "max", (float)hi.at);
  return clip;
}

/* Both bound one side only, the same: the one with the tighter bound, over x. */
static Value *one_sided(Rewriter *rw, const Node *outer, const Node *inner, Bound tight, Bound of_outer,
                        Value *x) {
  const Node *n = tight.at == of_outer.at && tight.value == of_outer.value ? outer : inner;
  if (n == inner) return inner->out[0];
  if (node_is(n, OP_Relu)) return rw_copy(rw, n, 1, &x)->out[0];
  Value *in[2] = {x, tight.value};
  if (node_in(n, 0) == tight.value) in[0] = tight.value, in[1] = x;
  return rw_copy(rw, n, 2, in)->out[0];
}

Outcome bounds_merge(Rewriter *rw, Node *node, bool zero) {
  Bounds out, in;
  TRY(node_out(node, 0) && read_bounds(node, &out) && out.x->producer && bounds_something(out.x->producer));
  const Node *inner = out.x->producer;
  TRY(inner->graph == node->graph && node_is_inner(inner));
  bool known = read_bounds(inner, &in);
  Bound lo = tighter(in.lo, out.lo, 1), hi = tighter(in.hi, out.hi, -1);
  bool has_zero = known && (is_zero(in.lo) || is_zero(in.hi) || is_zero(out.lo) || is_zero(out.hi));
  TRY(has_zero == zero && (known || node_is(inner, OP_Clip)));
  NEED(known, "the bounds of the inner one are not constant");
  NEED(is_finite(in.lo) && is_finite(in.hi) && is_finite(out.lo) && is_finite(out.hi),
       "a bound is infinite or NaN");
  NEED(!above(in.lo, in.hi) && !above(out.lo, out.hi) && !above(in.lo, out.hi) && !above(out.lo, in.hi),
       "the bounds leave no room between them");
  ElemType type = type_of_all(&in, &out);
  Value *now;
  if (lo.kind != ABSENT && hi.kind != ABSENT) {
    bool both_clips = node_is(node, OP_Clip) && node_is(inner, OP_Clip);
    NEED(both_clips || clip_takes(type, node->opset), "Clip does not take its type at opset %d", node->opset);
    now = make_clip(rw, node->opset, in.x, lo, hi, type)->out[0];
  } else {
    bool lower = lo.kind == NUMBER;
    NEED(lower || hi.kind == NUMBER, "it has no bound");
    now = one_sided(rw, node, inner, lower ? lo : hi, lower ? out.lo : out.hi, in.x);
  }
  const char *why;
  NEED(rw_can_replace(rw, node->out[0], now, &why), "%s", why);
  rw_note(rw, "%s and %s as one", inner->op_type->s, node->op_type->s);
  rw_replace(rw, node->out[0], now);
  return FIRED;
}
