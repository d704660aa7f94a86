/* Operators that copy elements to other places: Transpose, Concat, Split, Slice, Expand, Tile, DepthToSpace
 * ... */
#include "eval/kernel.h"

/* --- Transpose ------------------------------------------------------------------------------------------ */

bool eval_transpose(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->rank <= MAX_RANK);
  const int64_t *perm = NULL;
  size_t n = 0;
  bool seen[MAX_RANK];
  int64_t dim[MAX_RANK], stride[MAX_RANK], packed[MAX_RANK];
  if (node_attr(e->node, "perm")) {
    NEEDS(attr_ints(e->node, "perm", &perm, &n) && n == (size_t)t->rank && axes_mark(perm, n, t->rank, seen));
    for (size_t i = 0; i < n; i++) NEEDS(perm[i] >= 0);
  }
  strides_of(t->rank, t->dim, packed);
  for (int i = 0; i < t->rank; i++) {
    int64_t from = perm ? perm[i] : t->rank - 1 - i;
    dim[i] = t->dim[from];
    stride[i] = packed[from];
  }
  void *out = out_new(e, 0, t->dtype, t->rank, dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  strides_of(t->rank, dim, packed);
  transpose_copy(out, t->rank ? packed[0] : 1, p, elem_size(t->dtype), t->rank, dim, stride);
  return true;
}

/* --- Concat, Split -------------------------------------------------------------------------------------- */

bool eval_concat(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->rank <= MAX_RANK);
  int axis = 1;
  int64_t dim[MAX_RANK];
  if (since(e) < 4 && !node_attr(e->node, "axis"))
    NEEDS(axis < t->rank); /* had a default, 1 */
  else
    NEEDS(attr_axis(e, t->rank, &axis));
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  for (int k = 1; k < e->n_in; k++) {
    const Tensor *u = in_tensor(e, k);
    NEEDS(u && u->rank == t->rank && u->dtype == t->dtype);
    for (int i = 0; i < t->rank; i++) NEEDS(i == axis || u->dim[i] == dim[i]);
    NEEDS(!__builtin_add_overflow(dim[axis], u->dim[axis], &dim[axis]));
  }
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, dim);
  NEEDS(out);
  size_t size = elem_size(t->dtype), inner = (size_t)dims_product(dim, axis + 1, t->rank) * size;
  int64_t outer = dims_product(dim, 0, axis);
  for (int k = 0; k < e->n_in; k++) {
    const uint8_t *p = in_data(e, k);
    NEEDS(p);
    size_t run = (size_t)e->in[k]->dim[axis] * inner;
    for (int64_t i = 0; i < outer; i++)
      if (run) memcpy(out + (size_t)i * (size_t)dim[axis] * inner, p + (size_t)i * run, run);
    out += run;
  }
  return true;
}

/* Length of each part: given, or as equal as the version asks for. */
static bool split_parts(Eval *e, int64_t length, int64_t *part) {
  const int64_t *given = NULL;
  size_t n = 0;
  if (since(e) < 2 && in_tensor(e, 1))
    NEEDS(in_ints(e, 1, &given, &n));
  else
    NEEDS(in_list(e, 1, "split", 13, &given, &n));
  if (given) {
    int64_t sum = 0;
    NEEDS(n == (size_t)e->n_out);
    for (size_t i = 0; i < n; i++) {
      NEEDS(given[i] >= 0 && !__builtin_add_overflow(sum, given[i], &sum));
      part[i] = given[i];
    }
    return sum == length;
  }
  int64_t parts = e->n_out, each = length / parts;
  if (since(e) >= 18) {
    NEEDS(attr_int(e->node, "num_outputs", &parts) && parts == e->n_out);
    each = (length + parts - 1) / parts;
  } else {
    NEEDS(length % parts == 0);
  }
  for (int64_t i = 0, left = length; i < parts; i++, left -= part[i - 1]) {
    part[i] = left < each ? left : each;
    NEEDS(part[i] > 0 || length == 0);
  }
  return true;
}

bool eval_split(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  NEEDS(t && t->rank <= MAX_RANK && e->n_out > 0);
  int axis = 0;
  if (node_attr(e->node, "axis")) NEEDS(attr_axis(e, t->rank, &axis));
  NEEDS(axis < t->rank);
  int64_t *part = NEW_ARRAY(e->scratch, int64_t, e->n_out), dim[MAX_RANK];
  NEEDS(split_parts(e, t->dim[axis], part));
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  size_t inner = (size_t)dims_product(dim, axis + 1, t->rank) * elem_size(t->dtype);
  int64_t outer = dims_product(dim, 0, axis);
  const uint8_t *p = e->dry ? NULL : in_data(e, 0);
  for (int k = 0; k < e->n_out; k++) {
    dim[axis] = part[k];
    uint8_t *out = out_new(e, k, t->dtype, t->rank, dim);
    if (e->dry && e->out[k]) continue;
    NEEDS(out && p);
    size_t run = (size_t)part[k] * inner;
    for (int64_t i = 0; i < outer && run; i++)
      memcpy(out + (size_t)i * run, p + (size_t)i * (size_t)t->dim[axis] * inner, run);
    p += run;
  }
  return true;
}

