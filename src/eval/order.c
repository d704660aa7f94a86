/* Operators that compare elements of one tensor: ArgMax, ArgMin, TopK, Unique; and CumSum. NaN has no place
 * in an order: refused. */
#include "eval/kernel.h"

/* Elements to compare: reals as double, integers as words. */
typedef struct Keys {
  const double *real;
  const uint64_t *word;
  bool is_signed;
} Keys;

static bool keys_init(Eval *e, int i, Keys *k) {
  const Tensor *t = in_tensor(e, i);
  NEEDS(t && (elem_is_real(t->dtype) || t->dtype == DT_BOOL));
  *k = (Keys){.is_signed = elem_is_signed(t->dtype)};
  if (!elem_is_computed_float(t->dtype)) return (k->word = in_words(e, i)) != NULL;
  NEEDS(k->real = in_doubles(e, i));
  for (uint64_t n = 0; n < t->count; n++) NEEDS(!isnan(k->real[n]));
  return true;
}

static int keys_compare(const Keys *k, int64_t a, int64_t b) {
  if (k->real) return (k->real[a] > k->real[b]) - (k->real[a] < k->real[b]);
  if (k->is_signed)
    return ((int64_t)k->word[a] > (int64_t)k->word[b]) - ((int64_t)k->word[a] < (int64_t)k->word[b]);
  return (k->word[a] > k->word[b]) - (k->word[a] < k->word[b]);
}

/* --- ArgMax, ArgMin ------------------------------------------------------------------------------------- */

bool eval_arg(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int axis;
  int64_t keep, last = 0, dim[MAX_RANK];
  NEEDS(t && t->rank <= MAX_RANK && attr_axis(e, t->rank, &axis) && attr_int(e->node, "keepdims", &keep));
  if (since(e) >= 12) NEEDS(attr_int(e->node, "select_last_index", &last));
  bool marked[MAX_RANK] = {false};
  marked[axis] = true;
  int64_t length = t->dim[axis];
  int rank = dims_reduced(t, marked, keep != 0, dim);
  int64_t *out = out_new(e, 0, DT_INT64, rank, dim);
  Keys k;
  NEEDS(out && length > 0 && t->dtype != DT_BOOL && keys_init(e, 0, &k));
  int64_t inner = dims_product(t->dim, axis + 1, t->rank), outer = dims_product(t->dim, 0, axis);
  int sign = node_is(e->node, OP_ArgMax) ? 1 : -1;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      int64_t base = o * length * inner + i, best = 0;
      for (int64_t j = 1; j < length; j++) {
        int order = sign * keys_compare(&k, base + j * inner, base + best * inner);
        if (order > 0 || (order == 0 && last)) best = j;
      }
      *out++ = best;
    }
  return true;
}

/* --- sorting -------------------------------------------------------------------------------------------- */

typedef int OrderFn(const void *arg, int64_t a, int64_t b);

/* Stable merge sort of n indices. */
static void sort_indices(int64_t *at, int64_t *tmp, int64_t n, OrderFn *order, const void *arg) {
  for (int64_t width = 1; width < n; width *= 2) {
    for (int64_t from = 0; from < n; from += 2 * width) {
      int64_t mid = from + width < n ? from + width : n, end = mid + width < n ? mid + width : n;
      int64_t a = from, b = mid;
      for (int64_t k = from; k < end; k++)
        tmp[k] = b == end || (a < mid && order(arg, at[a], at[b]) <= 0) ? at[a++] : at[b++];
    }
    memcpy(at, tmp, (size_t)n * sizeof *at);
  }
}

typedef struct TopKOrder {
  Keys keys;
  int64_t base, stride;
  int sign;
} TopKOrder;

static int topk_order(const void *arg, int64_t a, int64_t b) {
  const TopKOrder *o = arg;
  return o->sign * keys_compare(&o->keys, o->base + a * o->stride, o->base + b * o->stride);
}

