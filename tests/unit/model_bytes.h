/* Small ONNX models as bytes, for the tests of the codec. Built with the writer's primitives; that these are
 * right is for test_wire.c and the Python tests to show. */
#ifndef MODEL_BYTES_H
#define MODEL_BYTES_H

#include "onnx/codec.h"
#include "onnx/gather.h"

#include <stdlib.h>

/* An allocator that counts what is live and can refuse the n-th request. */
typedef struct Heap {
  long live, requests, refuse;
} Heap;

Ctx heap_ctx(Heap *h);

/* Runs fn(arena) in a context of its own and checks that nothing leaks. "" or the message of the failure,
 * until the next call. */
const char *message_of(void (*fn)(Arena *));

/* One contiguous copy of what was gathered, in g's arena. */
Span flat(Gather *g);

/* ValueInfoProto of a float tensor; a dim < 0 has the name N. */
void add_info(Gather *g, uint32_t tag, const char *name, int rank, const int64_t *dim);
/* NodeProto without attributes; names are separated by spaces, "-" is an empty one. */
Open begin_node(Gather *g, uint32_t tag, const char *op, const char *in, const char *out);
void add_node(Gather *g, uint32_t tag, const char *op, const char *in, const char *out);
/* Float TensorProto of one dim with raw_data. */
void add_floats(Gather *g, uint32_t tag, const char *name, int n, const float *v);
void add_opset(Gather *g, uint32_t tag, const char *domain, int64_t version);
/* ir_version and opset 17, then the graph is opened. */
Open begin_model(Gather *g);

/* x[N,4] -> y: a bit of everything: captured values, If bodies, a function, value_info, initializers raw and
 * typed, metadata, unknown fields. */
Span rich_model(Arena *a);

Model *read_span(Arena *a, Span s);
bool span_same(Span a, Span b);
/* The value a name means inside g; NULL if none. */
Value *value_named(Graph *g, const char *name);

#endif
