/* Reduce*: over the axes (all if there are none), in double and rounded once, or exact on integers. */
#include "eval/kernel.h"

typedef struct Axes {
  bool marked[MAX_RANK];
  bool noop; /* no axes and noop_with_empty_axes: nothing is reduced */
} Axes;

static bool reduce_axes(Eval *e, const Tensor *t, Axes *a) {
  const int64_t *axes;
  size_t n;
  int64_t noop = 0;
  int input_since = node_is(e->node, OP_ReduceSum) ? 13 : 18;
  NEEDS(in_list(e, 1, "axes", input_since, &axes, &n));
  if (since(e) >= input_since) NEEDS(attr_int(e->node, "noop_with_empty_axes", &noop));
  a->noop = n == 0 && noop;
  NEEDS(axes_mark(axes, n, t->rank, a->marked));
  for (int i = 0; i < t->rank && n == 0 && !noop; i++) a->marked[i] = true;
  return true;
}

/* Merges the element x into the running value; ReduceLogSumExp starts from the largest one, kept in `max`. */
static double merge(OpId op, double acc, double x, double max) {
  switch (op) {
  case OP_ReduceL1: return acc + fabs(x);
  case OP_ReduceL2:
  case OP_ReduceSumSquare: return acc + x * x;
  case OP_ReduceProd: return acc * x;
  case OP_ReduceMax: return isnan(acc) || x <= acc ? acc : x;
  case OP_ReduceMin: return isnan(acc) || x >= acc ? acc : x;
  case OP_ReduceLogSumExp: return acc + exp(x - max);
  default: return acc + x;
  }
}

static uint64_t merge_words(OpId op, uint64_t acc, uint64_t x, bool is_signed) {
  switch (op) {
  case OP_ReduceL1: return acc + (is_signed && (int64_t)x < 0 ? 0 - x : x);
  case OP_ReduceSumSquare: return acc + x * x;
  case OP_ReduceProd: return acc * x;
  case OP_ReduceMax: return (is_signed ? (int64_t)x > (int64_t)acc : x > acc) ? x : acc;
  case OP_ReduceMin: return (is_signed ? (int64_t)x < (int64_t)acc : x < acc) ? x : acc;
  default: return acc + x;
  }
}

static double last_step(OpId op, double acc, double n, double max) {
  switch (op) {
  case OP_ReduceL2: return sqrt(acc);
  case OP_ReduceMean: return acc / n;
  case OP_ReduceLogSum: return log(acc);
  case OP_ReduceLogSumExp: return log(acc) + max;
  default: return acc;
  }
}

/* Walks input elements in order with the output element each belongs to (operand 0 of the loop). */
static void reduce_loop(Loop *l, const Tensor *t, const Axes *a) {
  int64_t stride[MAX_RANK], n = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    stride[i] = a->marked[i] ? 0 : n;
    if (!a->marked[i]) n *= t->dim[i] ? t->dim[i] : 1;
  }
  loop_init(l, t->rank, t->dim, 1, (const int64_t *const[]){stride});
}

#define EACH(l, i)                                                                                           \
  for (loop_start(&(l)); loop_run(&(l)); loop_next(&(l)))                                                    \
    for (int64_t i = 0; i < (l).n; i++)

