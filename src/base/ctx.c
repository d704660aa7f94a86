#include "base/ctx.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *user, size_t size) {
  (void)user;
  return malloc(size);
}

static void default_free(void *user, void *block) {
  (void)user;
  free(block);
}

void ctx_init(Ctx *cx, const onnxslim_allocator *alloc, const onnxslim_callbacks *calls) {
  memset(cx, 0, sizeof *cx);
  cx->alloc = alloc ? *alloc : (onnxslim_allocator){default_alloc, default_free, NULL};
  if (calls) cx->calls = *calls;
}

bool ctx_protect(Ctx *cx, void (*fn)(void *), void *arg) {
  jmp_buf here;
  jmp_buf *outer = cx->trap;
  uint64_t made = cx->n_arenas;
  cx->trap = &here;
  bool ok = setjmp(here) == 0;
  if (ok) fn(arg);
  cx->trap = outer;
  if (!ok) arenas_free_since(cx, made);
  return ok;
}

void fail(Ctx *cx, onnxslim_status code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(cx->message, sizeof cx->message, fmt, ap);
  va_end(ap);
  /* One line, whatever names the model has. */
  for (char *p = cx->message; *p; p++)
    if ((unsigned char)*p < ' ') *p = ' ';
  cx->status = code;
  if (!cx->trap) abort(); /* a library function ran outside ctx_protect(): a bug of ours, not of the caller */
  longjmp(*cx->trap, 1);
}

void ctx_progress(Ctx *cx, const char *phase, uint64_t done, uint64_t total) {
  if (cx->calls.progress && cx->calls.progress(cx->calls.user, phase, done, total))
    fail(cx, ONNXSLIM_ERR_CANCELLED, "cancelled during %s", phase);
}

void ctx_log(Ctx *cx, onnxslim_log_level level, const char *fmt, ...) {
  if (!cx->calls.log) return;
  char line[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  cx->calls.log(cx->calls.user, level, line);
}

void *mem_alloc(Ctx *cx, size_t size) {
  void *p = cx->alloc.alloc(cx->alloc.user, size ? size : 1);
  if (!p) fail(cx, ONNXSLIM_ERR_MEMORY, "out of memory (%zu bytes wanted)", size);
  memset(p, 0, size);
  return p;
}

void mem_free(Ctx *cx, void *p) {
  cx->alloc.free(cx->alloc.user, p);
}
