/* What a rewrite may add to the constants, over those that it takes away (Law 4). */
#include "rewrite/rewriter_int.h"

enum { MAX_GONE = 64 }; /* nodes that go with a rewrite, as far as we look for constants */

/* Nodes that go away, the given ones first and then those that only they read. */
typedef struct Gone {
  const Node *at[MAX_GONE];
  int n;
} Gone;

static bool is_gone(const Gone *g, const Node *n) {
  for (int i = 0; i < g->n; i++)
    if (g->at[i] == n) return true;
  return false;
}

/* Does nothing else read v, and may it go? */
static bool goes_too(const Gone *g, const Value *v) {
  if (v->n_outputs || v->keep || value_overridable(v)) return false;
  for (const Use *u = v->uses; u; u = u->next)
    if (!is_gone(g, u->node)) return false;
  return true;
}

static bool goes_whole(const Gone *g, const Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && !goes_too(g, n->out[i])) return false;
  return true;
}

uint64_t rw_bytes_freed(Rewriter *rw, int n, const Node *const *gone) {
  Gone g = {.n = n < MAX_GONE ? n : MAX_GONE};
  for (int i = 0; i < g.n; i++) g.at[i] = gone[i];
  Map seen;
  map_init(&seen, rw->scratch);
  uint64_t bytes = 0;
  for (int i = 0; i < g.n; i++) /* grows while constants are looked at */
    for (int k = 0; k < g.at[i]->n_in; k++) {
      Value *v = node_in(g.at[i], k);
      if (!v || map_get(&seen, map_key(v)) || !goes_too(&g, v)) continue;
      map_put(&seen, map_key(v), v);
      const Tensor *t = v->producer && !node_is(v->producer, OP_Constant) ? NULL : value_literal(v);
      if (t)
        bytes += t->nbytes;
      else if (v->producer && constant_of(v) && goes_whole(&g, v->producer) && !is_gone(&g, v->producer) &&
               g.n < MAX_GONE)
        g.at[g.n++] = v->producer;
    }
  return bytes;
}

bool rw_may_grow(Rewriter *rw, int n_gone, const Node *const *gone, int n_made, const Value *const *made) {
  uint64_t added = 0, freed = rw_bytes_freed(rw, n_gone, gone);
  for (int i = 0; i < n_made; i++)
    if (made[i] && !made[i]->n_uses && !made[i]->n_outputs) added += value_literal(made[i])->nbytes;
  if (added <= freed || added - freed <= rw_max_growth(rw)) return true;
  rw_missed(rw, gone[0], "the file would grow by %llu bytes (--max-growth %llu)",
            (unsigned long long)(added - freed), (unsigned long long)rw_max_growth(rw));
  return false;
}
