#include "ir/sym.h"

#include "base/vec.h"
#include "ir/sym_t.h"

#include <stdio.h>
#include <string.h>

SymTable *symtab_new(Arena *a) {
  SymTable *t = NEW(a, SymTable);
  t->arena = a;
  map_init(&t->named, a);
  map_init(&t->atoms, a);
  map_init(&t->syms, a);
  return t;
}

/* --- ranges --------------------------------------------------------------------------------------------- */

/* Wide enough for a product of two bounds; an open end is beyond every int64. */
__extension__ typedef __int128 Wide;
#define WIDE_INF ((Wide)1 << 100)

static Wide wide_lo(int64_t lo) {
  return lo == INT64_MIN ? -WIDE_INF : lo;
}
static Wide wide_hi(int64_t hi) {
  return hi == INT64_MAX ? WIDE_INF : hi;
}
static int64_t narrow(Wide w) {
  return w < INT64_MIN ? INT64_MIN : w > INT64_MAX ? INT64_MAX : (int64_t)w;
}

/* Open ends times 0 is 0: the other factor is some finite integer, however large. */
static Wide wide_mul(Wide a, Wide b) {
  if (a == 0 || b == 0) return 0;
  bool open = a >= WIDE_INF || a <= -WIDE_INF || b >= WIDE_INF || b <= -WIDE_INF;
  if (open) return (a < 0) == (b < 0) ? WIDE_INF : -WIDE_INF;
  return a * b;
}

static Range range_mul(Range a, Range b) {
  Wide corner[4] = {wide_mul(wide_lo(a.lo), wide_lo(b.lo)), wide_mul(wide_lo(a.lo), wide_hi(b.hi)),
                    wide_mul(wide_hi(a.hi), wide_lo(b.lo)), wide_mul(wide_hi(a.hi), wide_hi(b.hi))};
  Wide lo = corner[0], hi = corner[0];
  for (int i = 1; i < 4; i++) {
    if (corner[i] < lo) lo = corner[i];
    if (corner[i] > hi) hi = corner[i];
  }
  return (Range){narrow(lo), narrow(hi)};
}

/* Sums of at most SYM_MAX_TERMS bounds don't leave Wide. */
static Range terms_range(const Term *term, size_t n) {
  Wide lo = 0, hi = 0;
  for (size_t i = 0; i < n; i++) {
    Range r = {term[i].coef, term[i].coef};
    for (uint32_t k = 0; k < term[i].degree; k++) r = range_mul(r, term[i].atom[k]->range);
    lo += wide_lo(r.lo);
    hi += wide_hi(r.hi);
  }
  return (Range){narrow(lo), narrow(hi)};
}

/* --- terms and sums ------------------------------------------------------------------------------------- */

/* < 0 if a comes first. */
static int term_order(const Term *a, const Term *b) {
  if (a->degree != b->degree) return a->degree > b->degree ? -1 : 1;
  for (uint32_t i = 0; i < a->degree; i++)
    if (a->atom[i]->id != b->atom[i]->id) return a->atom[i]->id < b->atom[i]->id ? -1 : 1;
  return 0;
}

/* Sorts and merges like terms; false on overflow. */
static bool terms_normalize(Term *term, size_t *n) {
  for (size_t i = 1; i < *n; i++) { /* insertion sort: operands come sorted, so runs are long */
    Term x = term[i];
    size_t j = i;
    for (; j && term_order(&x, &term[j - 1]) < 0; j--) term[j] = term[j - 1];
    term[j] = x;
  }
  size_t out = 0;
  for (size_t i = 0; i < *n;) {
    Term sum = term[i++];
    for (; i < *n && term_order(&sum, &term[i]) == 0; i++)
      if (__builtin_add_overflow(sum.coef, term[i].coef, &sum.coef)) return false;
    if (sum.coef) term[out++] = sum;
  }
  *n = out;
  return true;
}

static bool terms_same(const Sym *s, const Term *term, size_t n) {
  if (s->n != n) return false;
  for (size_t i = 0; i < n; i++)
    if (s->term[i].coef != term[i].coef || term_order(&s->term[i], &term[i])) return false;
  return true;
}

