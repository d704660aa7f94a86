/* DFT, STFT, the window functions, MelWeightMatrix. */
#include "eval/window.h"

static const double PI = 3.14159265358979323846;

/* --- DFT ------------------------------------------------------------------------------------------------ */

/* Elements of one line, `step` apart, each a real number or (parts == 2) a complex one. */
typedef struct Signal {
  const double *at;
  int64_t n, step;
  int parts;
} Signal;

/* Bin k of a transform of `length`: *re, *im. The signal is cut off or goes on with zeros. */
static void dft_bin(Signal s, int64_t length, int64_t k, bool inverse, double *re, double *im) {
  *re = *im = 0;
  for (int64_t i = 0; i < s.n && i < length; i++) {
    double turn = 2 * PI * (double)(i * k % length) / (double)length, c = cos(turn),
           d = inverse ? sin(turn) : -sin(turn);
    double x = s.at[i * s.step], y = s.parts == 2 ? s.at[i * s.step + 1] : 0;
    *re += x * c - y * d;
    *im += x * d + y * c;
  }
  if (inverse) *re /= (double)length, *im /= (double)length;
}

/* Element i of the real signal whose one-sided transform s is. */
static double real_inverse(Signal s, int64_t length, int64_t i) {
  double sum = 0;
  for (int64_t k = 0; k < s.n && k <= length / 2; k++) {
    double turn = 2 * PI * (double)(i * k % length) / (double)length;
    bool alone = k == 0 || 2 * k == length; /* has no conjugate partner, and no imaginary part */
    double x = s.at[k * s.step], y = s.parts == 2 ? s.at[k * s.step + 1] : 0;
    sum += alone ? x * cos(turn) : 2 * (x * cos(turn) - y * sin(turn));
  }
  return sum / (double)length;
}

typedef struct Dft {
  int axis, parts;
  int64_t length, bins;
  bool inverse, onesided;
} Dft;

static bool dft_init(Eval *e, Dft *d) {
  const Tensor *t = in_tensor(e, 0);
  int64_t axis = -2, inverse, onesided;
  NEEDS(t && t->rank >= 2 && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype));
  NEEDS(attr_int(e->node, "inverse", &inverse) && attr_int(e->node, "onesided", &onesided));
  if (since(e) < 20) NEEDS(attr_int(e->node, "axis", &axis));
  if (in_tensor(e, 2)) NEEDS(in_int(e, 2, &axis));
  NEEDS(index_ok(&axis, t->rank) && axis < t->rank - 1);
  d->axis = (int)axis, d->inverse = inverse != 0, d->onesided = onesided != 0;
  NEEDS(t->dim[t->rank - 1] == 1 || t->dim[t->rank - 1] == 2);
  d->parts = (int)t->dim[t->rank - 1];
  d->length = d->inverse && d->onesided ? 2 * (t->dim[axis] - 1) : t->dim[axis];
  if (in_tensor(e, 1)) NEEDS(in_int(e, 1, &d->length));
  NEEDS(d->length > 0 && d->length < (int64_t)1 << 31);
  NEEDS(!d->onesided || d->parts == (d->inverse ? 2 : 1));
  d->bins = d->onesided && !d->inverse ? d->length / 2 + 1 : d->length;
  return true;
}

bool eval_dft(Eval *e) {
  Dft d;
  int64_t dim[MAX_RANK], work;
  NEEDS(dft_init(e, &d));
  const Tensor *t = e->in[0];
  int parts = d.inverse && d.onesided ? 1 : 2;
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[d.axis] = d.bins, dim[t->rank - 1] = parts;
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, dim);
  int64_t outer = dims_product(t->dim, 0, d.axis), inner = dims_product(t->dim, d.axis + 1, t->rank - 1),
          n = t->dim[d.axis];
  NEEDS(!__builtin_mul_overflow(outer * inner * d.bins, n, &work) && work <= MAX_WORK);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, outer * d.bins * inner * parts);
  NEEDS(v && r);
  for (int64_t line = 0; line < outer * inner; line++) {
    Signal s = {v + (line / inner * n * inner + line % inner) * d.parts, n, inner * d.parts, d.parts};
    for (int64_t k = 0; k < d.bins; k++) {
      double *to = r + ((line / inner * d.bins + k) * inner + line % inner) * parts;
      if (parts == 1)
        *to = real_inverse(s, d.length, k);
      else
        dft_bin(s, d.length, k, d.inverse, &to[0], &to[1]);
    }
  }
  return out_doubles(e, 0, t->dtype, t->rank, dim, r);
}

