/* Operators that make tensors of few numbers: Constant, ConstantOfShape, Range, OneHot, EyeLike, NonZero. */
#include "eval/kernel.h"

/* --- Constant ------------------------------------------------------------------------------------------- */

static bool constant_tensor(Eval *e, Tensor *t) {
  NEEDS(t && e->n_out == 1);
  Eval copy = *e;
  Tensor *in[] = {t};
  copy.in = in;
  copy.n_in = 1;
  return out_reshaped(&copy, 0, 0, t->rank, t->dim);
}

/* One of value, value_float(s), value_int(s), value_string(s). */
bool eval_constant(Eval *e) {
  const Node *n = e->node;
  NEEDS(n->attrs.n == 1 && !n->attrs.at[0].ref);
  const Attr *a = &n->attrs.at[0];
  int64_t dim = 1;
  const void *from;
  void *out;
  switch (a->type) {
  case ATTR_TENSOR: return str_is(a->name, "value") && constant_tensor(e, a->v.tensor);
  case ATTR_FLOAT:
    NEEDS(str_is(a->name, "value_float"));
    out = out_new(e, 0, DT_FLOAT, 0, NULL), from = &a->v.f;
    break;
  case ATTR_INT:
    NEEDS(str_is(a->name, "value_int"));
    out = out_new(e, 0, DT_INT64, 0, NULL), from = &a->v.i;
    break;
  case ATTR_STRING:
    NEEDS(str_is(a->name, "value_string"));
    out = out_new(e, 0, DT_STRING, 0, NULL), from = &a->v.s;
    break;
  case ATTR_FLOATS:
    NEEDS(str_is(a->name, "value_floats"));
    dim = (int64_t)a->v.floats.n;
    out = out_new(e, 0, DT_FLOAT, 1, &dim), from = a->v.floats.at;
    break;
  case ATTR_INTS:
    NEEDS(str_is(a->name, "value_ints"));
    dim = (int64_t)a->v.ints.n;
    out = out_new(e, 0, DT_INT64, 1, &dim), from = a->v.ints.at;
    break;
  case ATTR_STRINGS:
    NEEDS(str_is(a->name, "value_strings"));
    dim = (int64_t)a->v.strings.n;
    out = out_new(e, 0, DT_STRING, 1, &dim), from = a->v.strings.at;
    break;
  default: return false;
  }
  NEEDS(out);
  if (dim) memcpy(out, from, (size_t)dim * elem_size(e->out[0]->dtype));
  return true;
}

/* value, a tensor of one element, presets 0.0f. */
bool eval_constant_of_shape(Eval *e) {
  const int64_t *dim;
  size_t n;
  NEEDS(in_ints(e, 0, &dim, &n) && n <= MAX_RANK);
  const Attr *a = node_attr(e->node, "value");
  NEEDS(!a || (a->type == ATTR_TENSOR && !a->ref && a->v.tensor && a->v.tensor->count == 1));
  void *out = out_new(e, 0, a ? a->v.tensor->dtype : DT_FLOAT, (int)n, dim);
  NEEDS(out);
  if (!a) return true;
  Eval copy = *e;
  Tensor *in[] = {a->v.tensor};
  copy.in = in;
  copy.n_in = 1;
  const void *value = in_data(&copy, 0);
  NEEDS(value);
  fill(out, value, elem_size(a->v.tensor->dtype), e->out[0]->count);
  return true;
}

/* --- Range ---------------------------------------------------------------------------------------------- */

/* max(ceil((limit - start) / delta), 0) numbers from start. */
bool eval_range(Eval *e) {
  for (int i = 0; i < 3; i++) {
    const Tensor *t = in_tensor(e, i);
    NEEDS(t && t->count == 1 && t->dtype == e->in[0]->dtype);
  }
  ElemType dtype = e->in[0]->dtype;
  if (elem_is_computed_float(dtype)) {
    int64_t stash = DT_FLOAT;
    if (elem_bits(dtype) == 16) NEEDS(attr_int(e->node, "stash_type", &stash) && stash == DT_FLOAT);
    const double *s = in_doubles(e, 0), *l = in_doubles(e, 1), *d = in_doubles(e, 2);
    NEEDS(s && l && d && *d != 0);
    double n = ceil((*l - *s) / *d);
    NEEDS(n < 0x1p31 && affordable(e, n > 0 ? (uint64_t)n : 0));
    int64_t dim = n > 0 ? (int64_t)n : 0;
    double *v = NEW_ARRAY(e->scratch, double, dim);
    for (int64_t i = 0; i < dim; i++) v[i] = *s + (double)i * *d;
    return out_doubles(e, 0, dtype, 1, &dim, v);
  }
  NEEDS(dtype == DT_INT16 || dtype == DT_INT32 || dtype == DT_INT64);
  const uint64_t *s = in_words(e, 0), *l = in_words(e, 1), *d = in_words(e, 2);
  NEEDS(s && l && d && *d != 0);
  int64_t span, step = (int64_t)*d;
  NEEDS(!__builtin_sub_overflow((int64_t)*l, (int64_t)*s, &span) && step > INT64_MIN);
  int64_t dim = 0;
  if (step > 0 && span > 0) dim = (span - 1) / step + 1;
  if (step < 0 && span < 0) dim = -(span + 1) / -step + 1;
  NEEDS(affordable(e, (uint64_t)dim));
  uint64_t *v = NEW_ARRAY(e->scratch, uint64_t, dim);
  for (int64_t i = 0; i < dim; i++) v[i] = *s + (uint64_t)i * *d;
  return out_words(e, 0, dtype, 1, &dim, v);
}

