/* Elements of generated inputs: integers first, then exact conversions, so that every machine gets the same
 * bits. */
#include "runtime/feed_t.h"

#include <string.h>

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). */
uint64_t random_next(uint64_t *state) {
  uint64_t x = *state += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/* Four uniform 16-bit numbers added: a bell with standard deviation 1.15, at most 4 away from 0, and an
 * integer of 18 bits before scaling, so exact in float32. */
static float random_normal(uint64_t *state) {
  uint64_t x = random_next(state);
  int32_t sum =
      (int32_t)(x & 0xffff) + (int32_t)(x >> 16 & 0xffff) + (int32_t)(x >> 32 & 0xffff) + (int32_t)(x >> 48);
  return (float)(sum - 0x1fffe) * 0x1p-15f;
}

static void put_float(uint8_t *to, ElemType dtype, uint64_t i, float f) {
  double d = (double)f;
  uint16_t h = dtype == DT_FLOAT16 ? float_to_half(f) : float_to_bfloat16(f);
  switch (dtype) {
  case DT_FLOAT: memcpy(to + 4 * i, &f, 4); break;
  case DT_DOUBLE: memcpy(to + 8 * i, &d, 8); break;
  default: memcpy(to + 2 * i, &h, 2); break;
  }
}

/* Little-endian, as tensors are: the low bytes of the 64-bit number. */
static void put_int(uint8_t *to, size_t width, uint64_t i, int64_t x) {
  for (size_t k = 0; k < width; k++) to[i * width + k] = (uint8_t)((uint64_t)x >> (8 * k));
}

static bool wide_float(ElemType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

/* Three of four are 1, the first of each row always; a single one is a switch, and as often 0. */
static int64_t truth(const Tensor *t, uint64_t i, uint64_t x) {
  if (t->rank == 0) return (int64_t)(x & 1);
  return i % (uint64_t)t->dim[t->rank - 1] == 0 || (x & 3) != 0;
}

static void fill_numbers(const FeedInput *in, const Tensor *t, uint8_t *to, uint64_t *state) {
  uint64_t span = in->high > in->low ? (uint64_t)(in->high - in->low) : 1;
  for (uint64_t i = 0; i < t->count; i++) {
    uint64_t x = random_next(state);
    int64_t number = in->role == FEED_MASK ? truth(t, i, x) : in->low + (int64_t)((x >> 11) % span);
    if (wide_float(in->dtype))
      put_float(to, in->dtype, i, (float)number);
    else
      put_int(to, (size_t)elem_bits(in->dtype) / 8, i, number);
  }
}

static void fill_noise(const FeedInput *in, const Tensor *t, uint8_t *to, uint64_t *state) {
  if (wide_float(in->dtype)) {
    for (uint64_t i = 0; i < t->count; i++) put_float(to, in->dtype, i, random_normal(state));
  } else if (in->dtype == DT_COMPLEX64 || in->dtype == DT_COMPLEX128) {
    ElemType part = in->dtype == DT_COMPLEX64 ? DT_FLOAT : DT_DOUBLE;
    for (uint64_t i = 0; i < 2 * t->count; i++) put_float(to, part, i, random_normal(state));
  } else {
    /* 8-bit and packed integers: any bits. In each 8-bit float format 0x00 to 0x3f are finite and not
     * negative. */
    uint8_t mask = elem_is_float(in->dtype) ? 0x3f : 0xff;
    for (uint64_t i = 0; i < t->nbytes; i++) to[i] = (uint8_t)(random_next(state) >> 32) & mask;
  }
}

static Tensor *fill_words(Arena *a, const int64_t *dim, int rank, uint64_t *state) {
  static const char letters[] = "abcdefghijklmnop";
  Tensor *t = tensor_new(a, DT_STRING, rank, dim, TS_STRINGS, NULL);
  Span *words = NEW_ARRAY(a, Span, t->count);
  for (uint64_t i = 0; i < t->count; i++) {
    uint64_t x = random_next(state);
    size_t len = 1 + x % 6;
    uint8_t *s = arena_alloc(a, len);
    for (size_t k = 0; k < len; k++) s[k] = (uint8_t)letters[x >> (8 + 4 * k) & 15];
    words[i] = (Span){s, len};
    t->nbytes += len;
  }
  t->strings = words;
  return t;
}

Tensor *feed_fill(Arena *a, const FeedInput *in, const int64_t *dim, uint64_t seed) {
  /* Inputs are independent of each other's number, order and size. */
  uint64_t state = hash_bytes(seed, in->name, strlen(in->name));
  if (in->dtype == DT_STRING) return fill_words(a, dim, in->rank, &state);
  void *to;
  Tensor *t = tensor_alloc(a, in->dtype, in->rank, dim, &to);
  if (in->role == FEED_NOISE)
    fill_noise(in, t, to, &state);
  else
    fill_numbers(in, t, to, &state);
  return t;
}
