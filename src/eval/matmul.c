/* MatMul, Gemm: products in double (rounded once), or exact and wrapping. */
#include "eval/product.h"

#define PRODUCT(T, name)                                                                                     \
  static void name(const Product *p, const T *a, const T *b, T *c) {                                         \
    for (int64_t i = 0; i < p->m; i++)                                                                       \
      for (int64_t k = 0; k < p->k; k++) {                                                                   \
        T x = a[i * p->a_row + k * p->a_col];                                                                \
        for (int64_t j = 0; j < p->n; j++) c[i * p->n + j] += x * b[k * p->b_row + j * p->b_col];            \
      }                                                                                                      \
  }
PRODUCT(double, product_real)
PRODUCT(uint64_t, product_word)

static bool small_enough(const Eval *e, int64_t batches, const Product *p) {
  int64_t work;
  return !__builtin_mul_overflow(batches, p->m, &work) && !__builtin_mul_overflow(work, p->n, &work) &&
         affordable(e, (uint64_t)work) && !__builtin_mul_overflow(work, p->k, &work) && work <= MAX_WORK;
}

/* --- MatMul --------------------------------------------------------------------------------------------- */

bool matmul_dims(const Tensor *a, const Tensor *b, Batched *m) {
  NEEDS(a->rank >= 1 && b->rank >= 1 && a->rank < MAX_RANK && b->rank < MAX_RANK);
  int64_t a_dim[MAX_RANK], b_dim[MAX_RANK];
  int ra = a->rank, rb = b->rank;
  memcpy(a_dim, a->dim, (size_t)ra * sizeof *a_dim);
  memcpy(b_dim, b->dim, (size_t)rb * sizeof *b_dim);
  if (ra == 1) a_dim[1] = a_dim[0], a_dim[0] = 1, ra = 2;
  if (rb == 1) b_dim[1] = 1, rb = 2;
  m->p = (Product){.m = a_dim[ra - 2], .k = a_dim[ra - 1], .n = b_dim[rb - 1]};
  NEEDS(b_dim[rb - 2] == m->p.k);
  m->p.a_row = m->p.k, m->p.a_col = 1, m->p.b_row = m->p.n, m->p.b_col = 1;
  m->n_batch = ra - 2;
  memcpy(m->dim, a_dim, (size_t)(ra - 2) * sizeof *a_dim);
  NEEDS(dims_broadcast(&m->n_batch, m->dim, rb - 2, b_dim));
  Tensor av = {.rank = ra - 2, .dim = a_dim}, bv = {.rank = rb - 2, .dim = b_dim};
  loop_broadcast(&m->batches, m->n_batch, m->dim, 2, (const Tensor *const[]){&av, &bv});
  m->rank = m->n_batch;
  if (a->rank > 1) m->dim[m->rank++] = m->p.m;
  if (b->rank > 1) m->dim[m->rank++] = m->p.n;
  return true;
}

/* Room for the products, NULL if they are too much work. */
static void *products_new(Eval *e, const Batched *m) {
  uint64_t count;
  if (!tensor_count(m->n_batch, m->dim, &count) || count > MAX_WORK) return NULL;
  if (!small_enough(e, (int64_t)count, &m->p)) return NULL;
  return blob_new(e->scratch, ((size_t)count * (size_t)(m->p.m * m->p.n) + 1) * 8);
}

#define MATMUL(T, name, product)                                                                             \
  T *name(Eval *e, const Batched *m, const T *a, const T *b) {                                               \
    T *c = products_new(e, m), *o = c;                                                                       \
    Loop l = m->batches;                                                                                     \
    if (!c) return NULL;                                                                                     \
    for (loop_start(&l); loop_run(&l); loop_next(&l))                                                        \
      for (int64_t i = 0; i < l.n; i++, o += m->p.m * m->p.n)                                                \
        product(&m->p, a + (l.at[0] + i * l.by[0]) * m->p.m * m->p.k,                                        \
                b + (l.at[1] + i * l.by[1]) * m->p.k * m->p.n, o);                                           \
    return c;                                                                                                \
  }
MATMUL(double, matmul_real, product_real)
MATMUL(uint64_t, matmul_words, product_word)

