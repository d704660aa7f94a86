/* Operators on sequences and optionals. */
#include "eval/list.h"

/* The sequence at input i; NULL if it is none. */
static Tensor *in_sequence(const Eval *e, int i) {
  Tensor *t = in_tensor(e, i);
  return t && t->store == TS_SEQUENCE ? t : NULL;
}

/* SequenceConstruct, SequenceEmpty */
bool eval_sequence_construct(Eval *e) {
  int64_t dtype = DT_FLOAT;
  if (e->n_in == 0 && node_attr(e->node, "dtype"))
    NEEDS(attr_int(e->node, "dtype", &dtype) && dtype > 0 && dtype < DT_COUNT_);
  for (int i = 0; i < e->n_in; i++) {
    NEEDS(e->in[i] && !is_list(e->in[i]) && e->in[i]->dtype == e->in[0]->dtype);
    dtype = e->in[i]->dtype;
  }
  return out_as_it_is(e, 0, list_new(e->arena, TS_SEQUENCE, (ElemType)dtype, (size_t)e->n_in, e->in));
}

bool eval_sequence_at(Eval *e) {
  const Tensor *s = in_sequence(e, 0);
  int64_t at;
  NEEDS(s && in_int(e, 1, &at) && index_ok(&at, (int64_t)s->count));
  return out_as_it_is(e, 0, s->items[at]);
}

/* SequenceInsert (in front of a position, or at the end), SequenceErase (at a position, or the last) */
bool eval_sequence_edit(Eval *e) {
  const Tensor *s = in_sequence(e, 0);
  bool inserts = node_is(e->node, OP_SequenceInsert);
  Tensor *added = inserts ? in_tensor(e, 1) : NULL;
  NEEDS(s && (!inserts || (added && !is_list(added) && added->dtype == s->dtype)));
  int64_t n = (int64_t)s->count, at = inserts ? n : n - 1;
  int position = inserts ? 2 : 1;
  if (in_tensor(e, position)) NEEDS(in_int(e, position, &at));
  if (at < 0) at += n;
  NEEDS(at >= 0 && at < n + inserts);
  Tensor **item = NEW_ARRAY(e->arena, Tensor *, n + 1), **to = item;
  for (int64_t i = 0; i <= n; i++) {
    if (inserts && i == at) *to++ = added;
    if (i < n && (inserts || i != at)) *to++ = s->items[i];
  }
  return out_as_it_is(e, 0, list_new(e->arena, TS_SEQUENCE, s->dtype, (size_t)(to - item), item));
}

bool eval_sequence_length(Eval *e) {
  const Tensor *s = in_sequence(e, 0);
  NEEDS(s);
  int64_t *out = out_new(e, 0, DT_INT64, 0, NULL);
  NEEDS(out);
  *out = (int64_t)s->count;
  return true;
}

bool eval_concat_from_sequence(Eval *e) {
  const Tensor *s = in_sequence(e, 0);
  int64_t axis, is_new;
  NEEDS(s && attr_int(e->node, "axis", &axis) && attr_int(e->node, "new_axis", &is_new));
  return out_as_it_is(e, 0, tensor_joined(e, (size_t)s->count, s->items, axis, is_new != 0));
}

/* Parts of given lengths, of one length (the last may be shorter), or of length 1, whose axis goes unless
 * keepdims. */
bool eval_split_to_sequence(Eval *e) {
  Tensor *t = in_tensor(e, 0), *split = in_tensor(e, 1);
  int axis;
  int64_t keep = 1, from = 0;
  const int64_t *length = NULL;
  size_t n = 0, count = 0;
  NEEDS(t && !is_list(t) && attr_axis(e, t->rank, &axis));
  if (split) NEEDS(in_ints(e, 1, &length, &n));
  if (!split) NEEDS(attr_int(e->node, "keepdims", &keep));
  NEEDS(!split || split->rank == 1 || *length > 0);
  NEEDS(n < 1 << 16 && t->dim[axis] < 1 << 16);
  Tensor **part = NEW_ARRAY(e->arena, Tensor *, t->dim[axis] + (int64_t)n + 1);
  while (split && split->rank == 1 ? count < n : from < t->dim[axis]) {
    int64_t want = !split ? 1 : split->rank == 1 ? length[count] : *length, left = t->dim[axis] - from;
    if (want > left && split && split->rank == 0) want = left;
    NEEDS(part[count++] = tensor_part(e, t, axis, from, want, !split && !keep));
    from += want;
  }
  NEEDS(from == t->dim[axis]);
  return out_as_it_is(e, 0, list_new(e->arena, TS_SEQUENCE, t->dtype, count, part));
}

/* --- optionals ------------------------------------------------------------------------------------------ */

/* Of nothing, if there is no input: its type does not matter to those who may read it. */
bool eval_optional(Eval *e) {
  Tensor *t = in_tensor(e, 0);
  NEEDS(!t || t->store != TS_OPTIONAL);
  return out_as_it_is(e, 0, list_new(e->arena, TS_OPTIONAL, t ? t->dtype : DT_UNDEFINED, t ? 1 : 0, &t));
}

/* A tensor or sequence stands for itself. */
bool eval_optional_get(Eval *e) {
  Tensor *t = in_tensor(e, 0);
  NEEDS(t && (t->store != TS_OPTIONAL || t->count));
  return out_as_it_is(e, 0, t->store == TS_OPTIONAL ? t->items[0] : t);
}

bool eval_optional_has(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  uint8_t *out = out_new(e, 0, DT_BOOL, 0, NULL);
  NEEDS(out);
  *out = t && (t->store != TS_OPTIONAL || t->count);
  return true;
}
