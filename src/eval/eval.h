/* Constant evaluation: what an operator computes, for every dtype, with the specification's exact semantics.
 */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include "ops/ops.h"

/* One evaluation. in[i] is NULL for inputs left out; out[i] is filled for every output slot of the node in
 * use. */
typedef struct Eval {
  Arena *arena;     /* results and scratch */
  const Node *node; /* operator, opset and attributes; its own inputs are not looked at */
  int n_in, n_out;
  Tensor *const *in;
  Tensor **out;
  Arena *scratch;      /* intermediates; NULL: a child of `arena` for the run */
  uint64_t max_bytes;  /* larger outputs are refused; 0: EVAL_MAX_BYTES */
  bool dry;            /* set by eval_shapes() */
  bool as_it_is;       /* set by a function whose outputs are tensors that were there before */
  struct Scope *scope; /* values of the bodies around the node, while they are evaluated; else NULL */
} Eval;

#define EVAL_MAX_BYTES ((uint64_t)1 << 30)

/* False if this operator, dtype or attribute combination is not evaluated (the caller leaves the node alone).
 */
typedef bool EvalFn(Eval *);

bool eval_supported(const Node *n);
/* May its inputs be sequences and optionals? */
bool eval_takes_lists(const Node *n);
/* Runs the node on constants. False: not supported or the inputs are invalid; out is then untouched. */
bool eval_node(Eval *e);
/* The outputs' dtypes and dims without their elements, which are not computed: tensors without bytes
 * (TS_DEFERRED, no expression). Works for operators whose shapes do not depend on elements of large inputs.
 */
bool eval_shapes(Eval *e);
/* Is folding this node with these input dtypes bitwise, i.e. permitted under --exact? */
bool eval_is_exact(const Node *n, ElemType dtype);

#endif