static uint64_t terms_hash(const Term *term, size_t n) {
  uint64_t h = n;
  for (size_t i = 0; i < n; i++) {
    h = hash_u64(h, (uint64_t)term[i].coef);
    for (uint32_t k = 0; k < term[i].degree; k++) h = hash_u64(h, term[i].atom[k]->id);
  }
  return h;
}

Dim sym_sum(SymTable *t, Term *term, size_t n) {
  if (!terms_normalize(term, &n) || n > SYM_MAX_TERMS) return NULL;
  uint64_t size = 0;
  for (size_t i = 0; i < n; i++) {
    if (term[i].degree > SYM_MAX_DEGREE) return NULL;
    for (uint32_t k = 0; k < term[i].degree; k++) size += term[i].atom[k]->size;
  }
  if (size > SYM_MAX_SIZE) return NULL;
  uint64_t hash = terms_hash(term, n);
  Sym *head = map_get(&t->syms, hash);
  for (Sym *s = head; s; s = s->next)
    if (terms_same(s, term, n)) return s;
  Sym *s = arena_alloc(t->arena, sizeof *s + n * sizeof *term);
  *s = (Sym){.id = t->n_syms++, .n = (uint32_t)n, .size = (uint32_t)size, .next = head};
  for (size_t i = 0; i < n; i++) {
    s->term[i] = term[i];
    s->term[i].atom = arena_copy(t->arena, (const void *)term[i].atom, term[i].degree * sizeof *term[i].atom);
  }
  s->range = terms_range(s->term, n);
  map_put(&t->syms, hash, s);
  return s;
}

/* --- leaves and atoms ----------------------------------------------------------------------------------- */

Dim sym_int(SymTable *t, int64_t v) {
  return sym_sum(t, &(Term){.coef = v}, 1);
}

static Atom *atom_new(SymTable *t, AtomKind kind, Range range, uint32_t size) {
  Atom *a = NEW(t->arena, Atom);
  *a = (Atom){.id = t->n_atoms++, .kind = kind, .range = range, .size = size};
  const Atom *product[1] = {a};
  a->self = sym_sum(t, &(Term){1, 1, product}, 1);
  return a;
}

Dim sym_named(SymTable *t, Str name) {
  if (!name) return NULL;
  Atom *a = map_get(&t->named, map_key(name));
  if (!a) {
    a = atom_new(t, ATOM_NAMED, (Range){0, INT64_MAX}, 1);
    a->name = name;
    map_put(&t->named, map_key(name), a);
  }
  return a->self;
}

Dim sym_fresh(SymTable *t) {
  return atom_new(t, ATOM_FRESH, (Range){0, INT64_MAX}, 1)->self;
}

Dim sym_fresh_int(SymTable *t) {
  return atom_new(t, ATOM_FRESH, RANGE_ALL, 1)->self;
}

Dim sym_atom(SymTable *t, AtomKind kind, Dim a, Dim b, Range range) {
  uint32_t size = 1 + a->size + b->size;
  if (size > SYM_MAX_SIZE) return NULL;
  uint64_t hash = hash_u64(hash_u64((uint64_t)kind, a->id), b->id);
  Atom *head = map_get(&t->atoms, hash);
  for (Atom *x = head; x; x = x->next)
    if (x->kind == kind && x->a == a && x->b == b) return x->self;
  Atom *x = atom_new(t, kind, range, size);
  x->a = a;
  x->b = b;
  x->next = head;
  map_put(&t->atoms, hash, x);
  return x->self;
}

/* --- ring operations ------------------------------------------------------------------------------------ */

/* a + factor*b */
static Dim add_scaled(SymTable *t, Dim a, Dim b, int64_t factor) {
  if (!a || !b) return NULL;
  Term sum[2 * SYM_MAX_TERMS];
  size_t n = 0;
  for (uint32_t i = 0; i < a->n; i++) sum[n++] = a->term[i];
  for (uint32_t i = 0; i < b->n; i++) {
    sum[n] = b->term[i];
    if (__builtin_mul_overflow(b->term[i].coef, factor, &sum[n++].coef)) return NULL;
  }
  return sym_sum(t, sum, n);
}

