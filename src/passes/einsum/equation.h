/* Einsum's equation, each operand's axes named by labels. */
#ifndef PASSES_EINSUM_EQUATION_H
#define PASSES_EINSUM_EQUATION_H

#include "passes/passes.h"

enum { MAX_OPERANDS = 8 };

/* The labels of some axes in order: letters, and numbers from 128 on for the axes of an ellipsis, counted
 * from the last one. */
typedef struct Labels {
  int n;
  uint8_t at[MAX_RANK];
} Labels;

typedef struct Equation {
  int n_in;
  Labels in[MAX_OPERANDS], out;
} Equation;

/* Reads the equation of operands of these ranks. False, with the reason, if it is none, or one with a
 * diagonal. */
bool equation_read(Span text, int n_in, const int *rank, Equation *eq, const char **why);

int label_index(const Labels *l, uint8_t label); /* -1 if it is not among them */
static inline bool label_in(const Labels *l, uint8_t label) {
  return label_index(l, label) >= 0;
}
void label_add(Labels *l, uint8_t label); /* if it is not among them yet */

#endif
