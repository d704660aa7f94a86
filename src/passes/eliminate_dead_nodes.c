/* eliminate_dead_nodes
 *
 * Before:    y = Op(x), and nobody reads any output of it; y, z = Op(x) with an optional output z that nobody
 *            reads; an If whose condition is constant; a Loop that runs never or once; outputs of If, Loop
 *            and Scan that nobody reads; a value that a Loop carries from one iteration to the next as it is
 * After:     nothing; y = Op(x); the branch that is taken, the body, in place of the node; If, Loop and Scan
 *            without the output, the value, and what computes them
 * When not:  an output is a graph output or a --keep name; a custom operator (it may have effects); a Loop
 *            that never runs and whose scan outputs are in use, if their dims are not known
 * Exactness: bitwise
 *
 * What is about bodies is in bodies/.
 */
#include "passes/bodies/bodies.h"

/* Optional outputs: those behind the ones an operator must have, in any of its versions. */
static Outcome drop_outputs(Rewriter *rw, Node *node) {
  TRY(node->op && !node->callee && node->op->max_out > node->op->min_out &&
      !(node->op->facts & (OP_COUNTS_OUTPUTS | OP_CONTROL | OP_EFFECT)));
  int dropped = 0;
  for (int i = node->n_out - 1; i >= node->op->min_out; i--) {
    const Value *v = node->out[i];
    if (!v || v->n_uses || v->n_outputs || v->keep) continue;
    rw_drop_output(rw, node, i);
    dropped++;
  }
  TRY(dropped);
  rw_note(rw, "%d output%s nobody reads", dropped, dropped > 1 ? "s" : "");
  return FIRED;
}

static Outcome remove_dead(Rewriter *rw, Node *node) {
  for (int i = 0; i < node->n_out; i++) {
    const Value *v = node->out[i];
    TRY(!v || (!v->n_uses && !v->n_outputs));
  }
  for (int i = 0; i < node->n_out; i++)
    NEED(!node->out[i] || !node->out[i]->keep, "'%s' is kept (--keep)", node->out[i]->name->s);
  NEED(rw_remove(rw, node), "a custom operator may have effects");
  rw_note(rw, "removed");
  return FIRED;
}

static const Rule rules[] = {
    {.name = "constant-if", .doc = "If(constant) => its branch", .apply = bodies_inline_if, .roots = {OP_If}},
    {.name = "short-loop",
     .doc = "Loop that runs never or once => its body",
     .apply = bodies_inline_loop,
     .roots = {OP_Loop}},
    {.name = "remove-dead-node", .doc = "removes a node whose outputs nobody reads", .apply = remove_dead},
    {.name = "unused-body-output",
     .doc = "outputs of If, Loop and Scan that nobody reads, and what computes them => nothing",
     .apply = bodies_unused_output,
     .roots = {OP_If, OP_Loop, OP_Scan}},
    {.name = "loop-invariant",
     .doc = "a value that a Loop hands on as it is => the value before the Loop",
     .apply = bodies_loop_invariant,
     .roots = {OP_Loop}},
    {.name = "unused-output", .doc = "leaves out optional outputs that nobody reads", .apply = drop_outputs},
};

const Pass pass_eliminate_dead_nodes = {
    "eliminate_dead_nodes", "removes nodes whose outputs nobody reads, in bodies and functions too",
    PASS_RULES(rules), .lowers = OP_Loop};
