/* ConvTranspose, Col2Im: windows that are added up where Conv would read them. */
#include "eval/window.h"

/* Pads and output dims; `image` are dims given by attribute, or NULL. */
static bool transposed_frame(const Eval *e, Frame *w, const int64_t *image) {
  const Node *n = e->node;
  int64_t pads[2 * MAX_SPATIAL], more[MAX_SPATIAL];
  bool upper = attr_string_is(n, "auto_pad", "SAME_UPPER"),
       lower = attr_string_is(n, "auto_pad", "SAME_LOWER");
  NEEDS(upper || lower || attr_string_is(n, "auto_pad", "NOTSET") || attr_string_is(n, "auto_pad", "VALID"));
  NEEDS(frame_attr(n, "strides", w->n, 1, 1, w->stride) &&
        frame_attr(n, "dilations", w->n, 1, 1, w->dilation));
  NEEDS(frame_attr(n, "pads", 2 * w->n, 0, 0, pads) && frame_attr(n, "output_padding", w->n, 0, 0, more));
  for (int i = 0; i < w->n; i++) {
    NEEDS(w->out[i] >= 1 && w->out[i] < (int64_t)1 << 31 && w->kernel[i] >= 1 && w->kernel[i] < 1 << 20);
    int64_t full = w->stride[i] * (w->out[i] - 1) + more[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
    w->before[i] = pads[i];
    w->in[i] = full - pads[i] - pads[w->n + i];
    if (image || upper || lower) {
      w->in[i] = image ? image[i] : w->out[i] * w->stride[i];
      int64_t total = full - w->in[i];
      if (total == -1 && !upper) total = 0;                    /* one line more at the end */
      NEEDS(total >= 0 && (since(e) >= 11 || total % 2 == 0)); /* before, the odd one was on the other side */
      w->before[i] = upper ? total / 2 : total - total / 2;
    }
    NEEDS(w->in[i] > 0 && w->in[i] < (int64_t)1 << 31);
  }
  return true;
}

/* Adds x[spot] * k[tap] wherever the tap of the window at the spot falls. */
static void spread(const Frame *w, const double *x, const double *k, double *image) {
  int64_t spots = dims_product(w->out, 0, w->n), taps = dims_product(w->kernel, 0, w->n),
          at[MAX_SPATIAL] = {0}, to;
  for (int64_t s = 0; s < spots; s++, index_next(w->n, w->out, at)) {
    int64_t tap[MAX_SPATIAL] = {0};
    for (int64_t t = 0; t < taps; t++, index_next(w->n, w->kernel, tap))
      if (frame_source(w, at, tap, &to)) image[to] += x[s] * k[t];
  }
}

/* x [N, C, spatial], filters [C, F / group, kernel] */
bool eval_conv_transpose(Eval *e) {
  const Tensor *x = in_tensor(e, 0), *k = in_tensor(e, 1), *bias = in_tensor(e, 2);
  int64_t group, given[MAX_SPATIAL], dim[MAX_SPATIAL + 2], work;
  NEEDS(x && k && x->rank == k->rank && x->rank >= 3 && x->rank <= MAX_SPATIAL + 2 && x->dtype == k->dtype);
  NEEDS(elem_is_computed_float(x->dtype) && attr_int(e->node, "group", &group) && group >= 1);
  NEEDS(x->dim[1] == k->dim[0] && x->dim[1] % group == 0 && x->dim[1] > 0);
  Frame w = {.n = x->rank - 2};
  memcpy(w.out, x->dim + 2, (size_t)w.n * sizeof *w.out);
  memcpy(w.kernel, k->dim + 2, (size_t)w.n * sizeof *w.kernel);
  bool image = node_attr(e->node, "output_shape");
  if (image) NEEDS(frame_attr(e->node, "output_shape", w.n, 1, 1, given));
  NEEDS(transposed_frame(e, &w, image ? given : NULL));
  int64_t channels = x->dim[1] / group, filters = k->dim[1];
  dim[0] = x->dim[0], dim[1] = filters * group;
  memcpy(dim + 2, w.in, (size_t)w.n * sizeof *dim);
  NEEDS(!bias || (bias->rank == 1 && bias->dim[0] == dim[1] && bias->dtype == x->dtype));
  if (e->dry) return out_new(e, 0, x->dtype, x->rank, dim);
  int64_t plane = dims_product(w.in, 0, w.n), taps = dims_product(w.kernel, 0, w.n),
          spots = dims_product(w.out, 0, w.n);
  NEEDS(!__builtin_mul_overflow((int64_t)x->count, filters * taps, &work) && work <= MAX_WORK);
  const double *v = in_doubles(e, 0), *kv = in_doubles(e, 1), *b = bias ? in_doubles(e, 2) : NULL;
  double *r = doubles_new(e, dim[0] * dim[1] * plane);
  NEEDS(v && kv && (b || !bias) && r);
  for (int64_t i = 0; b && i < dim[0] * dim[1] * plane; i++) r[i] = b[i / plane % dim[1]];
  for (int64_t c = 0; c < dim[0] * x->dim[1]; c++)
    for (int64_t f = 0; f < filters; f++) {
      int64_t in = c % x->dim[1], out = c / x->dim[1] * dim[1] + in / channels * filters + f;
      spread(&w, v + c * spots, kv + (in * filters + f) * taps, r + out * plane);
    }
  return out_doubles(e, 0, x->dtype, x->rank, dim, r);
}

/* x [N, C * block, blocks], the blocks of an image [N, C, image] */
bool eval_col2im(Eval *e) {
  const Tensor *x = in_tensor(e, 0);
  const int64_t *image, *block;
  size_t n, n_block;
  int64_t pads[2 * MAX_SPATIAL], dim[MAX_SPATIAL + 2], work;
  NEEDS(x && x->rank == 3 && elem_is_computed_float(x->dtype) && in_ints(e, 1, &image, &n) &&
        in_ints(e, 2, &block, &n_block));
  NEEDS(n == n_block && n >= 1 && n <= MAX_SPATIAL);
  Frame w = {.n = (int)n};
  NEEDS(frame_attr(e->node, "strides", w.n, 1, 1, w.stride) &&
        frame_attr(e->node, "dilations", w.n, 1, 1, w.dilation));
  NEEDS(frame_attr(e->node, "pads", 2 * w.n, 0, 0, pads));
  for (int i = 0; i < w.n; i++) {
    w.in[i] = image[i], w.kernel[i] = block[i], w.before[i] = pads[i];
    NEEDS(image[i] > 0 && image[i] < (int64_t)1 << 31 && block[i] > 0 && block[i] < 1 << 20);
    int64_t room = image[i] + pads[i] + pads[w.n + i] - ((block[i] - 1) * w.dilation[i] + 1);
    NEEDS(room >= 0);
    w.out[i] = room / w.stride[i] + 1;
  }
  uint64_t taps, spots, plane;
  NEEDS(tensor_count(w.n, w.kernel, &taps) && tensor_count(w.n, w.out, &spots) &&
        tensor_count(w.n, w.in, &plane));
  NEEDS((uint64_t)x->dim[2] == spots && (uint64_t)x->dim[1] % taps == 0);
  int64_t channels = x->dim[1] / (int64_t)taps, planes = x->dim[0] * channels;
  dim[0] = x->dim[0], dim[1] = channels;
  memcpy(dim + 2, w.in, n * sizeof *dim);
  NEEDS(!__builtin_mul_overflow(planes, (int64_t)plane, &work) && affordable(e, (uint64_t)work));
  NEEDS(x->count <= MAX_WORK);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, work);
  NEEDS(v && r);
  for (int64_t c = 0; c < planes; c++) {
    int64_t tap[MAX_SPATIAL] = {0}, to;
    for (uint64_t t = 0; t < taps; t++, index_next(w.n, w.kernel, tap)) {
      int64_t at[MAX_SPATIAL] = {0};
      for (uint64_t s = 0; s < spots; s++, index_next(w.n, w.out, at), v++)
        if (frame_source(&w, at, tap, &to)) r[c * (int64_t)plane + to] += *v;
    }
  }
  return out_doubles(e, 0, x->dtype, w.n + 2, dim, r);
}
