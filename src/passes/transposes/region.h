/* A region: the part of a graph around one Transpose that can compute in either of two layouts.
 *
 * Layout A is that of the Transpose's operand, layout B that of its result. What one Transpose of the kind in
 * question turns into another are two presentations of the same data, a *net*: it has one producer, readers,
 * and a permutation that leads from its A to its B. A *member* is a value of a net; it is in one of the two
 * layouts. Nodes between the nets that have a counterpart in the other layout (spread.h) are free to change;
 * all others keep the layout of the members they touch.
 *
 * A net whose producer and readers are not all of one layout costs a Transpose, so the cheapest assignment of
 * layouts is a minimum cut (Formula: nodes first, then transposed bytes, then as few changes as possible).
 */
#ifndef PASSES_TRANSPOSES_REGION_H
#define PASSES_TRANSPOSES_REGION_H

#include "passes/transposes/cut.h"
#include "passes/transposes/spread.h"

enum { MAX_REGION = 1024 }; /* free nodes; what lies further away keeps its layout */

typedef enum Layout { LAYOUT_A, LAYOUT_B } Layout;

typedef struct Net Net;
typedef struct Free Free;

typedef struct Member {
  Value *value;
  Net *net;
  Layout layout;
} Member;

struct Net {
  Perm to_b;             /* Transpose(A, to_b) is B */
  Value *root;           /* the member that is no Transpose of another */
  Free *producer;        /* of the root; NULL: its layout is fixed */
  Vec(Member *) members; /* the root first, then in the order of the graph */
  Vec(Free *) readers;
  bool fixed[2];        /* somebody reads it in this layout and can't read the other */
  bool misread[2];      /* in this layout no Transpose may stand in front of who reads it */
  const char *named[2]; /* that member's name is part of the interface */
  Value *at[2];         /* while rewriting: the presentations there are */
};

/* A node that can change its layout. */
struct Free {
  Node *node;
  Layout layout;  /* what it has */
  bool flips;     /* what it gets is the other one */
  bool transpose; /* a Transpose of another kind: yields either layout, and may read either */
  Spread spread;
  Net **in, **out; /* by slot; NULL: not permuted */
  int vertex;
};

typedef struct Region {
  Rewriter *rw;
  Arena *arena;
  Graph *graph;
  bool may_round;
  Map members, free, walls; /* Value -> Member, Node -> Free, Node -> why it keeps its layout */
  Vec(Net *) nets;
  Vec(Free *) nodes;
  Vec(Node *) transposes; /* between members of one net */
  Vec(Node *) others;     /* other Transposes that read a member */
  Map reused;             /* while rewriting: Transposes that stay, or whose name is taken */
  const char *wall;       /* the first refusal */
  uint64_t nodes_before, nodes_after, bytes_before, bytes_after;
} Region;

/* Everything around the Transpose whose permutation is p. */
void region_grow(Region *r, Rewriter *rw, Node *transpose, const Perm *p, bool may_round);
/* Assigns the layouts. True if that saves Transposes, or bytes that they move. */
bool region_solve(Region *r);
/* Rewrites the graph. False, with the reason: it can't be done (the edits are to be undone). */
bool region_apply(Region *r, const char **why);

Member *region_member(const Region *r, const Value *v);
Free *region_free(const Region *r, const Node *n);
/* Is it one of region->transposes, and its result a member? */
bool region_inside(const Region *r, const Node *transpose);
/* Is a Transpose left between the net's producer and one of its readers, as the layouts are assigned? */
bool net_is_parted(const Region *r, const Net *net);
/* From layout `from` to the other one. */
Perm net_perm(const Net *net, Layout from);

static inline Layout other_layout(Layout l) {
  return l == LAYOUT_A ? LAYOUT_B : LAYOUT_A;
}
static inline Layout final_layout(const Free *f) {
  return f->flips ? other_layout(f->layout) : f->layout;
}

#endif
