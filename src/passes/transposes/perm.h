/* Permutations of axes. With perm p, axis i of a Transpose's result is axis p[i] of its operand. */
#ifndef PASSES_TRANSPOSES_PERM_H
#define PASSES_TRANSPOSES_PERM_H

#include "ops/ops.h"

enum { MAX_AXES = 16 }; /* tensors of higher rank keep their layout */

/* n == 0 stands for "nothing moves" where an operand need not be permuted at all. */
typedef struct Perm {
  int n;
  int8_t at[MAX_AXES];
} Perm;

#define PERM_NONE ((Perm){0})

/* A set of axes, one bit each. */
typedef uint32_t Axes;
#define AXIS(i) ((Axes)1 << (i))

Perm perm_identity(int n);
bool perm_is_identity(const Perm *p);
bool perm_equal(const Perm *p, const Perm *q);
Perm perm_inverse(const Perm *p);
/* Transpose(Transpose(x, p), q) == Transpose(x, perm_then(p, q)) */
Perm perm_then(const Perm *p, const Perm *q);
/* Where the axes go: result axis j with p[j] in axes. */
Axes perm_axes(const Perm *p, Axes axes);

/* What is left of p when the operand's axes `gone` (of size 1, or reduced) are taken away before. */
Perm perm_without(const Perm *p, Axes gone);
/* A permutation of n axes of which perm_without(.., extra) is p, and which leaves the extra axes in their
 * place. */
Perm perm_with(const Perm *p, Axes extra, int n);
/* p of the last axes, with axes before them that stay. */
Perm perm_widen(const Perm *p, int n);
/* What p does to its last k axes, if those stay among themselves. */
bool perm_narrow(const Perm *p, int k, Perm *out);
/* Are the axes from `from` on where they were? */
bool perm_keeps_from(const Perm *p, int from);

/* The permutation of a Transpose; without the attribute the axes are reversed. False if it depends on an
 * unknown rank, is none, or has more than MAX_AXES axes. */
bool perm_of(const Node *transpose, Perm *p);
/* "[0,2,3,1]" */
const char *perm_text(Arena *a, const Perm *p);

#endif
