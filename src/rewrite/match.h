/* Matching a parsed pattern against the graph. */
#ifndef REWRITE_MATCH_H
#define REWRITE_MATCH_H

#include "base/vec.h"
#include "rewrite/pattern.h"
#include "rewrite/rule.h"

/* Does the pattern fit with `root` as its last node, commutative operators turned as the bits of
 * `orientation` say (0 .. 2^n_commutes - 1)? Fills m. */
bool pattern_match(const Pattern *p, Node *root, unsigned orientation, Match *m);

/* Builds a replacement in front of the root; NULL after rw_missed(): an operator of it can't be had here. */
Value *pattern_build(Rewriter *rw, const Pattern *replace, const Match *m);

/* Is n of an operator that the pattern, or part of it, names? */
bool pattern_names(const Pat *pat, const Node *n);

/* What a match finds on its way when it is not to stop at conditions other than operators and operands. */
typedef struct MatchTrace {
  Arena *arena;
  Vec(const Node *) nodes;    /* those of the pattern, the root first */
  Vec(const char *) refusals; /* conditions that do not hold: other readers, values that are not constant */
  bool unbound;               /* a constant is missing, so that guards can't be asked */
} MatchTrace;

/* The same as pattern_match(), with a trace. */
bool pattern_trace(const Pattern *p, Node *root, unsigned orientation, Match *m, MatchTrace *trace);

#endif
