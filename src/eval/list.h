/* Sequences and optionals among the constants, and tensors that are taken apart and put together along an
 * axis. */
#ifndef EVAL_LIST_H
#define EVAL_LIST_H

#include "eval/kernel.h"

static inline bool is_list(const Tensor *t) {
  return t->store == TS_SEQUENCE || t->store == TS_OPTIONAL;
}

Tensor *list_new(Arena *arena, TensorStore store, ElemType dtype, size_t n, Tensor *const *item);
/* A copy that needs nothing of the tensor's arena. */
Tensor *tensor_kept(Arena *arena, Tensor *t);

/* Output i is a tensor or list that was there before. Then all outputs of the node are. */
bool out_as_it_is(Eval *e, int i, Tensor *t);

/* The elements from..from+n-1 of an axis, which goes away if it is `squeezed`. NULL: refused. */
Tensor *tensor_part(Eval *e, Tensor *t, int axis, int64_t from, int64_t n, bool squeezed);
/* Tensors one after another along an axis, which is a new one or one they have. NULL: refused. */
Tensor *tensor_joined(Eval *e, size_t n, Tensor *const *part, int64_t axis, bool is_new);

#endif
