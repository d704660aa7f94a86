/* Deferred constants: expressions over tensors that are computed while the output is written (Law 8).
 *
 * An expression is an operator with attributes over tensors, stored as an unlinked Node template and its
 * operands. Equal expressions over the same tensors are one object (hash-consed per model), so twelve uses of
 * transpose(W) are stored once. Small results are evaluated at once instead.
 */
#ifndef EVAL_DEFERRED_H
#define EVAL_DEFERRED_H

#include "eval/eval.h"

#define DEFER_ABOVE 65536 /* bytes; results up to this size are evaluated on the spot */
/* Bytes of operands and results that are evaluated on the spot where deferring can't be. */
#define EAGER_BELOW ((uint64_t)32 << 20)

typedef struct Deferred {
  const Node *op; /* template: operator, opset, attributes */
  int n_in;
  Tensor *const *in;
  int depth; /* deferred expressions below it, itself counted */
} Deferred;

/* The value of `op` applied to constants, evaluated or deferred. NULL if it can't be evaluated. The dtype and
 * dims of a deferred result come from a dry run of the evaluator (op's own inputs are not looked at). Only
 * what can't be refused later, for its elements, is deferred. `op` may be a node of the graph, whose
 * attributes are shared. Operands must live as long as the model. */
Tensor *tensor_apply(Model *m, const Node *op, int n_in, Tensor *const *in, int out_index);

/* Bytes of a tensor wherever they are, aligned for its type; evaluates deferred ones and keeps nothing of
 * them but the result in `arena`. NULL for strings. */
const void *tensor_bytes(Arena *arena, Tensor *t);

/* Rows of t that tensor_stream() can start at; 1 if it can only be had as a whole. */
uint64_t tensor_rows(Arena *arena, Tensor *t);
/* Streams the packed bytes of n rows of t from `from` on, in order and in blocks; memory is bounded by a
 * block and those operands that can't be had in rows. What it needs goes on `arena`, and t is only read:
 * several threads may stream parts of one tensor. False if emit was, or if the bytes can't be had. */
bool tensor_stream(Arena *arena, Tensor *t, uint64_t from, uint64_t n, const StreamTo *to);

/* Hash of the dtype, the dims and a few elements, perhaps only the first ones: the same for equal tensors,
 * whether their elements are there or would have to be computed. Reads and computes little more than those if
 * t can be had in rows. False for strings and what can't be evaluated. */
bool tensor_sample_hash(Arena *arena, Tensor *t, bool only_first, uint64_t *hash);

/* Tensor expressions for passes: weight arithmetic without loops. Broadcasts as ONNX does. Arithmetic on
 * float16 and bfloat16 gives float32, so that a last tx_cast rounds once. All return NULL if an operand is
 * NULL or unsupported. */
/* OP_Add, OP_Sub, OP_Mul, OP_Div, OP_Min, OP_Max */
Tensor *tx_binary(Model *m, OpId op, Tensor *a, Tensor *b);
/* OP_Sqrt, OP_Neg, OP_Reciprocal, ... */
Tensor *tx_unary(Model *m, OpId op, Tensor *a);
Tensor *tx_matmul(Model *m, Tensor *a, Tensor *b);
Tensor *tx_transpose(Model *m, Tensor *a, int n, const int64_t *perm);
Tensor *tx_reshape(Model *m, Tensor *a, int rank, const int64_t *dim);
Tensor *tx_concat(Model *m, int n, Tensor *const *in, int axis);
Tensor *tx_slice(Model *m, Tensor *a, int axis, int64_t start, int64_t end);
Tensor *tx_cast(Model *m, Tensor *a, ElemType to);
/* `before` and `after` zeros (not negative) around every axis; a number of each for every axis. */
Tensor *tx_pad(Model *m, Tensor *a, const int64_t *before, const int64_t *after);
/* Sum over the axes from `axis` on, which go away. */
Tensor *tx_sum_from(Model *m, Tensor *a, int axis);
/* Is every element finite and none (but 0) subnormal in dtype `stored`? Evaluates a. */
bool tx_all_normal(Model *m, Tensor *a, ElemType stored);

#endif
