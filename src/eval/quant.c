/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
 *
 * A quotient is rounded to half of even, in float. Where the quotient in a narrower or wider type would round
 * to another integer, runtimes differ: refused.
 */
#include "eval/quant.h"

#include "eval/minifloat.h"

/* --- scales and zero points ----------------------------------------------------------------------------- */

/* Where element i finds its scale: one for all, one for each index of an axis, or one for a block of them. */
typedef struct Steps {
  Lines l;
  int64_t block, blocks; /* elements of a block along the axis, and blocks; 0: per tensor */
} Steps;

static bool steps_init(const Eval *e, Steps *s) {
  const Tensor *t = e->in[0], *scale = e->in[1];
  int64_t axis = 1, block = 0;
  *s = (Steps){0};
  if (since(e) >= 21) NEEDS(attr_int(e->node, "block_size", &block) && block >= 0 && block < 1 << 30);
  if (block == 0 && scale->rank <= 1 && scale->count == 1) return true;
  NEEDS(since(e) >= 13 && attr_int(e->node, "axis", &axis) && index_ok(&axis, t->rank));
  s->l = lines_of(t, (int)axis);
  s->block = block ? block : 1;
  s->blocks = (s->l.n + s->block - 1) / s->block;
  if (block == 0) return scale->rank == 1 && scale->dim[0] == s->l.n;
  NEEDS(scale->rank == t->rank);
  for (int i = 0; i < t->rank; i++) NEEDS(scale->dim[i] == (i == axis ? s->blocks : t->dim[i]));
  return true;
}

static int64_t step_of(const Eval *e, const Steps *s, int64_t i) {
  if (!s->blocks) return 0;
  int64_t k = i / s->l.inner % s->l.n;
  if (e->in[1]->rank <= 1) return k;
  return (i / s->l.inner / s->l.n * s->blocks + k / s->block) * s->l.inner + i % s->l.inner;
}

/* The zero points, one for each scale; NULL if there are none. */
static bool zero_points(Eval *e, const double **zero) {
  const Tensor *scale = e->in[1], *t = in_tensor(e, 2);
  *zero = NULL;
  if (!t) return true;
  NEEDS(t->count == scale->count && (t->count == 1 || dims_same(t, scale)));
  *zero = in_numbers(e, 2);
  for (uint64_t i = 0; *zero && i < t->count; i++) /* float types have none */
    NEEDS(!elem_is_float(t->dtype) || (*zero)[i] == 0);
  return *zero;
}

/* --- quantizing ----------------------------------------------------------------------------------------- */

bool quantize(double quotient, double zero, ElemType to, double *out) {
  int bits = elem_bits(to);
  NEEDS(!isnan(quotient));
  double low = elem_is_signed(to) ? -ldexp(1, bits - 1) : 0,
         high = ldexp(1, elem_is_signed(to) ? bits - 1 : bits) - 1;
  double v = nearbyint(quotient) + zero;
  *out = v < low ? low : v > high ? high : v;
  return true;
}

bool quantize_surely(double quotient, double zero, ElemType to, double *out) {
  const double ulps = 0x1p-21;
  double above, below;
  NEEDS(quantize(quotient * (1 + ulps), zero, to, &above) &&
        quantize(quotient * (1 - ulps), zero, to, &below));
  *out = above;
  return above == below;
}

bool out_quantized(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim, const double *v) {
  uint8_t *out = out_new(e, i, dtype, rank, dim);
  NEEDS(out);
  uint64_t count = e->out[i]->count;
  switch (dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (uint64_t k = 0; k < count; k++) ((T *)(void *)out)[k] = (T)v[k];                                    \
    return true;
    INT_TYPES(X)
#undef X
  default: /* 2 or 4 bits, a byte each */
    for (uint64_t k = 0; k < count; k++) out[k] = (uint8_t)(int8_t)v[k];
    return true;
  }
}

static bool is_half(ElemType t) {
  return t == DT_FLOAT16 || t == DT_BFLOAT16;
}

/* x / scale as a float; for halves also rounded to their type, which some runtimes compute in. */
static double half_quotient(ElemType t, double q) {
  return (double)(t == DT_FLOAT16 ? half_to_float(float_to_half((float)q))
                                  : bfloat16_to_float(float_to_bfloat16((float)q)));
}

static bool quantize_all(Eval *e, const Steps *s, ElemType to, const double *v, const double *scale,
                         const double *zero) {
  const Tensor *t = e->in[0];
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(r);
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t k = step_of(e, s, (int64_t)i);
    double q = (double)(float)(v[i] / scale[k]), z = zero ? zero[k] : 0;
    NEEDS(quantize(q, z, to, &r[i]));
    double other = r[i];
    if (is_half(e->in[1]->dtype))
      NEEDS(quantize(half_quotient(e->in[1]->dtype, q), z, to, &other) && other == r[i]);
  }
  return out_quantized(e, 0, to, t->rank, t->dim, r);
}

