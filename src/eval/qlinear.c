/* MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv: sums of products of integers, in double, where they
 * are exact. */
#include "eval/product.h"
#include "eval/quant.h"

/* Input x minus its zero point, input z: one, or one for each index of `axis` (-1: no such axis). */
static const double *centred(Eval *e, int x, int z, int axis) {
  const Tensor *t = in_tensor(e, x), *zero = in_tensor(e, z);
  const double *v = in_numbers(e, x);
  if (!v || !elem_is_int(t->dtype) || elem_bits(t->dtype) > 8 || !zero) return v;
  const double *by = in_numbers(e, z);
  double *r = doubles_new(e, (int64_t)t->count);
  bool one = zero->count == 1;
  if (!by || !r || zero->dtype != t->dtype) return NULL;
  if (!one && (axis < 0 || zero->rank != 1 || zero->dim[0] != t->dim[axis])) return NULL;
  Lines l = one ? (Lines){1, 1, 1} : lines_of(t, axis);
  for (uint64_t i = 0; i < t->count; i++) r[i] = v[i] - by[one ? 0 : (int64_t)i / l.inner % l.n];
  return r;
}

static bool is_byte(const Tensor *t) {
  return t && (t->dtype == DT_INT8 || t->dtype == DT_UINT8);
}

/* Sums as int32: what does not fit would wrap, or not. */
static bool out_sums(Eval *e, int rank, const int64_t *dim, const double *sum) {
  uint64_t count;
  NEEDS(tensor_count(rank, dim, &count));
  for (uint64_t i = 0; i < count; i++) NEEDS(fabs(sum[i]) < 0x1p31);
  return out_quantized(e, 0, DT_INT32, rank, dim, sum);
}

/* a, a's scale and zero point, b, b's, then the result's: inputs 0 to 7. Scales of b may differ along `axis`
 * of the result. */
static bool out_requantized(Eval *e, int rank, const int64_t *dim, int axis, double *sum) {
  const Tensor *many = in_tensor(e, 4), *zero = in_tensor(e, 7);
  double a, y, z;
  NEEDS(many && zero && in_number(e, 1, &a) && in_number(e, 6, &y) && in_number(e, 7, &z));
  const double *b = in_numbers(e, 4);
  NEEDS(b && is_byte(zero));
  const Tensor shape = {.rank = rank, .dim = dim};
  Lines l = {1, 1, 1};
  uint64_t count;
  if (many->count > 1) {
    NEEDS(many->rank == 1 && axis >= 0 && many->dim[0] == dim[axis]);
    l = lines_of(&shape, axis);
  }
  NEEDS(tensor_count(rank, dim, &count));
  for (uint64_t i = 0; i < count; i++) {
    double scale = b[many->count > 1 ? (int64_t)i / l.inner % l.n : 0];
    NEEDS(quantize_surely(sum[i] * a * scale / y, z, zero->dtype, &sum[i]));
  }
  return out_quantized(e, 0, zero->dtype, rank, dim, sum);
}

/* Zero points may differ by row of a and by column of b. */
bool eval_matmul_integer(Eval *e) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 1);
  Batched m;
  NEEDS(is_byte(a) && is_byte(b) && matmul_dims(a, b, &m));
  if (e->dry) return out_new(e, 0, DT_INT32, m.rank, m.dim);
  const double *x = centred(e, 0, 2, a->rank - 2), *y = centred(e, 1, 3, b->rank - 1);
  double *sum = x && y ? matmul_real(e, &m, x, y) : NULL;
  return sum && out_sums(e, m.rank, m.dim, sum);
}

bool eval_qlinear_matmul(Eval *e) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 3), *zero = in_tensor(e, 7);
  Batched m;
  NEEDS(is_byte(a) && is_byte(b) && zero && matmul_dims(a, b, &m));
  if (e->dry) return out_new(e, 0, zero->dtype, m.rank, m.dim);
  const double *x = centred(e, 0, 2, -1), *y = centred(e, 3, 5, b->rank - 1);
  double *sum = x && y ? matmul_real(e, &m, x, y) : NULL;
  return sum && out_requantized(e, m.rank, m.dim, m.rank - 1, sum);
}

bool eval_conv_integer(Eval *e) {
  Convolution c;
  NEEDS(is_byte(in_tensor(e, 0)) && is_byte(in_tensor(e, 1)) && conv_init(e, e->in[0], e->in[1], &c));
  if (e->dry) return out_new(e, 0, DT_INT32, c.rank, c.dim);
  const double *x = centred(e, 0, 2, -1), *k = centred(e, 1, 3, 0);
  double *sum = x && k ? conv_real(e, &c, x, k) : NULL;
  return sum && out_sums(e, c.rank, c.dim, sum);
}

/* The bias, input 8, is an int32 at the scale of the sums. */
bool eval_qlinear_conv(Eval *e) {
  const Tensor *zero = in_tensor(e, 7), *bias = in_tensor(e, 8);
  Convolution c;
  NEEDS(is_byte(in_tensor(e, 0)) && is_byte(in_tensor(e, 3)) && zero && conv_init(e, e->in[0], e->in[3], &c));
  if (e->dry) return out_new(e, 0, zero->dtype, c.rank, c.dim);
  const double *x = centred(e, 0, 2, -1), *k = centred(e, 3, 5, 0), *b = bias ? in_numbers(e, 8) : NULL;
  double *sum = x && k ? conv_real(e, &c, x, k) : NULL;
  NEEDS(sum && (!bias || (b && bias->dtype == DT_INT32 && bias->rank == 1 && bias->dim[0] == c.filters)));
  int64_t spots = dims_product(c.w.out, 0, c.w.n);
  for (int64_t i = 0; b && i < c.dim[0] * c.filters * spots; i++) sum[i] += b[i / spots % c.filters];
  return out_requantized(e, c.rank, c.dim, 1, sum);
}
