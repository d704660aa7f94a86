/* wasi-libc has no <setjmp.h>. Clang's -wasm-enable-sjlj makes setjmp() of WebAssembly's exceptions and of
 * the functions in os_wasi_setjmp.c. */
#ifndef BASE_WASI_SETJMP_H
#define BASE_WASI_SETJMP_H

typedef struct onnxslim_jmp_buf {
  unsigned long id; /* of the call of setjmp() */
} jmp_buf[1];

int setjmp(jmp_buf) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf, int);

#endif
