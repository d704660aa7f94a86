/* Products: MatMul and Gemm. */
#include "passes/transposes/spread.h"

/* The rows of a are all its axes but the last one where b is a matrix: they may move among each other. */
static bool moves_rows(const Node *n, const Perm *p) {
  return rank_of(node_in(n, 1)) == 2 && rank_of(node_in(n, 0)) == p->n && perm_keeps_from(p, p->n - 1);
}

/* Does p exchange the last two axes and keep the others where they are? */
static bool exchanges_last(const Perm *p) {
  if (p->n < 2 || p->at[p->n - 1] != p->n - 2 || p->at[p->n - 2] != p->n - 1) return false;
  for (int i = 0; i < p->n - 2; i++)
    if (p->at[i] != i) return false;
  return true;
}

/* a^T v = v a, and v a^T = a v, where v is a vector: the product takes the Transpose in. */
static const char *by_vector(Spread *s, int slot, const Perm *p) {
  if (!s->may_round) return "its additions may come in another order, which rounds";
  s->in[slot] = *p;
  return NULL;
}

/* (a b)^T = b^T a^T: a MatMul whose result is transposed reads its operands in the other order. Asked only
 * from the result: a runtime's product transposes its operands for nothing, its result it does not. */
static const char *matmul(Spread *s, int slot, const Perm *p) {
  Node *n = s->node;
  Value *a = node_in(n, 0), *b = node_in(n, 1);
  int rank = rank_of(n->out[0]);
  if (slot >= 0 && a && b && rank_of(slot ? a : b) == 1 && exchanges_last(p)) return by_vector(s, slot, p);
  if (!a || !b || rank < p->n || rank > MAX_AXES || rank_of(a) < 2 || rank_of(b) < 2)
    return "the ranks of its operands are not known";
  if (slot <= 0 && moves_rows(n, p)) {
    s->in[0] = s->out[0] = *p;
    return NULL;
  }
  bool exchanged = slot < 0 && exchanges_last(p);
  if (exchanged && !s->may_round) return "its additions may come in another order, which rounds";
  if (p->n < 2 || (!exchanged && !perm_keeps_from(p, p->n - 2))) return "MatMul fixes the last two axes";
  Perm out = perm_widen(p, rank);
  if (!spread_operand(&out, a, &s->in[0]) || !spread_operand(&out, b, &s->in[1]))
    return "an operand of lower rank is computed";
  if (exchanged && (!s->in[0].n || !s->in[1].n)) return "an operand has axes of size 1 only";
  if (slot >= 0 && !s->in[slot].n) return "the operand does not change";
  s->out[0] = out;
  return NULL;
}

static void exchange_operands(Rewriter *rw, const Spread *s, Value **in) {
  (void)rw, (void)s;
  Value *a = in[0];
  in[0] = in[1];
  in[1] = a;
}

static void matmul_operands(Rewriter *rw, const Spread *s, Value **in) {
  bool takes_vector = !s->out[0].n && (exchanges_last(&s->in[0]) || exchanges_last(&s->in[1]));
  if (takes_vector || exchanges_last(&s->out[0])) exchange_operands(rw, s, in);
}

/* A Gemm absorbs the Transpose of an operand by itself; that of its result if the operands change places and
 * C is transposed. */
static const char *gemm(Spread *s, int slot, const Perm *p) {
  Node *n = s->node;
  if (n->opset < 7 || !exchanges_last(p) || !node_in(n, 1)) return "Gemm can't absorb it";
  if (slot == 0 || slot == 1) {
    s->in[slot] = *p;
    return NULL;
  }
  if (slot > 0) return "C broadcasts to the result";
  if (!s->may_round) return "its additions may come in another order, which rounds";
  s->out[0] = *p;
  if (node_in(n, 2) && !spread_operand(p, node_in(n, 2), &s->in[2])) return "C of lower rank is computed";
  return NULL;
}

static void gemm_operands(Rewriter *rw, const Spread *s, Value **in) {
  if (s->out[0].n) exchange_operands(rw, s, in);
}

static void gemm_flags(Rewriter *rw, const Spread *s, Node *copy) {
  static const char *const name[] = {"transA", "transB"};
  int64_t flag[2] = {0, 0};
  for (int i = 0; i < 2; i++) attr_int(s->node, name[i], &flag[i]);
  for (int i = 0; i < 2; i++) {
    bool was = flag[s->out[0].n ? 1 - i : i], flips = s->out[0].n || s->in[i].n;
    if (was != flips)
      rw_attr_int(rw, copy, name[i], 1);
    else
      rw_attr_remove(rw, copy, name[i]);
  }
}

const Family spread_matmul = {matmul, matmul_operands, NULL}, spread_gemm = {gemm, gemm_operands, gemm_flags};
