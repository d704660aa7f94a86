/* ai.onnx.ml: LabelEncoder, ArrayFeatureExtractor, Binarizer. */
#include "eval/window.h"

#include "eval/deferred.h"

/* --- LabelEncoder ----------------------------------------------------------------------------------------
 */

/* Keys or values, as attributes have them: a tensor, or a list of strings, int64s or floats. */
typedef struct Labels {
  ElemType dtype;
  uint64_t n;
  const uint8_t *at; /* strings: Spans */
} Labels;

static bool labels_of_tensor(Eval *e, const Attr *a, Labels *out) {
  NEEDS(a->type == ATTR_TENSOR && !a->ref);
  Tensor *t = a->v.tensor;
  NEEDS(elem_size(t->dtype) && (t->dtype == DT_STRING || elem_bits(t->dtype) >= 8));
  const void *at = t->dtype == DT_STRING ? (const void *)t->strings : tensor_bytes(e->scratch, t);
  *out = (Labels){t->dtype, t->count, at};
  return at;
}

static const Attr *attr_of(Eval *e, const char *name, AttrType type) {
  const Attr *a = node_attr(e->node, name);
  return a && a->type == type && !a->ref ? a : NULL;
}

/* Attributes NAME_tensor, NAME_strings, NAME_int64s, NAME_floats: the one that is there. */
static bool labels_of(Eval *e, const char *const *name, Labels *out) {
  const Attr *a;
  if ((a = node_attr(e->node, name[0]))) return labels_of_tensor(e, a, out);
  if ((a = attr_of(e, name[1], ATTR_STRINGS)))
    *out = (Labels){DT_STRING, a->v.strings.n, (const uint8_t *)a->v.strings.at};
  else if ((a = attr_of(e, name[2], ATTR_INTS)))
    *out = (Labels){DT_INT64, a->v.ints.n, (const uint8_t *)a->v.ints.at};
  else if ((a = attr_of(e, name[3], ATTR_FLOATS)))
    *out = (Labels){DT_FLOAT, a->v.floats.n, (const uint8_t *)a->v.floats.at};
  else
    return false;
  return true;
}

/* The value of what has no key, one element of that dtype. */
static bool default_label(Eval *e, ElemType dtype, Span *text, uint8_t *bytes) {
  const Attr *a = node_attr(e->node, "default_tensor");
  Labels given;
  if (a) {
    NEEDS(labels_of_tensor(e, a, &given) && given.dtype == dtype && given.n == 1);
    memcpy(dtype == DT_STRING ? (void *)text : bytes, given.at, elem_size(dtype));
    return true;
  }
  int64_t i = 0;
  float f = 0;
  if (dtype == DT_STRING) return attr_string(e->node, "default_string", text);
  NEEDS(dtype == DT_INT64 ? attr_int(e->node, "default_int64", &i)
                          : dtype == DT_FLOAT && attr_float(e->node, "default_float", &f));
  memcpy(bytes, dtype == DT_INT64 ? (const void *)&i : &f, elem_size(dtype));
  return true;
}

static bool same_label(ElemType dtype, const uint8_t *a, const uint8_t *b) {
  if (dtype == DT_STRING) {
    const Span *s = (const Span *)(const void *)a, *t = (const Span *)(const void *)b;
    return s->n == t->n && (s->n == 0 || memcmp(s->p, t->p, s->n) == 0);
  }
  if (dtype == DT_FLOAT) {
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y || (isnan(x) && isnan(y));
  }
  return memcmp(a, b, elem_size(dtype)) == 0;
}

/* Of equal keys the last one counts. */
bool eval_label_encoder(Eval *e) {
  static const char *const key_names[] = {"keys_tensor", "keys_strings", "keys_int64s", "keys_floats"};
  static const char *const value_names[] = {"values_tensor", "values_strings", "values_int64s",
                                            "values_floats"};
  const Tensor *t = in_tensor(e, 0);
  Labels key, value;
  Span text;
  uint8_t other[16];
  NEEDS(t && since(e) >= 2 && labels_of(e, key_names, &key) && labels_of(e, value_names, &value));
  NEEDS(t->dtype == key.dtype && key.n == value.n &&
        (key.dtype == DT_STRING || key.dtype == DT_FLOAT || elem_is_int(key.dtype)));
  NEEDS(default_label(e, value.dtype, &text, other) && key.n < 1 << 16 &&
        t->count <= (uint64_t)MAX_WORK / (key.n + 1));
  uint8_t *out = out_new(e, 0, value.dtype, t->rank, t->dim);
  const uint8_t *p = in_data(e, 0);
  NEEDS(out && p);
  size_t from = elem_size(key.dtype), to = elem_size(value.dtype);
  for (uint64_t i = 0; i < t->count; i++) {
    const uint8_t *found = value.dtype == DT_STRING ? (const uint8_t *)&text : other;
    for (uint64_t k = 0; k < key.n; k++)
      if (same_label(key.dtype, p + i * from, key.at + k * from)) found = value.at + k * to;
    memcpy(out + i * to, found, to);
  }
  return true;
}

/* --- the others ------------------------------------------------------------------------------------------
 */

/* Picks elements of the last axis; a vector counts as one row. */
bool eval_array_feature_extractor(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *at = in_tensor(e, 1);
  int64_t dim[MAX_RANK], n;
  NEEDS(t && at && t->rank >= 1 && t->rank <= MAX_RANK && at->dtype == DT_INT64 && at->count);
  int rank = t->rank == 1 ? 2 : t->rank;
  dim[0] = 1;
  if (t->rank > 1) memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[rank - 1] = (int64_t)at->count;
  n = t->dim[t->rank - 1];
  uint8_t *out = out_new(e, 0, t->dtype, rank, dim);
  const uint8_t *p = in_data(e, 0);
  const int64_t *index = in_indices(e, 1);
  NEEDS(out && p && index);
  size_t size = elem_size(t->dtype);
  for (int64_t row = 0; row < dims_product(dim, 0, rank - 1); row++)
    for (uint64_t k = 0; k < at->count; k++, out += size) {
      NEEDS(index[k] >= 0 && index[k] < n);
      memcpy(out, p + (size_t)(row * n + index[k]) * size, size);
    }
  return true;
}

bool eval_binarizer(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  float threshold;
  NEEDS(t && elem_is_computed_float(t->dtype) && attr_float(e->node, "threshold", &threshold));
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(v && r);
  for (uint64_t i = 0; i < t->count; i++) r[i] = v[i] > (double)threshold;
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}
