#include "eval/list.h"

#include "eval/deferred.h"

Tensor *list_new(Arena *arena, TensorStore store, ElemType dtype, size_t n, Tensor *const *item) {
  Tensor *t = NEW(arena, Tensor);
  t->dtype = dtype;
  t->store = store;
  t->count = n;
  t->items = arena_copy(arena, item, n * sizeof *item);
  for (size_t i = 0; i < n; i++) t->nbytes += item[i]->nbytes;
  return t;
}

static Tensor *list_kept(Arena *arena, const Tensor *t) {
  Tensor **item = NEW_ARRAY(arena, Tensor *, t->count);
  for (uint64_t i = 0; i < t->count; i++) item[i] = tensor_kept(arena, t->items[i]);
  return list_new(arena, t->store, t->dtype, (size_t)t->count, item);
}

Tensor *tensor_kept(Arena *arena, Tensor *t) {
  if (is_list(t)) return list_kept(arena, t);
  Tensor *copy = tensor_new(arena, t->dtype, t->rank, t->dim, t->store, t->bytes);
  if (t->store == TS_OWNED && t->bytes) {
    void *p = blob_raw(arena, (size_t)t->nbytes + 1);
    copy->bytes = p;
    memcpy(p, t->bytes, (size_t)t->nbytes);
  }
  if (t->store != TS_STRINGS)
    return copy->store == TS_DEFERRED ? t : copy; /* expressions live with the model */
  Span *text = NEW_ARRAY(arena, Span, t->count);
  for (uint64_t i = 0; i < t->count; i++)
    text[i] = (Span){arena_copy(arena, t->strings[i].p, t->strings[i].n), t->strings[i].n};
  copy->strings = text;
  copy->nbytes = t->nbytes;
  return copy;
}

bool out_as_it_is(Eval *e, int i, Tensor *t) {
  NEEDS(t && i < e->n_out && !e->dry);
  e->as_it_is = true;
  e->out[i] = t;
  return true;
}

/* --- parts ---------------------------------------------------------------------------------------------- */

/* Elements of whole bytes, or strings. */
static const uint8_t *elements(Eval *e, Tensor *t) {
  static const uint8_t nothing[1];
  if (is_list(t) || (t->dtype != DT_STRING && elem_bits(t->dtype) < 8)) return NULL;
  if (t->count == 0) return nothing;
  return t->store == TS_STRINGS ? (const uint8_t *)t->strings : tensor_bytes(e->scratch, t);
}

/* A tensor and its bytes to fill; NULL if it is too large. */
static Tensor *fresh(Eval *e, ElemType dtype, int rank, const int64_t *dim, uint8_t **bytes) {
  uint64_t count, limit = e->max_bytes ? e->max_bytes : EVAL_MAX_BYTES;
  if (rank > MAX_RANK || !tensor_count(rank, dim, &count) || count > limit / elem_size(dtype)) return NULL;
  *bytes = blob_new(e->arena, (size_t)count * elem_size(dtype) + 1);
  if (dtype != DT_STRING) return tensor_new(e->arena, dtype, rank, dim, TS_OWNED, *bytes);
  Tensor *t = tensor_new(e->arena, dtype, rank, dim, TS_STRINGS, NULL);
  t->strings = (const Span *)(const void *)*bytes;
  return t;
}

/* Strings count by their length. */
static Tensor *weighed(Tensor *t) {
  for (uint64_t i = 0; t->store == TS_STRINGS && i < t->count; i++) t->nbytes += t->strings[i].n;
  return t;
}

Tensor *tensor_part(Eval *e, Tensor *t, int axis, int64_t from, int64_t n, bool squeezed) {
  int64_t dim[MAX_RANK];
  int rank = 0;
  uint8_t *to;
  const uint8_t *p = elements(e, t);
  if (!p || axis < 0 || axis >= t->rank || from < 0 || n < 0 || from > t->dim[axis] - n ||
      (squeezed && n != 1))
    return NULL;
  for (int i = 0; i < t->rank; i++)
    if (i != axis || !squeezed) dim[rank++] = i == axis ? n : t->dim[i];
  Tensor *part = fresh(e, t->dtype, rank, dim, &to);
  if (!part) return NULL;
  Lines l = lines_of(t, axis);
  size_t row = (size_t)l.inner * elem_size(t->dtype), run = (size_t)n * row;
  for (int64_t o = 0; o < l.outer && run; o++, to += run) memcpy(to, p + (size_t)(o * l.n + from) * row, run);
  return weighed(part);
}

/* Dims of the whole; false if the parts do not fit together. */
static bool joined_dims(size_t n, Tensor *const *part, int64_t *axis, bool is_new, int *rank, int64_t *dim) {
  NEEDS(n && !is_list(part[0]));
  const Tensor *first = part[0];
  *rank = first->rank + is_new;
  NEEDS(*rank <= MAX_RANK && index_ok(axis, *rank));
  for (int i = 0, k = 0; i < *rank; i++) dim[i] = is_new && i == *axis ? (int64_t)n : first->dim[k++];
  for (size_t i = 1; i < n; i++) {
    const Tensor *t = part[i];
    NEEDS(!is_list(t) && t->dtype == first->dtype && t->rank == first->rank);
    for (int k = 0; k < t->rank; k++) NEEDS(t->dim[k] == first->dim[k] || (!is_new && k == *axis));
    if (!is_new) NEEDS(!__builtin_add_overflow(dim[*axis], t->dim[*axis], &dim[*axis]));
  }
  return true;
}

Tensor *tensor_joined(Eval *e, size_t n, Tensor *const *part, int64_t axis, bool is_new) {
  int64_t dim[MAX_RANK];
  int rank;
  uint8_t *to;
  if (!joined_dims(n, part, &axis, is_new, &rank, dim)) return NULL;
  Tensor *whole = fresh(e, part[0]->dtype, rank, dim, &to);
  if (!whole) return NULL;
  Lines l = lines_of(whole, (int)axis);
  size_t row = (size_t)l.inner * elem_size(whole->dtype), before = 0;
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = elements(e, part[i]);
    if (!p) return NULL;
    size_t run = (size_t)(is_new ? 1 : part[i]->dim[axis]) * row;
    for (int64_t o = 0; o < l.outer && run; o++)
      memcpy(to + (size_t)(o * l.n) * row + before, p + (size_t)o * run, run);
    before += run;
  }
  return weighed(whole);
}
