/* The bytes of tensors: materialised (tensor_bytes) or streamed in blocks of rows (tensor_stream).
 *
 * A deferred weight is mostly a Transpose, perhaps scaled, perhaps beside others: any row of it can be had
 * without the rest. So an expression becomes a tree of Rows, which puts row after row where the whole tensor
 * would have them; what it cannot be done for is evaluated as a whole and is a leaf. */
#include "eval/deferred.h"
#include "eval/kernel.h"

enum {
  BLOCK = 1 << 19,    /* bytes per block: it goes through the caches once more when it is written */
  LINE = 64,          /* bytes of a cache line: a Transpose reads whole ones if a block has as many rows */
  LONG_ROW = 4 << 20, /* longer rows are cut at the next axis */
  FETCH_LEAST = 64 << 10,
  FETCH_MOST = 32 << 20, /* bytes of an operand that are fetched rather than mapped */
  BLOCK_MOST = 16 << 20  /* for rows so long that LINE of them are more than BLOCK */
};

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

/* --- rows ------------------------------------------------------------------------------------------------
 */

typedef enum How {
  STORED,  /* bytes are there, or will be after rows_load() */
  TURNED,  /* a Transpose of bytes that are there */
  JOINED,  /* a Concat: runs of the operands' rows by turns, or parts of each row side by side */
  COMPUTED /* elementwise over rows of its operands */
} How;

typedef struct Rows {
  How how;
  Tensor *t;
  int axis;             /* a row is one index of the axes up to this one */
  int64_t n;            /* rows */
  size_t size;          /* bytes of a row */
  const uint8_t *bytes; /* of row `first` on; TURNED: of the operand */
  int64_t first;
  struct Rows **in; /* COMPUTED: NULL for an operand that is the same for every row */
  int n_in;
} Rows;

static bool is_reshape(const Node *n) {
  return node_is(n, OP_Reshape) || node_is(n, OP_Flatten) || node_is(n, OP_Squeeze) ||
         node_is(n, OP_Unsqueeze) || node_is(n, OP_Identity);
}

static Rows *rows_of(Arena *a, Tensor *t, int axis);

static bool turned(Rows *r) {
  return node_is(r->t->expr->op, OP_Transpose) && r->t->expr->in[0]->store != TS_DEFERRED;
}

/* The axis of a Concat. */
static bool join_axis(const Tensor *t, int *axis) {
  return attr_axis(&(Eval){.node = t->expr->op}, t->rank, axis);
}

static bool joined(Arena *a, Rows *r) {
  const Deferred *x = r->t->expr;
  int at;
  if (!node_is(x->op, OP_Concat) || !join_axis(r->t, &at) || at > r->axis + 1) return false;
  r->n_in = x->n_in;
  r->in = NEW_ARRAY(a, Rows *, x->n_in);
  for (int k = 0; k < x->n_in; k++) r->in[k] = rows_of(a, x->in[k], r->axis);
  return true;
}

/* Does t, broadcast to `of`, hold another value in every row (1), the same in all (0), or neither (-1)? */
static int varies(const Tensor *t, const Tensor *of, int axis) {
  int ahead = of->rank - t->rank;
  bool same = true, other = true;
  for (int i = 0; i <= axis; i++) {
    int64_t d = i < ahead ? 1 : t->dim[i - ahead];
    same &= d == 1;
    other &= d == of->dim[i];
  }
  return other && !ahead ? 1 : same ? 0 : -1;
}

static bool computed(Arena *a, Rows *r) {
  const Deferred *x = r->t->expr;
  if (!node_has(x->op, OP_ELEMENTWISE)) return false;
  r->n_in = x->n_in;
  r->in = NEW_ARRAY(a, Rows *, x->n_in);
  for (int k = 0; k < x->n_in; k++) {
    Tensor *t = x->in[k];
    int each = t ? varies(t, r->t, r->axis) : 0;
    if (each < 0 || (each == 0 && t && t->store == TS_DEFERRED)) return false;
    if (each > 0 && elem_bits(t->dtype) < 8) return false;
    if (each > 0) r->in[k] = rows_of(a, t, r->axis);
  }
  return true;
}

/* A view of the operand's rows: the same bytes in the same order, if the rows are as long. */
static Rows *viewed(Arena *a, Tensor *t, const Rows *r) {
  Tensor *in = t->expr->in[0];
  for (int axis = 0; axis < in->rank; axis++) {
    if (dims_product(in->dim, 0, axis + 1) == r->n) return rows_of(a, in, axis);
  }
  return NULL;
}

