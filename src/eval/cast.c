/* Cast, CastLike, BitCast.
 *
 *   to bool              x != 0
 *   integer to integer   the low bits
 *   float to integer     towards zero; out of range and NaN are undefined: refused
 *   to float             nearest, ties to even. Runtimes go through float where the source is wider than
 *                        that, so results on which both ways differ are refused
 *   to float8            saturating unless saturate=0; float8e8m0 as round_mode says, only saturating
 *
 * Strings are refused.
 */
#include "eval/kernel.h"
#include "eval/minifloat.h"

enum { BLOCK = 512 };

/* Some elements in their widest form. */
typedef struct Wide {
  bool is_real, is_signed;
  bool twice; /* of a dtype that runtimes convert to float first */
  size_t n;
  double real[BLOCK];
  uint64_t word[BLOCK];
} Wide;

static bool castable(ElemType t) {
  return elem_is_real(t) || t == DT_BOOL || minifloat_known(t) || t == DT_FLOAT8E8M0 || t == DT_INT4 ||
         t == DT_UINT4 || t == DT_INT2 || t == DT_UINT2;
}

static void load(Wide *w, ElemType t, const void *p, uint64_t from) {
  int bits = elem_bits(t);
  const uint8_t *bytes = p;
  switch (t) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (size_t i = 0; i < w->n; i++) w->real[i] = (double)LOAD(((const T *)p)[from + i]);                   \
    return;
    FLOAT_TYPES(X)
#undef X
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (size_t i = 0; i < w->n; i++) w->word[i] = (uint64_t)(C)((const T *)p)[from + i];                    \
    return;
    INT_TYPES(X)
#undef X
  case DT_BOOL:
    for (size_t i = 0; i < w->n; i++) w->word[i] = bytes[from + i] != 0;
    return;
  default:
    for (size_t i = 0; i < w->n; i++) {
      if (w->is_real)
        w->real[i] = (double)minifloat_decode(t, bytes[from + i]);
      else
        w->word[i] = bytes[from + i];
      if (!w->is_real && w->is_signed && bytes[from + i] >> (bits - 1)) w->word[i] -= 1ull << bits;
    }
  }
}

/* The float between x and zero that is nearest to x, made odd if x is none: rounding it to a narrower dtype
 * rounds x once. */
