/* A message being written: a list of runs of bytes, most of them runs of the mapped file. Nothing is copied
 * but what is newly encoded; lengths of enclosing messages are filled in when they are closed, so nothing is
 * computed twice. */
#ifndef ONNX_GATHER_H
#define ONNX_GATHER_H

#include "base/vec.h"
#include "ir/tensor.h"
#include "onnx/wire.h"

#include <string.h>

typedef struct Piece {
  const uint8_t *p;
  size_t n;
  Tensor *tensor; /* set: n bytes that are computed while writing */
} Piece;

typedef struct Gather {
  Arena *arena;
  Span home; /* the input; a header that stands before a message there is used from there */
  Vec(Piece) at;
  uint64_t size; /* of everything so far */
  uint8_t *buf;  /* encoded bytes; filled from the front, replaced when full */
  size_t used, cap;
} Gather;

void gather_init(Gather *g, Arena *arena, Span home);
/* Joins neighbouring runs; call it when the message is complete. */
void gather_finish(Gather *g);

/* Bytes that stay where they are, and bytes copied from the caller. */
void put_span(Gather *g, Span s);
void put_copy(Gather *g, const void *bytes, size_t n);
void put_tensor_bytes(Gather *g, Tensor *t);

/* Whole fields. */
void put_varint(Gather *g, uint32_t tag, uint64_t v);
void put_fixed32(Gather *g, uint32_t tag, float v);
void put_bytes(Gather *g, uint32_t tag, Span s); /* also a finished message */
static inline void put_str(Gather *g, uint32_t tag, const char *s) {
  put_bytes(g, tag, (Span){(const uint8_t *)s, strlen(s)});
}
/* A bytes field of which only the header is written; n bytes must follow. */
void put_header(Gather *g, uint32_t tag, uint64_t n);

/* A message whose fields follow. */
typedef struct Open {
  size_t piece;
  uint64_t size;
  uint32_t tag;
} Open;
Open put_begin(Gather *g, uint32_t tag);
void put_end(Gather *g, Open o);

#endif
