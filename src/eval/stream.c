/* The bytes of tensors: materialised (tensor_bytes) or streamed in blocks (tensor_stream). */
#include "eval/deferred.h"
#include "eval/kernel.h"

enum { BLOCK = 1 << 20, ROW_LIMIT = 16 << 20 };

static const void *aligned(Arena *arena, const Tensor *t) {
  size_t size = elem_size(t->dtype), to = size > 8 ? 8 : size;
  if (!t->bytes || !to || (uintptr_t)t->bytes % to == 0) return t->bytes;
  void *copy = blob_new(arena, (size_t)t->nbytes + 1);
  memcpy(copy, t->bytes, (size_t)t->nbytes);
  return copy;
}

const void *tensor_bytes(Arena *arena, Tensor *t) {
  if (t->store == TS_STRINGS || t->dtype == DT_STRING) return NULL;
  if (t->store != TS_DEFERRED) return aligned(arena, t);
  if (!t->expr) return NULL;
  Tensor *out = NULL;
  Eval e = {.arena = arena,
            .node = t->expr->op,
            .n_in = t->expr->n_in,
            .n_out = 1,
            .in = t->expr->in,
            .out = &out,
            .max_bytes = UINT64_MAX};
  return eval_node(&e) ? aligned(arena, out) : NULL;
}

/* The same where alignment does not matter: nothing is copied that is there. */
static const void *any_bytes(Arena *arena, Tensor *t) {
  return t->store == TS_DEFERRED ? tensor_bytes(arena, t) : t->bytes;
}

typedef struct Stream {
  Arena *arena; /* of this tensor's operands */
  Tensor *t;
  EmitFn *emit;
  void *arg;
} Stream;

/* --- Transpose ------------------------------------------------------------------------------------------ */

typedef struct Turned {
  const uint8_t *src;
  size_t size;
  int rank;
  int64_t dim[MAX_RANK], stride[MAX_RANK];
  uint8_t *buffer;
  size_t room;
} Turned;

/* Emits the part of the result that has fixed indices on the axes before `axis` and starts at src. A block
 * has whole cache lines of the source where it can: 64 bytes of its rows. */
static bool emit_turned(Stream *s, Turned *t, int axis, const uint8_t *src) {
  size_t row = (size_t)dims_product(t->dim, axis + 1, t->rank) * t->size;
  int64_t n = t->dim[axis], line = 64 / (int64_t)t->size;
  if (axis + 1 < t->rank && row * (size_t)(n < line ? n : line) > ROW_LIMIT) {
    for (int64_t i = 0; i < n; i++)
      if (!emit_turned(s, t, axis + 1, src + i * t->stride[axis] * (int64_t)t->size)) return false;
    return true;
  }
  int64_t rows = (int64_t)(BLOCK / row) / line * line, least = 8 * line; /* of the source: pages cost, too */
  if (rows < least) rows = row * (size_t)least <= ROW_LIMIT ? least : line;
  if (rows > n) rows = n;
  if (t->room < row * (size_t)rows) {
    if (t->buffer) blob_free(s->arena, t->buffer);
    t->room = row * (size_t)rows;
    t->buffer = blob_raw(s->arena, t->room);
  }
  int64_t dim[MAX_RANK];
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  for (int64_t i = 0; i < n; i += rows) {
    dim[axis] = n - i < rows ? n - i : rows;
    transpose_copy(t->buffer, src + i * t->stride[axis] * (int64_t)t->size, t->size, t->rank - axis,
                   dim + axis, t->stride + axis);
    if (!s->emit(s->arg, t->buffer, row * (size_t)dim[axis])) return false;
  }
  return true;
}

static bool stream_transpose(Stream *s) {
  const Deferred *x = s->t->expr;
  Tensor *in = x->in[0];
  const int64_t *perm = NULL;
  size_t n;
  Turned t = {.size = elem_size(in->dtype), .rank = in->rank};
  int64_t packed[MAX_RANK];
  if (node_attr(x->op, "perm")) NEEDS(attr_ints(x->op, "perm", &perm, &n));
  NEEDS(t.src = any_bytes(s->arena, in));
  strides_of(in->rank, in->dim, packed);
  for (int i = 0; i < t.rank; i++) {
    t.dim[i] = s->t->dim[i];
    t.stride[i] = packed[perm ? perm[i] : t.rank - 1 - i];
  }
  return emit_turned(s, &t, 0, t.src);
}

/* --- elementwise ---------------------------------------------------------------------------------------- */

