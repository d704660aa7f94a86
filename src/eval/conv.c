/* Conv of any rank, naive: constants that are convolved are small or not worth folding. */
#include "eval/kernel.h"

enum { MAX_SPATIAL = 8, MAX_WORK = 1 << 28 };

typedef struct Window {
  int n; /* spatial axes */
  int64_t in[MAX_SPATIAL], kernel[MAX_SPATIAL], out[MAX_SPATIAL];
  int64_t stride[MAX_SPATIAL], dilation[MAX_SPATIAL], before[MAX_SPATIAL];
} Window;

/* Attribute `name` with count numbers in low..2^31, or `preset`. */
static bool window_attr(const Node *n, const char *name, int count, int64_t low, int64_t preset, int64_t *out) {
  const int64_t *at = NULL;
  size_t found;
  if (node_attr(n, name)) NEEDS(attr_ints(n, name, &at, &found) && found == (size_t)count);
  for (int i = 0; i < count; i++) {
    out[i] = at ? at[i] : preset;
    NEEDS(out[i] >= low && out[i] < (int64_t)1 << 31);
  }
  return true;
}

/* Output dims and pads from the attributes; w->in and w->kernel are set. */
static bool window_init(const Node *n, Window *w) {
  int64_t pads[2 * MAX_SPATIAL];
  bool same_upper = attr_string_is(n, "auto_pad", "SAME_UPPER"), same_lower = attr_string_is(n, "auto_pad", "SAME_LOWER");
  bool valid = attr_string_is(n, "auto_pad", "VALID");
  NEEDS(same_upper || same_lower || valid || attr_string_is(n, "auto_pad", "NOTSET"));
  NEEDS(window_attr(n, "strides", w->n, 1, 1, w->stride) && window_attr(n, "dilations", w->n, 1, 1, w->dilation));
  NEEDS(window_attr(n, "pads", 2 * w->n, 0, 0, pads));
  for (int i = 0; i < w->n; i++) {
    NEEDS(w->kernel[i] >= 1 && w->kernel[i] < 1 << 20 && w->in[i] < (int64_t)1 << 31);
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1, before = pads[i], after = pads[w->n + i];
    if (same_upper || same_lower) {
      int64_t want = (w->in[i] + w->stride[i] - 1) / w->stride[i];
      int64_t total = (want - 1) * w->stride[i] + extent - w->in[i];
      if (total < 0) total = 0;
      before = same_upper ? total / 2 : total - total / 2;
      after = total - before;
    } else if (valid) {
      before = after = 0;
    }
    w->before[i] = before;
    NEEDS(w->in[i] + before + after >= extent);
    w->out[i] = (w->in[i] + before + after - extent) / w->stride[i] + 1;
  }
  return true;
}

/* One output element: the window at `at` of one group's channels. */
static double convolve(const Window *w, const int64_t *at, const double *x, const double *k, int64_t channels) {
  int64_t plane = dims_product(w->in, 0, w->n), taps = dims_product(w->kernel, 0, w->n), tap[MAX_SPATIAL] = {0};
  double sum = 0;
  for (int64_t t = 0; t < taps; t++) {
    int64_t from = 0;
    bool inside = true;
    for (int i = 0; i < w->n; i++) {
      int64_t p = at[i] * w->stride[i] - w->before[i] + tap[i] * w->dilation[i];
      inside = inside && p >= 0 && p < w->in[i];
      from = from * w->in[i] + p;
    }
    for (int64_t c = 0; c < channels && inside; c++) sum += x[c * plane + from] * k[c * taps + t];
    for (int i = w->n - 1; i >= 0 && ++tap[i] == w->kernel[i]; i--) tap[i] = 0;
  }
  return sum;
}

bool eval_conv(Eval *e) {
  const Tensor *x = in_tensor(e, 0), *k = in_tensor(e, 1), *bias = in_tensor(e, 2);
  int64_t group, dim[MAX_SPATIAL + 2], work;
  uint64_t count;
  NEEDS(x && k && x->rank == k->rank && x->rank >= 3 && x->rank <= MAX_SPATIAL + 2 && x->dtype == k->dtype);
  NEEDS(elem_is_computed_float(x->dtype) && attr_int(e->node, "group", &group) && group >= 1);
  Window w = {.n = x->rank - 2};
  memcpy(w.in, x->dim + 2, (size_t)w.n * sizeof *w.in);
  memcpy(w.kernel, k->dim + 2, (size_t)w.n * sizeof *w.kernel);
  if (node_attr(e->node, "kernel_shape")) {
    int64_t said[MAX_SPATIAL];
    NEEDS(window_attr(e->node, "kernel_shape", w.n, 1, 1, said));
    NEEDS(memcmp(said, w.kernel, (size_t)w.n * sizeof *said) == 0);
  }
  int64_t channels = k->dim[1], filters = k->dim[0];
  NEEDS(window_init(e->node, &w) && filters % group == 0 && x->dim[1] == channels * group);
  NEEDS(!bias || (bias->rank == 1 && bias->dim[0] == filters && bias->dtype == x->dtype));
  dim[0] = x->dim[0], dim[1] = filters;
  memcpy(dim + 2, w.out, (size_t)w.n * sizeof *dim);
  if (e->dry) return out_new(e, 0, x->dtype, x->rank, dim);
  NEEDS(tensor_count(x->rank, dim, &count) && affordable(e, count));
  NEEDS(!__builtin_mul_overflow((int64_t)count, channels * dims_product(w.kernel, 0, w.n), &work) && work <= MAX_WORK);
  const double *xv = in_doubles(e, 0), *kv = in_doubles(e, 1), *bv = bias ? in_doubles(e, 2) : NULL;
  NEEDS(xv && kv && (bv || !bias));
  double *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r), *o = r;
  int64_t plane = dims_product(w.in, 0, w.n), taps = dims_product(w.kernel, 0, w.n), spots = dims_product(w.out, 0, w.n);
  for (int64_t b = 0; b < dim[0]; b++)
    for (int64_t f = 0; f < filters; f++) {
      int64_t at[MAX_SPATIAL] = {0}, g = f / (filters / group);
      for (int64_t s = 0; s < spots; s++, o++) {
        *o = convolve(&w, at, xv + (b * x->dim[1] + g * channels) * plane, kv + f * channels * taps, channels);
        if (bv) *o += bv[f];
        for (int i = w.n - 1; i >= 0 && ++at[i] == w.out[i]; i--) at[i] = 0;
      }
    }
  return out_doubles(e, 0, x->dtype, x->rank, dim, r);
}
