/* One model through the whole library: read, optimise, print, write, read again. */
#ifndef SESSION_H
#define SESSION_H

#include "heap.h"

#include <onnxslim.h>

typedef struct Session {
  onnxslim_context *cx;
  onnxslim_options *options;
  onnxslim_model *model;
  onnxslim_report *report;
  char *text;
  uint8_t *bytes;
  size_t size;
} Session;

typedef struct Choice {
  const char *option, *value;
} Choice;

/* The status of the first call that fails. */
static inline onnxslim_status session_use(Session *s, const void *model, size_t size, const Choice *choices) {
  onnxslim_status status;
  s->options = onnxslim_options_new(s->cx);
  if (!s->options) return ONNXSLIM_ERR_MEMORY;
  for (; choices->option; choices++)
    if ((status = onnxslim_options_set(s->options, choices->option, choices->value))) return status;
  if ((status = onnxslim_load_bytes(s->cx, model, size, NULL, &s->model))) return status;
  if ((status = onnxslim_optimize(s->model, s->options, &s->report))) return status;
  if ((status = onnxslim_model_text(s->model, s->options, &s->text))) return status;
  return onnxslim_save_bytes(s->model, s->options, &s->bytes, &s->size);
}

static inline void session_end(Session *s) {
  onnxslim_buffer_free(s->cx, s->text);
  onnxslim_buffer_free(s->cx, s->bytes);
  onnxslim_report_free(s->report);
  onnxslim_model_free(s->model);
  onnxslim_options_free(s->options);
  onnxslim_context_free(s->cx);
}

static inline void session_read_again(const Session *s) {
  onnxslim_model *model;
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  if (onnxslim_load_bytes(cx, s->bytes, s->size, NULL, &model) != ONNXSLIM_OK)
    wrong("what was written cannot be read", onnxslim_error(cx));
  onnxslim_model_free(model);
  onnxslim_context_free(cx);
}

/* Ends in an error with a message or in a model that can be read; nothing leaks. `choices` ends with {0}. */
static inline onnxslim_status session_run(const void *model, size_t size, const Choice *choices, Heap *h,
                                          const onnxslim_callbacks *calls) {
  onnxslim_allocator alloc = {heap_alloc, heap_free, h};
  Session s = {.cx = onnxslim_context_new(&alloc, calls)};
  onnxslim_status status = s.cx ? session_use(&s, model, size, choices) : ONNXSLIM_ERR_MEMORY;
  if (status == ONNXSLIM_ERR_INTERNAL) wrong("internal error", onnxslim_error(s.cx));
  if (s.cx && status != ONNXSLIM_OK && !*onnxslim_error(s.cx)) wrong("error", "without a message");
  if (status == ONNXSLIM_OK) session_read_again(&s);
  if (s.cx) session_end(&s);
  if (h->live) wrong("leak", "memory is not given back");
  return status;
}

#endif
