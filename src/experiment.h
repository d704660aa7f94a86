/* Models run in ONNX Runtime: what optimizing a file, verifying, timing and bisecting share. */
#ifndef EXPERIMENT_H
#define EXPERIMENT_H

#include "pipeline.h"
#include "runtime/runtime.h"

/* The model that the optimized one is compared with. */
typedef struct Original {
  const char *path; /* as given; "-" is standard input; NULL: it came as bytes */
  ModelSource source;
  bool prepared; /* it is the model after pipeline_prepare(): sizes and outputs are as the options say */
} Original;

/* A path, or the bytes that the caller lent under this name. */
ModelSource model_source(Ctx *cx, const char *path);

VerifyOptions verify_options(Arena *a, const onnxslim_options *o);

/* m in a temporary file, which is removed with the arena; large tensors beside it if the options or the size
 * ask for it. */
ModelSource temp_model(Arena *a, Model *m, const char *beside, const onnxslim_options *o);

Model *read_prepared(Ctx *cx, const char *path, const onnxslim_options *o);
/* As it is when the rules begin. */
Model *read_lifted(Ctx *cx, const char *path, const onnxslim_options *o);

/* Call between pipeline_prepare() and the rules: `m` was read from original->path. A graph that was cut can
 * only be compared with the cut original, which is written to a temporary file. */
void original_prepare(Original *original, Model *m, const onnxslim_options *o);

/* Writes m to a temporary file beside `out` (which may be NULL or "-") and runs both. The result lives in
 * `a`. */
onnxslim_verification *verify_model(Arena *a, const Original *original, Model *m, const char *out,
                                    const onnxslim_options *o);

#endif
