/* Quotients, remainders, minima and maxima of symbolic integers. */
#include "ir/sym.h"

#include "ir/sym_t.h"

/* Quotient of two terms: b's atoms must be among a's, b's coefficient divide a's. */
static bool term_quotient(const Term *a, const Term *b, Term *q, const Atom **atoms) {
  if (b->coef == 0 || b->degree > a->degree || (a->coef == INT64_MIN && b->coef == -1)) return false;
  if (a->coef % b->coef) return false;
  uint32_t n = 0, j = 0;
  for (uint32_t i = 0; i < a->degree; i++) {
    if (j < b->degree && b->atom[j] == a->atom[i])
      j++;
    else
      atoms[n++] = a->atom[i];
  }
  *q = (Term){a->coef / b->coef, n, atoms};
  return j == b->degree;
}

/* Long division; graded lexicographic order is a monomial order, so the leading term falls in every step. */
Dim sym_quotient(SymTable *t, Dim a, Dim b) {
  if (!a || !b || !b->n) return NULL;
  Dim q = sym_int(t, 0);
  for (int step = 0; a && a->n && step < SYM_MAX_TERMS; step++) {
    Term lead;
    const Atom *atoms[SYM_MAX_DEGREE];
    if (!term_quotient(&a->term[0], &b->term[0], &lead, atoms)) return NULL;
    Dim part = sym_sum(t, &lead, 1);
    q = sym_add(t, q, part);
    a = sym_sub(t, a, sym_mul(t, part, b));
  }
  return a && !a->n ? q : NULL;
}

Dim sym_exact_div(SymTable *t, Dim a, Dim b) {
  return sym_nonzero(b) ? sym_quotient(t, a, b) : NULL;
}

/* Splits a = c*quotient + rest with every coefficient of rest in [0, c). */
static bool split_by(SymTable *t, Dim a, int64_t c, Dim *quotient, Dim *rest) {
  Term q[SYM_MAX_TERMS], r[SYM_MAX_TERMS];
  for (uint32_t i = 0; i < a->n; i++) {
    q[i] = r[i] = a->term[i];
    q[i].coef = floor_quotient(a->term[i].coef, c);
    r[i].coef = a->term[i].coef % c;
    if (r[i].coef < 0) r[i].coef += c;
  }
  *quotient = sym_sum(t, q, a->n);
  *rest = sym_sum(t, r, a->n);
  return *quotient && *rest;
}

/* The operand x of an expression floor(x/d) + k with a constant d > 0, as x + d*k; NULL if a is not of that
 * form. */
static Dim nested_quotient(SymTable *t, Dim a, int64_t *d) {
  int64_t k = sym_constant_part(a);
  if (a->n != (k ? 2u : 1u) || a->term[0].degree != 1 || a->term[0].coef != 1) return NULL;
  const Atom *x = a->term[0].atom[0];
  if (x->kind != ATOM_FLOORDIV || !sym_const(x->b, d) || *d <= 0) return NULL;
  return sym_add(t, x->a, sym_mul(t, sym_int(t, *d), sym_int(t, k)));
}

static Range quotient_range(Range a, Range b) {
  if (b.lo == b.hi && b.lo > 0) {
    int64_t lo = a.lo == INT64_MIN ? a.lo : floor_quotient(a.lo, b.lo);
    int64_t hi = a.hi == INT64_MAX ? a.hi : floor_quotient(a.hi, b.lo);
    return (Range){lo, hi};
  }
  if (b.lo < 0) return RANGE_ALL; /* from here b >= 1: a quotient by 0 has no value */
  return (Range){a.lo < 0 ? a.lo : 0, a.hi > 0 ? a.hi : a.hi < 0 ? -1 : 0};
}

/* floor(a/c) for a constant c > 0. */
static Dim floordiv_by(SymTable *t, Dim a, int64_t c) {
  Dim whole, rest;
  if (c == 1) return a;
  if (!split_by(t, a, c, &whole, &rest)) return NULL;
  if (rest->range.lo >= 0 && rest->range.hi < c) return whole;
  /* floor((g*x + k)/(g*d)) = floor((x + floor(k/g))/d) */
  int64_t g = (int64_t)gcd_u64(sym_content(rest), (uint64_t)c);
  if (g > 1) {
    int64_t k = sym_constant_part(rest);
    Dim x = sym_quotient(t, sym_sub(t, rest, sym_int(t, k)), sym_int(t, g));
    x = sym_add(t, x, sym_int(t, k / g));
    return x ? sym_add(t, whole, floordiv_by(t, x, c / g)) : NULL;
  }
  /* floor((floor(x/d) + k)/c) = floor((x + d*k)/(c*d)) */
  int64_t d, cd;
  Dim inner = nested_quotient(t, rest, &d);
  if (inner && !__builtin_mul_overflow(c, d, &cd)) return sym_add(t, whole, floordiv_by(t, inner, cd));
  Dim by = sym_int(t, c);
  return sym_add(t, whole, sym_atom(t, ATOM_FLOORDIV, rest, by, quotient_range(rest->range, by->range)));
}

Dim sym_floordiv(SymTable *t, Dim a, Dim b) {
  int64_t c;
  if (!a || !b || sym_is(b, 0)) return NULL;
  if (sym_const(b, &c)) {
    if (c > 0) return floordiv_by(t, a, c);
    return sym_floordiv(t, sym_neg(t, a), sym_neg(t, b)); /* NULL if -c overflows */
  }
  Dim exact = sym_exact_div(t, a, b);
  return exact ? exact : sym_atom(t, ATOM_FLOORDIV, a, b, quotient_range(a->range, b->range));
}

