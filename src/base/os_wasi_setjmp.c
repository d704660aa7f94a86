/* The run-time half of clang's setjmp() on WebAssembly. A function that calls setjmp() has a table of its
 * calls, each with a number of its own and a label. longjmp() throws; the function catches, and testSetjmp()
 * tells where to go on if the jump was for one of its calls. Names and types are LLVM's (up to version 18).
 */
#ifdef __wasi__

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

enum { C_LONGJMP = 1 }; /* the tag of the exceptions */

typedef struct Call {
  uintptr_t id; /* 0 ends the table */
  uint32_t label;
} Call;

/* The program has one thread: what is thrown and what is returned besides can be static. */
typedef struct Jump {
  void *env;
  int value;
} Jump;

static uintptr_t calls;
static uint32_t second_result;
static Jump jump;

void setTempRet0(uint32_t value);
uint32_t getTempRet0(void);
Call *saveSetjmp(jmp_buf env, uint32_t label, Call *table, uint32_t size);
uint32_t testSetjmp(uintptr_t id, const Call *table, uint32_t size);
_Noreturn void __wasm_longjmp(void *env, int value);

void setTempRet0(uint32_t value) {
  second_result = value;
}

uint32_t getTempRet0(void) {
  return second_result;
}

/* Returns the table, with the size as a second result. */
Call *saveSetjmp(jmp_buf env, uint32_t label, Call *table, uint32_t size) {
  uint32_t n = 0;
  while (n < size && table[n].id) n++;
  if (n == size) {
    size *= 2;
    table = realloc(table, (size + 1) * sizeof *table); /* its last one is no call */
    if (!table) abort();
  }
  env->id = ++calls;
  table[n] = (Call){env->id, label};
  table[n + 1].id = 0;
  setTempRet0(size);
  return table;
}

uint32_t testSetjmp(uintptr_t id, const Call *table, uint32_t size) {
  for (uint32_t i = 0; i < size && table[i].id; i++)
    if (table[i].id == id) return table[i].label;
  return 0;
}

_Noreturn void __wasm_longjmp(void *env, int value) {
  jump = (Jump){env, value ? value : 1};
  __builtin_wasm_throw(C_LONGJMP, &jump);
}

#else
typedef int os_wasi_setjmp_is_empty;
#endif
