/* Symbolic integers: normal form, quotients, bounds, and random expressions against direct evaluation. */
#include "unit.h"

#include "ir/sym.h"

typedef struct Fixture {
  Ctx cx;
  Arena *arena;
  StrPool *strs;
  SymTable *t;
  Dim S, B, T;
} Fixture;

static void fixture_open(Fixture *f) {
  ctx_init(&f->cx, NULL, NULL);
  f->arena = arena_new(&f->cx);
  f->strs = strpool_new(f->arena);
  f->t = symtab_new(f->arena);
  f->S = sym_named(f->t, str_internz(f->strs, "S"));
  f->B = sym_named(f->t, str_internz(f->strs, "B"));
  f->T = sym_named(f->t, str_internz(f->strs, "T"));
}

static void fixture_close(Fixture *f) {
  arena_free(f->arena);
}

#define I(v) sym_int(f.t, (v))

TEST(sym_normal_form) {
  Fixture f;
  fixture_open(&f);
  CHECK(sym_named(f.t, str_internz(f.strs, "S")) == f.S);
  CHECK(I(7) == sym_add(f.t, I(3), I(4)));
  CHECK(sym_add(f.t, f.S, f.B) == sym_add(f.t, f.B, f.S));
  CHECK(sym_mul(f.t, sym_add(f.t, f.S, I(1)), sym_sub(f.t, f.S, I(1))) ==
        sym_sub(f.t, sym_mul(f.t, f.S, f.S), I(1)));
  CHECK(sym_sub(f.t, f.S, f.S) == I(0));
  CHECK(sym_fresh(f.t) != sym_fresh(f.t));
  CHECK(sym_is(sym_mul(f.t, sym_fresh(f.t), I(0)), 0));
  CHECK(sym_add(f.t, NULL, f.S) == NULL);
  CHECK(sym_name(f.S) && !sym_name(sym_add(f.t, f.S, I(1))));
  CHECK_STR(sym_text(f.t, sym_add(f.t, sym_mul(f.t, I(4), sym_mul(f.t, f.B, f.S)), I(1))), "4*S*B + 1");
  CHECK_STR(sym_text(f.t, sym_sub(f.t, I(-3), f.S)), "-S - 3");
  CHECK_STR(sym_text(f.t, sym_floordiv(f.t, f.S, I(2))), "floor((S)/(2))");
  fixture_close(&f);
}

TEST(sym_quotients) {
  Fixture f;
  fixture_open(&f);
  Dim S4 = sym_mul(f.t, f.S, I(4));
  CHECK(sym_floordiv(f.t, S4, I(4)) == f.S);
  CHECK(sym_truncdiv(f.t, S4, I(4)) == f.S);
  CHECK(sym_exact_div(f.t, S4, I(3)) == NULL);
  CHECK(sym_exact_div(f.t, sym_add(f.t, S4, sym_mul(f.t, f.T, I(6))), I(2)) ==
        sym_add(f.t, sym_mul(f.t, f.S, I(2)), sym_mul(f.t, f.T, I(3))));
  Dim BS = sym_mul(f.t, f.B, f.S), BS768 = sym_mul(f.t, BS, I(768));
  CHECK(sym_exact_div(f.t, BS768, BS) == NULL); /* B*S may be 0 */
  CHECK(sym_quotient(f.t, BS768, BS) == I(768));
  CHECK(!sym_const(sym_floordiv(f.t, BS768, BS), NULL));
  Dim S1 = sym_add(f.t, f.S, I(1)), B1 = sym_add(f.t, f.B, I(1));
  CHECK(sym_exact_div(f.t, sym_mul(f.t, S1, B1), B1) == S1);
  CHECK(sym_exact_div(f.t, S1, B1) == NULL);
  /* two strided convolutions in a row: floor((floor((S + 1)/2) + 1)/2) = floor((S + 3)/4) */
  Dim once = sym_floordiv(f.t, S1, I(2)), twice = sym_floordiv(f.t, sym_add(f.t, once, I(1)), I(2));
  CHECK(twice == sym_floordiv(f.t, sym_add(f.t, f.S, I(3)), I(4)));
  CHECK(sym_ceildiv(f.t, f.S, I(2)) == once);
  CHECK(sym_floordiv(f.t, sym_add(f.t, sym_mul(f.t, f.S, I(6)), I(5)), I(4)) ==
        sym_add(f.t, sym_add(f.t, f.S, I(1)),
                sym_floordiv(f.t, sym_add(f.t, sym_mul(f.t, f.S, I(2)), I(1)), I(4))));
  CHECK(sym_is(sym_floordiv(f.t, I(-7), I(2)), -4));
  CHECK(sym_is(sym_truncdiv(f.t, I(-7), I(2)), -3));
  CHECK(sym_is(sym_ceildiv(f.t, I(-7), I(2)), -3));
  CHECK(sym_is(sym_mod(f.t, I(-7), I(4)), 1));
  CHECK(sym_is(sym_mod(f.t, I(7), I(-4)), -1));
  CHECK(sym_floordiv(f.t, f.S, I(0)) == NULL && sym_mod(f.t, f.S, I(0)) == NULL);
  CHECK(sym_is(sym_mod(f.t, S4, I(2)), 0));
  fixture_close(&f);
}

