/* eliminate_redundant_transposes
 *
 * Before:    Transpose(Transpose(x, p), q)
 * After:     Transpose(x, r) with r[i] = p[q[i]]; x itself if r keeps the order
 * When not:  a permutation is not known (no perm attribute and no known rank); the first Transpose is needed
 *            elsewhere too and the pair does not cancel (nothing would be saved)
 * Exactness: bitwise
 */
#include "passes/passes.h"

/* The permutation of a Transpose; the default reverses the axes. NULL if it depends on an unknown rank. */
static const int64_t *perm_of(const Node *n, Arena *a, size_t *rank) {
  const int64_t *perm;
  if (attr_ints(n, "perm", &perm, rank)) return perm;
  int r = rank_of(node_in(n, 0));
  if (r < 0) return NULL;
  int64_t *reversed = NEW_ARRAY(a, int64_t, r);
  for (int i = 0; i < r; i++) reversed[i] = r - 1 - i;
  *rank = (size_t)r;
  return reversed;
}

static Outcome compose(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0);
  Node *first = x ? x->producer : NULL;
  TRY(node_is(first, OP_Transpose) && node_in(first, 0) && node_out(node, 0));
  size_t rank, rank_first;
  const int64_t *q = perm_of(node, rw_scratch(rw), &rank);
  const int64_t *p = perm_of(first, rw_scratch(rw), &rank_first);
  NEED(p && q && rank == rank_first, "a permutation is not known");
  int64_t *r = NEW_ARRAY(rw_scratch(rw), int64_t, rank);
  bool identity = true;
  for (size_t i = 0; i < rank; i++) {
    NEED(q[i] >= 0 && (size_t)q[i] < rank, "perm is not a permutation");
    r[i] = p[q[i]];
    identity = identity && r[i] == (int64_t)i;
  }
  Value *source = node_in(first, 0);
  if (identity) {
    const char *why;
    NEED(rw_can_replace(rw, node->out[0], source, &why), "%s", why);
    rw_replace(rw, node->out[0], source);
    rw_note(rw, "cancels with %s", node_label(first));
    return FIRED;
  }
  NEED(node_is_inner(first), "the first Transpose is needed elsewhere too, and the pair does not cancel");
  rw_set_input(rw, node, 0, source);
  rw_attr_ints(rw, node, "perm", r, rank);
  rw_note(rw, "composed with %s", node_label(first));
  return FIRED;
}

static const Rule rules[] = {
    {.name = "compose-transposes",
     .doc = "Transpose(Transpose(x)) => Transpose(x) or x",
     .apply = compose,
     .roots = {OP_Transpose}},
};

const Pass pass_eliminate_redundant_transposes = {"eliminate_redundant_transposes",
                                                  "cancels and composes consecutive Transposes", PASS_RULES(rules)};