/* --- Slice ---------------------------------------------------------------------------------------------- */

typedef struct Range {
  int64_t start, step, n;
} Range;

static Range slice_range(int64_t start, int64_t end, int64_t step, int64_t d) {
  if (start < 0) start += d;
  if (end < 0) end += d;
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? d : d - 1;
  start = start < 0 && step < 0 ? -1 : start < 0 ? 0 : start > high ? high : start;
  end = end < low ? low : end > high ? high : end;
  if (step < -INT64_MAX) step = -INT64_MAX;
  Range r = {start, step, 0};
  if (step > 0 && end > start) r.n = (end - start - 1) / step + 1;
  if (step < 0 && start > end) r.n = (start - end - 1) / -step + 1;
  return r;
}

/* Until opset 10 attributes, then inputs. */
static bool slice_lists(Eval *e, const int64_t **list, size_t *n) {
  static const char *const names[] = {"starts", "ends", "axes", "steps"};
  for (int k = 0; k < 4; k++) NEEDS(in_list(e, k + 1, names[k], 10, &list[k], &n[k]));
  return list[0] && list[1] && n[0] == n[1] && (!list[2] || n[2] == n[0]) && (!list[3] || n[3] == n[0]);
}

bool eval_slice(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *list[4];
  size_t n[4];
  NEEDS(t && t->rank <= MAX_RANK && slice_lists(e, list, n) && n[0] <= (size_t)t->rank);
  int64_t dim[MAX_RANK], stride[MAX_RANK], from = 0;
  bool seen[MAX_RANK];
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  strides_of(t->rank, t->dim, stride);
  if (list[2]) NEEDS(axes_mark(list[2], n[2], t->rank, seen));
  for (size_t i = 0; i < n[0]; i++) {
    int64_t axis = list[2] ? list[2][i] : (int64_t)i, step = list[3] ? list[3][i] : 1;
    NEEDS(index_ok(&axis, t->rank) && step != 0);
    Range r = slice_range(list[0][i], list[1][i], step, t->dim[axis]);
    dim[axis] = r.n;
    if (r.n > 0) from += r.start * stride[axis];
    stride[axis] = r.n > 1 ? stride[axis] * r.step : 0;
  }
  void *out = out_new(e, 0, t->dtype, t->rank, dim);
  NEEDS(out);
  const uint8_t *p = in_data(e, 0);
  NEEDS(p);
  size_t size = elem_size(t->dtype);
  if (e->out[0]->count) copy_strided(out, p + (size_t)from * size, size, t->rank, dim, stride);
  return true;
}

/* --- Expand, Tile --------------------------------------------------------------------------------------- */

