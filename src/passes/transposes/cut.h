/* Minimum cut of a small directed graph: the cheapest set of edges that parts the source from the sink. */
#ifndef PASSES_TRANSPOSES_CUT_H
#define PASSES_TRANSPOSES_CUT_H

#include "base/vec.h"

enum { CUT_SOURCE, CUT_SINK };
#define CUT_NEVER (INT64_MAX / 4) /* capacity of an edge that must not be cut */

typedef struct CutEdge {
  int to;
  int next; /* of the same vertex, -1 at the end; edge e ^ 1 leads back */
  int64_t left;
} CutEdge;

typedef struct Cut {
  Arena *arena;
  Vec(int) first; /* by vertex */
  Vec(CutEdge) edges;
  int *level, *at; /* of the search in progress */
} Cut;

void cut_init(Cut *c, Arena *a); /* with source and sink */
int cut_vertex(Cut *c);
/* Cutting u (source side) from v (sink side) costs `forward`, the other way round `backward`. */
void cut_edge(Cut *c, int u, int v, int64_t forward, int64_t backward);
/* Afterwards cut_with_source() tells the sides; of several cheapest cuts it is the one with the fewest
 * vertices on the source's side. */
void cut_solve(Cut *c);
bool cut_with_source(const Cut *c, int v);

#endif
