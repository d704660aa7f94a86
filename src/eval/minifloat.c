#include "eval/minifloat.h"

#include <math.h>

typedef struct Format {
  int exponent, mantissa, bias;
  unsigned largest; /* the pattern of the largest finite value, without sign */
  int infinity;     /* the pattern of infinity, -1: none */
  int nan;          /* of NaN, -1: none; the FNUZ types have one, which is -0 elsewhere */
  bool unsigned_zero;
} Format;

static const Format *format(ElemType t) {
  static const Format e4m3fn = {4, 3, 7, 0x7e, -1, 0x7f, false}, e4m3fnuz = {4, 3, 8, 0x7f, -1, 0x80, true},
                      e5m2 = {5, 2, 15, 0x7b, 0x7c, 0x7f, false}, e5m2fnuz = {5, 2, 16, 0x7f, -1, 0x80, true},
                      e2m1 = {2, 1, 1, 0x7, -1, -1, false};
  switch (t) {
  case DT_FLOAT8E4M3FN: return &e4m3fn;
  case DT_FLOAT8E4M3FNUZ: return &e4m3fnuz;
  case DT_FLOAT8E5M2: return &e5m2;
  case DT_FLOAT8E5M2FNUZ: return &e5m2fnuz;
  case DT_FLOAT4E2M1: return &e2m1;
  default: return NULL;
  }
}

bool minifloat_known(ElemType t) {
  return format(t);
}

/* Value of a pattern without sign, were there no special ones. */
static double magnitude(const Format *f, unsigned bits) {
  int exponent = (int)(bits >> f->mantissa), fraction = (int)(bits & ((1u << f->mantissa) - 1));
  if (exponent)
    fraction += 1 << f->mantissa;
  else
    exponent = 1;
  return ldexp(fraction, exponent - f->bias - f->mantissa);
}

enum { SCALE_BIAS = 127, SCALE_LARGEST = 254, SCALE_NAN = 255 };

float minifloat_decode(ElemType t, uint8_t bits) {
  if (t == DT_FLOAT8E8M0) return bits == SCALE_NAN ? NAN : ldexpf(1, bits - SCALE_BIAS);
  const Format *f = format(t);
  unsigned sign = 1u << (f->exponent + f->mantissa), low = bits & (sign - 1);
  if (f->unsigned_zero ? bits == f->nan : f->nan >= 0 && low > f->largest && (int)low != f->infinity)
    return bits & sign ? -NAN : NAN;
  float v = (int)low == f->infinity ? INFINITY : (float)magnitude(f, low);
  return bits & sign ? -v : v;
}

/* The pattern nearest to x >= 0, as if exponents went on past the largest. */
static unsigned nearest(const Format *f, double x) {
  int exponent = 1 - f->bias;
  if (x > 0 && ilogb(x) > exponent) exponent = ilogb(x);
  double units = nearbyint(ldexp(x, f->mantissa - exponent)); /* exact up to here: ties go to even */
  unsigned base = (unsigned)(exponent + f->bias - 1) << f->mantissa;
  return base + (unsigned)units;
}

uint8_t minifloat_encode(ElemType t, float v, bool saturate) {
  const Format *f = format(t);
  unsigned sign = signbit(v) ? 1u << (f->exponent + f->mantissa) : 0;
  if (isnan(v)) {
    if (f->nan < 0) return (uint8_t)f->largest; /* there is no NaN: as a value out of range */
    return (uint8_t)(f->unsigned_zero ? (unsigned)f->nan : sign | (unsigned)f->nan);
  }
  double x = fabs((double)v);
  unsigned bits = x < 1e6 ? nearest(f, x) : 0x100;
  if (bits > f->largest) {
    if (saturate || f->nan < 0)
      bits = f->largest;
    else if (f->infinity >= 0)
      bits = (unsigned)f->infinity;
    else
      return (uint8_t)(f->unsigned_zero ? (unsigned)f->nan : sign | (unsigned)f->nan);
  }
  if (bits == 0 && f->unsigned_zero) return 0;
  return (uint8_t)(sign | bits);
}

bool scale_encode(float f, int direction, uint8_t *bits) {
  if (signbit(f) && !isnan(f)) return false;
  if (isnan(f) || isinf(f) || f == 0) {
    *bits = isnan(f) ? SCALE_NAN : f == 0 ? 0 : SCALE_LARGEST;
    return true;
  }
  int exponent;
  float fraction = frexpf(f, &exponent); /* f = fraction * 2^exponent, 0.5 <= fraction < 1 */
  bool up = direction > 0 ? fraction > 0.5f : direction == 0 && fraction >= 0.75f;
  int biased = exponent - 1 + up + SCALE_BIAS;
  *bits = (uint8_t)(biased < 0 ? 0 : biased > SCALE_LARGEST ? SCALE_LARGEST : biased);
  return true;
}
