/* MaxPool, AveragePool, LpPool; MaxUnpool. */
#include "eval/window.h"

typedef struct Pool {
  Frame w;
  int64_t dim[MAX_SPATIAL + 2]; /* of the output */
  int64_t planes, spots, taps;  /* batch * channels; window positions; elements of a window */
} Pool;

static bool pool_init(Eval *e, Pool *p) {
  const Tensor *x = in_tensor(e, 0);
  NEEDS(x && x->rank >= 3 && x->rank <= MAX_SPATIAL + 2);
  Frame *w = &p->w;
  uint64_t taps, count, work;
  w->n = x->rank - 2;
  memcpy(w->in, x->dim + 2, (size_t)w->n * sizeof *w->in);
  NEEDS(node_attr(e->node, "kernel_shape") && frame_attr(e->node, "kernel_shape", w->n, 1, 1, w->kernel));
  NEEDS(frame_init(e->node, w) && tensor_count(w->n, w->kernel, &taps));
  memcpy(p->dim, x->dim, 2 * sizeof *p->dim);
  memcpy(p->dim + 2, w->out, (size_t)w->n * sizeof *p->dim);
  NEEDS(tensor_count(x->rank, p->dim, &count) && affordable(e, count));
  NEEDS(!__builtin_mul_overflow(count, taps, &work) && work <= MAX_WORK);
  p->taps = (int64_t)taps;
  p->planes = dims_product(p->dim, 0, 2);
  p->spots = dims_product(w->out, 0, w->n);
  return true;
}

/* --- MaxPool -------------------------------------------------------------------------------------------- */

/* Position of the largest element of a window in its plane; NaN wins. */
static int64_t largest(const Pool *p, const int64_t *at, const double *v) {
  int64_t tap[MAX_SPATIAL] = {0}, best = -1;
  for (int64_t t = 0; t < p->taps; t++) {
    int64_t from;
    if (frame_source(&p->w, at, tap, &from) &&
        (best < 0 || v[from] > v[best] || (isnan(v[from]) && !isnan(v[best]))))
      best = from;
    index_next(p->w.n, p->w.kernel, tap);
  }
  return best;
}

/* The same position counted with the first spatial axis fastest. */
static int64_t column_major(const Frame *w, int64_t row_major) {
  int64_t at = 0;
  for (int i = w->n - 1; i >= 0; i--) {
    int64_t scale = dims_product(w->in, 0, i);
    at += row_major % w->in[i] * scale;
    row_major /= w->in[i];
  }
  return at;
}

/* Elements to compare: 8-bit integers fit in double, too. */
static const double *max_pool_values(Eval *e) {
  const Tensor *x = e->in[0];
  if (x->dtype != DT_INT8 && x->dtype != DT_UINT8) return in_doubles(e, 0);
  const uint64_t *v = in_words(e, 0);
  double *wide = blob_new(e->scratch, ((size_t)x->count + 1) * sizeof *wide);
  for (uint64_t i = 0; v && i < x->count; i++) wide[i] = (double)(int64_t)v[i];
  return v ? wide : NULL;
}

/* Second output: where each maximum was, counted over the whole input. */
bool eval_max_pool(Eval *e) {
  Pool p;
  int64_t columns = 0;
  NEEDS(pool_init(e, &p) && e->n_out <= 2);
  if (node_attr(e->node, "storage_order")) NEEDS(attr_int(e->node, "storage_order", &columns));
  const Tensor *x = e->in[0];
  uint8_t *out = out_new(e, 0, x->dtype, x->rank, p.dim);
  int64_t *where = out_used(e, 1) ? out_new(e, 1, DT_INT64, x->rank, p.dim) : NULL;
  NEEDS(out && (where || !out_used(e, 1)));
  const double *v = max_pool_values(e);
  const uint8_t *bytes = in_data(e, 0);
  NEEDS(v && bytes);
  int64_t plane = dims_product(p.w.in, 0, p.w.n);
  size_t size = elem_size(x->dtype);
  for (int64_t k = 0; k < p.planes; k++) {
    int64_t at[MAX_SPATIAL] = {0};
    for (int64_t s = 0; s < p.spots; s++, out += size) {
      int64_t best = largest(&p, at, v + k * plane);
      NEEDS(best >= 0); /* a window in the padding alone */
      memcpy(out, bytes + (size_t)(k * plane + best) * size, size);
      if (where) *where++ = k * plane + (columns ? column_major(&p.w, best) : best);
      index_next(p.w.n, p.w.out, at);
    }
  }
  return true;
}

/* --- AveragePool ---------------------------------------------------------------------------------------- */

/* The padding counts with count_include_pad. Where a window of ceil_mode reaches behind it, definitions
 * differ. */
