/* Inside of the writer: what write_*.c share. */
#ifndef ONNX_WRITE_H
#define ONNX_WRITE_H

#include "base/output.h"
#include "ir/ir.h"
#include "onnx/codec.h"
#include "onnx/gather.h"

/* Which tensors leave the model for the external file, beside those that were in another folder's. */
typedef enum Externals { EXTERNAL_NONE, EXTERNAL_INITIALIZERS, EXTERNAL_ALL } Externals;

typedef struct Writer {
  Ctx *cx;
  Model *m;
  Arena *arena; /* scratch of this write */
  WireDoc doc;
  Gather out; /* the model */
  Externals mode;
  const char *kept; /* external data of the input stays where it is, with this before its location; NULL: it
                       is copied into the new file */
  bool by_itself;   /* external only because the model is too large */
  Gather ext;       /* the new external file */
  Map placed;       /* bytes (or deferred tensor) -> Placed */
  const char *ext_name;
} Writer;

/* Does the message have to be written anew, or do its original bytes still hold? */
bool tensor_clean(const Writer *w, const Tensor *t, bool in_attr);
bool attr_clean(const Writer *w, const Attr *a);
bool node_clean(const Writer *w, const Node *n);
bool graph_clean(const Writer *w, const Graph *g);

/* Each writes one field with that tag. */
void put_tensor(Writer *w, uint32_t tag, Tensor *t, Str name, bool in_attr); /* name NULL: as it was */
void put_info(Writer *w, uint32_t tag, const Value *v, Span raw); /* raw: the old ValueInfoProto, if any */
void put_attr(Writer *w, const Attr *a);
void put_node(Writer *w, uint32_t tag, const Node *n);
void put_graph(Writer *w, uint32_t tag, const Graph *g);
void put_function(Writer *w, const Function *f);
/* One opset import; f is the field as it was, which is copied while it holds. */
void put_opset(Writer *w, const Wire *f, const OpsetImport *s);

/* Puts all runs of g in place, computing deferred tensors on the way. Of `total` bytes `before` were written
 * already. */
void put_file(Writer *w, const WriteOptions *o, const Gather *g, Output *to, uint64_t before, uint64_t total);
void put_memory(Writer *w, const WriteOptions *o, const Gather *g, uint8_t *to);

/* The ValueInfoProtos with that tag of a graph, with f at its start: Str -> Span *. */
void collect_infos(Writer *w, Wire f, uint32_t tag, Map *to);
/* The one of v's name, else the one v remembers. */
Span original_info(const Map *infos, const Value *v);

static inline Span str_span(Str s) {
  return s ? (Span){(const uint8_t *)s->s, s->len} : SPAN_NONE;
}

#endif
