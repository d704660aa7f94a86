#include "object.h"

#include <string.h>

typedef union Header {
  Arena *arena;
  long double align;
} Header;

void *object_new(Ctx *cx, size_t size) {
  Arena *a = arena_new(cx);
  Header *h = arena_alloc(a, sizeof *h + size);
  h->arena = a;
  return h + 1;
}

Arena *object_arena(const void *object) {
  return ((const Header *)object - 1)->arena;
}

void object_free(const void *object) {
  if (object) arena_free(object_arena(object));
}

const char *copy_text(Arena *a, const char *text) {
  return text ? arena_copy(a, text, strlen(text) + 1) : NULL;
}
