/* eliminate_dead_nodes
 *
 * Before:    y = Op(x), and nobody reads any output of it
 * After:     nothing
 * When not:  an output is a graph output or a --keep name; a custom operator (it may have effects)
 * Exactness: bitwise
 */
#include "passes/passes.h"

static Outcome remove_dead(Rewriter *rw, Node *node) {
  for (int i = 0; i < node->n_out; i++) {
    const Value *v = node->out[i];
    TRY(!v || (!v->n_uses && !v->n_outputs));
  }
  for (int i = 0; i < node->n_out; i++) NEED(!node->out[i] || !node->out[i]->keep, "'%s' is kept (--keep)", node->out[i]->name->s);
  NEED(rw_remove(rw, node), "a custom operator may have effects");
  rw_note(rw, "removed");
  return FIRED;
}

static const Rule rules[] = {
    {.name = "remove-dead-node", .doc = "removes a node whose outputs nobody reads", .apply = remove_dead},
};

const Pass pass_eliminate_dead_nodes = {
    "eliminate_dead_nodes", "removes nodes whose outputs nobody reads, in bodies and functions too", PASS_RULES(rules)};
