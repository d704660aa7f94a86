/* Conv of any rank, naive: constants that are convolved are small or not worth folding. */
#include "eval/product.h"

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

bool conv_init(const Eval *e, const Tensor *x, const Tensor *k, Convolution *c) {
  NEEDS(x && k && x->rank == k->rank && x->rank >= 3 && x->rank <= MAX_SPATIAL + 2);
  NEEDS(attr_int(e->node, "group", &c->group) && c->group >= 1);
  Frame *w = &c->w;
  w->n = x->rank - 2;
  memcpy(w->in, x->dim + 2, (size_t)w->n * sizeof *w->in);
  memcpy(w->kernel, k->dim + 2, (size_t)w->n * sizeof *w->kernel);
  if (node_attr(e->node, "kernel_shape")) {
    int64_t said[MAX_SPATIAL];
    NEEDS(frame_attr(e->node, "kernel_shape", w->n, 1, 1, said));
    NEEDS(memcmp(said, w->kernel, (size_t)w->n * sizeof *said) == 0);
  }
  c->channels = k->dim[1], c->filters = k->dim[0], c->rank = x->rank;
  NEEDS(frame_init(e->node, w) && c->filters % c->group == 0 && x->dim[1] == c->channels * c->group);
  c->dim[0] = x->dim[0], c->dim[1] = c->filters;
  memcpy(c->dim + 2, w->out, (size_t)w->n * sizeof *c->dim);
  return true;
}

double *conv_real(Eval *e, const Convolution *c, const double *x, const double *k) {
  const Frame *w = &c->w;
  uint64_t count;
  int64_t work, plane = dims_product(w->in, 0, w->n), taps = dims_product(w->kernel, 0, w->n),
                spots = dims_product(w->out, 0, w->n);
  if (!tensor_count(c->rank, c->dim, &count) || !affordable(e, count)) return NULL;
  if (__builtin_mul_overflow((int64_t)count, c->channels * taps, &work) || work > MAX_WORK) return NULL;
  double *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r), *o = r;
  for (int64_t b = 0; b < c->dim[0]; b++)
    for (int64_t f = 0; f < c->filters; f++) {
      int64_t at[MAX_SPATIAL] = {0}, g = f / (c->filters / c->group);
      const double *from = x + (b * c->group + g) * c->channels * plane;
      for (int64_t s = 0; s < spots; s++) {
        *o++ = convolve(w, at, from, k + f * c->channels * taps, c->channels);
        index_next(w->n, w->out, at);
      }
    }
  return r;
}

bool eval_conv(Eval *e) {
  const Tensor *x = in_tensor(e, 0), *bias = in_tensor(e, 2);
  Convolution c;
  NEEDS(conv_init(e, x, in_tensor(e, 1), &c));
  NEEDS(elem_is_computed_float(x->dtype) && e->in[1]->dtype == x->dtype);
  NEEDS(!bias || (bias->rank == 1 && bias->dim[0] == c.filters && bias->dtype == x->dtype));
  if (e->dry) return out_new(e, 0, x->dtype, c.rank, c.dim);
  const double *xv = in_doubles(e, 0), *kv = in_doubles(e, 1), *bv = bias ? in_doubles(e, 2) : NULL;
  double *r = xv && kv ? conv_real(e, &c, xv, kv) : NULL;
  NEEDS(r && (bv || !bias));
  int64_t spots = dims_product(c.w.out, 0, c.w.n);
  for (int64_t i = 0; bv && i < c.dim[0] * c.filters * spots; i++) r[i] += bv[i / spots % c.filters];
  return out_doubles(e, 0, x->dtype, c.rank, c.dim, r);
}