TEST(sym_bounds) {
  Fixture f;
  fixture_open(&f);
  CHECK_EQ(sym_lower(f.S), 0);
  CHECK(sym_upper(f.S) == INT64_MAX && sym_lower(sym_fresh_int(f.t)) == INT64_MIN);
  CHECK(!sym_nonzero(f.S) && sym_nonzero(sym_add(f.t, f.S, I(1))));
  CHECK(sym_nonzero(sym_add(f.t, sym_mul(f.t, sym_fresh_int(f.t), I(4)), I(2))));
  CHECK(!sym_nonneg(sym_sub(f.t, f.S, I(1))));
  CHECK(sym_distinct(f.t, f.S, I(-1)) && !sym_distinct(f.t, f.S, f.B));
  CHECK(sym_distinct(f.t, f.S, sym_add(f.t, f.S, I(1))));
  CHECK(sym_equal(f.S, f.S) && !sym_equal(NULL, NULL));
  Dim m = sym_mod(f.t, f.S, I(8));
  CHECK(sym_lower(m) == 0 && sym_upper(m) == 7);
  CHECK(sym_min(f.t, m, I(7)) == m && sym_max(f.t, m, I(0)) == m);
  CHECK(sym_max(f.t, f.S, sym_add(f.t, f.S, I(1))) == sym_add(f.t, f.S, I(1)));
  CHECK(sym_min(f.t, sym_min(f.t, f.S, f.B), f.B) == sym_min(f.t, f.B, f.S));
  CHECK(sym_min(f.t, sym_max(f.t, f.S, f.B), f.B) == f.B);
  CHECK_EQ(sym_upper(sym_floordiv(f.t, m, I(2))), 3);
  fixture_close(&f);
}

TEST(sym_overflow_is_unknown) {
  Fixture f;
  fixture_open(&f);
  CHECK(sym_add(f.t, I(INT64_MAX), I(1)) == NULL);
  CHECK(sym_neg(f.t, I(INT64_MIN)) == NULL);
  CHECK(sym_mul(f.t, sym_mul(f.t, f.S, I(INT64_MAX)), I(2)) == NULL);
  CHECK(sym_floordiv(f.t, I(INT64_MIN), I(-1)) == NULL);
  CHECK(sym_is(sym_floordiv(f.t, I(INT64_MIN), I(INT64_MAX)), -2));
  CHECK(sym_is(sym_mod(f.t, I(INT64_MIN), I(3)), 1));
  Dim many = f.S;
  for (int i = 0; many && i < 100; i++) many = sym_mul(f.t, many, sym_add(f.t, sym_fresh(f.t), I(1)));
  CHECK(many == NULL); /* too large, not slow */
  Dim deep = f.S;
  for (int i = 0; deep && i < 100000; i++) deep = sym_max(f.t, sym_sub(f.t, f.B, deep), f.T);
  CHECK(deep == NULL);
  fixture_close(&f);
}

TEST(sym_substitution) {
  Fixture f;
  fixture_open(&f);
  Str s = str_internz(f.strs, "S");
  Dim e = sym_add(f.t, sym_mul(f.t, f.S, f.B), sym_floordiv(f.t, sym_add(f.t, f.S, f.B), I(3)));
  CHECK(sym_subst(f.t, e, s, 3) ==
        sym_add(f.t, sym_add(f.t, sym_mul(f.t, f.B, I(3)), I(1)), sym_floordiv(f.t, f.B, I(3))));
  CHECK(sym_subst(f.t, sym_floordiv(f.t, I(5), f.S), s, 0) == NULL);
  fixture_close(&f);
}

/* --- random expressions --------------------------------------------------------------------------------- */

