/* Operators about shapes: Shape, Size, Reshape and relatives, and those that make tensors from shapes. */
#include "infer/family.h"

/* Identity, and what hands its first input on: any type. */
void infer_identity(Infer *f) {
  Small s;
  if (f->node->n_out < 1) return;
  f->out[0] = *in_type(f, 0);
  if (in_small(f, 0, &s)) out_elements(f, 0, &s);
}

/* Constant: one of its value attributes. */
void infer_constant(Infer *f) {
  const int64_t *ints;
  size_t n;
  int64_t one;
  float x;
  const Attr *a = node_attr(f->node, "value");
  const Attr *floats = node_attr(f->node, "value_floats"), *strings = node_attr(f->node, "value_strings");
  if (f->node->n_out < 1) return;
  if (a && a->type == ATTR_TENSOR && a->v.tensor) {
    f->out[0] = tensor_type(f->m, a->v.tensor);
    f->value[0] = tensor_value(f->m, a->v.tensor);
  } else if (attr_int(f->node, "value_int", &one)) {
    Dim at[1] = {num(f, one)};
    out_small(f, 0, &(Small){.dtype = DT_INT64, .n = 1, .at = at});
  } else if (attr_ints(f->node, "value_ints", &ints, &n)) {
    Tensor *t = tensor_int64s(f->arena, 1, ints, (int64_t)n);
    f->out[0] = tensor_type(f->m, t);
    f->value[0] = tensor_value(f->m, t);
  } else if (attr_float(f->node, "value_float", &x)) {
    out_scalar(f, 0, DT_FLOAT);
  } else if (floats && floats->type == ATTR_FLOATS) {
    out_dims(f, 0, DT_FLOAT, 1, &(Dim){num(f, (int64_t)floats->v.floats.n)});
  } else if (node_attr(f->node, "value_string")) {
    out_scalar(f, 0, DT_STRING);
  } else if (strings && strings->type == ATTR_STRINGS) {
    out_dims(f, 0, DT_STRING, 1, &(Dim){num(f, (int64_t)strings->v.strings.n)});
  }
}

/* Shape(x) -> int64[rank]; from 15 on the part [start, end) of it. */
void infer_shape(Infer *f) {
  Shape s = in_shape(f, 0);
  if (s.rank < 0) {
    out_dims(f, 0, DT_INT64, 1, &(Dim){NULL});
    return;
  }
  int64_t start = attr_int_or(f, "start", 0), end = attr_int_or(f, "end", s.rank);
  if (start < 0) start += s.rank;
  if (end < 0) end += s.rank;
  start = start < 0 ? 0 : start > s.rank ? s.rank : start;
  end = end < start ? start : end > s.rank ? s.rank : end;
  Small r = {.dtype = DT_INT64, .rank = 1, .dim = {end - start}, .n = (size_t)(end - start)};
  r.at = s.dim + start;
  out_small(f, 0, &r);
}

void infer_size(Infer *f) {
  Dim n = shape_size(f->syms, in_shape(f, 0));
  out_small(f, 0, &(Small){.dtype = DT_INT64, .n = 1, .at = &n});
}

/* --- Reshape -------------------------------------------------------------------------------------------- */

/* Product of dims but `skip` (-1: all); NULL if one is NULL. */
static Dim product(const Infer *f, const Dim *dim, size_t n, size_t skip) {
  Dim p = num(f, 1);
  for (size_t i = 0; i < n; i++)
    if (i != skip) p = sym_mul(f->syms, p, dim[i]);
  return p;
}

static bool all_nonzero_but(const Dim *dim, size_t n, size_t skip) {
  for (size_t i = 0; i < n; i++)
    if (i != skip && !sym_nonzero(dim[i])) return false;
  return true;
}

/* A symbolic target e at position i may turn out 0, and then means "the input's dim" d (allowzero = 0). It is
 * the output's dim all the same if e = 0 makes d = 0, or leaves no way to keep the number of elements unless
 * d = 0: e divides the input's size and all other dims of the output are not 0. Behind the input's rank a 0
 * is not allowed. */
