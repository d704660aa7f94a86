/* Context: the caller's allocator and callbacks, and the one error trap of a library call.
 *
 * The library does not thread status codes through every function. A bad model, an I/O error or a failed
 * allocation calls fail(), which records {code, message} and jumps to the ctx_protect() that the public
 * function set up. Only library frames lie between the two: a callback of the caller has always returned by
 * then. What must be released on the way (memory, file maps, half-written output) hangs on an Arena as
 * blocks or finalisers, never on the C stack.
 */
#ifndef BASE_CTX_H
#define BASE_CTX_H

#include <onnxslim.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Ctx Ctx;

struct Ctx {
  onnxslim_allocator alloc;
  onnxslim_callbacks calls;
  jmp_buf *trap;          /* innermost ctx_protect() */
  onnxslim_status status; /* of the last failure, ONNXSLIM_OK if none */
  struct Lent *lent;      /* bytes under a name (base/lent.h) */
  struct Arena *arenas;   /* all live ones without a parent, newest first */
  uint64_t n_arenas;      /* ever made; an arena's serial number */
  onnxslim_progress_t at; /* what the running call is at */
  char message[1024];     /* one line, with the position (node name, field, byte offset) */
};

void ctx_init(Ctx *cx, const onnxslim_allocator *alloc, const onnxslim_callbacks *calls);

/* Runs fn(arg). False if it failed; cx->status and cx->message then say why, and the arenas that fn made are
 * freed. Nests. */
bool ctx_protect(Ctx *cx, void (*fn)(void *), void *arg);

/* Records the error and leaves for the innermost ctx_protect(). The message is one line without a full stop.
 */
_Noreturn void fail(Ctx *cx, onnxslim_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Calls the caller's progress callback (if any); fails with ONNXSLIM_ERR_CANCELLED when it asks to stop. */
void ctx_progress(Ctx *cx, const char *phase, uint64_t done, uint64_t total);

void ctx_log(Ctx *cx, onnxslim_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Raw heap of the context. mem_alloc never returns NULL: it fails with ONNXSLIM_ERR_MEMORY. Zeroed. */
void *mem_alloc(Ctx *cx, size_t size);
void mem_free(Ctx *cx, void *p);

#endif
