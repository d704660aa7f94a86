/* ONNX Runtime, opened at run time: the library, sessions, runs. Nothing here is linked against it. */
#ifndef RUNTIME_ORT_H
#define RUNTIME_ORT_H

#include "ir/tensor.h"

typedef struct Ort Ort;         /* the library and its environment; lives as long as its arena */
typedef struct Session Session; /* a model ready to run */

/* Opens the library `path`; if NULL the one $ONNXSLIM_ORT names; if that is unset the first that is found:
 * where the loader looks, in $VIRTUAL_ENV, beside each python3 on $PATH, in the user's own packages. Fails
 * with ONNXSLIM_ERR_UNAVAILABLE. ONNX Runtime is told to log nothing: its errors come back as text. */
Ort *ort_open(Arena *a, const char *path);
const char *ort_version(const Ort *ort); /* "1.32.0" */
const char *ort_path(const Ort *ort);    /* what was opened, as given to the loader */

/* A model file, or its bytes (kept by the caller until the session is closed). External data of a file is
 * found beside it, of bytes in `dir` (may be NULL). */
typedef struct ModelSource {
  const char *path; /* NULL: bytes */
  const void *bytes;
  size_t size;
  const char *dir;
} ModelSource;

/* How far ONNX Runtime optimizes the graph itself; by default as far as it can. */
typedef enum OrtLevel { ORT_DEFAULT, ORT_OFF, ORT_BASIC, ORT_EXTENDED } OrtLevel;

typedef struct SessionOptions {
  OrtLevel level;
  int threads;      /* within an operator; 0 is 1 */
  bool save_memory; /* give buffers back between operators instead of pooling them: slower, fewer bytes at
                       once */
} SessionOptions;

typedef struct NamedTensor {
  const char *name;
  Tensor *tensor;
} NamedTensor;

typedef struct Tensors {
  NamedTensor *at;
  size_t n;
} Tensors;

/* NULL if ONNX Runtime refuses the model; *why is then its reason, in `a`. Ends with session_close() or with
 * `a`. */
Session *session_open(Ort *ort, Arena *a, const ModelSource *model, const SessionOptions *o,
                      const char **why);
void session_close(Session *s);

/* Names in the model's order, as long as the session lives; initializers with a default are not among the
 * inputs. */
typedef struct Names {
  char *const *at;
  size_t n;
} Names;
Names session_inputs(const Session *s);
Names session_outputs(const Session *s);

/* Inputs handed over once for many runs; the feed's tensors must stay. Ends with `a`. NULL: *why, in `a`,
 * says what is missing. Tensors that the model does not ask for are left out. */
typedef struct Inputs Inputs;
Inputs *session_bind(Session *s, Arena *a, const Tensors *feed, const char **why);

/* One run. Returns NULL, or ONNX Runtime's reason in `a`. *out (may be NULL) receives the outputs, copied
 * into `a`: one tensor per output; those of a sequence or a map are listed as "name[0]", "name[1]", ...
 * *seconds (may be NULL): what the run alone took. */
const char *session_run(Session *s, Arena *a, const Inputs *in, Tensors *out, double *seconds);

#endif
