/* Inside of the symbolic integers; only ir/sym*.c include this.
 *
 * A Sym is a sum of terms, a term a coefficient times a product of atoms. Terms are in graded lexicographic
 * order of their atoms' ids (highest degree first, the constant last), atoms of a term ascending, no two
 * terms have the same product and no coefficient is 0; so equal polynomials are equal arrays and,
 * hash-consed, equal pointers. Ids count creations, hence nothing depends on addresses.
 */
#ifndef IR_SYM_T_H
#define IR_SYM_T_H

#include "base/map.h"
#include "ir/sym.h"

/* Larger expressions become unknown: they help nobody, and every operation here stays cheap. */
enum { SYM_MAX_TERMS = 32, SYM_MAX_PRODUCTS = 256, SYM_MAX_DEGREE = 12, SYM_MAX_SIZE = 1024 };

typedef enum AtomKind {
  ATOM_NAMED,
  ATOM_FRESH,
  ATOM_FLOORDIV,
  ATOM_TRUNCDIV,
  ATOM_MOD,
  ATOM_MIN,
  ATOM_MAX
} AtomKind;

typedef struct Range {
  int64_t lo, hi; /* INT64_MIN, INT64_MAX: not bounded on that side */
} Range;
#define RANGE_ALL ((Range){INT64_MIN, INT64_MAX})

typedef struct Atom {
  uint32_t id;
  AtomKind kind;
  Str name; /* ATOM_NAMED */
  Dim a, b; /* operations */
  Range range;
  uint32_t size;     /* atoms in it when written out */
  struct Atom *next; /* chain of equal hashes */
  Dim self;          /* the expression that is just this atom */
} Atom;

typedef struct Term {
  int64_t coef;
  uint32_t degree;
  const Atom *const *atom;
} Term;

struct Sym {
  uint32_t id;
  uint32_t n;    /* terms */
  uint32_t size; /* atoms in it when written out */
  Range range;
  struct Sym *next; /* chain of equal hashes */
  Term term[];
};

struct SymTable {
  Arena *arena;
  Map named;       /* Str -> Atom */
  Map atoms, syms; /* hash -> chain */
  uint32_t n_atoms, n_syms;
};

/* The canonical sum of n terms (at most SYM_MAX_PRODUCTS, reordered in place). NULL if too large or on
 * overflow. */
Dim sym_sum(SymTable *t, Term *term, size_t n);
/* The operation as an atom; the caller has done every simplification. */
Dim sym_atom(SymTable *t, AtomKind kind, Dim a, Dim b, Range range);
/* Rebuilds what an operation atom stands for from other operands. */
Dim sym_apply(SymTable *t, AtomKind kind, Dim a, Dim b);
/* The atom if the expression is just one, else NULL. */
const Atom *sym_sole_atom(Dim a);
/* The constant term. */
int64_t sym_constant_part(Dim a);
/* Greatest common divisor of the coefficients, the constant term left out; 0 if there is nothing else. */
uint64_t sym_content(Dim a);

static inline uint64_t magnitude(int64_t v) {
  return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}
static inline uint64_t gcd_u64(uint64_t a, uint64_t b) {
  while (b) {
    uint64_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}
/* Quotient rounded to -inf; c > 0. */
static inline int64_t floor_quotient(int64_t a, int64_t c) {
  return a / c - (a % c < 0);
}

#endif
