/* A product that is computed in a view of rank 2: MatMul takes the rows of x as they are.
 *
 * Before:    Reshape(MatMul(Reshape(x, [-1, K]), W) + b, [..., N]); with Gemm for MatMul and Add
 * After:     MatMul(x, W) + b
 * When not:  the last Reshape does not give the rows the axes back that the first one merged; Gemm scales, or
 *            transposes x, or W and it is not constant; b differs from row to row
 */
#include "passes/gemm/gemm.h"

static Node *reshape_above(Value *v) {
  Node *n = v ? v->producer : NULL;
  return node_is(n, OP_Reshape) && n->graph == v->graph ? n : NULL;
}

/* Does x have the rows of `out`: the same dims but for the last one? And does `flat` hold them as a matrix?
 */
static bool same_rows(Value *x, Value *flat, Value *out) {
  Shape a = shape_of(x), b = shape_of(out), f = shape_of(flat);
  if (a.rank < 3 || a.rank != b.rank || f.rank != 2 || !sym_equal(f.dim[1], a.dim[a.rank - 1])) return false;
  for (int i = 0; i + 1 < a.rank; i++)
    if (!sym_equal(a.dim[i], b.dim[i])) return false;
  return true;
}

/* Is b one number, or one for each column? Then it broadcasts to any number of rows. */
static bool is_row(Value *b) {
  Shape s = shape_of(b);
  return s.rank == 0 || s.rank == 1 || (s.rank == 2 && sym_is(s.dim[0], 1));
}

static Outcome build(Rewriter *rw, Node *node, Value *x, Value *w, Value *bias) {
  Value *in[] = {x, w};
  const char *why;
  Value *y = rw_node(rw, OP_MatMul, 2, in)->out[0];
  if (bias) y = rw_node(rw, OP_Add, 2, (Value *[]){y, bias})->out[0];
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  rw_note(rw, "no view of rank 2 is needed");
  return FIRED;
}

/* Bitwise: without a sum, or with the same one. */
Outcome view_matmul(Rewriter *rw, Node *node) {
  Value *v = node_in(node, 0), *bias = NULL;
  Node *n = v ? v->producer : NULL, *add = NULL;
  TRY(n && node_out(node, 0));
  if (node_is(n, OP_Add)) {
    add = n;
    int i = node_in(add, 0) && node_is(node_in(add, 0)->producer, OP_MatMul) ? 0 : 1;
    bias = node_in(add, 1 - i);
    n = node_in(add, i) ? node_in(add, i)->producer : NULL;
  }
  TRY(node_is(n, OP_MatMul) && node_in(n, 1) && (!add || bias) && rank_of(node_in(n, 1)) == 2);
  Node *flat = reshape_above(node_in(n, 0));
  TRY(flat && node_in(flat, 0) && same_rows(node_in(flat, 0), flat->out[0], node->out[0]));
  rw_saw_from(rw, node, 1, (Value *[]){node_in(flat, 0)});
  NEED(node_is_inner(n) && (!add || node_is_inner(add)), "what lies between has other users");
  NEED(!bias || is_row(bias), "what is added differs from row to row");
  return build(rw, node, node_in(flat, 0), node_in(n, 1), bias);
}

/* W as MatMul wants it; NULL if that can't be had. */
static Value *plain_weights(Rewriter *rw, Node *gemm) {
  int64_t trans;
  Value *w = node_in(gemm, 1);
  Tensor *t = constant_of(w);
  if (!attr_int(gemm, "transB", &trans)) return NULL;
  if (!trans) return w;
  return t ? rw_const(rw, tx_transpose(rw_model(rw), t, 2, (int64_t[]){1, 0}), w->name->s) : NULL;
}

Outcome view_gemm(Rewriter *rw, Node *node) {
  Value *v = node_in(node, 0);
  Node *gemm = v ? v->producer : NULL;
  int64_t trans;
  float alpha, beta;
  TRY(node_is(gemm, OP_Gemm) && node_out(node, 0) && node_in(gemm, 1) && gemm->opset >= 7);
  Node *flat = reshape_above(node_in(gemm, 0));
  TRY(flat && node_in(flat, 0) && same_rows(node_in(flat, 0), flat->out[0], node->out[0]));
  TRY(attr_int(gemm, "transA", &trans) && attr_float(gemm, "alpha", &alpha) &&
      attr_float(gemm, "beta", &beta));
  Value *c = node_in(gemm, 2);
  rw_saw_from(rw, node, 1, (Value *[]){node_in(flat, 0)});
  NEED(node_is_inner(gemm), "the Gemm has other users");
  NEED(!trans && alpha == 1 && (!c || beta == 1), "the Gemm scales, or transposes its first operand");
  NEED(!c || is_row(c), "what is added differs from row to row");
  Value *w = plain_weights(rw, gemm);
  NEED(w, "its weights are transposed and not constant");
  const Node *gone[] = {gemm};
  const Value *made[] = {w};
  if (!rw_may_grow(rw, 1, gone, 1, made)) return MISSED;
  return build(rw, node, node_in(flat, 0), w, c);
}