/* Equal elements: the lower index first. Without sorted the order is open: refused. */
bool eval_topk(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int axis;
  int64_t k, largest = 1, sorted = 1, dim[MAX_RANK];
  NEEDS(t && t->rank <= MAX_RANK && attr_axis(e, t->rank, &axis) && e->n_out == 2);
  if (since(e) >= 10)
    NEEDS(in_int(e, 1, &k));
  else
    NEEDS(attr_int(e->node, "k", &k));
  if (since(e) >= 11) NEEDS(attr_int(e->node, "largest", &largest) && attr_int(e->node, "sorted", &sorted));
  int64_t length = t->dim[axis];
  NEEDS(sorted && k >= 0 && k <= length);
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[axis] = k;
  uint8_t *values = out_new(e, 0, t->dtype, t->rank, dim);
  int64_t *indices = out_new(e, 1, DT_INT64, t->rank, dim);
  NEEDS(values && indices);
  TopKOrder order = {.sign = largest ? -1 : 1};
  const uint8_t *p = in_data(e, 0);
  NEEDS(p && keys_init(e, 0, &order.keys));
  int64_t inner = dims_product(t->dim, axis + 1, t->rank), outer = dims_product(t->dim, 0, axis);
  int64_t *at = NEW_ARRAY(e->scratch, int64_t, length), *tmp = NEW_ARRAY(e->scratch, int64_t, length);
  size_t size = elem_size(t->dtype);
  order.stride = inner;
  for (int64_t i = 0; i < outer * inner; i++) {
    order.base = i / inner * length * inner + i % inner;
    for (int64_t j = 0; j < length; j++) at[j] = j;
    sort_indices(at, tmp, length, topk_order, &order);
    for (int64_t j = 0; j < k; j++) {
      int64_t to = (i / inner * k + j) * inner + i % inner;
      indices[to] = at[j];
      memcpy(values + (size_t)to * size, p + (size_t)(order.base + at[j] * inner) * size, size);
    }
  }
  return true;
}

/* --- Unique --------------------------------------------------------------------------------------------- */

/* Slices along an axis, compared element by element. */
typedef struct SliceOrder {
  Keys keys;
  int64_t outer, length, inner;
} SliceOrder;

static int slice_order(const void *arg, int64_t a, int64_t b) {
  const SliceOrder *s = arg;
  for (int64_t o = 0; o < s->outer; o++)
    for (int64_t i = 0; i < s->inner; i++) {
      int64_t base = o * s->length * s->inner + i;
      int order = keys_compare(&s->keys, base + a * s->inner, base + b * s->inner);
      if (order) return order;
    }
  return 0;
}

static int index_order(const void *arg, int64_t a, int64_t b) {
  const int64_t *first = arg;
  return (first[a] > first[b]) - (first[a] < first[b]);
}

/* The distinct slices: of group g, group[i] == g for its members, first[g] is the first one. Returns their
 * number. */
static int64_t unique_groups(Eval *e, const SliceOrder *s, bool sorted, int64_t *first, int64_t *count,
                             int64_t *group) {
  int64_t n = s->length, groups = 0;
  int64_t *at = NEW_ARRAY(e->scratch, int64_t, n), *tmp = NEW_ARRAY(e->scratch, int64_t, n);
  for (int64_t i = 0; i < n; i++) at[i] = i;
  sort_indices(at, tmp, n, slice_order, s);
  for (int64_t i = 0; i < n; i++) {
    if (i == 0 || slice_order(s, at[i - 1], at[i]) != 0)
      first[groups++] = at[i]; /* stable: the lowest index */
    group[at[i]] = groups - 1;
    count[groups - 1]++;
  }
  if (sorted) return groups;
  /* Otherwise in order of first occurrence. */
  int64_t *rank = NEW_ARRAY(e->scratch, int64_t, n),
          *old = arena_copy(e->scratch, first, (size_t)n * sizeof *first),
          *old_count = arena_copy(e->scratch, count, (size_t)n * sizeof *count);
  for (int64_t g = 0; g < groups; g++) at[g] = g;
  sort_indices(at, tmp, groups, index_order, old);
  for (int64_t g = 0; g < groups; g++) {
    first[g] = old[at[g]];
    count[g] = old_count[at[g]];
    rank[at[g]] = g;
  }
  for (int64_t i = 0; i < n; i++) group[i] = rank[group[i]];
  return groups;
}

