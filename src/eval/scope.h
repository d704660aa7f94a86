/* Bodies of If, Loop, Scan and the like, evaluated over constants. */
#ifndef EVAL_SCOPE_H
#define EVAL_SCOPE_H

#include "eval/list.h"

/* Runs fn, which evaluates bodies, in the scope of those around it or in a new one, bounded in nodes and
 * bytes. */
bool scope_run(Eval *e, EvalFn *fn);
/* Evaluates a body; out has room for its outputs. False: refused. */
bool scope_body(Eval *e, const Graph *body, size_t n_in, Tensor *const *in, Tensor **out);

#endif
