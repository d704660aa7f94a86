/* Which slots of an operator are bound to float32. */
#ifndef OPS_FLOAT32_H
#define OPS_FLOAT32_H

#include "ops/ops.h"

/* May input or output `slot` be of float32 and not of float16? All of an operator that we do not know, or of
 * another domain than ai.onnx, as its kernels were written for what the model has. */
bool op_needs_float32(const Node *n, int slot, bool output);

#endif