bool eval_matmul(Eval *e) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 1);
  Batched m;
  NEEDS(a && b && a->dtype == b->dtype && elem_is_real(a->dtype) && matmul_dims(a, b, &m));
  if (e->dry) return out_new(e, 0, a->dtype, m.rank, m.dim);
  if (elem_is_computed_float(a->dtype)) {
    const double *x = in_doubles(e, 0), *y = in_doubles(e, 1);
    double *c = x && y ? matmul_real(e, &m, x, y) : NULL;
    return c && out_doubles(e, 0, a->dtype, m.rank, m.dim, c);
  }
  const uint64_t *x = in_words(e, 0), *y = in_words(e, 1);
  uint64_t *c = x && y ? matmul_words(e, &m, x, y) : NULL;
  return c && out_words(e, 0, a->dtype, m.rank, m.dim, c);
}

/* --- Gemm ----------------------------------------------------------------------------------------------- */

static bool gemm_dims(const Eval *e, Product *p) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 1);
  int64_t ta, tb;
  NEEDS(since(e) >= 7 && a && b && a->rank == 2 && b->rank == 2 && a->dtype == b->dtype);
  NEEDS(attr_int(e->node, "transA", &ta) && attr_int(e->node, "transB", &tb));
  p->m = a->dim[ta ? 1 : 0], p->k = a->dim[ta ? 0 : 1], p->n = b->dim[tb ? 0 : 1];
  p->a_row = ta ? 1 : a->dim[1], p->a_col = ta ? a->dim[1] : 1;
  p->b_row = tb ? 1 : b->dim[1], p->b_col = tb ? b->dim[1] : 1;
  return b->dim[tb ? 1 : 0] == p->k;
}

/* alpha * A' * B' + beta * C, C broadcast one way. Integers only with alpha = beta = 1. */
bool eval_gemm(Eval *e) {
  Product p;
  float alpha, beta;
  const Tensor *c = in_tensor(e, 2);
  NEEDS(gemm_dims(e, &p) && attr_float(e->node, "alpha", &alpha) && attr_float(e->node, "beta", &beta));
  ElemType dtype = e->in[0]->dtype;
  int64_t dim[2] = {p.m, p.n};
  Loop l;
  if (c) {
    int64_t to[MAX_RANK] = {p.m, p.n};
    int rank = 2;
    NEEDS(c->dtype == dtype && c->rank <= 2 && dims_broadcast(&rank, to, c->rank, c->dim));
    NEEDS(to[0] == p.m && to[1] == p.n);
    loop_broadcast(&l, 2, dim, 1, &c);
  }
  if (e->dry) return out_new(e, 0, dtype, 2, dim);
  bool real = elem_is_computed_float(dtype);
  NEEDS(elem_is_real(dtype) && small_enough(e, 1, &p) && (real || (alpha == 1 && beta == 1)));
  void *r = blob_new(e->scratch, ((size_t)(p.m * p.n) + 1) * 8);
  if (real) {
    const double *a = in_doubles(e, 0), *b = in_doubles(e, 1), *cv = c ? in_doubles(e, 2) : NULL;
    double *o = r;
    NEEDS(a && b && (cv || !c));
    product_real(&p, a, b, o);
    for (int64_t i = 0; i < p.m * p.n; i++) o[i] *= (double)alpha;
    if (c)
      for (loop_start(&l); loop_run(&l); loop_next(&l))
        for (int64_t i = 0; i < l.n; i++) *o++ += (double)beta * cv[l.at[0] + i * l.by[0]];
    return out_doubles(e, 0, dtype, 2, dim, r);
  }
  const uint64_t *a = in_words(e, 0), *b = in_words(e, 1), *cv = c ? in_words(e, 2) : NULL;
  uint64_t *o = r;
  NEEDS(a && b && (cv || !c));
  product_word(&p, a, b, o);
  if (c)
    for (loop_start(&l); loop_run(&l); loop_next(&l))
      for (int64_t i = 0; i < l.n; i++) *o++ += cv[l.at[0] + i * l.by[0]];
  return out_words(e, 0, dtype, 2, dim, r);
}