static bool zero_is_harmless(const Infer *f, Shape in, const Dim *dim, size_t n, size_t i) {
  if (sym_nonzero(dim[i])) return true;
  if (in.rank < 0) return false;
  if (i >= (size_t)in.rank || sym_quotient(f->syms, in.dim[i], dim[i])) return true;
  return sym_quotient(f->syms, shape_size(f->syms, in), dim[i]) && all_nonzero_but(dim, n, i);
}

/* The dims a target of n elements gives, NULL where they can't be told. *inferred: where -1 stands, else n.
 * False if the target is not valid. */
static bool reshape_target(const Infer *f, Shape in, const Dim *target, size_t n, bool allow_zero, Dim *dim,
                           size_t *inferred) {
  *inferred = n;
  for (size_t i = 0; i < n; i++) {
    int64_t k;
    dim[i] = NULL;
    if (!sym_const(target[i], &k)) {
      if (sym_nonneg(target[i])) dim[i] = target[i];
    } else if (k == -1) {
      if (*inferred < n) return false;
      *inferred = i;
    } else if (k == 0 && !allow_zero) {
      if (in.rank >= 0 && i >= (size_t)in.rank) return false;
      dim[i] = in.rank >= 0 ? in.dim[i] : NULL;
    } else {
      dim[i] = target[i];
    }
  }
  if (allow_zero) return true;
  bool harmful[MAX_RANK];
  for (size_t i = 0; i < n; i++)
    harmful[i] = dim[i] && !sym_const(target[i], NULL) && !zero_is_harmless(f, in, dim, n, i);
  for (size_t i = 0; i < n; i++)
    if (harmful[i]) dim[i] = NULL;
  return true;
}

/* The one dim that is not known follows from the number of elements. A -1 has a value only where the product
 * of the others is not 0 (ONNX Runtime refuses it otherwise), unless allowzero bends that. */
static void reshape_rest(const Infer *f, Shape in, Dim *dim, size_t n, size_t inferred, bool allow_zero) {
  size_t unknown = n, count = 0;
  for (size_t i = 0; i < n; i++) {
    if (dim[i]) continue;
    unknown = i;
    count++;
  }
  if (count != 1) return;
  Dim size = shape_size(f->syms, in), others = product(f, dim, n, unknown);
  bool divides = unknown == inferred && !allow_zero;
  dim[unknown] = divides ? sym_quotient(f->syms, size, others) : sym_exact_div(f->syms, size, others);
  if (!dim[unknown] && unknown == inferred && sym_nonzero(others))
    dim[unknown] = sym_floordiv(f->syms, size, others);
}

/* Elements keep their order. */
static void same_elements(Infer *f) {
  Small s;
  Shape out = f->out[0].shape;
  if (!in_small(f, 0, &s) || !shape_known(out) || out.rank > SMALL_RANK) return;
  uint64_t n;
  shape_ints(out, s.dim);
  s.rank = out.rank;
  if (tensor_count(s.rank, s.dim, &n) && n == s.n) out_elements(f, 0, &s);
}

void infer_reshape(Infer *f) {
  Shape in = in_shape(f, 0);
  const Dim *target;
  const int64_t *attr;
  size_t n, inferred;
  Dim written[MAX_RANK], dim[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (has_in(f, 1)) {
    if (!in_vector(f, 1, &target, &n) || n > MAX_RANK) return;
  } else {
    if (!attr_ints(f->node, "shape", &attr, &n) || n > MAX_RANK) return;
    for (size_t i = 0; i < n; i++) written[i] = num(f, attr[i]);
    target = written;
  }
  bool allow_zero = attr_int_or(f, "allowzero", 0) != 0;
  if (!reshape_target(f, in, target, n, allow_zero, dim, &inferred)) return;
  reshape_rest(f, in, dim, n, inferred, allow_zero);
  out_dims(f, 0, in_dtype(f, 0), (int)n, dim);
  same_elements(f);
}

/* Flatten: [product of dims before axis, product of the others]; axis may be the rank. */
void infer_flatten(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t axis = attr_int_or(f, "axis", 1);
  Dim dim[2] = {NULL, NULL};
  if (in.rank >= 0 && axis < 0) axis += in.rank;
  if (in.rank >= 0 && axis >= 0 && axis <= in.rank) {
    dim[0] = product(f, in.dim, (size_t)axis, SIZE_MAX);
    dim[1] = product(f, in.dim + axis, (size_t)(in.rank - axis), SIZE_MAX);
  }
  out_dims(f, 0, in_dtype(f, 0), 2, dim);
  same_elements(f);
}

/* Squeeze: without axes every dim of 1 goes, so each must be decided. What an empty list of axes means the
 * specification does not say, and ONNX Runtime takes it for none. */
void infer_squeeze(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t axes[MAX_RANK];
  size_t n;
  bool gone[MAX_RANK];
  Dim dim[MAX_RANK];
  int given = axes_given(f, 1, axes, &n), rank = 0;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || given < 0 || (given && (!n || !axes_in(axes, n, in.rank, gone)))) return;
  for (int i = 0; i < in.rank; i++) {
    bool one = sym_is(in.dim[i], 1), other = sym_distinct(f->syms, in.dim[i], num(f, 1));
    if (given ? gone[i] && other : !one && !other) return;
    if (given ? !gone[i] : !one) dim[rank++] = in.dim[i];
  }
  out_dims(f, 0, in_dtype(f, 0), rank, dim);
  same_elements(f);
}