static float to_odd(double x) {
  float f = (float)x;
  if ((double)f == x || isnan(x)) return f;
  if (fabs((double)f) > fabs(x)) f = nextafterf(f, 0);
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  bits |= 1;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static bool word_is_small(const Wide *w, size_t i) { /* double holds it exactly */
  const uint64_t limit = (uint64_t)1 << 53;
  return w->is_signed ? (int64_t)w->word[i] <= (int64_t)limit && (int64_t)w->word[i] >= -(int64_t)limit
                      : w->word[i] <= limit;
}

/* As float, for a further rounding; *odd is the same without loss. */
static bool as_float(const Wide *w, size_t i, float *once, float *odd) {
  if (w->is_real) {
    *once = (float)w->real[i];
    *odd = w->twice ? to_odd(w->real[i]) : *once;
    return true;
  }
  NEEDS(word_is_small(w, i));
  double x = w->is_signed ? (double)(int64_t)w->word[i] : (double)w->word[i];
  *once = (float)x;
  *odd = to_odd(x);
  return true;
}

static bool to_narrow_float(const Wide *w, ElemType to, bool saturate, uint8_t *out) {
  for (size_t i = 0; i < w->n; i++) {
    float once, odd;
    NEEDS(as_float(w, i, &once, &odd));
    uint16_t h, k;
    switch (to) {
    case DT_FLOAT16: h = float_to_half(once), k = float_to_half(odd); break;
    case DT_BFLOAT16: h = float_to_bfloat16(once), k = float_to_bfloat16(odd); break;
    default:
      NEEDS(to != DT_FLOAT4E2M1 || !isnan(once)); /* it has no NaN */
      out[i] = minifloat_encode(to, once, saturate);
      NEEDS(out[i] == minifloat_encode(to, odd, saturate));
      continue;
    }
    NEEDS(h == k);
    memcpy(out + i * sizeof h, &h, sizeof h);
  }
  return true;
}

/* To float8e8m0: direction as of scale_encode(). */
static bool to_scale(const Wide *w, int direction, uint8_t *out) {
  for (size_t i = 0; i < w->n; i++) {
    float once, odd;
    uint8_t other;
    NEEDS(as_float(w, i, &once, &odd) && scale_encode(once, direction, &out[i]));
    NEEDS(scale_encode(odd, direction, &other) && other == out[i]);
  }
  return true;
}

/* Reals to words of `bits` bits: they must fit. */
static bool to_words(Wide *w, int bits, bool is_signed) {
  double high = ldexp(1, is_signed ? bits - 1 : bits), low = is_signed ? -high : 0;
  for (size_t i = 0; i < w->n; i++) {
    double x = trunc(w->real[i]);
    NEEDS(x >= low && x < high);
    w->word[i] = x < 0        ? (uint64_t)(int64_t)x
                 : x < 0x1p63 ? (uint64_t)x
                              : (uint64_t)(x - 0x1p63) + ((uint64_t)1 << 63);
  }
  return true;
}

static bool store(Wide *w, ElemType to, bool saturate, void *out, uint64_t from) {
  uint8_t *bytes = out;
  if (to == DT_BOOL) {
    for (size_t i = 0; i < w->n; i++) bytes[from + i] = w->is_real ? w->real[i] != 0 : w->word[i] != 0;
    return true;
  }
  if (to == DT_FLOAT16 || to == DT_BFLOAT16 || minifloat_known(to))
    return to_narrow_float(w, to, saturate, bytes + from * elem_size(to));
  int bits = elem_bits(to);
  if (w->is_real && elem_is_int(to)) NEEDS(to_words(w, bits, elem_is_signed(to)));
  switch (to) {
#define X(DT, T)                                                                                             \
  case DT:                                                                                                   \
    for (size_t i = 0; i < w->n; i++)                                                                        \
      ((T *)out)[from + i] = w->is_real     ? (T)w->real[i]                                                  \
                             : w->is_signed ? (T)(int64_t)w->word[i]                                         \
                                            : (T)w->word[i];                                                 \
    return true;
    X(DT_FLOAT, float)
    X(DT_DOUBLE, double)
#undef X
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    for (size_t i = 0; i < w->n; i++) ((T *)out)[from + i] = (T)w->word[i];                                  \
    return true;
    INT_TYPES(X)
#undef X
  default:
    for (size_t i = 0; i < w->n; i++) bytes[from + i] = (uint8_t)(w->word[i] & ((1u << bits) - 1));
    return true;
  }
}

static bool cast(Eval *e, ElemType to) {
  const Tensor *t = e->in[0];
  int64_t saturate = 1;
  NEEDS(castable(t->dtype) && castable(to));
  if (node_attr(e->node, "saturate")) NEEDS(attr_int(e->node, "saturate", &saturate));
  void *out = out_new(e, 0, to, t->rank, t->dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  int direction = 0;
  if (to == DT_FLOAT8E8M0) {
    bool up = attr_string_is(e->node, "round_mode", "up"),
         down = attr_string_is(e->node, "round_mode", "down");
    NEEDS(saturate && (up || down || attr_string_is(e->node, "round_mode", "nearest")));
    direction = up - down;
  }
  Wide *w = NEW(e->scratch, Wide);
  w->is_real = elem_is_float(t->dtype);
  w->is_signed = elem_is_signed(t->dtype);
  w->twice = t->dtype == DT_DOUBLE;
  for (uint64_t from = 0; from < t->count; from += w->n) {
    w->n = t->count - from < BLOCK ? (size_t)(t->count - from) : BLOCK;
    load(w, t->dtype, p, from);
    NEEDS(to == DT_FLOAT8E8M0 ? to_scale(w, direction, (uint8_t *)out + from)
                              : store(w, to, saturate != 0, out, from));
  }
  return true;
}

bool eval_cast(Eval *e) {
  int64_t to;
  const Tensor *t = in_tensor(e, 0);
  if (node_is(e->node, OP_CastLike)) {
    NEEDS(in_tensor(e, 1));
    to = e->in[1]->dtype;
  } else {
    NEEDS(attr_int(e->node, "to", &to)); /* until opset 6 it was a string */
  }
  NEEDS(t && to > DT_UNDEFINED && to < DT_COUNT_);
  if (t->dtype == (ElemType)to) return out_reshaped(e, 0, 0, t->rank, t->dim);
  return cast(e, (ElemType)to);
}

/* The same bits under another dtype of the same width. */
bool eval_bit_cast(Eval *e) {
  int64_t to;
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && attr_int(e->node, "to", &to) && to > DT_UNDEFINED && to < DT_COUNT_);
  int bits = elem_bits((ElemType)to);
  NEEDS(bits >= 8 && bits == elem_bits(t->dtype) && to != DT_BOOL); /* a bool holds 0 or 1 only */
  void *out = out_new(e, 0, (ElemType)to, t->rank, t->dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  memcpy(out, p, (size_t)t->nbytes);
  return true;
}
