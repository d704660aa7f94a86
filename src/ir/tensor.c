#include "ir/tensor.h"

#include "base/map.h"

#include <string.h>

enum { BLOB_ABOVE = 64 * 1024, HASH_WHOLE = 16 * 1024, HASH_SAMPLES = 8 };

bool tensor_count(int rank, const int64_t *dim, uint64_t *count) {
  uint64_t n = 1;
  bool zero = false;
  for (int i = 0; i < rank; i++) {
    if (dim[i] < 0) return false;
    if (dim[i] == 0)
      zero = true; /* 0 elements, however large the other dims are */
    else if (__builtin_mul_overflow(n, (uint64_t)dim[i], &n))
      return false;
  }
  *count = zero ? 0 : n;
  return n <= (uint64_t)INT64_MAX;
}

Tensor *tensor_new(Arena *a, ElemType dtype, int rank, const int64_t *dim, TensorStore store,
                   const void *bytes) {
  Tensor *t = NEW(a, Tensor);
  t->dtype = dtype;
  t->store = store;
  t->rank = rank;
  t->dim = arena_copy(a, dim, (size_t)rank * sizeof *dim);
  t->bytes = bytes;
  if (!tensor_count(rank, dim, &t->count))
    fail(arena_ctx(a), ONNXSLIM_ERR_MODEL, "tensor dims overflow or are negative");
  t->nbytes = dtype == DT_STRING ? 0 : elem_bytes(dtype, t->count);
  if (t->nbytes == UINT64_MAX)
    fail(arena_ctx(a), ONNXSLIM_ERR_MODEL, "tensor of %llu elements of type %s is too large",
         (unsigned long long)t->count, elem_name(dtype));
  return t;
}

Tensor *tensor_alloc(Arena *a, ElemType dtype, int rank, const int64_t *dim, void **bytes) {
  Tensor *t = tensor_new(a, dtype, rank, dim, TS_OWNED, NULL);
  if (t->nbytes > SIZE_MAX / 4)
    fail(arena_ctx(a), ONNXSLIM_ERR_MEMORY, "out of memory (tensor of %llu bytes)",
         (unsigned long long)t->nbytes);
  void *p = t->nbytes > BLOB_ABOVE ? blob_new(a, (size_t)t->nbytes) : arena_alloc(a, (size_t)t->nbytes);
  t->bytes = p;
  if (bytes) *bytes = p;
  return t;
}

Tensor *tensor_int64s(Arena *a, int rank, const int64_t *v, int64_t n) {
  return tensor_new(a, DT_INT64, rank, &n, TS_OWNED, arena_copy(a, v, (size_t)n * sizeof *v));
}

Tensor *tensor_ints(Arena *a, ElemType dtype, int rank, const int64_t *v, int64_t n) {
  if (dtype == DT_INT64) return tensor_int64s(a, rank, v, n);
  if (dtype != DT_INT32 && dtype != DT_BOOL) return NULL;
  void *bytes;
  Tensor *t = tensor_alloc(a, dtype, rank, &n, &bytes);
  for (int64_t i = 0; i < n; i++) {
    if (dtype == DT_BOOL)
      ((uint8_t *)bytes)[i] = v[i] != 0;
    else if (v[i] == (int32_t)v[i])
      ((int32_t *)bytes)[i] = (int32_t)v[i];
    else
      return NULL;
  }
  return t;
}

Tensor *tensor_float(Arena *a, float v) {
  return tensor_new(a, DT_FLOAT, 0, NULL, TS_OWNED, arena_copy(a, &v, sizeof v));
}

static bool has_bytes(const Tensor *t, uint64_t i) {
  return (t->store == TS_SPAN || t->store == TS_OWNED) && t->bytes && i < t->count;
}

/* Packed 2- and 4-bit elements: the first one is in the lowest bits. */
static int64_t packed_int(const Tensor *t, uint64_t i, int bits) {
  unsigned per_byte = 8u / (unsigned)bits, mask = (1u << bits) - 1;
  unsigned raw = (t->bytes[i / per_byte] >> ((unsigned)(i % per_byte) * (unsigned)bits)) & mask;
  bool negative = elem_is_signed(t->dtype) && raw >> (bits - 1);
  return (int64_t)raw - (negative ? (int64_t)mask + 1 : 0);
}

/* case of a switch: loads element i as a T and widens it. */
#define LOAD(DT, T, out)                                                                                     \
  case DT: {                                                                                                 \
    T x;                                                                                                     \
    memcpy(&x, t->bytes + i * sizeof x, sizeof x);                                                           \
    *v = (out)x;                                                                                             \
    return true;                                                                                             \
  }

