/* eliminate_redundant_transposes
 *
 * Before:    Transpose(Transpose(x, p), q)
 * After:     Transpose(x, r) with r[i] = p[q[i]]; x itself if r keeps the order
 * When not:  a permutation is not known (no perm attribute and no known rank); the first Transpose is needed
 *            elsewhere too and the pair does not cancel (nothing would be saved)
 * Exactness: bitwise
 *
 * Before:    Transposes around nodes that can compute in either layout:
 *            Conv -> Transpose -> Add(c) -> Sigmoid -> Concat(axis 3) -> Transpose -> Conv
 * After:     Conv -> Add(Transpose(c)) -> Sigmoid -> Concat(axis 1) -> Conv
 * Formula:   transposes/region.h: the layouts of a whole region are chosen at once, by a minimum cut
 * When not:  no other choice has fewer Transposes, or as few that move fewer bytes; what ends a region
 *            (operators that fix their layout, graph inputs and outputs, custom operators, bodies,
 *            operands of unknown rank, computed axes) is in the reason
 * Exactness: bitwise; rounding through reductions of floats, whose additions may come in another order,
 *            and where the operands of a product change places
 *
 * Before:    Transpose(Reshape(Transpose(Reshape(x))))
 * After:     Reshape(Transpose(Reshape(x))), of finer axes: transposes/across.c
 * Exactness: bitwise
 *
 * Before:    Transpose of axes of size 1 only
 * After:     Reshape, which copies nothing
 * When not:  its target would have to be computed; a region can do without it
 * Exactness: bitwise
 */
#include "passes/passes.h"
#include "passes/transposes/across.h"
#include "passes/transposes/region.h"

static Outcome compose(Rewriter *rw, Node *node) {
  Value *x = node_in(node, 0);
  Node *first = x ? x->producer : NULL;
  TRY(node_is(first, OP_Transpose) && node_in(first, 0) && node_out(node, 0));
  Perm p, q;
  NEED(perm_of(node, &q) && perm_of(first, &p) && p.n == q.n, "a permutation is not known");
  Perm r = perm_then(&p, &q);
  Value *source = node_in(first, 0);
  if (perm_is_identity(&r)) {
    const char *why;
    NEED(rw_can_replace(rw, node->out[0], source, &why), "%s", why);
    rw_replace(rw, node->out[0], source);
    rw_note(rw, "cancels with %s", node_label(first));
    return FIRED;
  }
  NEED(node_is_inner(first), "the first Transpose is needed elsewhere too, and the pair does not cancel");
  int64_t at[MAX_AXES];
  for (int i = 0; i < r.n; i++) at[i] = r.at[i];
  rw_set_input(rw, node, 0, source);
  rw_attr_ints(rw, node, "perm", at, (size_t)r.n);
  rw_note(rw, "composed with %s", node_label(first));
  return FIRED;
}

/* --- regions ---------------------------------------------------------------------------------------------
 */

/* Why a Transpose stays, as long as nothing is rewritten. */
typedef struct Verdict {
  uint64_t rewrites;
  const char *why;
} Verdict;

static void pronounce(Rewriter *rw, const Node *transpose, const char *why) {
  Verdict *v = NEW(rw_arena(rw), Verdict);
  *v = (Verdict){rw_rewrites(rw), why};
  map_put(rw_table(rw), map_key(transpose), v);
}

/* The verdict holds for all Transposes of the kind in the region. */
static Outcome refuse(Rewriter *rw, const Region *r, Node *node, const char *why) {
  why = arena_printf(rw_arena(rw), "%s%s%s", why, r->wall ? "; " : "", r->wall ? r->wall : "");
  pronounce(rw, node, why);
  for (size_t i = 0; i < r->transposes.n; i++) pronounce(rw, r->transposes.at[i], why);
  return rw_missed(rw, node, "%s", why);
}

static size_t count_flips(const Region *r) {
  size_t n = 0;
  for (size_t i = 0; i < r->nodes.n; i++) n += r->nodes.at[i]->flips;
  return n;
}

static Outcome push(Rewriter *rw, Node *node, bool may_round) {
  Perm p;
  const char *why;
  TRY(node_in(node, 0) && node_out(node, 0) && !constant_of(node_in(node, 0)));
  NEED(perm_of(node, &p), "its permutation is not known");
  TRY(!perm_is_identity(&p));
  const Verdict *v = map_get(rw_table(rw), map_key(node));
  if (v && v->rewrites == rw_rewrites(rw)) return rw_missed(rw, node, "%s", v->why);
  Region r;
  region_grow(&r, rw, node, &p, may_round);
  if (!region_solve(&r)) return refuse(rw, &r, node, "no layout of the nodes around it saves anything");
  rw_note(rw, "nodes in another layout: %zu; Transposes by %s or back: %llu before, %llu after",
          count_flips(&r), perm_text(rw_scratch(rw), &p), (unsigned long long)r.nodes_before,
          (unsigned long long)r.nodes_after);
  if (!region_apply(&r, &why)) return refuse(rw, &r, node, why);
  return FIRED;
}

static Outcome push_exact(Rewriter *rw, Node *node) {
  return push(rw, node, false);
}

static Outcome push_rounding(Rewriter *rw, Node *node) {
  return push(rw, node, true);
}

/* --- axes of size 1 --------------------------------------------------------------------------------------
 */

static Outcome to_reshape(Rewriter *rw, Node *node) {
  Perm p;
  int64_t target[MAX_AXES];
  Value *x = node_in(node, 0);
  TRY(x && node_out(node, 0) && node->opset >= 5 && perm_of(node, &p) && !perm_is_identity(&p));
  Shape in = shape_of(x), out = shape_of(node->out[0]);
  TRY(in.rank == p.n && out.rank == p.n && spread_keeps_order(&p, in));
  NEED(spread_target(in, out, target),
       "only axes of size 1 move, but the target of a Reshape would have to be computed");
  Value *operands[2] = {x, rw_const_ints(rw, target, (size_t)p.n)};
  Value *now = rw_node(rw, OP_Reshape, 2, operands)->out[0];
  const char *why;
  NEED(rw_can_replace(rw, node->out[0], now, &why), "%s", why);
  rw_replace(rw, node->out[0], now);
  rw_note(rw, "only axes of size 1 move: no element has to");
  return FIRED;
}

static const Rule rules[] = {
    {.name = "compose-transposes",
     .doc = "Transpose(Transpose(x)) => Transpose(x) or x",
     .apply = compose,
     .roots = {OP_Transpose}},
    {.name = "push-transposes",
     .doc = "Transposes around nodes of either layout => fewer, or of fewer bytes",
     .apply = push_exact,
     .roots = {OP_Transpose},
     .late = true},
    {.name = "push-transposes-rounding",
     .doc = "the same, through reductions and products whose additions change their order",
     .exact = ROUNDING,
     .apply = push_rounding,
     .roots = {OP_Transpose},
     .late = true},
    {.name = "transposes-across-reshape",
     .doc = "Transpose(Reshape(Transpose(Reshape(x)))) => Reshape(Transpose(Reshape(x))) of finer axes",
     .apply = transposes_across_reshape,
     .roots = {OP_Transpose},
     .late = true}, /* what can be pushed away need not be merged */
    {.name = "transpose-to-reshape",
     .doc = "Transpose that moves only axes of size 1 => Reshape",
     .apply = to_reshape,
     .roots = {OP_Transpose},
     .late = true},
};

const Pass pass_eliminate_redundant_transposes = {
    "eliminate_redundant_transposes", "cancels, composes and pushes Transposes", PASS_RULES(rules)};
