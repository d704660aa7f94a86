/* Elementwise operators: types, broadcasting, and integer arithmetic on partially known values. */
#include "infer/family.h"

/* Output type as the input's: https://onnx.ai/onnx/operators/ for the long list of unary operators. */
void infer_same(Infer *f) {
  out_same(f, 0, 0);
}

/* IsNaN, IsInf */
void infer_test(Infer *f) {
  out_tensor(f, 0, DT_BOOL, in_shape(f, 0));
}

static int64_t unit_of(ElemType t) {
  return elem_is_float(t) ? FLOAT_UNIT : 1;
}

/* --- unary, on known elements --------------------------------------------------------------------------- */

typedef Dim UnaryFold(const Infer *f, ElemType t, Dim a);

static void unary(Infer *f, UnaryFold *fold) {
  Small s;
  out_same(f, 0, 0);
  if (!in_small(f, 0, &s) || !small_any(&s)) return;
  Dim *at = dims_new(f, s.n);
  for (size_t i = 0; i < s.n; i++) at[i] = s.at[i] ? fold(f, s.dtype, s.at[i]) : NULL;
  s.at = at;
  out_elements(f, 0, &s);
}

static Dim fold_neg(const Infer *f, ElemType t, Dim a) {
  (void)t;
  return sym_neg(f->syms, a);
}
static Dim fold_abs(const Infer *f, ElemType t, Dim a) {
  (void)t;
  return sym_nonneg(a) ? a : sym_upper(a) <= 0 ? sym_neg(f->syms, a) : NULL;
}
static Dim fold_floor(const Infer *f, ElemType t, Dim a) {
  Dim unit = num(f, unit_of(t));
  return sym_mul(f->syms, sym_floordiv(f->syms, a, unit), unit);
}
static Dim fold_ceil(const Infer *f, ElemType t, Dim a) {
  Dim unit = num(f, unit_of(t));
  return sym_mul(f->syms, sym_ceildiv(f->syms, a, unit), unit);
}
/* Round: only what is whole already. */
static Dim fold_round(const Infer *f, ElemType t, Dim a) {
  return sym_exact_div(f->syms, a, num(f, unit_of(t))) ? a : NULL;
}
static Dim fold_relu(const Infer *f, ElemType t, Dim a) {
  (void)t;
  return sym_max(f->syms, a, num(f, 0));
}
static Dim fold_sign(const Infer *f, ElemType t, Dim a) {
  return sym_lower(a) > 0   ? num(f, unit_of(t))
         : sym_upper(a) < 0 ? num(f, -unit_of(t))
         : sym_is(a, 0)     ? a
                            : NULL;
}
static Dim fold_not(const Infer *f, ElemType t, Dim a) {
  (void)t;
  return sym_sub(f->syms, num(f, 1), a);
}

void infer_neg(Infer *f) {
  unary(f, fold_neg);
}
void infer_abs(Infer *f) {
  unary(f, fold_abs);
}
void infer_floor(Infer *f) {
  unary(f, fold_floor);
}
void infer_ceil(Infer *f) {
  unary(f, fold_ceil);
}
void infer_round(Infer *f) {
  unary(f, fold_round);
}
void infer_relu(Infer *f) {
  unary(f, fold_relu);
}
void infer_sign(Infer *f) {
  unary(f, fold_sign);
}
void infer_not(Infer *f) {
  unary(f, fold_not);
  out_tensor(f, 0, DT_BOOL, in_shape(f, 0));
}

/* Clip: bounds are attributes (floats, before 11: nothing to fold) or scalar inputs. */
void infer_clip(Infer *f) {
  Small x, bound[2];
  out_same(f, 0, 0);
  if (since(f) < 11 || !in_small(f, 0, &x)) return;
  Dim *at = dims_new(f, x.n);
  for (size_t i = 0; i < x.n; i++) at[i] = x.at[i];
  for (int k = 0; k < 2; k++) {
    if (!has_in(f, 1 + k)) continue;
    if (!in_small(f, 1 + k, &bound[k]) || bound[k].n != 1) return;
    for (size_t i = 0; i < x.n; i++)
      at[i] = k ? sym_min(f->syms, at[i], bound[k].at[0]) : sym_max(f->syms, at[i], bound[k].at[0]);
  }
  x.at = at;
  out_elements(f, 0, &x);
}

/* --- binary and variadic -------------------------------------------------------------------------------- */

/* a and b are not NULL; t is the operands' type. */
typedef Dim BinaryFold(const Infer *f, ElemType t, Dim a, Dim b);