/* ceil(a/c) = floor((a + c - 1)/c) for a constant c > 0, the form convolutions come in; else -floor(-a/b). */
Dim sym_ceildiv(SymTable *t, Dim a, Dim b) {
  int64_t c;
  if (sym_const(b, &c) && c > 0) return sym_floordiv(t, sym_add(t, a, sym_int(t, c - 1)), b);
  return sym_neg(t, sym_floordiv(t, sym_neg(t, a), b));
}

Dim sym_truncdiv(SymTable *t, Dim a, Dim b) {
  if (!a || !b || sym_is(b, 0)) return NULL;
  if (b->range.hi < 0) return sym_neg(t, sym_truncdiv(t, a, sym_neg(t, b)));
  if (a->range.lo >= 0 && b->range.lo >= 0) return sym_floordiv(t, a, b);
  if (a->range.hi <= 0 && b->range.lo >= 0) return sym_neg(t, sym_floordiv(t, sym_neg(t, a), b));
  Dim exact = sym_exact_div(t, a, b);
  if (exact) return exact;
  uint64_t most =
      magnitude(a->range.lo) > magnitude(a->range.hi) ? magnitude(a->range.lo) : magnitude(a->range.hi);
  Range r = most >= INT64_MAX ? RANGE_ALL : (Range){-(int64_t)most, (int64_t)most};
  return sym_atom(t, ATOM_TRUNCDIV, a, b, r);
}

/* a mod c for a constant c > 0. */
static Dim mod_by(SymTable *t, Dim a, int64_t c) {
  Dim whole, rest;
  if (!split_by(t, a, c, &whole, &rest)) return NULL;
  if (rest->range.lo >= 0 && rest->range.hi < c) return rest;
  Range r = {0, c - 1};
  if (rest->range.lo >= 0 && rest->range.hi < r.hi) r.hi = rest->range.hi;
  return sym_atom(t, ATOM_MOD, rest, sym_int(t, c), r);
}

Dim sym_mod(SymTable *t, Dim a, Dim b) {
  int64_t c;
  if (!a || !b || sym_is(b, 0)) return NULL;
  if (sym_const(b, &c)) {
    if (c > 0) return mod_by(t, a, c);
    return sym_neg(t, sym_mod(t, sym_neg(t, a), sym_neg(t, b)));
  }
  if (sym_exact_div(t, a, b)) return sym_int(t, 0);
  if (b->range.lo < 0) return sym_atom(t, ATOM_MOD, a, b, RANGE_ALL);
  Range r = {0, b->range.hi == INT64_MAX ? INT64_MAX : b->range.hi > 0 ? b->range.hi - 1 : 0};
  if (a->range.lo >= 0 && a->range.hi < r.hi) r.hi = a->range.hi;
  return sym_atom(t, ATOM_MOD, a, b, r);
}

/* min(min(x, y), y) is min(x, y) and min(max(x, y), y) is y; with the kinds exchanged too. */
static Dim absorb(AtomKind kind, Dim a, Dim b) {
  const Atom *x = sym_sole_atom(a);
  if (!x || (x->kind != ATOM_MIN && x->kind != ATOM_MAX) || (x->a != b && x->b != b)) return NULL;
  return x->kind == kind ? a : b;
}

static Dim extreme(SymTable *t, AtomKind kind, Dim a, Dim b) {
  if (!a || !b) return NULL;
  Dim d = sym_sub(t, a, b);
  bool min = kind == ATOM_MIN;
  if (d && d->range.lo >= 0) return min ? b : a;
  if (d && d->range.hi <= 0) return min ? a : b;
  Dim one = absorb(kind, a, b);
  if (!one) one = absorb(kind, b, a);
  if (one) return one;
  bool number_first = sym_const(a, NULL), number_last = sym_const(b, NULL);
  if (number_first || (!number_last && a->id > b->id)) { /* min(S, 2), never min(2, S) */
    Dim swap = a;
    a = b;
    b = swap;
  }
  Range x = a->range, y = b->range, r;
  r.lo = (x.lo < y.lo) == min ? x.lo : y.lo;
  r.hi = (x.hi < y.hi) == min ? x.hi : y.hi;
  return sym_atom(t, kind, a, b, r);
}

Dim sym_min(SymTable *t, Dim a, Dim b) {
  return extreme(t, ATOM_MIN, a, b);
}

Dim sym_max(SymTable *t, Dim a, Dim b) {
  return extreme(t, ATOM_MAX, a, b);
}

static bool caps(Dim a, Dim s) {
  const Atom *x = a ? sym_sole_atom(a) : NULL;
  if (!x || x->kind != ATOM_MIN || (x->a != s && x->b != s)) return false;
  return (x->a == s ? x->b : x->a)->range.lo >= 2;
}

Dim sym_capped(Dim a, Dim b) {
  return caps(a, b) ? b : caps(b, a) ? a : NULL;
}

Dim sym_apply(SymTable *t, AtomKind kind, Dim a, Dim b) {
  switch (kind) {
  case ATOM_FLOORDIV: return sym_floordiv(t, a, b);
  case ATOM_TRUNCDIV: return sym_truncdiv(t, a, b);
  case ATOM_MOD: return sym_mod(t, a, b);
  case ATOM_MIN: return sym_min(t, a, b);
  case ATOM_MAX: return sym_max(t, a, b);
  case ATOM_NAMED:
  case ATOM_FRESH: break;
  }
  return NULL;
}
