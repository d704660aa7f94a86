#include "ir/type.h"

typedef struct ElemInfo {
  const char *name;
  int bits;
  bool is_float, is_int, is_signed;
} ElemInfo;

static const ElemInfo elems[DT_COUNT_] = {
    [DT_UNDEFINED] = {"undefined", 0, 0, 0, 0},
    [DT_FLOAT] = {"float", 32, 1, 0, 1},
    [DT_UINT8] = {"uint8", 8, 0, 1, 0},
    [DT_INT8] = {"int8", 8, 0, 1, 1},
    [DT_UINT16] = {"uint16", 16, 0, 1, 0},
    [DT_INT16] = {"int16", 16, 0, 1, 1},
    [DT_INT32] = {"int32", 32, 0, 1, 1},
    [DT_INT64] = {"int64", 64, 0, 1, 1},
    [DT_STRING] = {"string", 0, 0, 0, 0},
    [DT_BOOL] = {"bool", 8, 0, 0, 0},
    [DT_FLOAT16] = {"float16", 16, 1, 0, 1},
    [DT_DOUBLE] = {"double", 64, 1, 0, 1},
    [DT_UINT32] = {"uint32", 32, 0, 1, 0},
    [DT_UINT64] = {"uint64", 64, 0, 1, 0},
    [DT_COMPLEX64] = {"complex64", 64, 0, 0, 1},
    [DT_COMPLEX128] = {"complex128", 128, 0, 0, 1},
    [DT_BFLOAT16] = {"bfloat16", 16, 1, 0, 1},
    [DT_FLOAT8E4M3FN] = {"float8e4m3fn", 8, 1, 0, 1},
    [DT_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 8, 1, 0, 1},
    [DT_FLOAT8E5M2] = {"float8e5m2", 8, 1, 0, 1},
    [DT_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 8, 1, 0, 1},
    [DT_UINT4] = {"uint4", 4, 0, 1, 0},
    [DT_INT4] = {"int4", 4, 0, 1, 1},
    [DT_FLOAT4E2M1] = {"float4e2m1", 4, 1, 0, 1},
    [DT_FLOAT8E8M0] = {"float8e8m0", 8, 1, 0, 0},
    [DT_UINT2] = {"uint2", 2, 0, 1, 0},
    [DT_INT2] = {"int2", 2, 0, 1, 1},
};

static const ElemInfo *info(ElemType t) {
  return (unsigned)t < DT_COUNT_ && elems[t].name ? &elems[t] : &elems[DT_UNDEFINED];
}

int elem_bits(ElemType t) {
  return info(t)->bits;
}

const char *elem_name(ElemType t) {
  return info(t)->name;
}

bool elem_is_float(ElemType t) {
  return info(t)->is_float;
}

bool elem_is_int(ElemType t) {
  return info(t)->is_int;
}

bool elem_is_signed(ElemType t) {
  return info(t)->is_signed;
}

uint64_t elem_bytes(ElemType t, uint64_t n) {
  uint64_t bits = (uint64_t)info(t)->bits, total;
  if (!bits || __builtin_mul_overflow(bits, n, &total) || total > UINT64_MAX - 7) return UINT64_MAX;
  return (total + 7) / 8;
}

bool shape_known(Shape s) {
  if (s.rank < 0) return false;
  int64_t v;
  for (int i = 0; i < s.rank; i++)
    if (!sym_const(s.dim[i], &v)) return false;
  return true;
}

bool shape_equal(Shape a, Shape b) {
  if (a.rank < 0 || a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; i++)
    if (!sym_equal(a.dim[i], b.dim[i])) return false;
  return true;
}

Dim shape_size(SymTable *t, Shape s) {
  if (s.rank < 0) return NULL;
  Dim size = sym_int(t, 1);
  for (int i = 0; i < s.rank; i++) size = sym_mul(t, size, s.dim[i]);
  return size;
}

bool shape_ints(Shape s, int64_t *out) {
  if (s.rank < 0) return false;
  for (int i = 0; i < s.rank; i++)
    if (!sym_const(s.dim[i], &out[i])) return false;
  return true;
}
