/* Why nodes are still there: every rule, also those that are off, tried at every node; nothing is changed. */
#ifndef REWRITE_EXPLAIN_H
#define REWRITE_EXPLAIN_H

#include "rewrite/driver.h"

typedef struct Refusal {
  const Pass *pass;
  const Rule *rule;
  const Node *root;
  const char *reason;      /* of the first guard that refuses, or why the rule is off if none does */
  bool off;                /* it is not enabled, or the run stopped before it */
  size_t guards;           /* how many refuse; a plain C rule stops at its first */
  bool all_asked;          /* there are no others */
  Vec(const Node *) nodes; /* of the match as far as they are known, the root first */
} Refusal;

typedef Vec(Refusal) Refusals;

/* Is one thing in the way, a guard or that the rule is off? */
static inline bool refusal_is_close(const Refusal *r) {
  return r->guards + r->off == 1;
}

/* A rule, and why it is off; NULL: it is enabled. */
typedef struct RuleState {
  const Pass *pass;
  const Rule *rule;
  const char *off;
} RuleState;

/* By node, and then in the order of the rules; in the model's arena. o: as in the run whose result m is. */
Refusals rewrite_explain(Model *m, const RunOptions *o, const RuleState *rules, size_t n_rules);

/* Is a rule tried on n? */
bool rule_starts_at(Arena *scratch, const Rule *r, const Node *n);

#endif
