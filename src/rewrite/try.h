/* One try of one rule at one node, for the driver and for those who ask why it refuses. */
#ifndef REWRITE_TRY_H
#define REWRITE_TRY_H

#include "rewrite/match.h"
#include "rewrite/rewriter_int.h"

/* The parsed text of a rule; nothing in it for plain C rules. */
typedef struct RuleRef {
  const Pattern *match, *replace; /* replace NULL: the rule builds by itself */
} RuleRef;

RuleRef rule_parse(Arena *a, const Rule *r);

/* Builds what takes the place of a match whose guards hold. */
Outcome build_match(Rewriter *rw, const RuleRef *ref, const Rule *r, const Match *m);
/* Every orientation of the commutative operators, with the guards for each. */
Outcome try_pattern(Rewriter *rw, const RuleRef *ref, const Rule *r, Node *n);
/* Would the measure fall, once orphans are gone? */
bool shrinks(Rewriter *rw, Measure before);

#endif
