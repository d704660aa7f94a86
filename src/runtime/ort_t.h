/* Ort as ort.c and session.c see it. */
#ifndef RUNTIME_ORT_T_H
#define RUNTIME_ORT_T_H

#include "runtime/ort.h"
#include "runtime/ort_api.h"

struct Ort {
  const OrtApi *api;
  OrtEnv *env;
  OrtMemoryInfo *memory;   /* "in the CPU's memory" */
  OrtAllocator *allocator; /* the library's own: not to be released */
  const char *path, *version;
};

/* Text of a status in `a`, as one line, and the status released; NULL for success. */
const char *ort_refusal(const Ort *ort, Arena *a, OrtStatus *status);

#endif
