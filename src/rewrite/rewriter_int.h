/* Inside of the Rewriter, shared by rewriter.c (edits), driver.c (when to try what) and session.c (phases).
 */
#ifndef REWRITE_REWRITER_INT_H
#define REWRITE_REWRITER_INT_H

#include "rewrite/driver.h"
#include "rewrite/journal.h"

struct Rewriter {
  Model *m;
  const RunOptions *o;
  Arena *arena;   /* of the run */
  Arena *scratch; /* of one try */
  Journal journal;
  RunResult *result;

  /* the try in progress */
  size_t rule; /* index into result->rules */
  Node *root, *at;
  uint32_t first_value;         /* ids of values from here on were made by this rewrite */
  uint32_t first_node;          /* the same of nodes */
  Vec(Node *) made;             /* nodes made by this rewrite */
  Vec(Value *) loosened;        /* values that lost a use */
  Vec(Node *) touched;          /* nodes that read something else now */
  Vec(const Node *) seen_nodes; /* what rw_saw() was told, with o->explain */
  const char *why;              /* reason of the last refusal, in the run's arena */
  const char *note;
  const char *impossible; /* why what it built is not valid here */

  /* worklist: a queue */
  Node **queue;
  size_t head, tail, cap;

  bool seen[OP_COUNT_]; /* operators that nodes on the worklist have had, with o->skip_absent */
  bool news;            /* there was a first one since the rules were indexed */

  Map constants; /* tensor hash -> ConstEntry chain: constants that rw_const may reuse */
  Map *tables;   /* one per rule */
  Map effects;   /* Function -> does calling it have effects? */
};

/* In `arena`, which may be freed when it is done with; its result lives in the model's arena. */
void rewriter_init(Rewriter *rw, Model *m, const RunOptions *o, Arena *arena);
/* Before a rule is tried on n. */
void rewriter_begin(Rewriter *rw, size_t rule, Node *n);
/* Outputs of n that were found not to be constant may be so now: one of its inputs is another. */
void rewriter_look_again(const Node *n);
/* Nodes and initializers that lost their last use through the try go with it. */
void rewriter_drop_orphans(Rewriter *rw);
/* At the end: initializers that are none any more leave the lists of their graphs. */
void rewriter_compact(Rewriter *rw);

#endif