/* Rows from..from+n-1 of an operand along the result's axis, whose leading axes are all 1; or all of it where
 * it broadcasts along that axis. */
static void take_rows(const Tensor *t, const void *bytes, int rank, int axis, int64_t from, int64_t n,
                      Tensor *view, int64_t *dim) {
  int own = axis - (rank - t->rank);
  *view = *t;
  view->store = TS_SPAN;
  view->bytes = bytes;
  view->dim = dim;
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  if (own < 0 || t->dim[own] == 1) return;
  uint64_t row = t->count / (uint64_t)t->dim[own];
  dim[own] = n;
  view->count = row * (uint64_t)n;
  view->nbytes = elem_bytes(t->dtype, view->count);
  view->bytes += elem_bytes(t->dtype, row * (uint64_t)from);
}

static bool stream_rows(Stream *s) {
  const Deferred *x = s->t->expr;
  int axis = 0, rank = s->t->rank;
  while (axis < rank - 1 && s->t->dim[axis] == 1) axis++;
  const void **bytes = NEW_ARRAY(s->arena, const void *, x->n_in);
  Tensor *view = NEW_ARRAY(s->arena, Tensor, x->n_in), **in = NEW_ARRAY(s->arena, Tensor *, x->n_in);
  for (int k = 0; k < x->n_in; k++) {
    if (!x->in[k]) continue;
    NEEDS(bytes[k] = any_bytes(s->arena, x->in[k]));
    in[k] = &view[k];
  }
  int64_t length = rank ? s->t->dim[axis] : 1,
          rows = BLOCK / 4 / (int64_t)(s->t->nbytes / (uint64_t)length + 1) + 1;
  for (int64_t from = 0; from < length; from += rows) {
    int64_t n = length - from < rows ? length - from : rows;
    Arena *scratch = arena_child(s->arena);
    Tensor *out = NULL;
    for (int k = 0; k < x->n_in; k++)
      if (x->in[k])
        take_rows(x->in[k], bytes[k], rank, axis, from, n, in[k],
                  NEW_ARRAY(scratch, int64_t, x->in[k]->rank + 1));
    Eval e = {.arena = scratch,
              .node = x->op,
              .n_in = x->n_in,
              .n_out = 1,
              .in = in,
              .out = &out,
              .max_bytes = UINT64_MAX};
    bool ok = eval_node(&e) && s->emit(s->arg, out->bytes, (size_t)out->nbytes);
    arena_free(scratch);
    NEEDS(ok);
  }
  return true;
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static bool stream_concat(Model *m, Stream *s) {
  const Deferred *x = s->t->expr;
  for (int k = 0; k < x->n_in; k++) NEEDS(tensor_stream(m, x->in[k], s->emit, s->arg));
  return true;
}

/* Is nothing in front of the axis along which it concatenates, so that operands follow each other? */
static bool is_outermost_concat(const Tensor *t) {
  int axis;
  Eval e = {.node = t->expr->op};
  return node_is(t->expr->op, OP_Concat) && elem_bits(t->dtype) >= 8 && attr_axis(&e, t->rank, &axis) &&
         dims_product(t->dim, 0, axis) == 1;
}

static bool only_reshapes(const Node *n) {
  return node_is(n, OP_Reshape) || node_is(n, OP_Flatten) || node_is(n, OP_Squeeze) ||
         node_is(n, OP_Unsqueeze) || node_is(n, OP_Identity);
}

static bool stream_deferred(Model *m, Stream *s) {
  const Deferred *x = s->t->expr;
  if (!x) return false;
  if (only_reshapes(x->op)) return tensor_stream(m, x->in[0], s->emit, s->arg);
  if (is_outermost_concat(s->t)) return stream_concat(m, s);
  if (node_is(x->op, OP_Transpose) && elem_bits(s->t->dtype) >= 8) return stream_transpose(s);
  if (node_has(x->op, OP_ELEMENTWISE) && elem_bits(s->t->dtype) >= 8) return stream_rows(s);
  const void *bytes = tensor_bytes(s->arena, s->t);
  return bytes && s->emit(s->arg, bytes, (size_t)s->t->nbytes);
}

bool tensor_stream(Model *m, Tensor *t, EmitFn *emit, void *arg) {
  if (t->store == TS_STRINGS) return false;
  if (t->count == 0) return true;
  if (t->store != TS_DEFERRED) return t->bytes && emit(arg, t->bytes, (size_t)t->nbytes);
  Stream s = {arena_child(m->arena), t, emit, arg};
  bool ok = stream_deferred(m, &s);
  arena_free(s.arena);
  return ok;
}