Dim sym_add(SymTable *t, Dim a, Dim b) {
  return add_scaled(t, a, b, 1);
}

Dim sym_sub(SymTable *t, Dim a, Dim b) {
  return add_scaled(t, a, b, -1);
}

Dim sym_neg(SymTable *t, Dim a) {
  return add_scaled(t, sym_int(t, 0), a, -1);
}

static void merge_atoms(const Term *a, const Term *b, const Atom **out) {
  uint32_t i = 0, j = 0, n = 0;
  while (i < a->degree || j < b->degree) {
    bool left = j == b->degree || (i < a->degree && a->atom[i]->id <= b->atom[j]->id);
    out[n++] = left ? a->atom[i++] : b->atom[j++];
  }
}

Dim sym_mul(SymTable *t, Dim a, Dim b) {
  if (!a || !b || a->n * b->n > SYM_MAX_PRODUCTS) return NULL;
  Term product[SYM_MAX_PRODUCTS];
  const Atom *atoms[SYM_MAX_PRODUCTS][SYM_MAX_DEGREE];
  size_t n = 0;
  for (uint32_t i = 0; i < a->n; i++) {
    for (uint32_t j = 0; j < b->n; j++, n++) {
      const Term *x = &a->term[i], *y = &b->term[j];
      if (x->degree + y->degree > SYM_MAX_DEGREE) return NULL;
      if (__builtin_mul_overflow(x->coef, y->coef, &product[n].coef)) return NULL;
      product[n].degree = x->degree + y->degree;
      product[n].atom = atoms[n];
      merge_atoms(x, y, atoms[n]);
    }
  }
  return sym_sum(t, product, n);
}

/* --- substitution --------------------------------------------------------------------------------------- */

/* Recursion is bounded by SYM_MAX_SIZE. */
static Dim atom_subst(SymTable *t, const Atom *x, Str name, Dim by) {
  if (x->kind == ATOM_NAMED) return x->name == name ? by : x->self;
  if (x->kind == ATOM_FRESH) return x->self;
  int64_t v;
  if (!sym_const(by, &v)) return NULL;
  return sym_apply(t, x->kind, sym_subst(t, x->a, name, v), sym_subst(t, x->b, name, v));
}

Dim sym_subst(SymTable *t, Dim a, Str name, int64_t v) {
  if (!a) return NULL;
  Dim by = sym_int(t, v), sum = sym_int(t, 0);
  for (uint32_t i = 0; i < a->n; i++) {
    Dim product = sym_int(t, a->term[i].coef);
    for (uint32_t k = 0; k < a->term[i].degree; k++)
      product = sym_mul(t, product, atom_subst(t, a->term[i].atom[k], name, by));
    sum = sym_add(t, sum, product);
  }
  return sum;
}

static Dim atom_eval(SymTable *t, const Atom *x, const Map *sizes) {
  uintptr_t size = (uintptr_t)map_get(sizes, map_key(x->self));
  if (x->kind == ATOM_NAMED || x->kind == ATOM_FRESH) return size ? sym_int(t, (int64_t)(size - 1)) : NULL;
  Dim a = sym_eval(t, x->a, sizes), b = sym_eval(t, x->b, sizes);
  return a && b ? sym_apply(t, x->kind, a, b) : NULL;
}

Dim sym_eval(SymTable *t, Dim a, const Map *sizes) {
  if (!a) return NULL;
  Dim sum = sym_int(t, 0);
  for (uint32_t i = 0; i < a->n; i++) {
    Dim product = sym_int(t, a->term[i].coef);
    for (uint32_t k = 0; k < a->term[i].degree; k++)
      product = sym_mul(t, product, atom_eval(t, a->term[i].atom[k], sizes));
    sum = sym_add(t, sum, product);
  }
  return sum;
}

/* --- questions ------------------------------------------------------------------------------------------ */

int64_t sym_constant_part(Dim a) {
  return a->n && a->term[a->n - 1].degree == 0 ? a->term[a->n - 1].coef : 0;
}

