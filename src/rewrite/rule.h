/* Rules and passes. A rule reads like its documentation:
 *
 *   { .name = "fuse-matmul-add",
 *     .match = "Add(MatMul(a, b), c)",
 *     .replace = "Gemm(a, b, c)",
 *     .when = { { a_b_rank_2, "Gemm needs rank-2 operands" }, ... },
 *     .exact = ROUNDING }
 *
 * Grammar of .match      pattern := Op [":" capture] [attrs] "(" [arg {"," arg}] ["..."] ")"
 *                        arg     := pattern | name ["#"] ["?"] | "_"
 *                        attrs   := "<" name "=" value {"," name "=" value} ">"
 *   name#   a constant (constant_of)        name?  may be left out (NULL)       _   anything, also nothing
 *   Op:n    captures the node               Op&    this inner node may have other uses
 *   ...     further inputs are allowed      Op|Op2 either operator
 *   Op<axis = 1> has this attribute, perhaps by default; values: 1  0.5  "text"  [0, 1]  [0.5]
 *   the same name twice: the same value. Operators are ai.onnx; "domain::Op" names others.
 *   Commutative operators (ops.def) are tried in every order, with the guards for each.
 * .replace is built by the engine (same grammar, captured values as arguments; Op<node..., axis = 1> takes
 * the attributes of a captured node over) when .build is NULL; with .build it is the documentation of what
 * build makes.
 *
 * The engine sees to it that inner nodes have one use, are no graph outputs, have no further outputs in use,
 * and that the result can take the root's place.
 */
#ifndef REWRITE_RULE_H
#define REWRITE_RULE_H

#include "rewrite/rewriter.h"

typedef enum Exactness { BITWISE, ROUNDING } Exactness;

typedef struct Match {
  const struct Pattern *pattern;
  Node *root;
  Value *value[16]; /* by capture slot */
  Node *node[16];
  struct MatchTrace *trace; /* NULL but for rewrite/explain.h */
} Match;

Value *match_value(const Match *m, const char *capture); /* NULL if an optional one was left out */
Node *match_node(const Match *m, const char *capture);

/* Guards are asked in order until one refuses; those who explain ask all, so none may count on another. */
typedef struct Guard {
  bool (*holds)(const Match *m);
  const char *reason;
} Guard;

typedef struct Rule {
  const char *name;
  const char *doc; /* one line; NULL: "match => replace" */
  const char *match, *replace;
  Guard when[12]; /* the last one stays empty */
  Exactness exact;
  /* Returns the value that takes the place of the root's first output; NULL refuses (after rw_missed). */
  Value *(*build)(Rewriter *rw, const Match *m);
  /* Plain C form instead of .match: tried on every node of the operators in .roots (all operators if roots[0]
   * is OP_NONE). Must return FIRED only if it edited the graph. */
  Outcome (*apply)(Rewriter *rw, Node *node);
  OpId roots[16];
  /* Looks further than a pattern can (regions of a graph): tried on its roots only when nothing else fires
   * any more, and on all of them again until none does. */
  bool late;
  /* For what is not tied to a node (initializers): called for every graph, outer ones first, whenever the
   * worklist has run dry. Returns how many changes it made. */
  size_t (*sweep)(Rewriter *rw, Graph *g);
} Rule;

typedef struct Pass {
  const char *name;
  const char *doc;
  const Rule *rules;
  size_t n_rules;
  OpId
      lowers; /* operator that the pass replaces by others, which may be more nodes; no other rule makes it */
  OpId
      makes; /* operator younger than what it stands for: `--opset max` goes no further than its kernels do */
  const char *inverse; /* pass that would take it back: off while this one is on */
  bool opt_in;         /* runs only if asked for by name */
  bool phase;          /* has no rules: it runs once, before those of the others (passes/phases.h) */
} Pass;

#define PASS_RULES(array) .rules = (array), .n_rules = sizeof(array) / sizeof *(array)

#endif