/* Dims of the broadcast of two small tensors; false if they don't fit or the result is large. */
static bool small_broadcast(const Small *a, const Small *b, Small *r) {
  r->rank = a->rank > b->rank ? a->rank : b->rank;
  r->n = 1;
  for (int i = r->rank - 1, k = 1; i >= 0; i--, k++) {
    int64_t x = k <= a->rank ? a->dim[a->rank - k] : 1, y = k <= b->rank ? b->dim[b->rank - k] : 1;
    if (x != y && x != 1 && y != 1) return false;
    r->dim[i] = x == 1 ? y : x;
    r->n *= (size_t)r->dim[i];
    if (r->n > PARTIAL_MAX) return false;
  }
  return true;
}

static bool fold_two(const Infer *f, const Small *a, const Small *b, ElemType t, BinaryFold *fold, Small *r) {
  if (a->dtype != b->dtype || !small_broadcast(a, b, r)) return false;
  r->dtype = t;
  Dim *at = dims_new(f, r->n);
  for (size_t k = 0; k < r->n; k++) {
    Dim x = a->at[small_index(a, r->rank, r->dim, k)], y = b->at[small_index(b, r->rank, r->dim, k)];
    Dim z = x && y ? fold(f, a->dtype, x, y) : NULL;
    at[k] = elem_holds(t, z) ? z : NULL;
  }
  r->at = at;
  return true;
}

/* Type of a variadic operator whose operands share one element type, and the elements from left to right. */
static void variadic(Infer *f, BinaryFold *fold) {
  ElemType t = DT_UNDEFINED;
  for (int i = 0; i < f->node->n_in && !t; i++) t = in_dtype(f, i);
  out_tensor(f, 0, t, in_broadcast(f, 0, f->node->n_in - 1));
  Small sum, next, out;
  if (!fold || !in_small(f, 0, &sum)) return;
  for (int i = 1; i < f->node->n_in; i++) {
    if (!in_small(f, i, &next) || !small_any(&sum) || !fold_two(f, &sum, &next, t, fold, &out)) return;
    sum = out;
  }
  out_elements(f, 0, &sum);
}

static Dim fold_add(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  return sym_add(f->syms, a, b);
}
static Dim fold_sub(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  return sym_sub(f->syms, a, b);
}
static Dim fold_mul(const Infer *f, ElemType t, Dim a, Dim b) {
  return sym_exact_div(f->syms, sym_mul(f->syms, a, b), num(f, unit_of(t)));
}
static Dim fold_min(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  return sym_min(f->syms, a, b);
}
static Dim fold_max(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  return sym_max(f->syms, a, b);
}
/* Integers truncate; floats are followed only where the quotient is exact. */
static Dim fold_div(const Infer *f, ElemType t, Dim a, Dim b) {
  if (!elem_is_float(t)) return sym_truncdiv(f->syms, a, b);
  return sym_exact_div(f->syms, sym_mul(f->syms, a, num(f, unit_of(t))), b);
}
/* fmod = 0: the sign is the divisor's; fmod = 1: the dividend's, as in C. */
static Dim fold_mod(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  if (!attr_int_or(f, "fmod", 0)) return sym_mod(f->syms, a, b);
  return sym_sub(f->syms, a, sym_mul(f->syms, b, sym_truncdiv(f->syms, a, b)));
}

void infer_add(Infer *f) {
  variadic(f, fold_add);
}
void infer_sub(Infer *f) {
  variadic(f, fold_sub);
}
void infer_mul(Infer *f) {
  variadic(f, fold_mul);
}
void infer_div(Infer *f) {
  variadic(f, fold_div);
}
void infer_mod(Infer *f) {
  variadic(f, fold_mod);
}
void infer_min(Infer *f) {
  variadic(f, fold_min);
}
void infer_max(Infer *f) {
  variadic(f, fold_max);
}
/* BitShift, BitwiseAnd, Mean, ...: operands of one type, elements not followed. */
void infer_broadcast(Infer *f) {
  variadic(f, NULL);
}
/* Pow: the base's type. */
void infer_pow(Infer *f) {
  out_tensor(f, 0, in_dtype(f, 0), in_broadcast(f, 0, 1));
}

/* --- comparisons and logic ------------------------------------------------------------------------------ */

static Dim truth(const Infer *f, bool yes, bool no) {
  return yes ? num(f, 1) : no ? num(f, 0) : NULL;
}

