/* Operators of two broadcast operands: arithmetic, comparisons, logic, bits; and PRelu. */
#include "eval/kernel.h"

/* Output dims of the broadcast of inputs 0 and 1. */
static bool pair_dims(const Eval *e, int *rank, int64_t *dim) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 1);
  NEEDS(a && b && a->rank <= MAX_RANK);
  *rank = a->rank;
  memcpy(dim, a->dim, (size_t)a->rank * sizeof *dim);
  return dims_broadcast(rank, dim, b->rank, b->dim);
}

/* Runs over the pair; in the body x and y are the elements in the type C, *o the output's. */
#define PAIRS(T, C, LOAD, O, BODY)                                                                           \
  {                                                                                                          \
    O *o = out;                                                                                              \
    for (loop_start(&l); loop_run(&l); loop_next(&l)) {                                                      \
      const T *a_ = (const T *)a + l.at[0], *b_ = (const T *)b + l.at[1];                                    \
      for (int64_t i = 0; i < l.n; i++, o++) {                                                               \
        C x = LOAD(a_[i * l.by[0]]), y = LOAD(b_[i * l.by[1]]);                                              \
        BODY                                                                                                 \
      }                                                                                                      \
    }                                                                                                        \
    return true;                                                                                             \
  }

typedef struct Pair {
  const void *a, *b;
  void *out;
  ElemType dtype;
  Loop l;
} Pair;

/* Operands of one dtype, the output of dtype `to`. */
static bool pair_start(Eval *e, ElemType to, Pair *p) {
  int rank;
  int64_t dim[MAX_RANK];
  NEEDS(pair_dims(e, &rank, dim) && e->in[0]->dtype == e->in[1]->dtype);
  p->dtype = e->in[0]->dtype;
  p->out = out_new(e, 0, to == DT_UNDEFINED ? p->dtype : to, rank, dim);
  NEEDS(p->out);
  p->a = in_data(e, 0);
  p->b = in_data(e, 1);
  NEEDS(p->a && p->b);
  loop_broadcast(&p->l, rank, dim, 2, (const Tensor *const *)e->in);
  return true;
}

/* --- Add, Sub, Mul, Div --------------------------------------------------------------------------------- */

/* Products and sums of integers wrap: they are computed on unsigned words. */
#define ARITHMETIC(name, FLOAT_EXPR, WORD_EXPR)                                                              \
  static bool name(Pair *p) {                                                                                \
    const void *a = p->a, *b = p->b;                                                                         \
    void *out = p->out;                                                                                      \
    Loop l = p->l;                                                                                           \
    switch (p->dtype) {                                                                                      \
      FLOAT_TYPES(FLOAT_EXPR)                                                                                \
      INT_TYPES(WORD_EXPR)                                                                                   \
    default: return false;                                                                                   \
    }                                                                                                        \
  }

#define X_ADD(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, C, LOAD, T, *o = STORE(x + y);)
#define W_ADD(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, uint64_t, (uint64_t), T, *o = (T)(x + y);)
#define X_SUB(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, C, LOAD, T, *o = STORE(x - y);)
#define W_SUB(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, uint64_t, (uint64_t), T, *o = (T)(x - y);)
#define X_MUL(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, C, LOAD, T, *o = STORE(x * y);)
#define W_MUL(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, uint64_t, (uint64_t), T, *o = (T)(x * y);)
#define X_DIV(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, C, LOAD, T, *o = STORE(x / y);)
/* By 0, and the least int64 by -1, are left to whoever runs the model. */
#define W_DIV(DT, T, C, LOAD, STORE)                                                                         \
  case DT: PAIRS(T, C, LOAD, T, NEEDS(y != 0 && !overflows((int64_t)x, (int64_t)y, DT)); *o = STORE(x / y);)

static inline bool overflows(int64_t x, int64_t y, ElemType t) {
  return t == DT_INT64 && x == INT64_MIN && y == -1;
}

ARITHMETIC(add, X_ADD, W_ADD)
ARITHMETIC(subtract, X_SUB, W_SUB)
ARITHMETIC(multiply, X_MUL, W_MUL)
ARITHMETIC(divide, X_DIV, W_DIV)

