/* eliminate_unused_initializers
 *
 * Before:    an initializer that no node reads and that is no graph output
 * After:     nothing
 * When not:  callers can override it (it is part of the interface), or --keep names it
 * Exactness: bitwise
 */
#include "passes/passes.h"

static size_t remove_unused(Rewriter *rw, Graph *g) {
  size_t removed = 0;
  for (size_t i = 0; i < g->inits.n; i++) {
    Value *v = g->inits.at[i];
    if (!v->is_initializer || !v->init || v->n_uses || v->n_outputs || v->keep || value_overridable(v))
      continue;
    rw_remove_initializer(rw, v);
    removed++;
  }
  if (removed) rw_note(rw, "%zu removed", removed);
  return removed;
}

static const Rule rules[] = {
    {.name = "remove-unused-initializer",
     .doc = "removes initializers that nobody reads",
     .sweep = remove_unused},
};

const Pass pass_eliminate_unused_initializers = {"eliminate_unused_initializers",
                                                 "removes initializers that nobody reads", PASS_RULES(rules)};
