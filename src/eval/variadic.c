/* Max, Min, Sum, Mean of any number of broadcast operands; Where. */
#include "eval/kernel.h"

static bool all_dims(const Eval *e, int first, int last, int *rank, int64_t *dim) {
  *rank = 0;
  for (int i = first; i < last; i++) {
    const Tensor *t = in_tensor(e, i);
    NEEDS(t && dims_broadcast(rank, dim, t->rank, t->dim));
  }
  return true;
}

/* NaN wins. */
static double pick(double x, double y, bool max) {
  if (isnan(x)) return x;
  if (isnan(y)) return y;
  return (max ? x < y : y < x) ? y : x;
}

static bool real_variadic(Eval *e, int rank, const int64_t *dim, uint64_t count) {
  OpId op = e->node->op->id;
  double *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r);
  for (int k = 0; k < e->n_in; k++) {
    const double *v = in_doubles(e, k);
    NEEDS(v);
    Loop l;
    loop_broadcast(&l, rank, dim, 1, (const Tensor *const *)&e->in[k]);
    double *o = r;
    for (loop_start(&l); loop_run(&l); loop_next(&l))
      for (int64_t i = 0; i < l.n; i++, o++) {
        double x = v[l.at[0] + i * l.by[0]];
        if (k == 0)
          *o = x;
        else
          *o = op == OP_Max || op == OP_Min ? pick(*o, x, op == OP_Max) : *o + x;
      }
  }
  if (op == OP_Mean)
    for (uint64_t i = 0; i < count; i++) r[i] /= e->n_in;
  return out_doubles(e, 0, e->in[0]->dtype, rank, dim, r);
}

static bool word_variadic(Eval *e, int rank, const int64_t *dim, uint64_t count) {
  OpId op = e->node->op->id;
  ElemType dtype = e->in[0]->dtype;
  bool is_signed = elem_is_signed(dtype);
  NEEDS(op != OP_Mean);
  uint64_t *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r);
  for (int k = 0; k < e->n_in; k++) {
    const uint64_t *v = in_words(e, k);
    NEEDS(v);
    Loop l;
    loop_broadcast(&l, rank, dim, 1, (const Tensor *const *)&e->in[k]);
    uint64_t *o = r;
    for (loop_start(&l); loop_run(&l); loop_next(&l))
      for (int64_t i = 0; i < l.n; i++, o++) {
        uint64_t x = v[l.at[0] + i * l.by[0]];
        bool less = is_signed ? (int64_t)*o < (int64_t)x : *o < x;
        if (k == 0)
          *o = x;
        else if (op == OP_Sum)
          *o += x;
        else if (op == OP_Max ? less : !less)
          *o = x;
      }
  }
  return out_words(e, 0, dtype, rank, dim, r);
}

bool eval_variadic(Eval *e) {
  int rank;
  int64_t dim[MAX_RANK];
  uint64_t count;
  NEEDS(e->n_in > 0 && all_dims(e, 0, e->n_in, &rank, dim) && tensor_count(rank, dim, &count));
  ElemType dtype = e->in[0]->dtype;
  for (int k = 1; k < e->n_in; k++) NEEDS(e->in[k]->dtype == dtype);
  NEEDS(elem_is_real(dtype));
  if (e->dry) return out_new(e, 0, dtype, rank, dim);
  NEEDS(affordable(e, count));
  return elem_is_computed_float(dtype) ? real_variadic(e, rank, dim, count)
                                       : word_variadic(e, rank, dim, count);
}

#define CHOOSE(T)                                                                                            \
  for (int64_t i = 0; i < l.n; i++)                                                                          \
    ((T *)out)[k + i] = choose[l.at[0] + i * l.by[0]] ? ((const T *)x)[l.at[1] + i * l.by[1]]                \
                                                      : ((const T *)y)[l.at[2] + i * l.by[2]];               \
  break;

bool eval_where(Eval *e) {
  int rank;
  int64_t dim[MAX_RANK];
  NEEDS(e->n_in == 3 && all_dims(e, 0, 3, &rank, dim));
  NEEDS(e->in[0]->dtype == DT_BOOL && e->in[1]->dtype == e->in[2]->dtype);
  void *out = out_new(e, 0, e->in[1]->dtype, rank, dim);
  NEEDS(out);
  const uint8_t *choose = in_data(e, 0);
  const uint8_t *x = in_data(e, 1), *y = in_data(e, 2);
  NEEDS(choose && x && y);
  size_t size = elem_size(e->in[1]->dtype);
  Loop l;
  loop_broadcast(&l, rank, dim, 3, (const Tensor *const *)e->in);
  int64_t k = 0;
  for (loop_start(&l); loop_run(&l); loop_next(&l), k += l.n) switch (size) {
    case 1: CHOOSE(uint8_t)
    case 2: CHOOSE(uint16_t)
    case 4: CHOOSE(uint32_t)
    case 8: CHOOSE(uint64_t)
    default:
      for (int64_t i = 0; i < l.n; i++) {
        bool first = choose[l.at[0] + i * l.by[0]];
        int64_t at = first ? l.at[1] + i * l.by[1] : l.at[2] + i * l.by[2];
        memcpy((uint8_t *)out + (size_t)(k + i) * size, (first ? x : y) + (size_t)at * size, size);
      }
    }
  return true;
}
