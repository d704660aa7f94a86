/* Operators of one operand, element by element: Abs ... Xor's Not. Real functions run in double and round
 * once to the dtype: Sqrt and Reciprocal are correctly rounded that way, and so are products by a float
 * attribute. */
#include "eval/kernel.h"

typedef double RealFn(double x, double a, double b);

/* --- signs: on the bits, so that every NaN keeps its payload ---------------------------------------------
 */

static bool flip_sign(Eval *e, bool clear) {
  const Tensor *t = in_tensor(e, 0);
  void *out = out_new(e, 0, t->dtype, t->rank, t->dim);
  NEEDS(out);
  const uint8_t *p = in_data(e, 0);
  NEEDS(p);
  size_t size = elem_size(t->dtype), top = size - 1;
  memcpy(out, p, (size_t)t->count * size);
  for (uint8_t *o = out, *end = o + t->count * size; o < end; o += size)
    o[top] = (uint8_t)(clear ? o[top] & 0x7f : o[top] ^ 0x80);
  return true;
}

static bool is_signed_word(const Tensor *t) {
  return elem_is_signed(t->dtype);
}

/* Abs, Neg, Sign. The least integer has no negative: it wraps to itself. */
bool eval_sign(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && elem_is_real(t->dtype));
  bool abs = node_is(e->node, OP_Abs), neg = node_is(e->node, OP_Neg);
  if (elem_is_computed_float(t->dtype)) return abs || neg ? flip_sign(e, abs) : eval_real_unary(e);
  NEEDS(is_signed_word(t) || !neg);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const uint64_t *v = in_words(e, 0);
  NEEDS(v);
  uint64_t *r = NEW_ARRAY(e->scratch, uint64_t, t->count);
  for (uint64_t i = 0; i < t->count; i++) {
    bool below = is_signed_word(t) && (int64_t)v[i] < 0;
    if (abs || neg)
      r[i] = neg || below ? 0 - v[i] : v[i];
    else
      r[i] = below ? UINT64_MAX : v[i] != 0;
  }
  return out_words(e, 0, t->dtype, t->rank, t->dim, r);
}

/* --- real functions ------------------------------------------------------------------------------------ */

static double f_sign(double x, double a, double b) {
  (void)a, (void)b;
  return isnan(x) ? x : (double)((x > 0) - (x < 0));
}
static double f_relu(double x, double a, double b) {
  (void)a, (void)b;
  return x < 0 ? 0 : x;
}
static double f_leaky_relu(double x, double a, double b) {
  (void)b;
  return x < 0 ? a * x : x;
}
static double f_thresholded_relu(double x, double a, double b) {
  (void)b;
  return x > a ? x : 0;
}
static double f_sigmoid(double x, double a, double b) {
  (void)a, (void)b;
  if (x >= 0) return 1 / (1 + exp(-x));
  double y = exp(x);
  return y / (1 + y);
}
static double f_hard_sigmoid(double x, double a, double b) {
  double y = a * x + b;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}
static double f_hard_swish(double x, double a, double b) {
  (void)a, (void)b;
  return x * f_hard_sigmoid(x, 1.0 / 6, 0.5);
}
static double f_swish(double x, double a, double b) {
  return x * f_sigmoid(a * x, 0, b);
}
static double f_softplus(double x, double a, double b) {
  (void)a, (void)b;
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
static double f_softsign(double x, double a, double b) {
  (void)a, (void)b;
  return x / (1 + fabs(x));
}
static double f_mish(double x, double a, double b) {
  return x * tanh(f_softplus(x, a, b));
}
static double f_elu(double x, double a, double b) {
  (void)b;
  return x < 0 ? a * expm1(x) : x;
}
static double f_selu(double x, double a, double b) {
  return b * (x > 0 ? x : a * expm1(x));
}
static double f_celu(double x, double a, double b) {
  (void)b;
  return x < 0 ? a * expm1(x / a) : x;
}
static double f_shrink(double x, double bias, double lambda) {
  return x < -lambda ? x + bias : x > lambda ? x - bias : 0;
}
static double f_gelu(double x, double a, double b) {
  (void)a, (void)b;
  return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}
static double f_gelu_tanh(double x, double a, double b) {
  (void)a, (void)b;
  return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}
static double f_reciprocal(double x, double a, double b) {
  (void)a, (void)b;
  return 1 / x;
}

#define LIBM(fn)                                                                                             \
  static double f_##fn(double x, double a, double b) {                                                       \
    (void)a, (void)b;                                                                                        \
    return fn(x);                                                                                            \
  }
