/* What scales: values with one reader, layout operators, constant factors, and projections (products with
 * constant weights). */
#ifndef PASSES_LINEAR_H
#define PASSES_LINEAR_H

#include "passes/passes.h"

/* The types that weights are scaled and added in: float, double, float16, bfloat16. */
bool is_weight_type(ElemType t);
/* The one use that reads v's elements, in v's own graph; Shape and Size read none and do not count. NULL if
 * there are more, or v is a graph output or --keep name: then its elements must stay what they are. */
const Use *sole_reader(const Value *v);
/* Does n only rearrange the elements of its first input? */
bool is_layout(const Node *n);
/* The value with v's elements that is no result of a layout operator; NULL unless it, v and all between have
 * one reader. And the node that computes it. */
Value *source_value(Value *v);
Node *source_of(Value *v);

/* y = x * by or y = x / by with a constant scalar, any float type; the result has x's shape. */
typedef struct Factor {
  Node *node;
  Value *x;
  int slot; /* of the constant */
  Tensor *by;
  bool divides;
  double value; /* what x is multiplied by: finite and not 0 */
} Factor;

bool factor_of(Node *n, Factor *f);

/* A product with constant weights and all that is added to it, which scales with them: MatMul, Gemm (its
 * alpha and beta scale it), Conv, with its own bias or a constant Add behind it. */
typedef struct Projection {
  Node *product;
  int weight; /* input slot; -1: Gemm */
  Node *add;  /* NULL if there is none */
  int bias;   /* its constant input's slot */
} Projection;

/* Is n the last node of one? */
bool projection_of(Node *n, Projection *p);

/* t * by or t / by, as the factor says, rounded once to t's type; NULL if a result is not a finite number (in
 * 16-bit types: not a normal one; wider weights come with subnormal elements). */
Tensor *scale_tensor(Model *m, const Factor *f, Tensor *t);
/* Scales a Gemm by its alpha and beta; node is where a refusal is noted. */
Outcome scale_gemm(Rewriter *rw, Node *node, const Factor *f, Node *gemm, bool with_c);
/* Its beta alone. */
Outcome scale_gemm_c(Rewriter *rw, Node *node, const Factor *f, Node *gemm);

/* Split of v along the axis into n parts of these sizes. */
Node *split_parts(Rewriter *rw, Value *v, int axis, const int64_t *size, int n, int opset);

#endif