bool eval_arith(Eval *e) {
  Pair p;
  NEEDS(pair_start(e, DT_UNDEFINED, &p));
  switch (e->node->op->id) {
  case OP_Add: return add(&p);
  case OP_Sub: return subtract(&p);
  case OP_Mul: return multiply(&p);
  default: return divide(&p);
  }
}

/* --- Mod ------------------------------------------------------------------------------------------------ */

static double floored_mod(double x, double y) {
  double r = fmod(x, y);
  if (r == 0) return copysign(0, y);
  return (r < 0) != (y < 0) ? r + y : r;
}

static int64_t int_mod(int64_t x, int64_t y, bool truncated) {
  if (y == -1) return 0; /* the least integer by -1 does not fit */
  int64_t r = x % y;
  return !truncated && r && (r < 0) != (y < 0) ? r + y : r;
}

bool eval_mod(Eval *e) {
  int64_t fmod_attr;
  Pair p;
  NEEDS(attr_int(e->node, "fmod", &fmod_attr) && pair_start(e, DT_UNDEFINED, &p));
  bool truncated = fmod_attr != 0;
  const void *a = p.a, *b = p.b;
  void *out = p.out;
  Loop l = p.l;
  /* Before opset 28 floats need fmod=1. */
  NEEDS(truncated || !elem_is_computed_float(p.dtype) || since(e) >= 28);
  switch (p.dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    PAIRS(T, C, LOAD, T,                                                                                     \
          *o = STORE((C)(truncated ? fmod((double)x, (double)y) : floored_mod((double)x, (double)y)));)
    FLOAT_TYPES(X)
#undef X
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT: PAIRS(T, C, LOAD, T, NEEDS(y != 0); *o = (T)int_mod(x, y, truncated);)
    SIGNED_TYPES(X)
#undef X
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT: PAIRS(T, C, LOAD, T, NEEDS(y != 0); *o = STORE(x % y);)
    UNSIGNED_TYPES(X)
#undef X
  default: return false;
  }
}

/* --- comparisons --------------------------------------------------------------------------------------- */