static Rows *rows_of(Arena *a, Tensor *t, int axis) {
  Rows *r = NEW(a, Rows);
  *r = (Rows){.how = STORED, .t = t, .axis = axis, .bytes = t->store == TS_DEFERRED ? NULL : t->bytes};
  r->n = dims_product(t->dim, 0, t->rank ? axis + 1 : 0);
  r->size = r->n ? (size_t)(t->nbytes / (uint64_t)r->n) : 0;
  if (t->store != TS_DEFERRED || !t->expr) return r;
  Rows *view = is_reshape(t->expr->op) ? viewed(a, t, r) : NULL;
  if (view) return view;
  if (turned(r)) {
    r->how = TURNED;
    r->bytes = t->expr->in[0]->bytes;
  } else if (joined(a, r)) {
    r->how = JOINED;
  } else if (computed(a, r)) {
    r->how = COMPUTED;
  }
  return r;
}

/* Is every leaf there without evaluating anything? */
static bool rows_are_there(const Rows *r) {
  if (r->how == STORED || r->how == TURNED) return r->bytes;
  for (int k = 0; k < r->n_in; k++)
    if (r->in[k] && !rows_are_there(r->in[k])) return false;
  return true;
}

/* The bytes in memory, if that pays. */
static const uint8_t *fetched(Arena *a, const StreamTo *to, const uint8_t *bytes, uint64_t n) {
  if (!to->fetch || n < FETCH_LEAST || n > FETCH_MOST) return bytes;
  uint8_t *copy = blob_raw(a, (size_t)n);
  if (to->fetch(to->arg, (Span){bytes, (size_t)n}, copy)) return copy;
  blob_free(a, copy);
  return bytes;
}

/* Makes rows from..from+n-1 ready to be put. */
static bool rows_load(Arena *a, Rows *r, int64_t from, int64_t n, const StreamTo *to) {
  if (r->how == TURNED && n > r->n / 2) /* else it would be fetched again and again */
    r->bytes = fetched(a, to, r->bytes, r->t->nbytes);
  if (r->how == STORED && r->bytes) {
    r->bytes = fetched(a, to, r->bytes + (size_t)from * r->size, (uint64_t)n * r->size);
    r->first = from;
  } else if (r->how == STORED) {
    r->bytes = any_bytes(a, r->t);
  }
  if (r->how == STORED || r->how == TURNED) return r->bytes;
  int at;
  bool by_turns = r->how == JOINED && join_axis(r->t, &at) && at <= r->axis;
  for (int k = 0; k < r->n_in; k++)
    if (r->in[k])
      NEEDS(by_turns ? rows_load(a, r->in[k], 0, r->in[k]->n, to) : rows_load(a, r->in[k], from, n, to));
  return true;
}

/* --- putting them where they belong ----------------------------------------------------------------------
 */

/* Each puts rows from..from+n-1 to dst, `stride` bytes from one to the next. */
static bool put_rows(Arena *a, const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride);

static bool put_stored(const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride) {
  NEEDS(r->bytes);
  const uint8_t *src = r->bytes + (size_t)(from - r->first) * r->size;
  if (stride == r->size)
    memcpy(dst, src, (size_t)n * r->size);
  else
    for (int64_t i = 0; i < n; i++) memcpy(dst + (size_t)i * stride, src + (size_t)i * r->size, r->size);
  return true;
}

static bool put_turned(const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride) {
  const Deferred *x = r->t->expr;
  const Tensor *in = x->in[0];
  const int64_t *perm = NULL, *dims = r->t->dim;
  size_t n_perm, size = elem_size(in->dtype);
  int64_t packed[MAX_RANK], by[MAX_RANK], dim[MAX_RANK];
  int rank = in->rank, axis = r->axis;
  if (node_attr(x->op, "perm")) NEEDS(attr_ints(x->op, "perm", &perm, &n_perm));
  strides_of(rank, in->dim, packed);
  for (int i = 0; i < rank; i++) by[i] = packed[perm ? perm[i] : rank - 1 - i];
  memcpy(dim, dims, (size_t)rank * sizeof *dim);
  while (n) { /* rows with the same indices on the axes before */
    int64_t at = from % dims[axis], left = from / dims[axis], offset = at * by[axis];
    for (int i = axis - 1; i >= 0; left /= dims[i--]) offset += left % dims[i] * by[i];
    dim[axis] = n < dims[axis] - at ? n : dims[axis] - at;
    transpose_copy(dst, (int64_t)(stride / size), r->bytes + (size_t)offset * size, size, rank - axis,
                   dim + axis, by + axis);
    dst += (size_t)dim[axis] * stride;
    from += dim[axis];
    n -= dim[axis];
  }
  return true;
}

