/* What the targets share. libFuzzer calls LLVMFuzzerTestOneInput(); so does replay.c. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include "heap.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static _Noreturn void wrong(const char *what, const char *message) {
  fprintf(stderr, "%s: %s\n", what, message);
  abort();
}

#endif
