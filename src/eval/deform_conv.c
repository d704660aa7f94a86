/* DeformConv of images: Conv whose taps are moved by offsets, read by bilinear interpolation (zeros outside)
 * and weighted by a mask. */
#include "eval/window.h"

enum { INPUT, FILTERS, OFFSETS, BIAS, MASK };

typedef struct Deform {
  Frame w;
  int64_t group, offset_group, channels, filters, taps, spots, plane; /* channels of the input */
  const double *x, *k, *offset, *mask;
} Deform;

static bool has_dims(const Tensor *t, const Tensor *like, int64_t b, int64_t c, const int64_t *out) {
  return !t || (t->dtype == like->dtype && t->rank == 4 && t->dim[0] == b && t->dim[1] == c &&
                t->dim[2] == out[0] && t->dim[3] == out[1]);
}

static bool deform_init(const Eval *e, Deform *d) {
  const Tensor *x = in_tensor(e, INPUT), *k = in_tensor(e, FILTERS), *offset = in_tensor(e, OFFSETS),
               *bias = in_tensor(e, BIAS);
  int64_t pads[4], said[2], work;
  NEEDS(x && k && offset && x->rank == 4 && k->rank == 4 && elem_is_computed_float(x->dtype) &&
        k->dtype == x->dtype);
  Frame *w = &d->w;
  w->n = 2;
  memcpy(w->in, x->dim + 2, 2 * sizeof *w->in);
  memcpy(w->kernel, k->dim + 2, 2 * sizeof *w->kernel);
  if (node_attr(e->node, "kernel_shape"))
    NEEDS(frame_attr(e->node, "kernel_shape", 2, 1, 1, said) && memcmp(said, w->kernel, sizeof said) == 0);
  NEEDS(frame_attr(e->node, "strides", 2, 1, 1, w->stride) &&
        frame_attr(e->node, "dilations", 2, 1, 1, w->dilation));
  NEEDS(frame_attr(e->node, "pads", 4, 0, 0, pads) && attr_int(e->node, "group", &d->group) &&
        attr_int(e->node, "offset_group", &d->offset_group));
  for (int i = 0; i < 2; i++) {
    NEEDS(w->in[i] > 0 && w->in[i] < 1 << 20 && w->kernel[i] > 0 && w->kernel[i] < 1 << 10);
    int64_t room = w->in[i] + pads[i] + pads[2 + i] - ((w->kernel[i] - 1) * w->dilation[i] + 1);
    NEEDS(room >= 0);
    w->before[i] = pads[i];
    w->out[i] = room / w->stride[i] + 1;
    NEEDS(w->out[i] < 1 << 20);
  }
  d->channels = x->dim[1], d->filters = k->dim[0];
  d->taps = w->kernel[0] * w->kernel[1], d->spots = w->out[0] * w->out[1], d->plane = w->in[0] * w->in[1];
  NEEDS(d->group > 0 && d->offset_group > 0 && d->channels % d->group == 0 &&
        d->channels % d->offset_group == 0);
  NEEDS(d->filters % d->group == 0 && k->dim[1] == d->channels / d->group && d->offset_group < 1 << 20);
  NEEDS(has_dims(offset, x, x->dim[0], d->offset_group * d->taps * 2, w->out));
  NEEDS(has_dims(in_tensor(e, MASK), x, x->dim[0], d->offset_group * d->taps, w->out));
  NEEDS(!bias || (bias->dtype == x->dtype && bias->rank == 1 && bias->dim[0] == d->filters));
  return !__builtin_mul_overflow(x->dim[0] * d->filters, d->spots, &work) &&
         !__builtin_mul_overflow(work, d->channels / d->group * d->taps, &work) && work <= MAX_WORK;
}

/* The plane at a point between its elements. */
static double between(const Deform *d, const double *plane, double y, double x) {
  const int64_t *in = d->w.in;
  if (!(y > -1 && x > -1 && y < (double)in[0] && x < (double)in[1])) return 0;
  int64_t top = (int64_t)floor(y), left = (int64_t)floor(x);
  double sum = 0;
  for (int64_t i = top; i <= top + 1; i++)
    for (int64_t j = left; j <= left + 1; j++)
      if (i >= 0 && j >= 0 && i < in[0] && j < in[1])
        sum += plane[i * in[1] + j] * (1 - fabs(y - (double)i)) * (1 - fabs(x - (double)j));
  return sum;
}

/* One element of the output: filter f at spot s of image b. */
static double deformed(const Deform *d, int64_t b, int64_t f, int64_t s) {
  int64_t each = d->channels / d->group, first = f / (d->filters / d->group) * each;
  const Frame *w = &d->w;
  double sum = 0;
  for (int64_t c = 0; c < each; c++) {
    int64_t g = (first + c) / (d->channels / d->offset_group);
    const double *plane = d->x + (b * d->channels + first + c) * d->plane;
    for (int64_t t = 0; t < d->taps; t++) {
      int64_t at = (b * d->offset_group + g) * d->taps + t;
      int64_t row = s / w->out[1] * w->stride[0] - w->before[0] + t / w->kernel[1] * w->dilation[0];
      int64_t column = s % w->out[1] * w->stride[1] - w->before[1] + t % w->kernel[1] * w->dilation[1];
      double y = (double)row + d->offset[2 * at * d->spots + s];
      double x = (double)column + d->offset[(2 * at + 1) * d->spots + s];
      double weight = d->mask ? d->mask[at * d->spots + s] : 1;
      sum += between(d, plane, y, x) * weight * d->k[(f * each + c) * d->taps + t];
    }
  }
  return sum;
}

bool eval_deform_conv(Eval *e) {
  Deform d = {0};
  NEEDS(deform_init(e, &d));
  const Tensor *x = e->in[INPUT];
  int64_t dim[4] = {x->dim[0], d.filters, d.w.out[0], d.w.out[1]};
  if (e->dry) return out_new(e, 0, x->dtype, 4, dim);
  d.x = in_doubles(e, INPUT), d.k = in_doubles(e, FILTERS), d.offset = in_doubles(e, OFFSETS);
  d.mask = in_tensor(e, MASK) ? in_doubles(e, MASK) : NULL;
  const double *bias = in_tensor(e, BIAS) ? in_doubles(e, BIAS) : NULL;
  double *r = doubles_new(e, dim[0] * d.filters * d.spots);
  NEEDS(d.x && d.k && d.offset && (d.mask || !in_tensor(e, MASK)) && (bias || !in_tensor(e, BIAS)) && r);
  for (int64_t i = 0; i < dim[0] * d.filters * d.spots; i++) {
    int64_t f = i / d.spots % d.filters;
    r[i] = deformed(&d, i / d.spots / d.filters, f, i % d.spots) + (bias ? bias[f] : 0);
  }
  return out_doubles(e, 0, x->dtype, 4, dim, r);
}