/* Side by side within each row. */
static bool put_beside(Arena *a, const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride) {
  for (int k = 0; k < r->n_in; k++) {
    if (!r->in[k]->size) continue;
    NEEDS(put_rows(a, r->in[k], from, n, dst, stride));
    dst += r->in[k]->size;
  }
  return true;
}

/* By turns: as many rows of each operand as one index of the axes before `at` has. */
static bool put_by_turns(Arena *a, const Rows *r, int at, int64_t from, int64_t n, uint8_t *dst,
                         size_t stride) {
  const int64_t *dims = r->t->dim;
  int64_t inner = dims_product(dims, at + 1, r->axis + 1), period = dims[at] * inner;
  while (n) {
    int64_t turn = from / period, place = from % period, run = 0;
    int k = 0;
    while (place >= (run = r->t->expr->in[k]->dim[at] * inner)) {
      place -= run;
      k++;
    }
    int64_t some = n < run - place ? n : run - place;
    NEEDS(put_rows(a, r->in[k], turn * run + place, some, dst, stride));
    dst += (size_t)some * stride;
    from += some;
    n -= some;
  }
  return true;
}

static bool put_joined(Arena *a, const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride) {
  int at;
  NEEDS(join_axis(r->t, &at));
  return at > r->axis ? put_beside(a, r, from, n, dst, stride) : put_by_turns(a, r, at, from, n, dst, stride);
}

/* That many rows of the operand t. */
static Tensor *block_of(Arena *a, const Tensor *t, int axis, const Rows *r, int64_t from, int64_t n) {
  int rank = t->rank - axis;
  int64_t *dim = NEW_ARRAY(a, int64_t, rank);
  memcpy(dim, t->dim + axis, (size_t)rank * sizeof *dim);
  dim[0] = n;
  const uint8_t *bytes = r->how == STORED ? r->bytes + (size_t)(from - r->first) * r->size : NULL;
  if (!bytes) {
    uint8_t *block = blob_raw(a, (size_t)n * r->size);
    if (!put_rows(a, r, from, n, block, r->size)) return NULL;
    bytes = block;
  }
  return tensor_new(a, t->dtype, rank, dim, TS_SPAN, bytes);
}

/* One that is the same for every row: its leading axes are 1. */
static Tensor *alike(Arena *a, const Tensor *t, const Rows *r) {
  int own = t->rank - (r->t->rank - r->axis);
  return own <= 0 ? tensor_new(a, t->dtype, t->rank, t->dim, t->store, t->bytes)
                  : tensor_new(a, t->dtype, t->rank - own, t->dim + own, t->store, t->bytes);
}

static bool put_computed(Arena *a, const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride) {
  const Deferred *x = r->t->expr;
  Arena *scratch = arena_child(a);
  Tensor **in = NEW_ARRAY(scratch, Tensor *, r->n_in), *out = NULL;
  bool ok = true;
  for (int k = 0; k < r->n_in && ok; k++) {
    if (!x->in[k]) continue;
    in[k] = r->in[k] ? block_of(scratch, x->in[k], r->axis, r->in[k], from, n) : alike(scratch, x->in[k], r);
    ok = in[k];
  }
  Eval e = {.arena = scratch,
            .node = x->op,
            .n_in = r->n_in,
            .n_out = 1,
            .in = in,
            .out = &out,
            .max_bytes = UINT64_MAX};
  ok = ok && eval_node(&e) && out->nbytes == (uint64_t)n * r->size;
  ok = ok && put_stored(&(Rows){.bytes = out->bytes, .size = r->size}, 0, n, dst, stride);
  arena_free(scratch);
  return ok;
}

static bool put_rows(Arena *a, const Rows *r, int64_t from, int64_t n, uint8_t *dst, size_t stride) {
  switch (r->how) {
  case STORED: return put_stored(r, from, n, dst, stride);
  case TURNED: return put_turned(r, from, n, dst, stride);
  case JOINED: return put_joined(a, r, from, n, dst, stride);
  default: return put_computed(a, r, from, n, dst, stride);
  }
}

/* --- samples
 * -------------------------------------------------------------------------------------------------
 */

enum { SAMPLES = 3, SAMPLE = 8 }; /* runs, and elements of each: a Transpose has each in another page */

/* Rows as short as they can be had. NULL: only the whole tensor can. */
static Rows *rows_shortest(Arena *a, Tensor *t) {
  for (int axis = t->rank - 1; axis >= 0 && elem_bits(t->dtype) >= 8; axis--) {
    Rows *r = rows_of(a, t, axis);
    if (rows_are_there(r)) return r;
  }
  return NULL;
}

