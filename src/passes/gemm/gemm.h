/* The rooms of fuse_matmul_add. In declared rules the product (MatMul or Gemm) is captured as "product". */
#ifndef PASSES_GEMM_GEMM_H
#define PASSES_GEMM_GEMM_H

#include "passes/linear.h"

/* sum.c: product + c, product - c, c - product, with c also added to a constant C */
Value *gemm_take_sum(Rewriter *rw, const Match *m);
Value *gemm_take_constant_sum(Rewriter *rw, const Match *m);

/* transpose.c */
Outcome gemm_transpose(Rewriter *rw, Node *node);
Outcome matmul_transpose(Rewriter *rw, Node *node);
Outcome product_transposed(Rewriter *rw, Node *node);

/* factor.c */
Outcome gemm_operand_factor(Rewriter *rw, Node *node);
Outcome matmul_operand_factor(Rewriter *rw, Node *node);
Outcome gemm_factor(Rewriter *rw, Node *node);
Outcome matmul_factor(Rewriter *rw, Node *node);
Value *scale_columns(Rewriter *rw, const Match *m);

/* view.c */
Outcome view_matmul(Rewriter *rw, Node *node);
Outcome view_gemm(Rewriter *rw, Node *node);

/* siblings.c: tried when every scale has found its weights */
Outcome merge_sibling_projections(Rewriter *rw, Node *node);

/* Why a MatMul of rank 2 can't be a Gemm without C; NULL if it can. */
const char *matmul_refusal(const Node *matmul);

#endif
