/* Matching a parsed pattern against the graph. */
#ifndef REWRITE_MATCH_H
#define REWRITE_MATCH_H

#include "rewrite/pattern.h"
#include "rewrite/rule.h"

/* Does the pattern fit with `root` as its last node, commutative operators turned as the bits of
 * `orientation` say (0 .. 2^n_commutes - 1)? Fills m. */
bool pattern_match(const Pattern *p, Node *root, unsigned orientation, Match *m);

/* Builds a replacement in front of the root; NULL after rw_missed(): an operator of it can't be had here. */
Value *pattern_build(Rewriter *rw, const Pattern *replace, const Match *m);

#endif
