/* Type -> ValueInfoProto. What `declared` does not know (denotations, doc strings, unknown fields) is kept.
 */
#include "onnx/write.h"

/* A constant dim is written as such. Else the old dim stays, or a symbol's name is written, or nothing. */
static void put_dim(Writer *w, Dim d, Span old) {
  int64_t v;
  bool known = sym_const(d, &v);
  if (!known && old.p) {
    put_bytes(&w->out, TensorShape_dim, old);
    return;
  }
  Open o = put_begin(&w->out, TensorShape_dim);
  if (known)
    put_varint(&w->out, TensorShape_Dimension_dim_value, (uint64_t)v);
  else if (sym_name(d))
    put_bytes(&w->out, TensorShape_Dimension_dim_param, str_span(sym_name(d)));
  for (Wire f = wire_top(&w->doc, Msg_TensorShape_Dimension, old); old.p && wire_next(&f);)
    if (f.tag != TensorShape_Dimension_dim_value && f.tag != TensorShape_Dimension_dim_param)
      put_span(&w->out, wire_field(&f));
  put_end(&w->out, o);
}

/* The bytes of a singular sub-message, pieces merged; p == NULL if absent. */
static Span sub_message(Writer *w, MsgId msg, Span bytes, uint32_t tag) {
  if (!bytes.p) return SPAN_NONE;
  for (Wire f = wire_top(&w->doc, msg, bytes); wire_next(&f);)
    if (f.tag == tag) return wire_merge(w->arena, &f);
  return SPAN_NONE;
}

/* What nobody here knows stays: the fields of the old message but for these. */
static void put_others(Writer *w, MsgId msg, Span old, uint32_t but, uint32_t nor) {
  for (Wire f = wire_top(&w->doc, msg, old); old.p && wire_next(&f);)
    if (f.tag != but && f.tag != nor) put_span(&w->out, wire_field(&f));
}

static void put_shape(Writer *w, uint32_t tag, Shape s, Span old) {
  if (s.rank < 0) return;
  Wire count = wire_top(&w->doc, Msg_TensorShape, old);
  int old_rank = 0;
  while (old.p && wire_next(&count)) old_rank += count.tag == TensorShape_dim;
  Open o = put_begin(&w->out, tag);
  Wire f = wire_top(&w->doc, Msg_TensorShape, old);
  for (int i = 0; i < s.rank; i++) {
    Span dim = SPAN_NONE;
    while (old_rank == s.rank && !dim.p && wire_next(&f))
      if (f.tag == TensorShape_dim) dim = f.bytes;
    put_dim(w, s.dim[i], dim);
  }
  put_others(w, Msg_TensorShape, old, TensorShape_dim, 0);
  put_end(&w->out, o);
}

static void put_type(Writer *w, uint32_t tag, const Type *t, Span old);

static void put_member(Writer *w, const Type *t, Span old) {
  static const struct {
    TypeKind kind;
    MsgId msg;
    uint32_t member, elem, inner;
  } kinds[] = {
      {TYPE_TENSOR, Msg_Type_Tensor, Type_tensor_type, Type_Tensor_elem_type, Type_Tensor_shape},
      {TYPE_SPARSE, Msg_Type_SparseTensor, Type_sparse_tensor_type, Type_SparseTensor_elem_type,
       Type_SparseTensor_shape},
      {TYPE_SEQUENCE, Msg_Type_Sequence, Type_sequence_type, 0, Type_Sequence_elem_type},
      {TYPE_OPTIONAL, Msg_Type_Optional, Type_optional_type, 0, Type_Optional_elem_type},
      {TYPE_MAP, Msg_Type_Map, Type_map_type, Type_Map_key_type, Type_Map_value_type},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (kinds[i].kind != t->kind) continue;
    Span was = sub_message(w, Msg_Type, old, kinds[i].member);
    Span inner = sub_message(w, kinds[i].msg, was, kinds[i].inner);
    Open o = put_begin(&w->out, kinds[i].member);
    if (kinds[i].elem) put_varint(&w->out, kinds[i].elem, (uint64_t)t->elem);
    if (t->kind == TYPE_TENSOR || t->kind == TYPE_SPARSE)
      put_shape(w, kinds[i].inner, t->shape, inner);
    else if (t->inner)
      put_type(w, kinds[i].inner, t->inner, inner);
    put_others(w, kinds[i].msg, was, kinds[i].elem, kinds[i].inner);
    put_end(&w->out, o);
  }
}

static void put_type(Writer *w, uint32_t tag, const Type *t, Span old) {
  Open o = put_begin(&w->out, tag);
  put_member(w, t, old);
  for (Wire f = wire_top(&w->doc, Msg_Type, old); old.p && wire_next(&f);)
    if (!wire_is_type(f.tag)) put_span(&w->out, wire_field(&f));
  put_end(&w->out, o);
}

void put_info(Writer *w, uint32_t tag, const Value *v, Span raw) {
  bool describable = v->declared.kind != TYPE_UNKNOWN && v->declared.kind != TYPE_OPAQUE;
  bool retype = describable && (v->info_dirty || !raw.p);
  Wire top = wire_top(&w->doc, Msg_ValueInfo, raw);
  Span name = raw.p ? wire_find(&top, Msg_ValueInfo, raw, ValueInfo_name) : SPAN_NONE;
  bool rename = !raw.p || name.n != v->name->len || (name.n && memcmp(name.p, v->name->s, name.n) != 0);
  if (raw.p && !retype && !rename) {
    put_bytes(&w->out, tag, raw);
    return;
  }
  Open o = put_begin(&w->out, tag);
  put_bytes(&w->out, ValueInfo_name, str_span(v->name));
  if (retype) put_type(w, ValueInfo_type, &v->declared, sub_message(w, Msg_ValueInfo, raw, ValueInfo_type));
  for (Wire f = top; raw.p && wire_next(&f);)
    if (f.tag != ValueInfo_name && (f.tag != ValueInfo_type || !retype)) put_span(&w->out, wire_field(&f));
  put_end(&w->out, o);
}
