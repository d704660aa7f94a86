/* What became of the nodes, step by step, for those who want to show it. Costs nothing where nobody asks. */
#ifndef REWRITE_HISTORY_H
#define REWRITE_HISTORY_H

#include "rewrite/journal.h"

typedef Vec(const Node *) NodeList; /* nodes stay in the model's memory when they are dead */

/* One rewrite, or what a phase did. */
typedef struct HistoryStep {
  const char *pass, *rule; /* static */
  const char *node, *text; /* of the remark; NULL for phases */
  int64_t bytes;           /* change of the constants' bytes */
  NodeList removed, made, changed;
} HistoryStep;

typedef struct History {
  Arena *arena;
  Vec(HistoryStep) steps;
  NodeList alive; /* by id; NULL: not in the model (any more) */
  Map seen;       /* Node -> number of the step that touched it last, from 1 */
} History;

/* The model as it is before anything happens. */
void history_init(History *h, Arena *a, Model *m);
/* A step if nodes came or went since the last one; pass and rule are static. */
void history_phase(History *h, Model *m, const char *pass, const char *rule);
/* A copy of *step, to which the nodes are added that the edits since the last commit changed: those that stay
 * and whose id is below first_made. */
void history_rewrite(History *h, const Journal *j, uint32_t first_made, HistoryStep *step);

#endif