uint64_t sym_content(Dim a) {
  uint64_t g = 0;
  for (uint32_t i = 0; i < a->n; i++)
    if (a->term[i].degree) g = gcd_u64(g, magnitude(a->term[i].coef));
  return g;
}

bool sym_const(Dim a, int64_t *v) {
  if (!a || a->n > 1 || (a->n == 1 && a->term[0].degree)) return false;
  if (v) *v = a->n ? a->term[0].coef : 0;
  return true;
}

bool sym_is(Dim a, int64_t v) {
  int64_t k;
  return sym_const(a, &k) && k == v;
}

const Atom *sym_sole_atom(Dim a) {
  bool sole = a && a->n == 1 && a->term[0].degree == 1 && a->term[0].coef == 1;
  return sole ? a->term[0].atom[0] : NULL;
}

Str sym_name(Dim a) {
  const Atom *x = sym_sole_atom(a);
  return x && x->kind == ATOM_NAMED ? x->name : NULL;
}

int64_t sym_lower(Dim a) {
  return a ? a->range.lo : INT64_MIN;
}

int64_t sym_upper(Dim a) {
  return a ? a->range.hi : INT64_MAX;
}

bool sym_nonneg(Dim a) {
  return a && a->range.lo >= 0;
}

bool sym_nonzero(Dim a) {
  if (!a) return false;
  if (a->range.lo > 0 || a->range.hi < 0) return true;
  uint64_t g = sym_content(a);
  if (g && magnitude(sym_constant_part(a)) % g) return true; /* 4*x + 2 is no multiple of 4 */
  if (a->n != 1) return false;
  for (uint32_t k = 0; k < a->term[0].degree; k++) {
    Range r = a->term[0].atom[k]->range;
    if (r.lo <= 0 && r.hi >= 0) return false;
  }
  return true;
}

bool sym_equal(Dim a, Dim b) {
  return a && a == b;
}

bool sym_distinct(SymTable *t, Dim a, Dim b) {
  return sym_nonzero(sym_sub(t, a, b));
}

/* --- text ----------------------------------------------------------------------------------------------- */

typedef Vec(char) Text;

static void put(Arena *a, Text *text, const char *s) {
  for (; *s; s++) vec_push(a, text, *s);
}

static void put_sum(SymTable *t, Text *text, Dim a);

static void put_atom(SymTable *t, Text *text, const Atom *x) {
  static const char *const open[] = {"", "", "floor((", "trunc((", "mod(", "min(", "max("};
  if (x->kind == ATOM_NAMED) {
    put(t->arena, text, x->name->s);
  } else if (x->kind == ATOM_FRESH) {
    put(t->arena, text, arena_printf(t->arena, "?%u", x->id));
  } else {
    bool quotient = x->kind == ATOM_FLOORDIV || x->kind == ATOM_TRUNCDIV;
    put(t->arena, text, open[x->kind]);
    put_sum(t, text, x->a);
    put(t->arena, text, quotient ? ")/(" : ", ");
    put_sum(t, text, x->b);
    put(t->arena, text, quotient ? "))" : ")");
  }
}

static void put_sum(SymTable *t, Text *text, Dim a) {
  if (!a->n) put(t->arena, text, "0");
  for (uint32_t i = 0; i < a->n; i++) {
    const Term *x = &a->term[i];
    bool minus = x->coef < 0;
    uint64_t size = magnitude(x->coef);
    if (i)
      put(t->arena, text, minus ? " - " : " + ");
    else if (minus)
      put(t->arena, text, "-");
    bool number = size != 1 || !x->degree;
    if (number) put(t->arena, text, arena_printf(t->arena, "%llu", (unsigned long long)size));
    for (uint32_t k = 0; k < x->degree; k++) {
      if (k || number) put(t->arena, text, "*");
      put_atom(t, text, x->atom[k]);
    }
  }
}

const char *sym_text(SymTable *t, Dim a) {
  if (!a) return "?";
  Text text = {NULL, 0, 0};
  put_sum(t, &text, a);
  vec_push(t->arena, &text, '\0');
  return text.at;
}