void infer_unsqueeze(Infer *f) {
  Shape in = in_shape(f, 0);
  int64_t axes[MAX_RANK];
  size_t n;
  bool made[MAX_RANK];
  Dim dim[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || axes_given(f, 1, axes, &n) <= 0 || in.rank + (int)n > MAX_RANK) return;
  int rank = in.rank + (int)n;
  if (!axes_in(axes, n, rank, made)) return;
  for (int i = 0, k = 0; i < rank; i++) dim[i] = made[i] ? num(f, 1) : in.dim[k++];
  out_dims(f, 0, in_dtype(f, 0), rank, dim);
  same_elements(f);
}

/* --- larger tensors from shapes ------------------------------------------------------------------------- */

/* The shape a vector of dims spells; elements that may be negative are not known. */
static Shape shape_spelled(const Infer *f, int i) {
  const Dim *at;
  size_t n;
  if (!in_vector(f, i, &at, &n) || n > MAX_RANK) return SHAPE_UNKNOWN;
  Dim *dim = dims_new(f, n);
  for (size_t k = 0; k < n; k++) {
    if (sym_upper(at[k]) < 0) return SHAPE_UNKNOWN;
    dim[k] = sym_nonneg(at[k]) ? at[k] : sym_fresh(f->syms);
  }
  return (Shape){(int)n, dim};
}

/* Dims of the output as small integers; false if there are too many elements. */
static bool small_out(const Infer *f, Small *r) {
  Shape out = f->out[0].shape;
  uint64_t n;
  if (!shape_known(out) || out.rank > SMALL_RANK) return false;
  shape_ints(out, r->dim);
  r->rank = out.rank;
  r->dtype = f->out[0].elem;
  if (!tensor_count(r->rank, r->dim, &n) || n > PARTIAL_MAX) return false;
  r->n = (size_t)n;
  return true;
}

/* Expand: broadcasts both ways with the shape. */
void infer_expand(Infer *f) {
  Small s, r;
  out_tensor(f, 0, in_dtype(f, 0), shape_broadcast(f->syms, f->arena, in_shape(f, 0), shape_spelled(f, 1)));
  if (!in_small(f, 0, &s) || !small_any(&s) || !small_out(f, &r)) return;
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) at[k] = s.at[small_index(&s, r.rank, r.dim, k)];
  r.at = at;
  out_elements(f, 0, &r);
}

/* Tile(input, repeats) */
void infer_tile(Infer *f) {
  Shape in = in_shape(f, 0);
  const Dim *repeats;
  size_t n;
  Small s, r;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || since(f) < 6) return;
  Dim *dim = dims_new(f, (size_t)in.rank);
  bool known = in_vector(f, 1, &repeats, &n);
  if (known && n != (size_t)in.rank) return;
  for (int i = 0; i < in.rank; i++) dim[i] = known ? sym_mul(f->syms, in.dim[i], repeats[i]) : NULL;
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
  if (!in_small(f, 0, &s) || !small_any(&s) || !small_out(f, &r)) return;
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) {
    size_t rest = k, index = 0, stride = 1;
    for (int i = r.rank - 1; i >= 0; i--) {
      index += rest % (size_t)r.dim[i] % (size_t)s.dim[i] * stride;
      rest /= (size_t)r.dim[i];
      stride *= (size_t)s.dim[i];
    }
    at[k] = s.at[index];
  }
  r.at = at;
  out_elements(f, 0, &r);
}