/* Bytes from..from+n-1 of what r is rows of. */
static bool put_bytes(Arena *a, const Rows *r, uint64_t from, size_t n, uint8_t *to) {
  int64_t row = (int64_t)(from / r->size), last = (int64_t)((from + n - 1) / r->size);
  uint8_t *block = blob_raw(a, (size_t)(last - row + 1) * r->size);
  bool ok = put_rows(a, r, row, last - row + 1, block, r->size);
  if (ok) memcpy(to, block + from % r->size, n);
  blob_free(a, block);
  return ok;
}

bool tensor_sample_hash(Arena *arena, Tensor *t, bool only_first, uint64_t *hash) {
  enum { MOST_ELEMENT = 16, LEAST = SAMPLES * SAMPLE };
  uint8_t bytes[LEAST * MOST_ELEMENT];
  *hash = hash_bytes((uint64_t)t->dtype, t->dim, (size_t)t->rank * sizeof *t->dim);
  if (!t->nbytes) return true;
  if (t->store == TS_STRINGS) return false;
  Arena *a = arena_child(arena);
  const Rows *r = t->store == TS_DEFERRED ? rows_shortest(a, t) : NULL;
  const uint8_t *whole = r ? NULL : any_bytes(a, t);
  bool all = t->nbytes <= sizeof bytes, ok = r || whole;
  size_t n = (size_t)(all ? t->nbytes : elem_bytes(t->dtype, SAMPLE));
  for (uint64_t i = 0; i < (all || only_first ? 1 : SAMPLES) && ok; i++) {
    uint64_t from = all ? 0 : elem_bytes(t->dtype, (t->count - SAMPLE) * i / (SAMPLES - 1));
    if (r) ok = put_bytes(a, r, from, n, bytes);
    if (ok) *hash = hash_bytes(*hash, r ? bytes : whole + from, n);
  }
  arena_free(a);
  return ok;
}

/* --- streaming -------------------------------------------------------------------------------------------
 */

/* The rows of t; elements of less than a byte have none of their own. */
static Rows *rows_whole(Arena *a, Tensor *t) {
  while (t->store == TS_DEFERRED && t->expr && is_reshape(t->expr->op)) t = t->expr->in[0];
  int axis = 0, at;
  if (t->store == TS_DEFERRED && t->expr && node_is(t->expr->op, OP_Concat) && join_axis(t, &at) && at)
    axis = at - 1;
  while (axis < t->rank - 2 && t->nbytes / (uint64_t)dims_product(t->dim, 0, axis + 1) > LONG_ROW) axis++;
  if (t->rank && elem_bits(t->dtype) >= 8) return rows_of(a, t, axis);
  Rows *r = NEW(a, Rows);
  *r = (Rows){.how = STORED, .t = t, .n = 1, .size = (size_t)t->nbytes};
  if (t->store != TS_DEFERRED) r->bytes = t->bytes;
  return r;
}

uint64_t tensor_rows(Arena *arena, Tensor *t) {
  if (t->store == TS_STRINGS || t->count == 0) return 1;
  const Rows *r = rows_whole(arena, t);
  return rows_are_there(r) ? (uint64_t)r->n : 1;
}

/* As many as make a block, in whole cache lines of what they are read from. */
static int64_t rows_per_block(const Rows *r, int64_t n) {
  int64_t line = LINE / (int64_t)elem_size(r->t->dtype), rows = (int64_t)(BLOCK / r->size) / line * line;
  if (line < 1) line = 1;
  if (rows < line) rows = r->size * (size_t)line <= BLOCK_MOST ? line : 1;
  return rows < n ? rows : n;
}

static bool stream_rows(Arena *a, Rows *r, int64_t from, int64_t n, const StreamTo *to) {
  NEEDS(rows_load(a, r, from, n, to));
  if (r->how == STORED)
    return to->emit(to->arg, r->bytes + (size_t)(from - r->first) * r->size, (size_t)n * r->size);
  int64_t most = rows_per_block(r, n);
  uint8_t *block = blob_raw(a, (size_t)most * r->size);
  for (int64_t end = from + n; from < end; from += most) {
    if (most > end - from) most = end - from;
    NEEDS(put_rows(a, r, from, most, block, r->size) && to->emit(to->arg, block, (size_t)most * r->size));
  }
  return true;
}

bool tensor_stream(Arena *arena, Tensor *t, uint64_t from, uint64_t n, const StreamTo *to) {
  if (t->store == TS_STRINGS) return false;
  if (t->count == 0) return true;
  Arena *a = arena_child(arena);
  Rows *r = rows_whole(a, t);
  bool ok = t->store != TS_DEFERRED || t->expr;
  if (!rows_are_there(r)) from = 0, n = (uint64_t)r->n; /* tensor_rows() said 1 */
  ok = ok && stream_rows(a, r, (int64_t)from, (int64_t)n, to);
  arena_free(a);
  return ok;
}