#define COMPARE(name, OPERATOR)                                                                              \
  static bool name(Pair *p) {                                                                                \
    const void *a = p->a, *b = p->b;                                                                         \
    void *out = p->out;                                                                                      \
    Loop l = p->l;                                                                                           \
    switch (p->dtype) {                                                                                      \
      REAL_TYPES(X_##name)                                                                                   \
    default: return false;                                                                                   \
    }                                                                                                        \
  }
#define X_equal(DT, T, C, LOAD, STORE)                                                                       \
  case DT: PAIRS(T, C, LOAD, uint8_t, *o = x == y;)
#define X_less(DT, T, C, LOAD, STORE)                                                                        \
  case DT: PAIRS(T, C, LOAD, uint8_t, *o = x < y;)
#define X_less_equal(DT, T, C, LOAD, STORE)                                                                  \
  case DT: PAIRS(T, C, LOAD, uint8_t, *o = x <= y;)
#define X_greater(DT, T, C, LOAD, STORE)                                                                     \
  case DT: PAIRS(T, C, LOAD, uint8_t, *o = x > y;)
#define X_greater_equal(DT, T, C, LOAD, STORE)                                                               \
  case DT: PAIRS(T, C, LOAD, uint8_t, *o = x >= y;)

COMPARE(equal, ==)
COMPARE(less, <)
COMPARE(less_equal, <=)
COMPARE(greater, >)
COMPARE(greater_equal, >=)

static bool same_text(Span a, Span b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static bool equal_other(Pair *p) {
  const void *a = p->a, *b = p->b;
  void *out = p->out;
  Loop l = p->l;
  if (p->dtype == DT_STRING) PAIRS(Span, Span, AS_IS, uint8_t, *o = same_text(x, y);)
  NEEDS(p->dtype == DT_BOOL);
  PAIRS(uint8_t, bool, (bool), uint8_t, *o = x == y;)
}

bool eval_compare(Eval *e) {
  Pair p;
  NEEDS(pair_start(e, DT_BOOL, &p));
  switch (e->node->op->id) {
  case OP_Equal: return elem_is_real(p.dtype) ? equal(&p) : equal_other(&p);
  case OP_Less: return less(&p);
  case OP_LessOrEqual: return less_equal(&p);
  case OP_Greater: return greater(&p);
  default: return greater_equal(&p);
  }
}

/* --- logic and bits ------------------------------------------------------------------------------------ */

bool eval_logic(Eval *e) {
  Pair p;
  NEEDS(pair_start(e, DT_BOOL, &p) && p.dtype == DT_BOOL);
  const void *a = p.a, *b = p.b;
  void *out = p.out;
  Loop l = p.l;
  switch (e->node->op->id) {
  case OP_And: PAIRS(uint8_t, bool, (bool), uint8_t, *o = x && y;)
  case OP_Or: PAIRS(uint8_t, bool, (bool), uint8_t, *o = x || y;)
  default: PAIRS(uint8_t, bool, (bool), uint8_t, *o = x != y;)
  }
}

bool eval_bitwise(Eval *e) {
  Pair p;
  NEEDS(pair_start(e, DT_UNDEFINED, &p));
  const void *a = p.a, *b = p.b;
  void *out = p.out;
  Loop l = p.l;
  OpId op = e->node->op->id;
  switch (p.dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT: PAIRS(T, C, LOAD, T, *o = STORE(op == OP_BitwiseAnd ? x & y : op == OP_BitwiseOr ? x | y : x ^ y);)
    INT_TYPES(X)
#undef X
  default: return false;
  }
}

/* What is shifted in from a sign: all bits of it, or none. */
static inline uint64_t sign_fill(int64_t x, bool is_signed, bool left) {
  return is_signed && !left && x < 0 ? UINT64_MAX : 0;
}

/* Shifts by as many bits as there are, by more or by less than none are defined since opset 28: all bits go
 * out. */
bool eval_bit_shift(Eval *e) {
  Pair p;
  bool left = attr_string_is(e->node, "direction", "LEFT"), defined = since(e) >= 28;
  NEEDS(left || attr_string_is(e->node, "direction", "RIGHT"));
  NEEDS(pair_start(e, DT_UNDEFINED, &p));
  const void *a = p.a, *b = p.b;
  void *out = p.out;
  Loop l = p.l;
  const uint64_t bits = (uint64_t)elem_bits(p.dtype);
  const bool is_signed = elem_is_signed(p.dtype);
  switch (p.dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    PAIRS(T, C, LOAD, T, const bool inside = (uint64_t)y < bits; NEEDS(inside || defined);                   \
          if (inside) *o = left ? (T)((uint64_t)x << y) : STORE(x >> y);                                     \
          else *o = (T)sign_fill((int64_t)x, is_signed, left);)
    INT_TYPES(X)
#undef X
  default: return false;
  }
}

/* --- Pow ------------------------------------------------------------------------------------------------ */

/* Runtimes compute integer powers in double, so only results it holds exactly are taken. */
static bool int_power(int64_t base, int64_t exponent, int64_t *out) {
  const int64_t limit = (int64_t)1 << 53;
  NEEDS(exponent >= 0);
  int64_t r = 1;
  if (base == 0 || base == 1) {
    *out = exponent ? base : 1;
    return true;
  }
  if (base == -1) exponent &= 1;
  for (; exponent; exponent--) {
    NEEDS(!__builtin_mul_overflow(r, base, &r) && r <= limit && r >= -limit);
  }
  *out = r;
  return true;
}

static bool int_pow(Eval *e, int rank, const int64_t *dim, Loop *l) {
  const Tensor *a = e->in[0], *b = e->in[1];
  const uint64_t *x = in_words(e, 0), *k = NULL;
  const double *f = NULL;
  if (elem_is_computed_float(b->dtype))
    f = in_doubles(e, 1);
  else
    k = in_words(e, 1);
  NEEDS(x && (f || k) && a->dtype != DT_UINT64 && b->dtype != DT_UINT64);
  uint64_t count, n = 0;
  NEEDS(tensor_count(rank, dim, &count) && affordable(e, count));
  uint64_t *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r);
  for (loop_start(l); loop_run(l); loop_next(l))
    for (int64_t i = 0; i < l->n; i++, n++) {
      int64_t at = l->at[1] + i * l->by[1], exponent, power;
      if (f) NEEDS(f[at] == floor(f[at]) && fabs(f[at]) < 1024);
      exponent = f ? (int64_t)f[at] : (int64_t)k[at];
      NEEDS(int_power((int64_t)x[l->at[0] + i * l->by[0]], exponent, &power));
      r[n] = (uint64_t)power;
    }
  NEEDS(out_words(e, 0, a->dtype, rank, dim, r));
  Tensor *out = e->out[0];
  for (uint64_t i = 0; i < count; i++) { /* did it fit the narrow dtype? */
    int64_t stored;
    NEEDS(tensor_get_int(out, i, &stored) && stored == (int64_t)r[i]);
  }
  return true;
}

/* The result has the base's dtype; the exponent's may be another. */
bool eval_pow(Eval *e) {
  int rank;
  int64_t dim[MAX_RANK];
  NEEDS(pair_dims(e, &rank, dim));
  const Tensor *a = e->in[0], *b = e->in[1];
  NEEDS(elem_is_real(a->dtype) && elem_is_real(b->dtype));
  if (e->dry) return out_new(e, 0, a->dtype, rank, dim);
  Loop l;
  loop_broadcast(&l, rank, dim, 2, (const Tensor *const *)e->in);
  if (!elem_is_computed_float(a->dtype)) return int_pow(e, rank, dim, &l);
  const double *x = in_doubles(e, 0), *y = NULL;
  const uint64_t *k = NULL;
  if (elem_is_computed_float(b->dtype))
    y = in_doubles(e, 1);
  else
    k = in_words(e, 1);
  uint64_t count, n = 0;
  bool is_unsigned = b->dtype == DT_UINT64;
  NEEDS(x && (y || k));
  NEEDS(tensor_count(rank, dim, &count) && affordable(e, count));
  double *r = blob_new(e->scratch, ((size_t)count + 1) * sizeof *r);
  for (loop_start(&l); loop_run(&l); loop_next(&l))
    for (int64_t i = 0; i < l.n; i++, n++) {
      int64_t at = l.at[1] + i * l.by[1];
      double by = y ? y[at] : is_unsigned ? (double)k[at] : (double)(int64_t)k[at];
      r[n] = pow(x[l.at[0] + i * l.by[0]], by);
    }
  return out_doubles(e, 0, a->dtype, rank, dim, r);
}

/* --- PRelu ---------------------------------------------------------------------------------------------- */

/* The slope broadcasts one way, into x. */
bool eval_prelu(Eval *e) {
  int rank;
  int64_t dim[MAX_RANK];
  NEEDS(pair_dims(e, &rank, dim) && rank == e->in[0]->rank);
  NEEDS(memcmp(dim, e->in[0]->dim, (size_t)rank * sizeof *dim) == 0);
  Pair p;
  NEEDS(pair_start(e, DT_UNDEFINED, &p));
  const void *a = p.a, *b = p.b;
  void *out = p.out;
  Loop l = p.l;
  switch (p.dtype) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT: PAIRS(T, C, LOAD, T, *o = STORE(x < 0 ? x * y : x);)
    FLOAT_TYPES(X)
#undef X
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT:                                                                                                   \
    PAIRS(T, C, LOAD, T,                                                                                     \
          *o = (T)((int64_t)x < 0 && DT != DT_UINT64 ? (uint64_t)x * (uint64_t)y : (uint64_t)x);)
    INT_TYPES(X)
#undef X
  default: return false;
  }
}

/* --- SwiGLU --------------------------------------------------------------------------------------------- */

/* a * sigmoid(alpha * a) * b, of equal dims. */
bool eval_swiglu(Eval *e) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 1);
  float alpha;
  NEEDS(a && b && a->dtype == b->dtype && dims_same(a, b) && elem_is_computed_float(a->dtype));
  NEEDS(attr_float(e->node, "alpha", &alpha));
  if (e->dry) return out_new(e, 0, a->dtype, a->rank, a->dim);
  const double *x = in_doubles(e, 0), *y = in_doubles(e, 1);
  double *r = doubles_new(e, (int64_t)a->count);
  NEEDS(x && y && r);
  for (uint64_t i = 0; i < a->count; i++) r[i] = x[i] / (1 + exp(-(double)alpha * x[i])) * y[i];
  return out_doubles(e, 0, a->dtype, a->rank, a->dim, r);
}
