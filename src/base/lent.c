#include "base/lent.h"

#include <string.h>

void lent_add(Ctx *cx, const char *name, Span bytes, const char *dir) {
  size_t n = strlen(name) + 1, n_dir = dir ? strlen(dir) + 1 : 0;
  struct Lent *l = mem_alloc(cx, sizeof *l + n + n_dir);
  memcpy(l->name, name, n);
  if (dir) l->dir = memcpy(l->name + n, dir, n_dir);
  l->bytes = bytes;
  l->next = cx->lent;
  cx->lent = l;
}

const struct Lent *lent_find(const Ctx *cx, const char *name) {
  const struct Lent *l = cx->lent;
  while (l && strcmp(l->name, name) != 0) l = l->next;
  return l;
}

void lent_free(Ctx *cx) {
  while (cx->lent) {
    struct Lent *next = cx->lent->next;
    mem_free(cx, cx->lent);
    cx->lent = next;
  }
}
