/* Constant tensors. Where the elements are:
 *
 *   SPAN      in bytes somebody keeps (the mapped model or an external data file), little-endian, packed
 *   OWNED     the same layout in memory of ours
 *   DEFERRED  nowhere yet: an expression over other tensors, evaluated blockwise while writing
 *             (eval/deferred.h)
 *   STRINGS   an array of byte strings
 *
 * Two are no tensors but what stands for them among the constants of the evaluator, and nowhere else:
 *   SEQUENCE  of tensors, all of this dtype; OPTIONAL of none or one
 *
 * Tensors are immutable once built and may be shared by several values.
 */
#ifndef IR_TENSOR_H
#define IR_TENSOR_H

#include "base/span.h"
#include "ir/type.h"

typedef enum TensorStore { TS_SPAN, TS_OWNED, TS_DEFERRED, TS_STRINGS, TS_SEQUENCE, TS_OPTIONAL } TensorStore;

struct Deferred; /* eval/deferred.h */

typedef struct Tensor {
  ElemType dtype;
  TensorStore store;
  int rank;
  const int64_t *dim;
  uint64_t count;              /* number of elements */
  uint64_t nbytes;             /* packed bytes; of strings: the sum of their lengths */
  const uint8_t *bytes;        /* SPAN, OWNED (may be misaligned for the type: load with memcpy) */
  const Span *strings;         /* STRINGS */
  struct Tensor *const *items; /* SEQUENCE, OPTIONAL: `count` tensors */
  const struct Deferred *expr; /* DEFERRED */
  /* Where it came from, for verbatim write-back; raw.p == NULL for tensors we made. */
  Span raw;          /* the TensorProto message without its tag and length */
  Str external_file; /* location of external data, or NULL */
  uint64_t external_offset;
} Tensor;

/* Where the bytes of a tensor go that is computed in blocks. Neither function fail()s. */
typedef struct StreamTo {
  bool (*emit)(void *arg, const void *bytes, size_t n); /* takes the next ones; false ends it */
  /* Copies bytes of a SPAN that are not in memory yet; false: they have to be read where they are. May be
   * NULL. */
  bool (*fetch)(void *arg, Span s, void *to);
  void *arg;
} StreamTo;

/* New tensor around bytes (kept, not copied). dims are copied. Fails if dims overflow. */
Tensor *tensor_new(Arena *a, ElemType dtype, int rank, const int64_t *dim, TensorStore store,
                   const void *bytes);
/* New zeroed OWNED tensor; *bytes (may be NULL) receives the writable buffer. Large ones are blobs. */
Tensor *tensor_alloc(Arena *a, ElemType dtype, int rank, const int64_t *dim, void **bytes);
Tensor *tensor_int64s(Arena *a, int rank, const int64_t *v, int64_t n); /* rank 0 (n = 1) or 1 */
/* The same as int64, int32 or bool; NULL for other types or if a number does not fit. */
Tensor *tensor_ints(Arena *a, ElemType dtype, int rank, const int64_t *v, int64_t n);
Tensor *tensor_float(Arena *a, float v); /* float32 scalar */

/* count from dims; false on a negative dim or overflow. */
bool tensor_count(int rank, const int64_t *dim, uint64_t *count);

/* Element i of an integer or bool tensor that has bytes (SPAN or OWNED), widened; false otherwise. */
bool tensor_get_int(const Tensor *t, uint64_t i, int64_t *v);
/* Element i of any real tensor that has bytes, as double (int64 may round); false otherwise. */
bool tensor_get_double(const Tensor *t, uint64_t i, double *v);
/* Same dtype, dims and bytes. Deferred tensors are equal only if they are the same object. */
bool tensor_same(const Tensor *a, const Tensor *b);
/* Hash over dtype, dims and content; large contents are sampled, so equal hashes still need tensor_same(). */
uint64_t tensor_hash(const Tensor *t);

/* Single elements, by bytes: conversions of the small float types (round to nearest even). */
float half_to_float(uint16_t h);
uint16_t float_to_half(float f);
float bfloat16_to_float(uint16_t h);
uint16_t float_to_bfloat16(float f);

#endif
