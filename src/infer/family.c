#include "infer/family.h"

#include "infer/facts_t.h"

/* --- inputs --------------------------------------------------------------------------------------------- */

bool has_in(const Infer *f, int i) {
  return node_in(f->node, i) != NULL;
}

const Type *in_type(const Infer *f, int i) {
  static const Type nothing = {TYPE_UNKNOWN, DT_UNDEFINED, {-1, NULL}, NULL};
  const struct Facts *x = facts_ready(node_in(f->node, i));
  return x ? &x->type : &nothing;
}

ElemType in_dtype(const Infer *f, int i) {
  const Type *t = in_type(f, i);
  return t->kind == TYPE_TENSOR ? t->elem : DT_UNDEFINED;
}

Shape in_shape(const Infer *f, int i) {
  const Type *t = in_type(f, i);
  return t->kind == TYPE_TENSOR ? t->shape : SHAPE_UNKNOWN;
}

int since(const Infer *f) {
  return op_since(f->node->op, f->node->opset);
}

int64_t attr_int_or(const Infer *f, const char *name, int64_t other) {
  int64_t v;
  return attr_int(f->node, name, &v) ? v : other;
}

/* Constant dims of at most PARTIAL_MAX elements. */
static bool small_dims(Shape shape, Small *s) {
  if (shape.rank < 0 || shape.rank > SMALL_RANK) return false;
  s->rank = shape.rank;
  s->n = 1;
  for (int i = 0; i < shape.rank; i++) {
    int64_t d;
    if (!sym_const(shape.dim[i], &d) || d < 0 || d > PARTIAL_MAX) return false;
    s->dim[i] = d;
    s->n *= (size_t)d;
    if (s->n > PARTIAL_MAX) return false;
  }
  return true;
}

bool in_small(const Infer *f, int i, Small *s) {
  static const Dim nothing_known[PARTIAL_MAX];
  const struct Facts *x = facts_ready(node_in(f->node, i));
  if (!x || x->type.kind != TYPE_TENSOR || !small_dims(x->type.shape, s)) return false;
  ElemType t = x->type.elem;
  if (t != DT_BOOL && !elem_is_int(t) && !(elem_is_float(t) && s->n <= SMALL_FLOATS)) return false;
  s->dtype = t;
  s->at = x->value ? x->value->at : nothing_known;
  return true;
}

bool small_any(const Small *s) {
  for (size_t i = 0; i < s->n; i++)
    if (s->at[i]) return true;
  return s->n == 0;
}

bool in_vector(const Infer *f, int i, const Dim **at, size_t *n) {
  Small s;
  if (!in_small(f, i, &s) || s.rank > 1 || elem_is_float(s.dtype)) return false;
  *at = s.at;
  *n = s.n;
  return true;
}

bool known_ints(const Infer *f, int i, int64_t *out, size_t room, size_t *n) {
  const Dim *at;
  if (!in_vector(f, i, &at, n) || *n > room) return false;
  for (size_t k = 0; k < *n; k++)
    if (!sym_const(at[k], &out[k])) return false;
  return true;
}

Dim in_element(const Infer *f, int i) {
  Small s;
  if (!in_small(f, i, &s) || s.n != 1) return NULL;
  return elem_is_float(s.dtype) ? sym_truncdiv(f->syms, s.at[0], num(f, FLOAT_UNIT)) : s.at[0];
}

/* --- outputs -------------------------------------------------------------------------------------------- */

void out_tensor(Infer *f, int o, ElemType t, Shape s) {
  if (o < f->node->n_out) f->out[o] = (Type){TYPE_TENSOR, t, s, NULL};
}

void out_dims(Infer *f, int o, ElemType t, int rank, const Dim *dim) {
  if (o >= f->node->n_out) return;
  f->out[o] = (Type){TYPE_TENSOR, t, SHAPE_UNKNOWN, NULL};
  if (rank < 0 || rank > MAX_RANK) return;
  for (int i = 0; i < rank; i++)
    if (sym_upper(dim[i]) < 0) return;
  Dim *copy = dims_new(f, (size_t)rank);
  for (int i = 0; i < rank; i++) copy[i] = dim[i] ? dim[i] : sym_fresh(f->syms);
  f->out[o].shape = (Shape){rank, copy};
}

void out_scalar(Infer *f, int o, ElemType t) {
  out_dims(f, o, t, 0, NULL);
}

void out_same(Infer *f, int o, int i) {
  out_tensor(f, o, in_dtype(f, i), in_shape(f, i));
}