LIBM(sqrt)
LIBM(exp)
LIBM(log)
LIBM(erf)
LIBM(sin)
LIBM(cos)
LIBM(tan)
LIBM(asin)
LIBM(acos)
LIBM(atan)
LIBM(sinh)
LIBM(cosh)
LIBM(tanh)
LIBM(asinh)
LIBM(acosh)
LIBM(atanh)
LIBM(floor)
LIBM(ceil)
LIBM(nearbyint)
#undef LIBM

typedef struct RealOp {
  OpId op;
  RealFn *fn;
  const char *a, *b; /* attributes it is given, in this order */
} RealOp;

static const RealOp real_ops[] = {
    {OP_Sign, f_sign, NULL, NULL},
    {OP_Floor, f_floor, NULL, NULL},
    {OP_Ceil, f_ceil, NULL, NULL},
    {OP_Round, f_nearbyint, NULL, NULL}, /* half to even: the library leaves the rounding mode alone */
    {OP_Sqrt, f_sqrt, NULL, NULL},
    {OP_Reciprocal, f_reciprocal, NULL, NULL},
    {OP_Relu, f_relu, NULL, NULL},
    {OP_LeakyRelu, f_leaky_relu, "alpha", NULL},
    {OP_ThresholdedRelu, f_thresholded_relu, "alpha", NULL},
    {OP_Exp, f_exp, NULL, NULL},
    {OP_Log, f_log, NULL, NULL},
    {OP_Erf, f_erf, NULL, NULL},
    {OP_Sin, f_sin, NULL, NULL},
    {OP_Cos, f_cos, NULL, NULL},
    {OP_Tan, f_tan, NULL, NULL},
    {OP_Asin, f_asin, NULL, NULL},
    {OP_Acos, f_acos, NULL, NULL},
    {OP_Atan, f_atan, NULL, NULL},
    {OP_Sinh, f_sinh, NULL, NULL},
    {OP_Cosh, f_cosh, NULL, NULL},
    {OP_Tanh, f_tanh, NULL, NULL},
    {OP_Asinh, f_asinh, NULL, NULL},
    {OP_Acosh, f_acosh, NULL, NULL},
    {OP_Atanh, f_atanh, NULL, NULL},
    {OP_Sigmoid, f_sigmoid, NULL, NULL},
    {OP_HardSigmoid, f_hard_sigmoid, "alpha", "beta"},
    {OP_HardSwish, f_hard_swish, NULL, NULL},
    {OP_Swish, f_swish, "alpha", NULL},
    {OP_Softplus, f_softplus, NULL, NULL},
    {OP_Softsign, f_softsign, NULL, NULL},
    {OP_Mish, f_mish, NULL, NULL},
    {OP_Elu, f_elu, "alpha", NULL},
    {OP_Selu, f_selu, "alpha", "gamma"},
    {OP_Celu, f_celu, "alpha", NULL},
    {OP_Shrink, f_shrink, "bias", "lambd"},
};

static RealFn *real_function(const Node *n, double *a, double *b) {
  float x = 0, y = 0;
  if (node_is(n, OP_Gelu)) {
    if (attr_string_is(n, "approximate", "tanh")) return f_gelu_tanh;
    return attr_string_is(n, "approximate", "none") ? f_gelu : NULL;
  }
  for (size_t i = 0; i < sizeof real_ops / sizeof *real_ops; i++) {
    const RealOp *r = &real_ops[i];
    if (!node_is(n, r->op)) continue;
    if (r->a && !attr_float(n, r->a, &x)) return NULL;
    if (r->b && !attr_float(n, r->b, &y)) return NULL;
    *a = (double)x;
    *b = (double)y;
    return r->fn;
  }
  return NULL;
}

bool eval_real_unary(Eval *e) {
  double a = 0, b = 0;
  const Tensor *t = in_tensor(e, 0);
  RealFn *fn = real_function(e->node, &a, &b);
  NEEDS(t && fn && elem_is_computed_float(t->dtype));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0);
  NEEDS(v);
  double *r = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *r);
  for (uint64_t i = 0; i < t->count; i++) r[i] = fn(v[i], a, b);
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

