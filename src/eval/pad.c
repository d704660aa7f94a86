/* Pad, all modes: constant (which also crops, by negative pads), edge, reflect, wrap. */
#include "eval/kernel.h"

/* Where output position i along an axis of length d comes from; -1: the constant. */
static int64_t pad_source(char mode, int64_t i, int64_t before, int64_t d) {
  int64_t at = i - before;
  if (at >= 0 && at < d) return at;
  switch (mode) {
  case 'e': return at < 0 ? 0 : d - 1;
  case 'r': return at < 0 ? -at : 2 * (d - 1) - at;
  case 'w': return (at % d + d) % d;
  default: return -1;
  }
}

static char pad_mode(const Node *n) {
  if (attr_string_is(n, "mode", "constant")) return 'c';
  if (attr_string_is(n, "mode", "edge")) return 'e';
  if (attr_string_is(n, "mode", "reflect")) return 'r';
  return attr_string_is(n, "mode", "wrap") ? 'w' : 0;
}

/* Pads of every axis: [0..rank-1] before, [rank..] after. */
static bool pad_amounts(Eval *e, int rank, int64_t *before, int64_t *after) {
  const int64_t *pads, *axes = NULL;
  size_t n, n_axes = (size_t)rank;
  bool seen[MAX_RANK];
  NEEDS(in_list(e, 1, since(e) < 2 ? "paddings" : "pads", 11, &pads, &n) && pads);
  if (in_tensor(e, 3)) NEEDS(in_ints(e, 3, &axes, &n_axes) && axes_mark(axes, n_axes, rank, seen));
  NEEDS(n == 2 * n_axes);
  for (int i = 0; i < rank; i++) before[i] = after[i] = 0;
  for (size_t k = 0; k < n_axes; k++) {
    int64_t a = axes ? axes[k] : (int64_t)k;
    NEEDS(index_ok(&a, rank));
    before[a] = pads[k];
    after[a] = pads[n_axes + k];
  }
  return true;
}

/* The value to pad with, in the element view; NULL: zero. */
static bool pad_value(Eval *e, const void **value) {
  *value = NULL;
  const Tensor *t = e->in[0], *v = in_tensor(e, 2);
  if (since(e) >= 11) {
    if (!v) return t->dtype != DT_STRING;
    NEEDS(v->dtype == t->dtype && v->count == 1);
    return (*value = in_data(e, 2)) != NULL;
  }
  float f;
  NEEDS(attr_float(e->node, "value", &f));
  if (f == 0 && !signbit(f)) return true;
  NEEDS(t->dtype == DT_FLOAT);
  *value = arena_copy(e->scratch, &f, sizeof f);
  return true;
}

/* Source positions of every axis, one table after the other; false where they don't exist. */
static bool pad_tables(Eval *e, char mode, const int64_t *before, const int64_t *after, int64_t *dim,
                       int64_t **table) {
  const Tensor *t = e->in[0];
  for (int i = 0; i < t->rank; i++) {
    int64_t d = t->dim[i], b = before[i], a = after[i], least = mode == 'c' ? -d : 0;
    int64_t most = mode == 'r' ? d - 1 : mode != 'c' && d == 0 ? 0 : (int64_t)1 << 40;
    NEEDS(b >= least && a >= least && (b <= most || b == 0) && (a <= most || a == 0));
    dim[i] = d + b + a;
    NEEDS(dim[i] >= 0);
  }
  uint64_t count;
  NEEDS(tensor_count(t->rank, dim, &count) && affordable(e, count));
  for (int i = 0; i < t->rank && count; i++) {
    table[i] = NEW_ARRAY(e->scratch, int64_t, dim[i]);
    for (int64_t k = 0; k < dim[i]; k++) table[i][k] = pad_source(mode, k, before[i], t->dim[i]);
  }
  return true;
}

bool eval_pad(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  char mode = pad_mode(e->node);
  int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0}, dim[MAX_RANK] = {0};
  int64_t stride[MAX_RANK] = {0}, index[MAX_RANK] = {0}, *table[MAX_RANK] = {0};
  const void *value;
  NEEDS(t && t->rank <= MAX_RANK && mode && pad_amounts(e, t->rank, before, after) && pad_value(e, &value));
  NEEDS(pad_tables(e, mode, before, after, dim, table));
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, dim);
  NEEDS(out);
  const uint8_t *p = in_data(e, 0);
  NEEDS(p);
  size_t size = elem_size(t->dtype);
  strides_of(t->rank, t->dim, stride);
  for (uint64_t k = 0; k < e->out[0]->count; k++, out += size) {
    int64_t from = 0;
    for (int i = 0; i < t->rank && from >= 0; i++) {
      int64_t at = table[i][index[i]];
      from = at < 0 ? -1 : from + at * stride[i];
    }
    if (from >= 0)
      memcpy(out, p + (size_t)from * size, size);
    else if (value)
      memcpy(out, value, size);
    for (int i = t->rank - 1; i >= 0 && ++index[i] == dim[i]; i--) index[i] = 0;
  }
  return true;
}