/* --- OneHot, EyeLike ------------------------------------------------------------------------------------ */

/* Indices as integers; those that are no integer are refused. */
static const int64_t *one_hot_indices(Eval *e) {
  const Tensor *t = e->in[0];
  if (!elem_is_computed_float(t->dtype)) return (const int64_t *)in_words(e, 0);
  const double *f = in_doubles(e, 0);
  if (!f) return NULL;
  int64_t *v = NEW_ARRAY(e->scratch, int64_t, t->count);
  for (uint64_t i = 0; i < t->count; i++) {
    if (f[i] != trunc(f[i]) || fabs(f[i]) > 0x1p53) return NULL;
    v[i] = (int64_t)f[i];
  }
  return v;
}

static bool one_hot_depth(Eval *e, int64_t *depth) {
  const Tensor *t = in_tensor(e, 1);
  NEEDS(t && t->count == 1 && t->rank <= 1);
  if (elem_is_computed_float(t->dtype)) {
    const double *f = in_doubles(e, 1);
    NEEDS(f && *f == trunc(*f) && *f >= 0 && *f < 0x1p31);
    *depth = (int64_t)*f;
    return true;
  }
  const uint64_t *w = in_words(e, 1);
  NEEDS(w && *w < (uint64_t)1 << 31);
  *depth = (int64_t)*w;
  return true;
}

/* values = [off, on]; indices out of [-depth, depth) give a row of off. */
bool eval_one_hot(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *values = in_tensor(e, 2);
  int64_t depth, axis, dim[MAX_RANK];
  NEEDS(t && values && t->rank < MAX_RANK && values->rank == 1 && values->dim[0] == 2);
  NEEDS(attr_int(e->node, "axis", &axis) && index_ok(&axis, t->rank + 1) && one_hot_depth(e, &depth));
  for (int i = 0; i <= t->rank; i++) dim[i] = i < axis ? t->dim[i] : i == axis ? depth : t->dim[i - 1];
  uint8_t *out = out_new(e, 0, values->dtype, t->rank + 1, dim);
  NEEDS(out);
  const int64_t *index = one_hot_indices(e);
  const uint8_t *value = in_data(e, 2);
  NEEDS(index && value);
  size_t size = elem_size(values->dtype);
  fill(out, value, size, e->out[0]->count);
  int64_t inner = dims_product(t->dim, (int)axis, t->rank);
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t at = index[i];
    if (!index_ok(&at, depth)) continue;
    int64_t row = (int64_t)i / inner, col = (int64_t)i % inner;
    memcpy(out + (size_t)((row * depth + at) * inner + col) * size, value + size, size);
  }
  return true;
}

bool eval_eye_like(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t k, dtype;
  NEEDS(t && t->rank == 2 && attr_int(e->node, "k", &k));
  dtype = t->dtype;
  if (node_attr(e->node, "dtype"))
    NEEDS(attr_int(e->node, "dtype", &dtype) && dtype > 0 && dtype < DT_COUNT_);
  int64_t rows = t->dim[0], cols = t->dim[1];
  uint8_t *out = out_new(e, 0, (ElemType)dtype, 2, t->dim);
  NEEDS(out);
  size_t size = elem_size((ElemType)dtype);
  const uint64_t one = 1;
  const float onef = 1;
  const double oned = 1;
  const uint16_t half = float_to_half(1), brain = float_to_bfloat16(1);
  const void *v = dtype == DT_FLOAT      ? (const void *)&onef
                  : dtype == DT_DOUBLE   ? &oned
                  : dtype == DT_FLOAT16  ? &half
                  : dtype == DT_BFLOAT16 ? (const void *)&brain
                                         : &one;
  NEEDS(elem_is_real((ElemType)dtype) || dtype == DT_BOOL);
  for (int64_t i = 0; i < rows; i++)
    if (k > -rows && k < cols && i + k >= 0 && i + k < cols)
      memcpy(out + (size_t)(i * cols + i + k) * size, v, size);
  return true;
}

/* --- NonZero -------------------------------------------------------------------------------------------- */

/* Coordinates of the elements that are not 0, one column each, in order. */
bool eval_non_zero(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->rank <= MAX_RANK && (elem_is_real(t->dtype) || t->dtype == DT_BOOL));
  bool real = elem_is_computed_float(t->dtype);
  const double *f = real ? in_doubles(e, 0) : NULL;
  const uint64_t *w = real ? NULL : in_words(e, 0);
  NEEDS(f || w || !t->count);
  int64_t n = 0, k = 0, stride[MAX_RANK];
  for (uint64_t i = 0; i < t->count; i++) n += f ? f[i] != 0 : w[i] != 0;
  int rows = t->rank ? t->rank : 1; /* a scalar counts as one element of rank 1 */
  int64_t *out = out_new(e, 0, DT_INT64, 2, (int64_t[]){rows, n});
  NEEDS(out);
  strides_of(t->rank, t->dim, stride);
  for (uint64_t i = 0; i < t->count; i++) {
    if (f ? f[i] == 0 : w[i] == 0) continue;
    for (int r = 0; r < t->rank; r++) out[r * n + k] = (int64_t)i / stride[r] % t->dim[r];
    k++;
  }
  return true;
}
