/* A run of bytes that somebody else keeps alive (usually the mapped model file). */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct Span {
  const uint8_t *p;
  size_t n;
} Span;

#define SPAN_NONE ((Span){0, 0})

/* Where it ends. C knows no NULL + 0. */
static inline const uint8_t *span_end(Span s) {
  return s.n ? s.p + s.n : s.p;
}

#endif
