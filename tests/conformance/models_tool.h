/* What the tools share that write a file beside every model they are given. */
#ifndef CONFORMANCE_MODELS_TOOL_H
#define CONFORMANCE_MODELS_TOOL_H

#include "onnx/codec.h"

#include <stdio.h>
#include <string.h>

typedef struct Job {
  Ctx *cx;
  const char *path;
  FILE *out;
} Job;

/* Reads paths of models, one a line, from standard input; `run`, which gets a Job, writes PATH plus `suffix`.
 * Returns 1 if one failed. */
static inline int each_model(const char *suffix, void (*run)(void *job)) {
  char path[4096], result[4200];
  int failed = 0;
  while (fgets(path, sizeof path, stdin)) {
    path[strcspn(path, "\n")] = 0;
    snprintf(result, sizeof result, "%s%s", path, suffix);
    Ctx cx;
    ctx_init(&cx, NULL, NULL);
    Job job = {&cx, path, fopen(result, "wb")};
    if (!job.out) return 1;
    if (!ctx_protect(&cx, run, &job)) {
      fprintf(stderr, "%s: %s\n", path, cx.message);
      failed = 1;
    }
    fclose(job.out);
  }
  return failed;
}

#endif
