/* Numbers on their way to a quantized integer type. */
#ifndef EVAL_QUANT_H
#define EVAL_QUANT_H

#include "eval/kernel.h"

/* Rounded to even, plus the zero point, within the range of `to`. False for NaN. */
bool quantize(double quotient, double zero, ElemType to, double *out);
/* The same where the quotient was computed in some order of float operations: false if that could matter. */
bool quantize_surely(double quotient, double zero, ElemType to, double *out);
/* Whole numbers that fit: output i of an integer type. */
bool out_quantized(Eval *e, int i, ElemType dtype, int rank, const int64_t *dim, const double *v);

#endif