static bool reduce_real(Eval *e, const Axes *a, int rank, const int64_t *dim, uint64_t count) {
  const Tensor *t = e->in[0];
  OpId op = e->node->op->id;
  const double *v = in_doubles(e, 0), *x = v;
  NEEDS(v);
  bool picks = op == OP_ReduceMax || op == OP_ReduceMin || op == OP_ReduceLogSumExp;
  double *r = NEW_ARRAY(e->scratch, double, count), *max = NEW_ARRAY(e->scratch, double, count);
  for (uint64_t k = 0; k < count; k++) {
    max[k] = op == OP_ReduceMin ? INFINITY : -INFINITY;
    r[k] = op == OP_ReduceProd ? 1 : picks && op != OP_ReduceLogSumExp ? max[k] : 0;
  }
  Loop l;
  reduce_loop(&l, t, a);
  if (op == OP_ReduceLogSumExp) {
    EACH(l, i) {
      double *m = &max[l.at[0] + i * l.by[0]];
      *m = fmax(*m, *x++);
    }
    for (uint64_t k = 0; k < count; k++)
      if (isinf(max[k])) max[k] = 0; /* inf - inf would be NaN */
    x = v;
  }
  EACH(l, i) {
    int64_t k = l.at[0] + i * l.by[0];
    r[k] = merge(op, r[k], *x++, max[k]);
  }
  double n = count ? (double)t->count / (double)count : 0;
  for (uint64_t k = 0; k < count; k++) r[k] = last_step(op, r[k], n, max[k]);
  return out_doubles(e, 0, t->dtype, rank, dim, r);
}

/* How ReduceMean and the roots round integers is nowhere said: only whole means are taken. */
static bool reduce_words(Eval *e, const Axes *a, int rank, const int64_t *dim, uint64_t count) {
  const Tensor *t = e->in[0];
  OpId op = e->node->op->id;
  const uint64_t *v = in_words(e, 0);
  NEEDS(v && op != OP_ReduceL2 && op != OP_ReduceLogSum && op != OP_ReduceLogSumExp);
  bool is_signed = elem_is_signed(t->dtype), max = op == OP_ReduceMax, min = op == OP_ReduceMin;
  NEEDS(t->dtype != DT_BOOL || max || min);
  int bits = t->dtype == DT_BOOL ? 1 : elem_bits(t->dtype);
  uint64_t top = (uint64_t)1 << (bits - 1),
           start = op == OP_ReduceProd; /* of no elements: the dtype's bound */
  if (max) start = is_signed ? 0 - top : 0;
  if (min) start = is_signed ? top - 1 : top - 1 + top;
  uint64_t *r = NEW_ARRAY(e->scratch, uint64_t, count);
  for (uint64_t k = 0; k < count; k++) r[k] = start;
  Loop l;
  reduce_loop(&l, t, a);
  EACH(l, i) {
    int64_t k = l.at[0] + i * l.by[0];
    r[k] = merge_words(op, r[k], *v++, is_signed);
  }
  for (uint64_t k = 0; k < count && op == OP_ReduceMean; k++) {
    int64_t n = (int64_t)(t->count / count);
    NEEDS(is_signed && (int64_t)r[k] % n == 0);
    r[k] = (uint64_t)((int64_t)r[k] / n);
  }
  return out_words(e, 0, t->dtype, rank, dim, r);
}

bool eval_reduce(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  Axes a;
  int64_t keep, dim[MAX_RANK];
  uint64_t count;
  NEEDS(t && t->rank <= MAX_RANK && (elem_is_real(t->dtype) || t->dtype == DT_BOOL));
  NEEDS(attr_int(e->node, "keepdims", &keep) && reduce_axes(e, t, &a));
  OpId op = e->node->op->id;
  bool max_min = op == OP_ReduceMax || op == OP_ReduceMin;
  if (a.noop) {
    /* Whether the elementwise part still applies was long unclear. */
    NEEDS(max_min || op == OP_ReduceSum || op == OP_ReduceProd || op == OP_ReduceMean);
    return out_reshaped(e, 0, 0, t->rank, t->dim);
  }
  int rank = dims_reduced(t, a.marked, keep != 0, dim);
  NEEDS(tensor_count(rank, dim, &count));
  if (e->dry) return out_new(e, 0, t->dtype, rank, dim);
  /* Of no elements: undefined for the mean, and for the extremes until opset 20. */
  NEEDS(t->count || !count || (op != OP_ReduceMean && (!max_min || since(e) >= 20)));
  NEEDS(affordable(e, count));
  return elem_is_computed_float(t->dtype) ? reduce_real(e, &a, rank, dim, count)
                                          : reduce_words(e, &a, rank, dim, count);
}