static Dim fold_equal(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  return truth(f, sym_equal(a, b), sym_distinct(f->syms, a, b));
}
static Dim fold_less(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  Dim d = sym_sub(f->syms, b, a);
  return truth(f, sym_lower(d) > 0, sym_upper(d) <= 0);
}
static Dim fold_less_equal(const Infer *f, ElemType t, Dim a, Dim b) {
  (void)t;
  Dim d = sym_sub(f->syms, b, a);
  return truth(f, sym_lower(d) >= 0, sym_upper(d) < 0);
}
static Dim fold_greater(const Infer *f, ElemType t, Dim a, Dim b) {
  return fold_less(f, t, b, a);
}
static Dim fold_greater_equal(const Infer *f, ElemType t, Dim a, Dim b) {
  return fold_less_equal(f, t, b, a);
}
static Dim fold_xor(const Infer *f, ElemType t, Dim a, Dim b) {
  Dim same = fold_equal(f, t, a, b);
  return same ? fold_not(f, t, same) : NULL;
}

static void to_bool(Infer *f, BinaryFold *fold) {
  Small a, b, r;
  out_tensor(f, 0, DT_BOOL, in_broadcast(f, 0, 1));
  if (in_small(f, 0, &a) && in_small(f, 1, &b) && fold_two(f, &a, &b, DT_BOOL, fold, &r))
    out_elements(f, 0, &r);
}

void infer_equal(Infer *f) {
  to_bool(f, fold_equal);
}
void infer_less(Infer *f) {
  to_bool(f, fold_less);
}
void infer_less_equal(Infer *f) {
  to_bool(f, fold_less_equal);
}
void infer_greater(Infer *f) {
  to_bool(f, fold_greater);
}
void infer_greater_equal(Infer *f) {
  to_bool(f, fold_greater_equal);
}
void infer_and(Infer *f) {
  to_bool(f, fold_min);
}
void infer_or(Infer *f) {
  to_bool(f, fold_max);
}
void infer_xor(Infer *f) {
  to_bool(f, fold_xor);
}

/* Where(condition, x, y) */
void infer_where(Infer *f) {
  ElemType t = in_dtype(f, 1) ? in_dtype(f, 1) : in_dtype(f, 2);
  out_tensor(f, 0, t, in_broadcast(f, 0, 2));
  Small c, x, y, xy, r;
  if (!in_small(f, 0, &c) || !in_small(f, 1, &x) || !in_small(f, 2, &y)) return;
  if (!small_broadcast(&x, &y, &xy) || !small_broadcast(&c, &xy, &r)) return;
  r.dtype = t;
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) {
    Dim cond = c.at[small_index(&c, r.rank, r.dim, k)];
    Dim yes = x.at[small_index(&x, r.rank, r.dim, k)], no = y.at[small_index(&y, r.rank, r.dim, k)];
    at[k] = sym_is(cond, 1) ? yes : sym_is(cond, 0) ? no : yes == no ? yes : NULL;
  }
  r.at = at;
  out_elements(f, 0, &r);
}

/* --- casts ---------------------------------------------------------------------------------------------- */

static void cast_to(Infer *f, ElemType to) {
  Small s;
  out_tensor(f, 0, to, in_shape(f, 0));
  if (!to || !in_small(f, 0, &s)) return;
  Dim *at = dims_new(f, s.n);
  for (size_t i = 0; i < s.n; i++) {
    Dim d = s.at[i], whole = sym_truncdiv(f->syms, d, num(f, unit_of(s.dtype)));
    if (to == DT_BOOL)
      at[i] = truth(f, sym_nonzero(d), sym_is(d, 0));
    else if (elem_is_float(s.dtype))
      at[i] = elem_is_float(to) ? d : whole;
    else
      at[i] = sym_mul(f->syms, d, num(f, unit_of(to)));
  }
  s.dtype = to;
  s.at = at;
  out_elements(f, 0, &s);
}

void infer_cast(Infer *f) {
  int64_t to = attr_int_or(f, "to", DT_UNDEFINED);
  cast_to(f, to > 0 && to < DT_COUNT_ ? (ElemType)to : DT_UNDEFINED);
}

void infer_cast_like(Infer *f) {
  cast_to(f, in_dtype(f, 1));
}

/* BitCast: another type of the same width, same dims. */
void infer_bit_cast(Infer *f) {
  int64_t to = attr_int_or(f, "to", DT_UNDEFINED);
  ElemType t = to > 0 && to < DT_COUNT_ ? (ElemType)to : DT_UNDEFINED;
  out_tensor(f, 0, t, elem_bits(t) == elem_bits(in_dtype(f, 0)) ? in_shape(f, 0) : SHAPE_UNKNOWN);
}
