/* ValueInfoProto.type -> Type. */
#include "onnx/read.h"

/* dim_value >= 0 is a number; a name is proof of equality only where the caller says so; else a fresh symbol.
 */
static Dim read_dim(Reader *r, Wire w, bool named) {
  uint32_t kind = 0;
  int64_t value = -1;
  Span name = SPAN_NONE;
  while (wire_next(&w)) {
    if (w.tag == TensorShape_Dimension_dim_value)
      value = (int64_t)w.num;
    else if (w.tag == TensorShape_Dimension_dim_param)
      name = w.bytes;
    else
      continue;
    kind = w.tag;
  }
  SymTable *t = r->m->syms;
  if (kind == TensorShape_Dimension_dim_value && value >= 0) return sym_int(t, value);
  if (kind == TensorShape_Dimension_dim_param && named && name.n) return sym_named(t, read_str(r, name));
  return sym_fresh(t);
}

static Shape read_shape(Reader *r, Wire w, bool named) {
  Wire count = w;
  size_t rank = 0;
  while (wire_next(&count)) rank += count.tag == TensorShape_dim;
  if (rank > MAX_RANK) {
    wire_check(w);
    return SHAPE_UNKNOWN;
  }
  Dim *dim = NEW_ARRAY(r->m->arena, Dim, rank);
  for (size_t i = 0; wire_next(&w);)
    if (w.tag == TensorShape_dim)
      dim[i++] = read_dim(r, wire_sub(&w, Msg_TensorShape_Dimension, w.bytes), named);
  return (Shape){(int)rank, dim};
}

/* TypeProto.Tensor and TypeProto.SparseTensor have the same fields. */
static void read_tensor_type(Reader *r, Wire w, bool named, Type *out) {
  bool have_shape = false;
  while (wire_next(&w)) {
    if (w.tag == Type_Tensor_elem_type) {
      out->elem = (ElemType)(int32_t)w.num;
    } else if (w.tag == Type_Tensor_shape && !have_shape) {
      Wire at = w;
      Span shape = wire_merge(r->scratch, &at);
      out->shape = read_shape(r, wire_sub(&at, Msg_TensorShape, shape), named);
      have_shape = true;
    }
  }
}

static Type read_type(Reader *r, Wire w, bool named);

/* Sequence, Optional and Map hold a type; a Map a key type, too. */
static void read_container(Reader *r, Wire w, bool named, uint32_t inner_tag, Type *out) {
  bool have_inner = false;
  while (wire_next(&w)) {
    if (w.tag == inner_tag && !have_inner) {
      Wire at = w;
      Span bytes = wire_merge(r->scratch, &at);
      Type *inner = NEW(r->m->arena, Type);
      *inner = read_type(r, wire_sub(&at, Msg_Type, bytes), named);
      out->inner = inner;
      have_inner = true;
    } else if (out->kind == TYPE_MAP && w.tag == Type_Map_key_type) {
      out->elem = (ElemType)(int32_t)w.num;
    }
  }
}

static Type read_type(Reader *r, Wire w, bool named) {
  Type t = TYPE_NOTHING;
  uint32_t member = wire_last_type(&w);
  if (!member) return t;
  Span bytes = wire_merge(r->scratch, &w);
  switch (member) {
  case Type_tensor_type:
    t.kind = TYPE_TENSOR;
    read_tensor_type(r, wire_sub(&w, Msg_Type_Tensor, bytes), named, &t);
    break;
  case Type_sparse_tensor_type:
    t.kind = TYPE_SPARSE;
    read_tensor_type(r, wire_sub(&w, Msg_Type_SparseTensor, bytes), named, &t);
    break;
  case Type_sequence_type:
    t.kind = TYPE_SEQUENCE;
    read_container(r, wire_sub(&w, Msg_Type_Sequence, bytes), named, Type_Sequence_elem_type, &t);
    break;
  case Type_optional_type:
    t.kind = TYPE_OPTIONAL;
    read_container(r, wire_sub(&w, Msg_Type_Optional, bytes), named, Type_Optional_elem_type, &t);
    break;
  case Type_map_type:
    t.kind = TYPE_MAP;
    read_container(r, wire_sub(&w, Msg_Type_Map, bytes), named, Type_Map_value_type, &t);
    break;
  default: t.kind = TYPE_OPAQUE;
  }
  return t;
}

Type read_info_type(Reader *r, Wire w, bool named) {
  while (wire_next(&w)) {
    if (w.tag != ValueInfo_type) continue;
    Span bytes = wire_merge(r->scratch, &w);
    return read_type(r, wire_sub(&w, Msg_Type, bytes), named);
  }
  return TYPE_NOTHING;
}