static bool unique_numbers(Eval *e, int i, int64_t n, const int64_t *v) {
  if (i >= e->n_out) return true;
  int64_t *out = out_new(e, i, DT_INT64, 1, &n);
  NEEDS(out);
  if (n) memcpy(out, v, (size_t)n * sizeof *v);
  return true;
}

bool eval_unique(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t sorted, dim[MAX_RANK];
  int axis = 0;
  NEEDS(t && t->rank <= MAX_RANK && attr_int(e->node, "sorted", &sorted));
  bool flat = !node_attr(e->node, "axis");
  if (!flat) NEEDS(attr_axis(e, t->rank, &axis));
  SliceOrder s = {.outer = flat ? 1 : dims_product(t->dim, 0, axis),
                  .length = flat ? (int64_t)t->count : t->dim[axis],
                  .inner = flat ? 1 : dims_product(t->dim, axis + 1, t->rank)};
  const uint8_t *p = in_data(e, 0);
  NEEDS(p && keys_init(e, 0, &s.keys));
  int64_t *first = NEW_ARRAY(e->scratch, int64_t, s.length),
          *count = NEW_ARRAY(e->scratch, int64_t, s.length),
          *group = NEW_ARRAY(e->scratch, int64_t, s.length);
  int64_t n = unique_groups(e, &s, sorted != 0, first, count, group);
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[axis] = n;
  uint8_t *out = out_new(e, 0, t->dtype, flat ? 1 : t->rank, flat ? &n : dim);
  NEEDS(out);
  size_t run = (size_t)s.inner * elem_size(t->dtype);
  for (int64_t o = 0; o < s.outer && run; o++)
    for (int64_t g = 0; g < n; g++, out += run) memcpy(out, p + (size_t)(o * s.length + first[g]) * run, run);
  return unique_numbers(e, 1, n, first) && unique_numbers(e, 2, s.length, group) &&
         unique_numbers(e, 3, n, count);
}

/* --- CumSum, CumProd
 * --------------------------------------------------------------------------------------------- */

#define CUMULATE(T, v, r)                                                                                    \
  for (int64_t line = 0; line < outer * inner; line++) {                                                     \
    int64_t base = line / inner * length * inner + line % inner;                                             \
    T sum = product;                                                                                         \
    for (int64_t k = 0; k < length; k++) {                                                                   \
      int64_t at = base + (reverse ? length - 1 - k : k) * inner;                                            \
      if (exclusive) r[at] = sum;                                                                            \
      sum = product ? sum * v[at] : sum + v[at];                                                             \
      if (!exclusive) r[at] = sum;                                                                           \
    }                                                                                                        \
  }

bool eval_cumulate(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const bool product = node_is(e->node, OP_CumProd);
  int64_t axis, exclusive, reverse;
  NEEDS(t && in_int(e, 1, &axis) && index_ok(&axis, t->rank) && elem_is_real(t->dtype));
  NEEDS(attr_int(e->node, "exclusive", &exclusive) && attr_int(e->node, "reverse", &reverse));
  int64_t inner = dims_product(t->dim, (int)axis + 1, t->rank), outer = dims_product(t->dim, 0, (int)axis);
  int64_t length = t->dim[axis];
  void *wide = blob_new(e->scratch, ((size_t)t->count + 1) * 8);
  if (elem_is_computed_float(t->dtype)) {
    const double *v = in_doubles(e, 0);
    double *r = wide;
    NEEDS(v);
    CUMULATE(double, v, r)
    return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
  }
  const uint64_t *v = in_words(e, 0);
  uint64_t *r = wide;
  NEEDS(v);
  CUMULATE(uint64_t, v, r)
  return out_words(e, 0, t->dtype, t->rank, t->dim, r);
}
