/* constant_of: is this value constant, whatever stands in the way? */
#ifndef EVAL_CONSTANT_H
#define EVAL_CONSTANT_H

#include "eval/deferred.h"

/* The constant a value is known to be: an initializer that cannot be overridden, a Constant node, or any
 * deterministic subgraph over them (evaluated, or deferred if large). Also shape arithmetic whose result is
 * known completely. Cached. NULL: not constant, or not evaluable, or Law 5 forbids folding it. The result
 * never depends on --exact; constant_is_exact() tells whether it took rounding operators to get there. */
Tensor *constant_of(Value *v);
/* The same of a value that may be a sequence or an optional of constants. */
Tensor *constant_or_list(Value *v);
bool constant_is_exact(Value *v);
/* Has constant_of(v) been asked for and found? Computes nothing. */
bool constant_known(const Value *v);
/* Scalar or one-element constants, any real dtype. */
bool constant_scalar(Value *v, double *out);
bool constant_int(Value *v, int64_t *out);

/* Drops all that is cached of the model's values, facts and constants: who only looked at the model leaves it
 * as it was. */
void forget_all(Model *m);

#endif