bool eval_expand(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *want;
  size_t n;
  int64_t dim[MAX_RANK], stride[MAX_RANK], packed[MAX_RANK];
  NEEDS(t && t->rank <= MAX_RANK && in_ints(e, 1, &want, &n) && n <= MAX_RANK);
  int rank = t->rank;
  memcpy(dim, t->dim, (size_t)rank * sizeof *dim);
  NEEDS(dims_broadcast(&rank, dim, (int)n, want));
  void *out = out_new(e, 0, t->dtype, rank, dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  strides_of(t->rank, t->dim, packed);
  for (int i = 0; i < rank; i++) {
    int own = i - (rank - t->rank);
    stride[i] = own < 0 || t->dim[own] == 1 ? 0 : packed[own];
  }
  copy_strided(out, p, elem_size(t->dtype), rank, dim, stride);
  return true;
}

/* Each axis becomes two: repetitions (stride 0), then the input's. */
bool eval_tile(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *repeat;
  size_t n;
  int64_t dim[MAX_RANK], wide[2 * MAX_RANK], stride[2 * MAX_RANK], packed[MAX_RANK];
  NEEDS(since(e) >= 6 && t && t->rank <= MAX_RANK / 2 && in_ints(e, 1, &repeat, &n) && n == (size_t)t->rank);
  strides_of(t->rank, t->dim, packed);
  for (int i = 0; i < t->rank; i++) {
    NEEDS(repeat[i] >= 0 && !__builtin_mul_overflow(t->dim[i], repeat[i], &dim[i]));
    wide[2 * i] = repeat[i];
    stride[2 * i] = 0;
    wide[2 * i + 1] = t->dim[i];
    stride[2 * i + 1] = packed[i];
  }
  void *out = out_new(e, 0, t->dtype, t->rank, dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  copy_strided(out, p, elem_size(t->dtype), 2 * t->rank, wide, stride);
  return true;
}

/* --- DepthToSpace, SpaceToDepth ------------------------------------------------------------------------- */

/* Input seen with 6 dims, permuted, seen with 4 dims. */
static bool permute6(Eval *e, const int64_t *view, const int *perm, const int64_t *dim) {
  const Tensor *t = e->in[0];
  void *out = out_new(e, 0, t->dtype, 4, dim);
  NEEDS(out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  int64_t packed[6], to[6], stride[6];
  strides_of(6, view, packed);
  for (int i = 0; i < 6; i++) {
    to[i] = view[perm[i]];
    stride[i] = packed[perm[i]];
  }
  copy_strided(out, p, elem_size(t->dtype), 6, to, stride);
  return true;
}

bool eval_depth_space(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t b;
  NEEDS(t && t->rank == 4 && attr_int(e->node, "blocksize", &b) && b > 0 && b < 1 << 15);
  const int64_t *d = t->dim, n = d[0], c = d[1], h = d[2], w = d[3];
  Span mode;
  bool columns_first = attr_string(e->node, "mode", &mode) && attr_string_is(e->node, "mode", "CRD");
  NEEDS(columns_first || !node_attr(e->node, "mode") || attr_string_is(e->node, "mode", "DCR"));
  if (node_is(e->node, OP_DepthToSpace)) {
    NEEDS(c % (b * b) == 0);
    int64_t k = c / (b * b), out[] = {n, k, h * b, w * b};
    return columns_first ? permute6(e, (int64_t[]){n, k, b, b, h, w}, (int[]){0, 1, 4, 2, 5, 3}, out)
                         : permute6(e, (int64_t[]){n, b, b, k, h, w}, (int[]){0, 3, 4, 1, 5, 2}, out);
  }
  NEEDS(h % b == 0 && w % b == 0);
  int64_t out[] = {n, c * b * b, h / b, w / b}, view[] = {n, c, h / b, b, w / b, b};
  return columns_first ? permute6(e, view, (int[]){0, 1, 3, 5, 2, 4}, out)
                       : permute6(e, view, (int[]){0, 3, 5, 1, 2, 4}, out);
}

/* --- ReverseSequence ------------------------------------------------------------------------------------ */

bool eval_reverse_sequence(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t batch, time;
  const int64_t *length;
  size_t n;
  NEEDS(t && t->rank >= 2 && attr_int(e->node, "batch_axis", &batch) &&
        attr_int(e->node, "time_axis", &time));
  NEEDS((batch == 0 || batch == 1) && time == 1 - batch);
  NEEDS(in_ints(e, 1, &length, &n) && n == (size_t)t->dim[batch]);
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, t->dim);
  NEEDS(out);
  const uint8_t *p = in_data(e, 0);
  NEEDS(p);
  size_t run = (size_t)dims_product(t->dim, 2, t->rank) * elem_size(t->dtype);
  for (int64_t i = 0; i < t->dim[0] && run; i++)
    for (int64_t k = 0; k < t->dim[1]; k++) {
      int64_t b = batch ? k : i, s = batch ? i : k;
      NEEDS(length[b] >= 0 && length[b] <= t->dim[time]);
      int64_t from = s < length[b] ? length[b] - 1 - s : s;
      int64_t row = batch ? from * t->dim[1] + b : b * t->dim[1] + from;
      memcpy(out + (size_t)(i * t->dim[1] + k) * run, p + (size_t)row * run, run);
    }
  return true;
}

/* --- Trilu ---------------------------------------------------------------------------------------------- */

bool eval_trilu(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t upper, k = 0;
  NEEDS(t && t->rank >= 2 && t->dtype != DT_STRING && attr_int(e->node, "upper", &upper));
  if (in_tensor(e, 1)) NEEDS(in_int(e, 1, &k));
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, t->dim);
  NEEDS(out);
  const uint8_t *p = in_data(e, 0);
  NEEDS(p);
  int64_t rows = t->dim[t->rank - 2], cols = t->dim[t->rank - 1],
          batch = dims_product(t->dim, 0, t->rank - 2);
  size_t size = elem_size(t->dtype);
  for (int64_t i = 0; i < batch * rows; i++) {
    /* Column where the diagonal crosses this row, clamped. */
    int64_t at = i % rows, edge = k > cols ? cols : k < -rows ? -rows : k;
    edge += at + (upper ? 0 : 1);
    edge = edge < 0 ? 0 : edge > cols ? cols : edge;
    int64_t from = upper ? edge : 0, n = upper ? cols - edge : edge;
    size_t offset = (size_t)(i * cols + from) * size;
    if (n) memcpy(out + offset, p + offset, (size_t)n * size);
  }
  return true;
}
