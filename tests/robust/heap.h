/* A heap that counts what is live, refuses one request, and calls a request that nothing explains wrong. */
#ifndef HEAP_H
#define HEAP_H

#include <stdlib.h>

/* Who includes this defines it: says what is wrong and with which case, and ends the process. */
static _Noreturn void wrong(const char *what, const char *message);

typedef struct Heap {
  size_t live, room;
  unsigned long requests, refuse; /* refuse: number of the request that fails, 0: none */
} Heap;

typedef union Header {
  size_t size;
  long double align;
} Header;

static inline void *heap_alloc(void *user, size_t size) {
  Heap *h = user;
  if (++h->requests == h->refuse) return NULL;
  if (size > h->room - h->live) wrong("allocation", "more memory than the input explains");
  Header *block = malloc(sizeof *block + size);
  if (!block) return NULL;
  block->size = size;
  h->live += size;
  return block + 1;
}

static inline void heap_free(void *user, void *p) {
  Heap *h = user;
  if (!p) return;
  Header *block = (Header *)p - 1;
  h->live -= block->size;
  free(block);
}

#endif
