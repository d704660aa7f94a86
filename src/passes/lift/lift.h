/* Lifting: what each step of an operator's definition asks of a node. lift.def has a row for every step. */
#ifndef PASSES_LIFT_H
#define PASSES_LIFT_H

#include "rewrite/rewriter.h"

/* Makes a node that is written for the definition before a step mean the same after it. FIRED: it does now
 * (perhaps it did already, and nothing was edited); MISSED, with the reason: it cannot be said. The graph
 * around it imports the new opset already, the node's own `opset` is still the old one. */
typedef Outcome LiftFn(Rewriter *rw, Node *node);

typedef struct LiftStep {
  OpId op;
  const int16_t *at; /* 0-terminated */
  LiftFn *fn;        /* NULL: the node means the same as it stands */
  const char *bar;   /* why there is no way over this step, or NULL */
} LiftStep;

/* The row for the step of op to `version`. NULL if nobody has looked at it. */
const LiftStep *lift_step(const OpDef *op, int version);

#define LIFT(op, version, fn) LiftFn fn;
#define SAME(op, ...)
#define BAR(op, version, why)
#include "passes/lift/lift.def"
#undef LIFT
#undef SAME
#undef BAR

#endif
