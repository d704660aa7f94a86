/* Arithmetic on a value x and a function g of it, read as a polynomial: how activations are recognised,
 * whatever the order and association of their factors and summands. */
#ifndef PASSES_POLYNOMIAL_H
#define PASSES_POLYNOMIAL_H

#include "passes/passes.h"

enum { POLY_DEGREE = 3, POLY_DEPTH = 7, POLY_MAX_BASES = 24 };

/* c[j][i] is the coefficient of g^j * x^i. */
typedef struct Poly {
  double c[2][POLY_DEGREE + 1];
} Poly;

typedef struct Variables {
  Value *x, *g;
  int rank; /* of x, 0 if unknown: constants must not have more axes */
} Variables;

Variables poly_variables(Value *x, Value *g);

/* v as a polynomial of x and g. False on anything that is not arithmetic on them and on constant numbers. */
bool poly_of(Value *v, const Variables *of, Poly *p);

/* Does p have exactly the terms x^i * g^j whose bits 4 * j + i are set? */
bool poly_has_terms(const Poly *p, unsigned terms);
#define POLY_TERM(j, i) (1u << (4 * (j) + (i)))

/* Is c within two units in the last place of the element type? A product of two rounded constants is at most
 * one off. */
bool poly_near(double c, double wanted, ElemType t);

/* Every value that v may be a polynomial of, v itself first; at most POLY_MAX_BASES. */
int poly_bases(Value *v, Value **at);

/* Is n one of Mul, Add, Div, Sub, Neg? */
bool is_arithmetic(const Node *n);

/* The nearest node above n, at most `depth` up through arithmetic whose results nobody else reads, that is
 * one of the operators. It is inner itself. NULL if there is none. */
Node *find_function(Node *n, int depth, const OpId *one_of, int count);

#endif