/* Frames of a signal [batch, length, 1 or 2], each times the window, transformed. */
bool eval_stft(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *window = in_tensor(e, 2);
  int64_t step, length, onesided, work;
  NEEDS(t && t->rank == 3 && elem_is_computed_float(t->dtype) && in_int(e, 1, &step) && step > 0);
  NEEDS(attr_int(e->node, "onesided", &onesided) && (t->dim[2] == 1 || (t->dim[2] == 2 && !onesided)));
  NEEDS(!window || (window->rank == 1 && window->dtype == t->dtype));
  length = window ? window->dim[0] : t->dim[1];
  if (in_tensor(e, 3)) NEEDS(in_int(e, 3, &length));
  NEEDS(length > 0 && length <= t->dim[1] && (!window || window->dim[0] == length));
  int parts = (int)t->dim[2];
  int64_t bins = onesided ? length / 2 + 1 : length,
          dim[4] = {t->dim[0], (t->dim[1] - length) / step + 1, bins, 2};
  NEEDS(!__builtin_mul_overflow(dim[0] * dim[1] * bins, length, &work) && work <= MAX_WORK);
  const double *v = in_doubles(e, 0), *w = window ? in_doubles(e, 2) : NULL;
  double *frame = doubles_new(e, length * parts), *r = doubles_new(e, dim[0] * dim[1] * bins * 2), *to = r;
  NEEDS(v && (w || !window) && frame && r);
  for (int64_t f = 0; f < dim[0] * dim[1]; f++) {
    const double *from = v + (f / dim[1] * t->dim[1] + f % dim[1] * step) * parts;
    for (int64_t i = 0; i < length * parts; i++) frame[i] = w ? from[i] * w[i / parts] : from[i];
    for (int64_t k = 0; k < bins; k++, to += 2)
      dft_bin((Signal){frame, length, parts, parts}, length, k, false, &to[0], &to[1]);
  }
  return out_doubles(e, 0, t->dtype, 4, dim, r);
}

/* --- windows -------------------------------------------------------------------------------------------- */

/* BlackmanWindow, HammingWindow, HannWindow: sums of cosines. */
bool eval_signal_window(Eval *e) {
  int64_t n, periodic, dtype;
  NEEDS(in_int(e, 0, &n) && n >= 0 && attr_int(e->node, "periodic", &periodic));
  NEEDS(attr_int(e->node, "output_datatype", &dtype) && elem_is_computed_float((ElemType)dtype));
  double around = (double)(periodic ? n : n - 1), a = 0.5, b = 0.5, c = 0;
  NEEDS(around > 0 || n == 0);
  if (node_is(e->node, OP_HammingWindow)) a = 25.0 / 46, b = 21.0 / 46;
  if (node_is(e->node, OP_BlackmanWindow)) a = 0.42, b = 0.5, c = 0.08;
  double *r = doubles_new(e, n);
  NEEDS(r);
  for (int64_t i = 0; i < n; i++) {
    double turn = 2 * PI * (double)i / around;
    r[i] = a - b * cos(turn) + c * cos(2 * turn);
  }
  return out_doubles(e, 0, (ElemType)dtype, 1, &n, r);
}

/* --- MelWeightMatrix ------------------------------------------------------------------------------------ */

static double mel_of(double hertz) {
  return 2595 * log10(1 + hertz / 700);
}

/* The spectrogram bin at mel. Runtimes compute it in float: false if that could be another one. */
static bool mel_bin(double mel, double bins, double rate, int64_t *out) {
  double at = (bins + 1) * 700 * (pow(10, mel / 2595) - 1) / rate, slack = 1e-5 * fabs(at) + 1e-9;
  *out = (int64_t)floor(at);
  return floor(at - slack) == floor(at + slack) || at == 0;
}

/* Triangles, equally wide in mel, over the bins of a spectrogram. */
bool eval_mel_weights(Eval *e) {
  int64_t mels, length, rate, dtype;
  double low, high;
  NEEDS(in_int(e, 0, &mels) && in_int(e, 1, &length) && in_int(e, 2, &rate) && in_number(e, 3, &low) &&
        in_number(e, 4, &high));
  NEEDS(mels > 0 && length > 0 && rate > 0 && mels < 1 << 20 && length < 1 << 30 && low >= 0 && high > low);
  NEEDS(attr_int(e->node, "output_datatype", &dtype) && elem_is_computed_float((ElemType)dtype));
  int64_t dim[2] = {length / 2 + 1, mels}, bin[3];
  double from = mel_of(low), step = (mel_of(high) - from) / (double)(mels + 2);
  NEEDS(affordable(e, (uint64_t)(dim[0] * mels)));
  double *r = doubles_new(e, dim[0] * mels);
  NEEDS(r);
  for (int64_t m = 0; m < mels; m++) {
    for (int k = 0; k < 3; k++) {
      NEEDS(mel_bin(from + step * (double)(m + k), (double)length, (double)rate, &bin[k]));
      NEEDS(bin[k] >= 0 && bin[k] < dim[0]);
    }
    if (bin[0] == bin[1]) r[bin[1] * mels + m] = 1;
    for (int64_t j = bin[0]; j <= bin[1] && bin[1] > bin[0]; j++)
      r[j * mels + m] = (double)(j - bin[0]) / (double)(bin[1] - bin[0]);
    for (int64_t j = bin[1]; j < bin[2]; j++)
      r[j * mels + m] = (double)(bin[2] - j) / (double)(bin[2] - bin[1]);
  }
  return out_doubles(e, 0, (ElemType)dtype, 2, dim, r);
}