/* Relu is defined on signed integers too. */
bool eval_relu(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && elem_is_real(t->dtype));
  if (elem_is_computed_float(t->dtype)) return eval_real_unary(e);
  NEEDS(is_signed_word(t));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const uint64_t *v = in_words(e, 0);
  NEEDS(v);
  uint64_t *r = NEW_ARRAY(e->scratch, uint64_t, t->count);
  for (uint64_t i = 0; i < t->count; i++) r[i] = (int64_t)v[i] < 0 ? 0 : v[i];
  return out_words(e, 0, t->dtype, t->rank, t->dim, r);
}

/* --- tests and bits ------------------------------------------------------------------------------------ */

/* IsNaN, IsInf. */
bool eval_is_special(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && elem_is_computed_float(t->dtype));
  uint8_t *out = out_new(e, 0, DT_BOOL, t->rank, t->dim);
  NEEDS(out);
  const double *v = in_doubles(e, 0);
  NEEDS(v);
  int64_t above = 0, below = 0;
  bool nan = node_is(e->node, OP_IsNaN);
  NEEDS(nan ||
        (attr_int(e->node, "detect_positive", &above) && attr_int(e->node, "detect_negative", &below)));
  for (uint64_t i = 0; i < t->count; i++)
    out[i] = (uint8_t)(nan ? isnan(v[i]) != 0 : isinf(v[i]) && (v[i] > 0 ? above : below) != 0);
  return true;
}

bool eval_not(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->dtype == DT_BOOL);
  uint8_t *out = out_new(e, 0, DT_BOOL, t->rank, t->dim);
  NEEDS(out);
  const uint8_t *v = in_data(e, 0);
  NEEDS(v);
  for (uint64_t i = 0; i < t->count; i++) out[i] = !v[i];
  return true;
}

bool eval_bitwise_not(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && elem_is_real(t->dtype) && elem_is_int(t->dtype));
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, t->dim);
  NEEDS(out);
  const uint8_t *v = in_data(e, 0);
  NEEDS(v);
  for (uint64_t i = 0; i < t->nbytes; i++) out[i] = (uint8_t)~v[i];
  return true;
}

/* --- Clip ----------------------------------------------------------------------------------------------- */

/* One bound: until opset 11 an attribute (preset to the widest float), then an optional scalar. */
static bool clip_bound(Eval *e, int i, const char *attribute, double *real, int64_t *word, bool *has) {
  const Tensor *x = in_tensor(e, 0), *t = in_tensor(e, i);
  float f;
  *has = since(e) < 11 || t;
  if (!*has) return true;
  if (since(e) < 11) {
    NEEDS(elem_is_computed_float(x->dtype) && attr_float(e->node, attribute, &f));
    *real = (double)f;
    return true;
  }
  NEEDS(t->dtype == x->dtype && t->count == 1);
  if (elem_is_computed_float(t->dtype)) {
    const double *v = in_doubles(e, i);
    NEEDS(v);
    *real = *v;
  } else {
    const uint64_t *v = in_words(e, i);
    NEEDS(v);
    *word = (int64_t)*v;
  }
  return true;
}

/* Where min is above max, everything is max. */
bool eval_clip(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && elem_is_real(t->dtype));
  double low = 0, high = 0;
  int64_t wlow = 0, whigh = 0;
  bool has_low, has_high;
  NEEDS(clip_bound(e, 1, "min", &low, &wlow, &has_low) && clip_bound(e, 2, "max", &high, &whigh, &has_high));
  void *out = out_new(e, 0, t->dtype, t->rank, t->dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  switch (t->dtype) {
#define CLIP(DT, T, C, LOAD, STORE, LOW, HIGH)                                                               \
  case DT:                                                                                                   \
    for (uint64_t i = 0; i < t->count; i++) {                                                                \
      C x = LOAD(((const T *)p)[i]);                                                                         \
      if (has_low && x < (C)LOW) x = (C)LOW;                                                                 \
      if (has_high && x > (C)HIGH) x = (C)HIGH;                                                              \
      ((T *)out)[i] = STORE(x);                                                                              \
    }                                                                                                        \
    return true;
#define X(DT, T, C, LOAD, STORE) CLIP(DT, T, C, LOAD, STORE, low, high)
    FLOAT_TYPES(X)
#undef X
#define X(DT, T, C, LOAD, STORE) CLIP(DT, T, C, LOAD, STORE, wlow, whigh)
    INT_TYPES(X)
#undef X
  default: return false;
  }
}
