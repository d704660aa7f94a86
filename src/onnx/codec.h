/* ONNX files: bytes <-> Model, without protobuf. Wire format:
 * https://protobuf.dev/programming-guides/encoding, schema: onnx.proto3 of the onnx package, as one table in
 * onnx/schema.def. */
#ifndef ONNX_CODEC_H
#define ONNX_CODEC_H

#include "ir/ir.h"

/* Reads a model. The file is mapped for the model's lifetime; bodies, functions and typed fields are parsed,
 * large contents stay spans. External data files are mapped on demand, must lie in the model's folder and
 * hold the bytes claimed. path "-" reads standard input. Fails with ONNXSLIM_ERR_IO or ONNXSLIM_ERR_MODEL and
 * a position. */
Model *model_read_file(Ctx *cx, const char *path);
/* With `anywhere`, external data may lie outside the model's folder too. */
Model *model_read_file_from(Ctx *cx, const char *path, bool anywhere);
/* The same for bytes the caller keeps alive until model_free(). `dir`: where external data is looked for (may
 * be NULL). */
Model *model_read_bytes(Ctx *cx, const void *bytes, size_t n, const char *dir);

/* What the file says of itself and nobody computes with. */
typedef struct ModelHeader {
  Span producer_name, producer_version, domain; /* empty if it does not say */
  int64_t model_version;
} ModelHeader;
ModelHeader model_header(Model *m);

/* Evaluates deferred tensors: tensor_rows() and tensor_stream() of eval/deferred.h. */
typedef struct Streamer {
  uint64_t (*rows)(Arena *arena, Tensor *t);
  bool (*stream)(Arena *arena, Tensor *t, uint64_t from, uint64_t n, const struct StreamTo *to);
} Streamer;

typedef struct WriteOptions {
  Streamer streamer;
  unsigned threads;          /* that compute and write weights; 0: one for each processor */
  bool external;             /* all large tensors to one external file, whatever the size */
  const char *external_name; /* its name, NULL: derived from the output's */
  bool keep_external;    /* the input's external data stays where it is, from wherever it is referred to */
  uint64_t inline_limit; /* above this file size external data is used by itself; 0: 2 GiB - 1 */
} WriteOptions;

typedef struct WriteResult {
  uint64_t model_bytes;
  uint64_t external_bytes; /* external data the model refers to, written now or kept where it is */
} WriteResult;

/* Writes atomically beside the target, then renames (Law 10). Unchanged messages go out as they came in.
 * External data of the input stays where it is if the output is written into the same folder, else it is
 * copied into the output's own external file. That file gets a name nobody has; data written with the model
 * that is replaced is removed afterwards, unless a model in the folder still refers to it. */
WriteResult model_write_file(Model *m, const char *path, const WriteOptions *o);
/* Into memory: *out is a buffer of the context's allocator (mem_free). Fails if it would exceed the inline
 * limit. */
WriteResult model_write_bytes(Model *m, const WriteOptions *o, uint8_t **out);
/* Bytes of the model and the external data it refers to, as model_write_file() beside the input would leave
 * them (for reports; before anything is changed: what was read). */
uint64_t model_size(Model *m, const WriteOptions *o);

/* ONNX text syntax (onnx.parser reads it back); large tensors are elided unless `full`. NUL-terminated, in
 * the model's arena. */
const char *model_text(Model *m, bool full);
const char *graph_text(Graph *g);
/* The value of an attribute, and a constant with its first elements; "?" for what that syntax has no form
 * for. */
const char *attr_text(Model *m, const Attr *a);
const char *tensor_text(Model *m, const Tensor *x);

#endif
