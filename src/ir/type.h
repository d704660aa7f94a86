/* Element types, symbolic dims, shapes and value types. */
#ifndef IR_TYPE_H
#define IR_TYPE_H

#include "base/str.h"
#include "ir/sym.h"

/* Numbers are TensorProto.DataType's. */
typedef enum ElemType {
  DT_UNDEFINED = 0,
  DT_FLOAT = 1,
  DT_UINT8 = 2,
  DT_INT8 = 3,
  DT_UINT16 = 4,
  DT_INT16 = 5,
  DT_INT32 = 6,
  DT_INT64 = 7,
  DT_STRING = 8,
  DT_BOOL = 9,
  DT_FLOAT16 = 10,
  DT_DOUBLE = 11,
  DT_UINT32 = 12,
  DT_UINT64 = 13,
  DT_COMPLEX64 = 14,
  DT_COMPLEX128 = 15,
  DT_BFLOAT16 = 16,
  DT_FLOAT8E4M3FN = 17,
  DT_FLOAT8E4M3FNUZ = 18,
  DT_FLOAT8E5M2 = 19,
  DT_FLOAT8E5M2FNUZ = 20,
  DT_UINT4 = 21,
  DT_INT4 = 22,
  DT_FLOAT4E2M1 = 23,
  DT_FLOAT8E8M0 = 24,
  DT_UINT2 = 25,
  DT_INT2 = 26,
  DT_COUNT_
} ElemType;

/* Bits of one stored element (4 for the packed 4-bit types); 0 for strings, undefined and unknown types. */
int elem_bits(ElemType t);
const char *elem_name(ElemType t); /* ONNX text syntax: "float", "int64", ...; "undefined" if unknown */
bool elem_is_float(ElemType t);    /* any binary floating point, the 4/8/16-bit ones included */
bool elem_is_int(ElemType t);      /* signed or unsigned integer of any width; bool is not */
bool elem_is_signed(ElemType t);
/* Bytes of n packed elements; UINT64_MAX on overflow or for types without a fixed width. */
uint64_t elem_bytes(ElemType t, uint64_t n);

#define MAX_RANK 64 /* inputs of higher rank keep an unknown shape */

/* rank < 0: nothing known. A dim is never NULL inside a ranked shape: an unknown one is a fresh symbol. */
typedef struct Shape {
  int rank;
  const Dim *dim;
} Shape;

#define SHAPE_UNKNOWN ((Shape){-1, NULL})

bool shape_known(Shape s); /* ranked and every dim a constant */
bool shape_equal(Shape a, Shape b);
/* Number of elements as a symbolic product; NULL if the rank is unknown or it overflows. */
Dim shape_size(SymTable *t, Shape s);
/* The dims as integers; false unless shape_known(). out has room for s.rank numbers. */
bool shape_ints(Shape s, int64_t *out);

typedef enum TypeKind {
  TYPE_UNKNOWN,
  TYPE_TENSOR,
  TYPE_SPARSE,
  TYPE_SEQUENCE,
  TYPE_OPTIONAL,
  TYPE_MAP,
  TYPE_OPAQUE
} TypeKind;

typedef struct Type {
  TypeKind kind;
  ElemType elem;            /* tensor, sparse; key type of a map */
  Shape shape;              /* tensor, sparse */
  const struct Type *inner; /* sequence, optional, map value */
} Type;

#define TYPE_NOTHING ((Type){TYPE_UNKNOWN, DT_UNDEFINED, {-1, NULL}, NULL})

#endif