/* ConstantOfShape: attribute "value" is a tensor of one element, float 0 if absent. */
void infer_constant_of_shape(Infer *f) {
  const Attr *a = node_attr(f->node, "value");
  const Tensor *t = a && a->type == ATTR_TENSOR ? a->v.tensor : NULL;
  Small r;
  if (a && !t) return;
  out_tensor(f, 0, t ? t->dtype : DT_FLOAT, shape_spelled(f, 0));
  const Partial *p = t && t->count == 1 ? tensor_value(f->m, t) : NULL;
  if ((t && !p) || !small_out(f, &r) || (elem_is_float(r.dtype) && r.n > SMALL_FLOATS)) return;
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) at[k] = p ? p->at[0] : num(f, 0);
  r.at = at;
  out_elements(f, 0, &r);
}

/* Range(start, limit, delta): max(ceil((limit - start)/delta), 0) elements. */
void infer_range(Infer *f) {
  Small in[3];
  ElemType t = in_dtype(f, 0) ? in_dtype(f, 0) : in_dtype(f, 1) ? in_dtype(f, 1) : in_dtype(f, 2);
  Dim n = NULL, at[3] = {NULL, NULL, NULL};
  for (int i = 0; i < 3; i++)
    if (in_small(f, i, &in[i]) && in[i].n == 1) at[i] = in[i].at[0];
  if (sym_nonzero(at[2])) n = sym_ceildiv(f->syms, sym_sub(f->syms, at[1], at[0]), at[2]);
  n = sym_max(f->syms, n, num(f, 0));
  out_dims(f, 0, t, 1, &n);
  Small r;
  if (!at[0] || !at[2] || !small_out(f, &r)) return;
  Dim *item = dims_new(f, r.n);
  for (size_t i = 0; i < r.n; i++)
    item[i] = sym_add(f->syms, at[0], sym_mul(f->syms, num(f, (int64_t)i), at[2]));
  r.at = item;
  out_elements(f, 0, &r);
}

/* Transpose: perm, by default the dims reversed. */
void infer_transpose(Infer *f) {
  Shape in = in_shape(f, 0);
  const int64_t *perm;
  size_t n;
  Small s, r;
  bool seen[MAX_RANK];
  Dim dim[MAX_RANK];
  int64_t reversed[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  bool given = attr_ints(f->node, "perm", &perm, &n);
  if (in.rank < 0) {
    if (given && n <= MAX_RANK) out_dims(f, 0, in_dtype(f, 0), (int)n, dims_new(f, n));
    return;
  }
  if (!given) {
    n = (size_t)in.rank;
    for (int i = 0; i < in.rank; i++) reversed[i] = in.rank - 1 - i;
    perm = reversed;
  }
  if (n != (size_t)in.rank || !axes_in(perm, n, in.rank, seen)) return;
  for (size_t i = 0; i < n; i++) {
    if (perm[i] < 0) return;
    dim[i] = in.dim[perm[i]];
  }
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
  if (!in_small(f, 0, &s) || !small_any(&s) || !small_out(f, &r)) return;
  size_t stride[SMALL_RANK];
  for (int i = s.rank - 1; i >= 0; i--)
    stride[i] = i == s.rank - 1 ? 1 : stride[i + 1] * (size_t)s.dim[i + 1];
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) {
    size_t rest = k, index = 0;
    for (int i = r.rank - 1; i >= 0; i--) {
      index += rest % (size_t)r.dim[i] * stride[perm[i]];
      rest /= (size_t)r.dim[i];
    }
    at[k] = s.at[index];
  }
  r.at = at;
  out_elements(f, 0, &r);
}

/* EyeLike: the input's shape, the type of "dtype". */
void infer_eye_like(Infer *f) {
  out_tensor(f, 0, (ElemType)attr_int_or(f, "dtype", in_dtype(f, 0)), in_shape(f, 0));
}