/* To a float type of 8 or 4 bits, which has no zero point. */
static bool quantize_floats(Eval *e, const Steps *s, ElemType to, const double *v, const double *scale) {
  const Tensor *t = e->in[0];
  int64_t saturate = 1;
  if (since(e) >= 19) NEEDS(attr_int(e->node, "saturate", &saturate));
  uint8_t *out = out_new(e, 0, to, t->rank, t->dim);
  NEEDS(out);
  for (uint64_t i = 0; i < t->count; i++) {
    double q = v[i] / scale[step_of(e, s, (int64_t)i)];
    NEEDS(!isnan(q) || to != DT_FLOAT4E2M1);
    out[i] = minifloat_encode(to, (float)q, saturate != 0);
    if (is_half(e->in[1]->dtype))
      NEEDS(minifloat_encode(to, (float)half_quotient(e->in[1]->dtype, q), saturate != 0) == out[i]);
  }
  return true;
}

bool eval_quantize(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *scale = in_tensor(e, 1), *zero = in_tensor(e, 2);
  int64_t to = 0, precision = 0;
  Steps s;
  NEEDS(t && scale && steps_init(e, &s));
  NEEDS(elem_is_computed_float(scale->dtype) && (elem_is_computed_float(t->dtype) || t->dtype == DT_INT32));
  if (since(e) >= 21) NEEDS(attr_int(e->node, "output_dtype", &to));
  if (since(e) >= 23) NEEDS(attr_int(e->node, "precision", &precision));
  NEEDS(precision == 0 || precision == DT_FLOAT);
  if (to == 0) to = zero ? (int64_t)zero->dtype : DT_UINT8;
  NEEDS(to < DT_COUNT_ && (!zero || zero->dtype == (ElemType)to));
  bool integer = elem_is_int((ElemType)to) && elem_bits((ElemType)to) <= 16;
  NEEDS(integer || minifloat_known((ElemType)to));
  if (e->dry) return out_new(e, 0, (ElemType)to, t->rank, t->dim);
  const double *v = in_numbers(e, 0), *by = in_numbers(e, 1), *z;
  NEEDS(v && by && zero_points(e, &z));
  return integer ? quantize_all(e, &s, (ElemType)to, v, by, z) : quantize_floats(e, &s, (ElemType)to, v, by);
}

/* (x - zero point) * scale: the difference is exact, or rounded to float where int32 is wider. */
bool eval_dequantize(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *scale = in_tensor(e, 1), *zero = in_tensor(e, 2);
  int64_t to = 0;
  Steps s;
  NEEDS(t && scale && steps_init(e, &s) && elem_is_computed_float(scale->dtype));
  NEEDS((elem_is_int(t->dtype) && elem_bits(t->dtype) <= 32) || minifloat_known(t->dtype));
  if (since(e) >= 23) NEEDS(attr_int(e->node, "output_dtype", &to));
  if (to == 0) to = scale->dtype;
  NEEDS(to < DT_COUNT_ && elem_is_computed_float((ElemType)to) && (!zero || zero->dtype == t->dtype));
  if (e->dry) return out_new(e, 0, (ElemType)to, t->rank, t->dim);
  const double *v = in_numbers(e, 0), *by = in_numbers(e, 1), *z;
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(v && by && r && zero_points(e, &z));
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t k = step_of(e, &s, (int64_t)i);
    r[i] = (double)(float)(z ? v[i] - z[k] : v[i]) * by[k];
  }
  return out_doubles(e, 0, (ElemType)to, t->rank, t->dim, r);
}

/* Scale and zero point from the range of x, widened to hold 0, to uint8. */
bool eval_dynamic_quantize(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->dtype == DT_FLOAT && t->count);
  const double *v = in_doubles(e, 0);
  double *r = doubles_new(e, (int64_t)t->count), low = 0, high = 0, zero;
  NEEDS(v && r);
  for (uint64_t i = 0; i < t->count; i++) low = fmin(low, v[i]), high = fmax(high, v[i]);
  double scale = (double)(float)((double)(float)(high - low) / 255);
  NEEDS(scale > 0 &&
        quantize(-(double)(float)(low / scale), 0, DT_UINT8, &zero)); /* all zeros: runtimes differ */
  for (uint64_t i = 0; i < t->count; i++)
    NEEDS(quantize((double)(float)(v[i] / scale), zero, DT_UINT8, &r[i]));
  return out_quantized(e, 0, DT_UINT8, t->rank, t->dim, r) && out_doubles(e, 1, DT_FLOAT, 0, NULL, &scale) &&
         out_quantized(e, 2, DT_UINT8, 0, NULL, &zero);
}