bool eval_average_pool(Eval *e) {
  Pool p;
  int64_t padding = 0, ceil = 0;
  NEEDS(pool_init(e, &p) && elem_is_computed_float(e->in[0]->dtype));
  if (since(e) >= 7) NEEDS(attr_int(e->node, "count_include_pad", &padding));
  if (node_attr(e->node, "ceil_mode")) NEEDS(attr_int(e->node, "ceil_mode", &ceil) && !(ceil && padding));
  const Tensor *x = e->in[0];
  if (e->dry) return out_new(e, 0, x->dtype, x->rank, p.dim);
  const double *v = in_doubles(e, 0);
  NEEDS(v);
  int64_t plane = dims_product(p.w.in, 0, p.w.n);
  double *r = blob_new(e->scratch, ((size_t)(p.planes * p.spots) + 1) * sizeof *r), *o = r;
  for (int64_t k = 0; k < p.planes; k++) {
    int64_t at[MAX_SPATIAL] = {0};
    for (int64_t s = 0; s < p.spots; s++, o++) {
      int64_t tap[MAX_SPATIAL] = {0}, from, n = 0;
      for (int64_t t = 0; t < p.taps; t++) {
        bool inside = frame_source(&p.w, at, tap, &from);
        if (inside) *o += v[k * plane + from];
        n += inside || padding;
        index_next(p.w.n, p.w.kernel, tap);
      }
      NEEDS(n > 0);
      *o /= (double)n;
      index_next(p.w.n, p.w.out, at);
    }
  }
  return out_doubles(e, 0, x->dtype, x->rank, p.dim, r);
}

/* --- LpPool ----------------------------------------------------------------------------------------------
 */

/* The norm of every window; the padding counts as zeros. */
bool eval_lp_pool(Eval *e) {
  Pool p;
  int64_t power;
  NEEDS(since(e) >= 2 && pool_init(e, &p) && elem_is_computed_float(e->in[0]->dtype));
  NEEDS(attr_int(e->node, "p", &power) && power >= 1);
  const Tensor *x = e->in[0];
  if (e->dry) return out_new(e, 0, x->dtype, x->rank, p.dim);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, p.planes * p.spots), *o = r;
  NEEDS(v && r);
  for (int64_t k = 0; k < p.planes; k++, v += dims_product(p.w.in, 0, p.w.n)) {
    int64_t at[MAX_SPATIAL] = {0}, from;
    for (int64_t s = 0; s < p.spots; s++, o++, index_next(p.w.n, p.w.out, at)) {
      int64_t tap[MAX_SPATIAL] = {0};
      for (int64_t t = 0; t < p.taps; t++, index_next(p.w.n, p.w.kernel, tap))
        if (frame_source(&p.w, at, tap, &from)) *o += pow(fabs(v[from]), (double)power);
      *o = pow(*o, 1 / (double)power);
    }
  }
  return out_doubles(e, 0, x->dtype, x->rank, p.dim, r);
}

/* --- MaxUnpool -------------------------------------------------------------------------------------------
 */

/* Puts elements back where MaxPool's second output says. A larger output_shape has zeros at the ends. */
bool eval_max_unpool(Eval *e) {
  const Tensor *x = in_tensor(e, 0), *at = in_tensor(e, 1);
  Frame w = {0};
  int64_t pads[2 * MAX_SPATIAL], dim[MAX_SPATIAL + 2], to[MAX_SPATIAL + 2];
  NEEDS(x && at && x->rank >= 3 && x->rank <= MAX_SPATIAL + 2 && dims_same(x, at) && at->dtype == DT_INT64);
  w.n = x->rank - 2;
  NEEDS(frame_attr(e->node, "kernel_shape", w.n, 1, 1, w.kernel) &&
        frame_attr(e->node, "strides", w.n, 1, 1, w.stride));
  NEEDS(node_attr(e->node, "kernel_shape") && frame_attr(e->node, "pads", 2 * w.n, 0, 0, pads));
  dim[0] = x->dim[0], dim[1] = x->dim[1];
  for (int i = 0; i < w.n; i++) {
    NEEDS(x->dim[i + 2] < (int64_t)1 << 31);
    dim[i + 2] = (x->dim[i + 2] - 1) * w.stride[i] + w.kernel[i] - pads[i] - pads[w.n + i];
  }
  memcpy(to, dim, (size_t)x->rank * sizeof *to);
  if (in_tensor(e, 2)) {
    const int64_t *shape;
    size_t n;
    NEEDS(in_ints(e, 2, &shape, &n) && n == (size_t)x->rank);
    for (int i = 0; i < x->rank; i++) NEEDS(shape[i] >= dim[i] && (i >= 2 || shape[i] == dim[i]));
    memcpy(to, shape, n * sizeof *to);
  }
  uint64_t count;
  NEEDS(tensor_count(x->rank, dim, &count));
  uint8_t *out = out_new(e, 0, x->dtype, x->rank, to);
  const uint8_t *v = in_data(e, 0);
  const int64_t *index = in_indices(e, 1);
  NEEDS(out && v && index);
  size_t size = elem_size(x->dtype);
  for (uint64_t k = 0; k < x->count; k++, v += size) {
    NEEDS(index[k] >= 0 && (uint64_t)index[k] < count);
    int64_t place = 0, scale = 1, rest = index[k];
    for (int i = x->rank - 1; i >= 0; i--) {
      place += rest % dim[i] * scale;
      rest /= dim[i];
      scale *= to[i];
    }
    memcpy(out + (size_t)place * size, v, size);
  }
  return true;
}
