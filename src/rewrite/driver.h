/* The driver: all enabled rules on one worklist until nothing changes (Law 9), with statistics and remarks.
 */
#ifndef REWRITE_DRIVER_H
#define REWRITE_DRIVER_H

#include "rewrite/history.h"
#include "rewrite/rule.h"

typedef struct RuleStat {
  const Pass *pass;
  const Rule *rule;
  uint64_t tried, fired, missed;
  int64_t nodes, bytes; /* change of the node count and of the constants' bytes */
  double seconds;
} RuleStat;

static inline void rule_stat_add(RuleStat *sum, const RuleStat *s) {
  sum->tried += s->tried;
  sum->fired += s->fired;
  sum->missed += s->missed;
  sum->nodes += s->nodes;
  sum->bytes += s->bytes;
  sum->seconds += s->seconds;
}

/* A node and the name that its first output had when the rules began, or when it was made. */
typedef struct NamedNode {
  const Node *node;
  Str name; /* NULL: it has no output */
} NamedNode;

typedef Vec(NamedNode) NamedNodes;

typedef struct Remark {
  const Pass *pass;
  const Rule *rule;
  bool fired;
  const char *node; /* label of the root */
  const char *text;
  NamedNodes removed, made; /* by a rewrite */
  const Node *at;           /* where a rule was refused; NULL: it fired */
} Remark;

typedef enum RewriteMoment { BEFORE_TRY, AFTER_REWRITE } RewriteMoment;

typedef struct RunOptions {
  const Pass *const *passes; /* enabled ones, in order of priority */
  size_t n_passes;
  const char *const *asked; /* names of passes that the user asked for */
  size_t n_asked;
  const char *const *skip_rules; /* names of single rules that are off */
  size_t n_skip_rules;
  bool exact_only;
  bool contrib;          /* operators of com.microsoft may be made */
  bool leave_external;   /* external data stays in its files: nothing is won by reading it */
  bool skip_absent;      /* rules with operators that the model has not are not tried: the same output */
  bool verify_each;      /* model_check() after every rewrite, blame by name */
  bool remarks;          /* collect them */
  bool explain;          /* keep what plain C rules say they have recognised */
  uint64_t max_growth;   /* bytes a fold may add over what it removes */
  uint64_t max_fold;     /* bytes a folded constant may have */
  uint64_t max_rewrites; /* stop after so many (bisect); UINT64_MAX: no limit */
  /* Sees the model before a rule is tried and after it fired (dumps); may be NULL. */
  void (*observe)(void *arg, RewriteMoment when, const Pass *pass, const Rule *rule, Model *m);
  void *observe_arg;
  History *history; /* gets a step for every rewrite (needs remarks); may be NULL */
} RunOptions;

typedef struct RunResult {
  uint64_t rewrites;
  Vec(RuleStat) rules; /* in order of priority */
  Vec(Remark) remarks; /* fired ones in order of time, then what was refused last at each node still there */
} RunResult;

/* Optimizes all graphs of the model. The result lives in the model's arena. Fails with ONNXSLIM_ERR_LIMIT if
 * the rewrites exceed a cap proportional to the graph, with ONNXSLIM_ERR_INTERNAL if verify_each finds
 * damage. */
RunResult *rewrite_run(Model *m, const RunOptions *o);

#endif
