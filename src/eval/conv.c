/* Conv of any rank, naive: constants that are convolved are small or not worth folding. */
#include "eval/window.h"

/* One output element: the window at `at` of one group's channels. */
static double convolve(const Frame *w, const int64_t *at, const double *x, const double *k,
                       int64_t channels) {
  int64_t plane = dims_product(w->in, 0, w->n), taps = dims_product(w->kernel, 0, w->n),
          tap[MAX_SPATIAL] = {0};
  double sum = 0;
  for (int64_t t = 0; t < taps; t++) {
    int64_t from;
    bool inside = frame_source(w, at, tap, &from);
    for (int64_t c = 0; c < channels && inside; c++) sum += x[c * plane + from] * k[c * taps + t];
    index_next(w->n, w->kernel, tap);
  }
  return sum;
}

bool eval_conv(Eval *e) {
  const Tensor *x = in_tensor(e, 0), *k = in_tensor(e, 1), *bias = in_tensor(e, 2);
  int64_t group, dim[MAX_SPATIAL + 2], work;
  uint64_t count;
  NEEDS(x && k && x->rank == k->rank && x->rank >= 3 && x->rank <= MAX_SPATIAL + 2 && x->dtype == k->dtype);
  NEEDS(elem_is_computed_float(x->dtype) && attr_int(e->node, "group", &group) && group >= 1);
  Frame w = {.n = x->rank - 2};
  memcpy(w.in, x->dim + 2, (size_t)w.n * sizeof *w.in);
  memcpy(w.kernel, k->dim + 2, (size_t)w.n * sizeof *w.kernel);
  if (node_attr(e->node, "kernel_shape")) {
    int64_t said[MAX_SPATIAL];
    NEEDS(frame_attr(e->node, "kernel_shape", w.n, 1, 1, said));
    NEEDS(memcmp(said, w.kernel, (size_t)w.n * sizeof *said) == 0);
  }
  int64_t channels = k->dim[1], filters = k->dim[0];
  NEEDS(frame_init(e->node, &w) && filters % group == 0 && x->dim[1] == channels * group);
  NEEDS(!bias || (bias->rank == 1 && bias->dim[0] == filters && bias->dtype == x->dtype));
  dim[0] = x->dim[0], dim[1] = filters;
  memcpy(dim + 2, w.out, (size_t)w.n * sizeof *dim);
  if (e->dry) return out_new(e, 0, x->dtype, x->rank, dim);
  NEEDS(tensor_count(x->rank, dim, &count) && affordable(e, count));
  NEEDS(!__builtin_mul_overflow((int64_t)count, channels * dims_product(w.kernel, 0, w.n), &work) &&
        work <= MAX_WORK);
  const double *xv = in_doubles(e, 0), *kv = in_doubles(e, 1), *bv = bias ? in_doubles(e, 2) : NULL;
  NEEDS(xv && kv && (bv || !bias));
  double *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r), *o = r;
  int64_t plane = dims_product(w.in, 0, w.n), taps = dims_product(w.kernel, 0, w.n),
          spots = dims_product(w.out, 0, w.n);
  for (int64_t b = 0; b < dim[0]; b++)
    for (int64_t f = 0; f < filters; f++) {
      int64_t at[MAX_SPATIAL] = {0}, g = f / (filters / group);
      for (int64_t s = 0; s < spots; s++, o++) {
        *o =
            convolve(&w, at, xv + (b * x->dim[1] + g * channels) * plane, kv + f * channels * taps, channels);
        if (bv) *o += bv[f];
        index_next(w.n, w.out, at);
      }
    }
  return out_doubles(e, 0, x->dtype, x->rank, dim, r);
}
