/* What the API hands out: objects with an arena of their own in front of the public struct. */
#ifndef OBJECT_H
#define OBJECT_H

#include "base/arena.h"

struct onnxslim_context {
  Ctx cx;
};

/* Zeroed, of this size, in a new arena. */
void *object_new(Ctx *cx, size_t size);
Arena *object_arena(const void *object);
void object_free(const void *object); /* NULL is fine */

#define OBJECT(cx, T) ((T *)object_new((cx), sizeof(T)))

/* A copy in the arena; NULL stays NULL. */
const char *copy_text(Arena *a, const char *text);

#endif
