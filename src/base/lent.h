/* Files that are none: bytes in memory that the caller lends to the context under a name. Wherever a path is
 * read, the name stands for them. */
#ifndef BASE_LENT_H
#define BASE_LENT_H

#include "base/ctx.h"
#include "base/span.h"

struct Lent {
  struct Lent *next;
  Span bytes;
  const char *dir; /* folder of what lies beside it; NULL: none */
  char name[];     /* its end is followed by dir's text */
};

/* A name that is lent already stands for the new bytes from now on. */
void lent_add(Ctx *cx, const char *name, Span bytes, const char *dir);
/* NULL: it is a path. */
const struct Lent *lent_find(const Ctx *cx, const char *name);
void lent_free(Ctx *cx);

#endif
