#include "base/ctx.h"

#include "base/arena.h"
#include "base/os.h"

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
  if (!outer) cx->at = (onnxslim_progress_t){0};
  cx->trap = &here;
  bool ok = OS_SETJMP(here) == 0;
  if (ok) fn(arg);
  cx->trap = outer;
  if (!ok) arenas_free_since(cx, made);
  return ok;
}

/* Length of the UTF-8 sequence at p; 0 if it is none (overlong forms, surrogates and what is cut off
 * included). */
static size_t utf8_length(const unsigned char *p) {
  size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  if (n == 3 && ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f))) return 0;
  if (n == 4 && ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))) return 0;
  return n;
}

/* One line of UTF-8, whatever names the model has. */
static void make_printable(char *text) {
  for (unsigned char *p = (unsigned char *)text; *p;) {
    size_t n = utf8_length(p);
    if (n == 0)
      *p = '?';
    else if (*p < ' ' || *p == 0x7f)
      *p = ' ';
    p += n ? n : 1;
  }
}

void fail(Ctx *cx, onnxslim_status code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(cx->message, sizeof cx->message, fmt, ap);
  va_end(ap);
  make_printable(cx->message);
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
