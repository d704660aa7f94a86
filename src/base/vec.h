/* Growable array in an arena. Growth leaves the old block to the arena (at most as much again). */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/arena.h"

#define Vec(T)                                                                                               \
  struct {                                                                                                   \
    T *at;                                                                                                   \
    size_t n, cap;                                                                                           \
  }

/* Makes room for one more element; used by vec_push. */
void vec_grow(Arena *a, void **at, size_t *cap, size_t n, size_t elem);

#define vec_push(arena, v, x)                                                                                \
  do {                                                                                                       \
    if ((v)->n == (v)->cap) vec_grow((arena), (void **)&(v)->at, &(v)->cap, (v)->n, sizeof *(v)->at);        \
    (v)->at[(v)->n++] = (x);                                                                                 \
  } while (0)

/* Removes element i; the order of the rest is kept. */
#define vec_remove(v, i)                                                                                     \
  do {                                                                                                       \
    for (size_t vi_ = (i) + 1; vi_ < (v)->n; vi_++) (v)->at[vi_ - 1] = (v)->at[vi_];                         \
    (v)->n--;                                                                                                \
  } while (0)

#endif