void out_elements(Infer *f, int o, const Small *s) {
  if (o >= f->node->n_out || (elem_is_float(s->dtype) && s->n > SMALL_FLOATS)) return;
  Dim *at = dims_new(f, s->n);
  bool any = false;
  for (size_t i = 0; i < s->n; i++) {
    at[i] = elem_holds(s->dtype, s->at[i]) ? s->at[i] : NULL;
    any = any || at[i];
  }
  if (!any) return;
  Partial *p = NEW(f->arena, Partial);
  *p = (Partial){s->rank, s->n, at};
  f->value[o] = p;
}

void out_small(Infer *f, int o, const Small *s) {
  Dim dim[SMALL_RANK];
  for (int i = 0; i < s->rank; i++) dim[i] = num(f, s->dim[i]);
  out_dims(f, o, s->dtype, s->rank, dim);
  out_elements(f, o, s);
}

/* --- dims and axes -------------------------------------------------------------------------------------- */

Dim num(const Infer *f, int64_t v) {
  return sym_int(f->syms, v);
}

Dim *dims_new(const Infer *f, size_t n) {
  return NEW_ARRAY(f->arena, Dim, n);
}

Dim *dims_of(const Infer *f, Shape s, int extra) {
  Dim *dim = dims_new(f, (size_t)s.rank + (size_t)extra);
  for (int i = 0; i < s.rank; i++) dim[i] = s.dim[i];
  return dim;
}

bool axis_in(int64_t axis, int rank, int *out) {
  if (axis < -rank || axis >= rank) return false;
  *out = (int)(axis < 0 ? axis + rank : axis);
  return true;
}

bool axes_in(const int64_t *axes, size_t n, int rank, bool *mask) {
  for (int i = 0; i < rank; i++) mask[i] = false;
  for (size_t i = 0; i < n; i++) {
    int axis;
    if (!axis_in(axes[i], rank, &axis) || mask[axis]) return false;
    mask[axis] = true;
  }
  return true;
}

int axes_given(const Infer *f, int i, int64_t *axes, size_t *n) {
  const int64_t *at;
  if (has_in(f, i)) return known_ints(f, i, axes, MAX_RANK, n) ? 1 : -1;
  if (!attr_ints(f->node, "axes", &at, n)) return 0;
  if (*n > MAX_RANK) return -1;
  for (size_t k = 0; k < *n; k++) axes[k] = at[k];
  return 1;
}

/* Whatever the unit, a multiple of it by at most this is an element of the float type; 0 for types with too
 * few to matter. (Half floats end at 2^16 and have units of 2^-24: 2^11 multiples of 1/FLOAT_UNIT are in
 * between.) */
static int64_t exact_limit(ElemType t) {
  switch (t) {
  case DT_DOUBLE: return (int64_t)1 << 53;
  case DT_FLOAT: return 1 << 24;
  case DT_FLOAT16: return 1 << 11;
  case DT_BFLOAT16: return 1 << 8;
  default: return 0;
  }
}

/* Symbolic int64 elements are taken as they are: shape arithmetic does not wrap around. */
bool elem_holds(ElemType t, Dim d) {
  if (!d) return false;
  int64_t lo = sym_lower(d), hi = sym_upper(d);
  int bits = elem_bits(t);
  if (t == DT_BOOL) return lo >= 0 && hi <= 1;
  if (t == DT_INT64) return true;
  if (t == DT_UINT64) return lo >= 0;
  if (elem_is_float(t)) return exact_limit(t) && lo >= -exact_limit(t) && hi <= exact_limit(t);
  if (!elem_is_int(t) || bits < 1 || bits > 32) return false;
  int64_t least = elem_is_signed(t) ? -((int64_t)1 << (bits - 1)) : 0;
  int64_t most = ((int64_t)1 << (elem_is_signed(t) ? bits - 1 : bits)) - 1;
  return lo >= least && hi <= most;
}

Dim dim_meet(Dim a, Dim b) {
  if (!a || !b) return a ? a : b;
  return sym_const(a, NULL) || !sym_const(b, NULL) ? a : b;
}

size_t small_index(const Small *s, int rank, const int64_t *dim, size_t k) {
  size_t index = 0, stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    size_t at = dim[i] ? k % (size_t)dim[i] : 0;
    k = dim[i] ? k / (size_t)dim[i] : 0;
    int j = i - (rank - s->rank);
    if (j < 0) break;
    if (s->dim[j] != 1) index += at * stride;
    stride *= (size_t)s->dim[j];
  }
  return index;
}

Type type_unshaped(const Infer *f, const Type *t) {
  Type r = {t->kind, t->elem, SHAPE_UNKNOWN, NULL};
  if (!t->inner) return r;
  /* Types nest by the file's own nesting, which the codec bounds. */
  Type *inner = NEW(f->arena, Type);
  *inner = type_unshaped(f, t->inner);
  r.inner = inner;
  return r;
}
