/* einsum_to_matmul
 *
 * Before:    Einsum <equation = "bhqd,bhkd->bhqk"> (a, c)
 * After:     MatMul(a, Transpose(c)); in general Transpose, Unsqueeze, Reshape and ReduceSum of the operands,
 *            MatMul or Mul, Transpose of the result. More operands are taken from left to right
 * Formula:   labels of one operand that the result lacks are summed first. Labels of both that it lacks are
 *            what MatMul sums (several become one axis by Reshape); a label of each operand's own is the row
 *            or column, all others are leading axes, which broadcast. Where an operand has no label of its
 *            own it is Mul and ReduceSum
 * When not:  a label stands twice in a term (a diagonal); the rank of an operand is not known; a summed axis
 *            is not proven to be of one size in both; more than one node takes its place, and nobody asked
 *            for the pass by name
 * Exactness: bitwise for a Transpose and for integers, else rounding (the order of a sum is the kernel's, and
 *            whether the sum of one -0.0 is 0.0)
 */
#include "passes/einsum/contract.h"

static bool is_supported(ElemType t) {
  return t == DT_FLOAT || t == DT_FLOAT16 || t == DT_DOUBLE || t == DT_INT32 || t == DT_INT64;
}

/* Does the equation only move elements? */
static bool is_transpose(const Equation *eq) {
  return eq->n_in == 1 && eq->in[0].n == eq->out.n;
}

/* What the product of the first i + 1 operands must keep: labels of the result and of operands to come. */
static Labels kept_behind(const Equation *eq, int i, const Operand *so_far) {
  Labels all = so_far->axes, kept = {0};
  if (i == eq->n_in - 1) return eq->out;
  for (int k = 0; k < eq->in[i].n; k++) label_add(&all, eq->in[i].at[k]);
  for (int k = 0; k < all.n; k++) {
    bool needed = label_in(&eq->out, all.at[k]);
    for (int later = i + 1; later < eq->n_in; later++) needed = needed || label_in(&eq->in[later], all.at[k]);
    if (needed) label_add(&kept, all.at[k]);
  }
  return kept;
}

static Value *build(Build *b, const Node *node, const Equation *eq) {
  Operand result = {node_in(node, 0), eq->in[0]};
  if (eq->n_in == 1) return reduce_to(b, &result, &eq->out) ? result.v : NULL;
  for (int i = 1; i < eq->n_in; i++) {
    Labels kept = kept_behind(eq, i, &result);
    if (!contract(b, result, (Operand){node_in(node, i), eq->in[i]}, &kept, &result)) return NULL;
  }
  return result.v;
}

static Outcome expand(Rewriter *rw, Node *node, bool may_round) {
  Span text;
  int rank[MAX_OPERANDS] = {0};
  Equation eq;
  const char *why;
  TRY(node_out(node, 0) && attr_string(node, "equation", &text));
  for (int i = 0; i < node->n_in && i < MAX_OPERANDS; i++) {
    TRY(node_in(node, i));
    rank[i] = rank_of(node_in(node, i));
  }
  bool valid = equation_read(text, node->n_in, rank, &eq, &why);
  ElemType t = dtype_of(node->out[0]);
  bool exact = valid && (is_transpose(&eq) || elem_is_int(t));
  TRY(exact != may_round);
  NEED(valid, "%s", why);
  NEED(is_supported(t), "the element type %s", elem_name(t));
  Build b = {.rw = rw, .opset = node->opset};
  Value *v = build(&b, node, &eq);
  NEED(v, "%s", b.why);
  NEED(b.nodes <= 1 || rw_asked(rw), "it would become %d nodes (--decompose=einsum_to_matmul)", b.nodes);
  NEED(rw_can_replace(rw, node->out[0], v, &why), "%s", why);
  rw_note(rw, "%.*s", (int)text.n, (const char *)text.p);
  rw_replace(rw, node->out[0], v);
  return FIRED;
}

static Outcome expand_exact(Rewriter *rw, Node *node) {
  return expand(rw, node, false);
}

static Outcome expand_rounding(Rewriter *rw, Node *node) {
  return expand(rw, node, true);
}

static const Rule rules[] = {
    {.name = "einsum-exact",
     .doc = "Einsum of one operand that sums nothing => Transpose; of integers => Transpose, Reshape, "
            "MatMul, Mul, ReduceSum",
     .apply = expand_exact,
     .roots = {OP_Einsum}},
    {.name = "einsum",
     .doc = "Einsum => Transpose, Reshape, MatMul, Mul, ReduceSum",
     .exact = ROUNDING,
     .apply = expand_rounding,
     .roots = {OP_Einsum}},
};

const Pass pass_einsum_to_matmul = {
    "einsum_to_matmul",
    "replaces Einsum by one MatMul, Mul, Transpose or ReduceSum; asked for by name, by several",
    PASS_RULES(rules), .lowers = OP_Einsum};
