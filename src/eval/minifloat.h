/* The 4- and 8-bit float types: by element, round to nearest even. */
#ifndef EVAL_MINIFLOAT_H
#define EVAL_MINIFLOAT_H

#include "ir/type.h"

bool minifloat_known(ElemType t); /* the four float8 types with a sign, and float4e2m1 */
/* Of these types and of float8e8m0. */
float minifloat_decode(ElemType t, uint8_t bits);
/* To float8e8m0, a power of two: away from zero (+1), towards it (-1) or to the nearest (0; ties go up). Out
 * of range it saturates. False where the result is not defined: below zero. */
bool scale_encode(float f, int direction, uint8_t *bits);
/* Out of range: saturates to the largest finite value or (NaN stays NaN) becomes infinity, or NaN where the
 * type has none; float4e2m1 always saturates. */
uint8_t minifloat_encode(ElemType t, float f, bool saturate);

#endif
