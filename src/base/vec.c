#include "base/vec.h"

#include <string.h>

void vec_grow(Arena *a, void **at, size_t *cap, size_t n, size_t elem) {
  size_t more = *cap ? *cap * 2 : 8;
  void *bigger = arena_array(a, more, elem);
  if (n) memcpy(bigger, *at, n * elem);
  *at = bigger;
  *cap = more;
}
