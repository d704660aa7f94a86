/* Casts of casts. */
#include "passes/identity/identity.h"

/* Bits of the integers that a type holds exactly without gaps; 0: not a type this file reasons about. */
static int significant_bits(ElemType t) {
  switch (t) {
  case DT_FLOAT: return 24;
  case DT_DOUBLE: return 53;
  case DT_FLOAT16: return 11;
  case DT_BFLOAT16: return 8;
  default: return elem_is_int(t) && elem_bits(t) >= 8 ? elem_bits(t) - (elem_is_signed(t) ? 1 : 0) : 0;
  }
}

static bool is_wide_float(ElemType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

/* Is every value of type `from` a value of type `to`? */
static bool holds_all(ElemType from, ElemType to) {
  int bits = significant_bits(from), room = significant_bits(to);
  if (from == to) return true;
  if (from == DT_BOOL) return room > 0;
  if (!bits || !room) return false;
  if (is_wide_float(from)) return (to == DT_FLOAT && from != DT_DOUBLE) || to == DT_DOUBLE;
  if (elem_is_signed(from) && !is_wide_float(to) && !elem_is_signed(to)) return false;
  return bits <= room; /* -2^bits, of a signed type, is a power of two: floats hold it */
}

/* Does a cast from `middle` give the same as one from `from`, for the values that `middle` got from it? */
static const char *same_result(ElemType from, ElemType middle, ElemType to) {
  bool ints = elem_is_int(from) && elem_is_int(middle) && elem_is_int(to);
  if (ints && elem_bits(to) >= 8 && elem_bits(middle) >= elem_bits(to))
    return NULL; /* higher bits are dropped, once or twice */
  if (!holds_all(from, middle)) return "the type in between does not hold every value";
  if (from == to || to == DT_BOOL || is_wide_float(to)) return NULL;
  if (from != DT_BOOL && (is_wide_float(from) || is_wide_float(middle)) && !holds_all(from, to))
    return "numbers out of range may convert differently";
  return elem_bits(to) >= 8 && significant_bits(to) ? NULL : "the type it casts to is not understood here";
}

Outcome identity_cast_chain(Rewriter *rw, Node *node) {
  Node *first = identity_producer(node, 0);
  TRY((node_is(first, OP_Cast) || node_is(first, OP_CastLike)) && node_out(node, 0) && node_in(first, 0));
  Value *x = node_in(first, 0);
  ElemType from = dtype_of(x), middle = dtype_of(first->out[0]), to = dtype_of(node->out[0]);
  NEED(from && middle && to, "a type it casts from or to is not known");
  const char *why = same_result(from, middle, to);
  NEED(!why, "%s", why);
  if (from == to) return identity_forward(rw, node, x);
  if (node_is(node, OP_CastLike)) {
    Node *cast = rw_node(rw, OP_Cast, 1, &x);
    rw_attr_int(rw, cast, "to", to);
    NEED(rw_can_replace(rw, node->out[0], cast->out[0], &why), "%s", why);
    rw_replace(rw, node->out[0], cast->out[0]);
  } else {
    rw_set_input(rw, node, 0, x);
  }
  rw_note(rw, "from %s straight to %s", elem_name(from), elem_name(to));
  return FIRED;
}
