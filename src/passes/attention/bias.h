/* What is added to the scores, as the operator Attention takes it. By its definition, and in ONNX Runtime, a
 * row whose keys are all masked gives 0, where Softmax gives NaN; and ONNX Runtime's kernel takes the lowest
 * finite number for masked as well, where Softmax sees equal scores. So no row may be masked altogether. */
#ifndef PASSES_ATTENTION_BIAS_H
#define PASSES_ATTENTION_BIAS_H

#include "passes/passes.h"

typedef enum RowsKept {
  ROWS_UNKNOWN, /* a row may be -inf everywhere */
  ROWS_LOWEST,  /* a row may be the lowest number everywhere, but not -inf */
  ROWS_KEPT     /* no row is either */
} RowsKept;

/* Of the sum of n biases, which are of one floating point type. */
RowsKept bias_rows(Value *const *bias, int n);
/* The bias with a slightly larger number in place of the lowest one. */
Value *bias_raise(Rewriter *rw, Value *bias);

/* Is the mask a constant that keeps at least one key in each row? Bool: kept where it is true, or where it is
 * false if inverted; floating point: where it is not -inf. */
bool mask_keeps_rows(Value *mask, bool inverted);
/* And does it keep, and add nothing to, exactly the keys that do not come after the query? */
bool mask_is_causal(Value *mask, bool inverted, Shape scores);

#endif
