/* Inside of the reader: what read_*.c share. */
#ifndef ONNX_READ_H
#define ONNX_READ_H

#include "base/file.h"
#include "ir/ir.h"
#include "onnx/codec.h"
#include "onnx/wire.h"

typedef struct Reader {
  Ctx *cx;
  Model *m;
  Arena *scratch; /* until the model is read */
  WireDoc doc;
  bool anywhere; /* external data may lie outside the model's folder */
  Map functions; /* hash of domain, name and overload -> FunctionLink */
  Map externals; /* Str of the location -> File */
} Reader;

static inline Str read_str(Reader *r, Span s) {
  return str_intern(r->m->strs, s.n ? (const char *)s.p : "", s.n);
}

/* The function a node of that domain ("" is ai.onnx), name and overload (NULL: none) calls; NULL if none. */
Function *read_callee(const Reader *r, Str domain, Str name, Str overload);
/* "" for ai.onnx, else the domain itself. */
Str read_domain(Reader *r, Span s);
/* One OperatorSetIdProto. */
OpsetImport read_opset(Reader *r, const Wire *up);

/* A GraphProto, with `w` at its start, into the empty graph g. Names of enclosing graphs are declared
 * already. */
void read_graph(Reader *r, Wire w, Graph *g);
/* The inputs, nodes and outputs of a FunctionProto into the graph g. */
void read_function(Reader *r, Wire w, Graph *g);

/* One AttributeProto of node n. False if it is of a kind that no rule may look at: a reference to an
 * attribute of the enclosing function, or a type we don't know. */
bool read_attr(Reader *r, Wire w, Node *n, Attr *out);

/* A TensorProto. NULL if it is opaque to us (unknown element type, segments). *name may be NULL. */
Tensor *read_tensor(Reader *r, Wire w, Str *name);

/* The type of the ValueInfoProto. Named dims become named symbols only with `named`, else fresh ones. */
Type read_info_type(Reader *r, Wire w, bool named);

#endif
