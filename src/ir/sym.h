/* Symbolic integers: canonical, hash-consed expressions over named dims. Equality is a pointer compare.
 *
 * Every expression is kept in one normal form: a sum of products with integer coefficients over atoms,
 * sorted. Atoms are named symbols and operations that do not distribute (floor and ceil quotients, min, max,
 * mod). Symbols stand for dims, so they are >= 0 (0 is possible); anything else says so when it is made.
 * Arithmetic that would overflow int64 yields NULL ("unknown"); NULL operands yield NULL.
 */
#ifndef IR_SYM_H
#define IR_SYM_H

#include "base/str.h"

typedef struct Sym Sym;
typedef const Sym *Dim;
typedef struct SymTable SymTable;

SymTable *symtab_new(Arena *a);

Dim sym_int(SymTable *t, int64_t v);
Dim sym_named(SymTable *t, Str name); /* the dim of that name; always the same object; >= 0 */
Dim sym_fresh(SymTable *t);           /* a new anonymous dim, equal to nothing else; >= 0 */
Dim sym_fresh_int(SymTable *t);       /* a new anonymous integer of any sign */

Dim sym_add(SymTable *t, Dim a, Dim b);
Dim sym_sub(SymTable *t, Dim a, Dim b);
Dim sym_mul(SymTable *t, Dim a, Dim b);
Dim sym_neg(SymTable *t, Dim a);
Dim sym_floordiv(SymTable *t, Dim a, Dim b); /* rounds to -inf; exact quotients simplify: 4*S/4 is S */
Dim sym_truncdiv(SymTable *t, Dim a, Dim b); /* rounds to 0, as ONNX Div does on integers */
Dim sym_ceildiv(SymTable *t, Dim a, Dim b);
Dim sym_mod(SymTable *t, Dim a, Dim b); /* sign of the divisor (Python's %) */
Dim sym_min(SymTable *t, Dim a, Dim b);
Dim sym_max(SymTable *t, Dim a, Dim b);
/* Exact quotient a/b; NULL unless b divides a for every value of the symbols with b != 0, and b is provably
 * not 0. */
Dim sym_exact_div(SymTable *t, Dim a, Dim b);
/* The same for callers who know that b is not 0 where a/b is looked at (a Reshape's -1 is defined only then).
 */
Dim sym_quotient(SymTable *t, Dim a, Dim b);
/* Replaces the named symbol everywhere in a (used by freezing). */
Dim sym_subst(SymTable *t, Dim a, Str name, int64_t v);

/* a with numbers for symbols: sizes has, for the expression that is just a symbol, its size plus 1. NULL if a
 * symbol has none. */
struct Map;
Dim sym_eval(SymTable *t, Dim a, const struct Map *sizes);

bool sym_const(Dim a, int64_t *v); /* is it a known integer? */
bool sym_is(Dim a, int64_t v);     /* is it this known integer? */
Str sym_name(Dim a);               /* the name if a is a plain named symbol, else NULL */
/* Bounds that hold for every value of the symbols: INT64_MIN/INT64_MAX if none is known. */
int64_t sym_lower(Dim a);
int64_t sym_upper(Dim a);
bool sym_nonzero(Dim a); /* provably != 0 */
bool sym_nonneg(Dim a);
/* Proves a == b / a != b for all values. Both false: undecided. */
bool sym_equal(Dim a, Dim b);
bool sym_distinct(SymTable *t, Dim a, Dim b);
/* If one of them is min(k, s) with k >= 2 and the other is s: s. Each is 1 exactly when the other is, so
 * where the two dims broadcast against each other they are equal (a table of k rows sliced to s). NULL
 * otherwise. */
Dim sym_capped(Dim a, Dim b);
/* Readable form, e.g. "4*batch*seq + 1"; in the table's arena. */
const char *sym_text(SymTable *t, Dim a);

#endif