bool tensor_get_int(const Tensor *t, uint64_t i, int64_t *v) {
  if (!has_bytes(t, i)) return false;
  switch (t->dtype) {
  case DT_BOOL: *v = t->bytes[i] != 0; return true;
  case DT_UINT8: *v = t->bytes[i]; return true;
  case DT_INT8:
    *v = (int8_t)t->bytes[i];
    return true;
    LOAD(DT_UINT16, uint16_t, int64_t)
    LOAD(DT_INT16, int16_t, int64_t)
    LOAD(DT_INT32, int32_t, int64_t)
    LOAD(DT_UINT32, uint32_t, int64_t)
    LOAD(DT_INT64, int64_t, int64_t)
  case DT_UINT64: {
    uint64_t u;
    memcpy(&u, t->bytes + i * sizeof u, sizeof u);
    *v = (int64_t)u;
    return u <= (uint64_t)INT64_MAX;
  }
  case DT_UINT4:
  case DT_INT4: *v = packed_int(t, i, 4); return true;
  case DT_UINT2:
  case DT_INT2: *v = packed_int(t, i, 2); return true;
  default: return false;
  }
}

bool tensor_get_double(const Tensor *t, uint64_t i, double *v) {
  if (!has_bytes(t, i)) return false;
  int64_t n;
  uint16_t h;
  switch (t->dtype) {
    LOAD(DT_FLOAT, float, double)
    LOAD(DT_DOUBLE, double, double)
  case DT_FLOAT16:
    memcpy(&h, t->bytes + i * sizeof h, sizeof h);
    *v = (double)half_to_float(h);
    return true;
  case DT_BFLOAT16:
    memcpy(&h, t->bytes + i * sizeof h, sizeof h);
    *v = (double)bfloat16_to_float(h);
    return true;
  default:
    if (!tensor_get_int(t, i, &n)) return false;
    *v = (double)n;
    return true;
  }
}

bool tensor_same(const Tensor *a, const Tensor *b) {
  if (a == b) return true;
  if (a->dtype != b->dtype || a->rank != b->rank || a->nbytes != b->nbytes) return false;
  if (a->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) != 0) return false;
  if (a->store == TS_DEFERRED || b->store == TS_DEFERRED) return false;
  if (a->store == TS_STRINGS || b->store == TS_STRINGS) {
    if (a->store != b->store) return false;
    for (uint64_t i = 0; i < a->count; i++)
      if (a->strings[i].n != b->strings[i].n ||
          (a->strings[i].n && memcmp(a->strings[i].p, b->strings[i].p, a->strings[i].n) != 0))
        return false;
    return true;
  }
  return a->nbytes == 0 || a->bytes == b->bytes || memcmp(a->bytes, b->bytes, (size_t)a->nbytes) == 0;
}

uint64_t tensor_hash(const Tensor *t) {
  uint64_t h = hash_u64((uint64_t)t->dtype, t->nbytes);
  h = hash_bytes(h, t->dim, (size_t)t->rank * sizeof *t->dim);
  if (t->store == TS_DEFERRED) return hash_u64(h, (uint64_t)(uintptr_t)t);
  if (t->store == TS_STRINGS) {
    for (uint64_t i = 0; i < t->count; i++) h = hash_bytes(h, t->strings[i].p, t->strings[i].n);
    return h;
  }
  if (t->nbytes <= HASH_WHOLE) return hash_bytes(h, t->bytes, (size_t)t->nbytes);
  /* Large: 64 bytes at 8 places, so that hashing touches few pages of a mapped file. */
  for (uint64_t i = 0; i < HASH_SAMPLES; i++)
    h = hash_bytes(h, t->bytes + (t->nbytes - 64) / (HASH_SAMPLES - 1) * i, 64);
  return h;
}

float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = (h >> 10) & 31u, man = h & 1023u, bits;
  if (exp == 31) {
    bits = sign | 0x7f800000u | man << 13;
  } else if (exp) {
    bits = sign | (exp + 112) << 23 | man << 13;
  } else {
    float v = (float)man * 0x1p-24f;
    memcpy(&bits, &v, 4);
    bits |= sign;
  }
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

uint16_t float_to_half(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  uint32_t sign = bits >> 16 & 0x8000u, mag = bits & 0x7fffffffu;
  if (mag > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (mag >> 13 & 0x1ffu)); /* NaN stays NaN, quiet */
  if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);                       /* rounds to infinity */
  if (mag >= 0x38800000u) {                                                        /* normal */
    uint32_t rounded = mag + 0xfffu + (mag >> 13 & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
  }
  /* Subnormal: adding 0.5 lines the result up with the last bits of the sum, correctly rounded. */
  float half = 0.5f, m;
  memcpy(&m, &mag, 4);
  m += half;
  uint32_t sum, base;
  memcpy(&sum, &m, 4);
  memcpy(&base, &half, 4);
  return (uint16_t)(sign | (sum - base));
}

float bfloat16_to_float(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

uint16_t float_to_bfloat16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