enum { VARS = 3, CASES = 12, POOL = 400 };

/* An expression beside its values for CASES assignments; dead[i]: undefined there (a division by 0). */
typedef struct Sample {
  Dim e;
  int64_t value[CASES];
  bool dead[CASES];
} Sample;

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static int64_t direct_floordiv(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t direct(int op, int64_t a, int64_t b) {
  switch (op) {
  case 0: return a + b;
  case 1: return a - b;
  case 2: return a * b;
  case 3: return direct_floordiv(a, b);
  case 4: return a / b;
  case 5: return -direct_floordiv(-a, b);
  case 6: return a - b * direct_floordiv(a, b);
  case 7: return a < b ? a : b;
  default: return a > b ? a : b;
  }
}

static Dim symbolic(SymTable *t, int op, Dim a, Dim b) {
  static Dim (*const fn[])(SymTable *, Dim, Dim) = {sym_add,     sym_sub, sym_mul, sym_floordiv, sym_truncdiv,
                                                    sym_ceildiv, sym_mod, sym_min, sym_max};
  return fn[op](t, a, b);
}

/* Everything the table says about one or two expressions holds for the values. */
static void check_sample(SymTable *t, const Sample *x, const Sample *y) {
  Dim q = sym_exact_div(t, x->e, y->e);
  bool differ = sym_distinct(t, x->e, y->e);
  for (int c = 0; c < CASES; c++) {
    if (x->dead[c]) continue;
    CHECK(sym_lower(x->e) <= x->value[c] && x->value[c] <= sym_upper(x->e));
    if (sym_nonzero(x->e)) CHECK(x->value[c] != 0);
    if (y->dead[c]) continue;
    if (x->e == y->e) CHECK_EQ(x->value[c], y->value[c]);
    if (differ) CHECK(x->value[c] != y->value[c]);
    if (q) CHECK(y->value[c] != 0 && x->value[c] % y->value[c] == 0);
  }
}

static void random_round(Fixture *f, uint64_t seed) {
  static Sample pool[POOL];
  Str names[VARS];
  int64_t at[CASES][VARS];
  size_t n = 0;
  for (int i = 0; i < VARS; i++) names[i] = str_intern(f->strs, &"SBT"[i], 1);
  for (int c = 0; c < CASES; c++)
    for (int i = 0; i < VARS; i++) at[c][i] = (int64_t)(next_random(&seed) % 11);
  for (int i = 0; i < VARS; i++, n++) {
    pool[n] = (Sample){.e = sym_named(f->t, names[i])};
    for (int c = 0; c < CASES; c++) pool[n].value[c] = at[c][i];
  }
  for (int64_t k = -4; k <= 6; k++, n++) {
    pool[n] = (Sample){.e = sym_int(f->t, k)};
    for (int c = 0; c < CASES; c++) pool[n].value[c] = k;
  }
  while (n < POOL) {
    const Sample *x = &pool[next_random(&seed) % n], *y = &pool[next_random(&seed) % n];
    int op = (int)(next_random(&seed) % 9);
    Sample s = {.e = symbolic(f->t, op, x->e, y->e)};
    bool large = false;
    for (int c = 0; c < CASES; c++) {
      s.dead[c] = x->dead[c] || y->dead[c] || (op >= 3 && op <= 6 && y->value[c] == 0);
      if (!s.dead[c]) s.value[c] = direct(op, x->value[c], y->value[c]);
      large |= s.value[c] > 1000000 || s.value[c] < -1000000;
    }
    if (!s.e || large) {
      y = &pool[next_random(&seed) % VARS]; /* keep the pool growing */
      s = *y;
    }
    check_sample(f->t, &s, &pool[next_random(&seed) % n]);
    pool[n++] = s;
  }
  for (size_t i = 0; i < n; i++) {
    for (int c = 0; c < CASES; c++) {
      Dim v = pool[i].e;
      for (int k = 0; k < VARS; k++) v = sym_subst(f->t, v, names[k], at[c][k]);
      int64_t got;
      if (!pool[i].dead[c] && v) CHECK(sym_const(v, &got) && got == pool[i].value[c]);
    }
    for (size_t j = 0; j < i; j++)
      if (pool[i].e == pool[j].e) check_sample(f->t, &pool[i], &pool[j]);
  }
}

TEST(sym_random_expressions) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    Fixture f;
    fixture_open(&f);
    random_round(&f, seed);
    fixture_close(&f);
  }
}
