/* Gather, GatherElements, GatherND, Compress: elements picked by index. Indices out of range are refused. */
#include "eval/kernel.h"

/* Negative indices count from the end (until opset 11 there were none). */
static bool gathered(const Eval *e, int64_t *i, int64_t n) {
  return (*i >= 0 || since(e) >= 11) && index_ok(i, n);
}

bool eval_gather(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *at = in_tensor(e, 1);
  int axis;
  int64_t dim[MAX_RANK];
  NEEDS(t && at && t->rank + at->rank - 1 <= MAX_RANK && attr_axis(e, t->rank, &axis));
  int rank = 0;
  for (int i = 0; i < axis; i++) dim[rank++] = t->dim[i];
  for (int i = 0; i < at->rank; i++) dim[rank++] = at->dim[i];
  for (int i = axis + 1; i < t->rank; i++) dim[rank++] = t->dim[i];
  uint8_t *out = out_new(e, 0, t->dtype, rank, dim);
  NEEDS(out);
  const int64_t *index = in_indices(e, 1);
  const uint8_t *p = in_data(e, 0);
  NEEDS(index && p);
  size_t run = (size_t)dims_product(t->dim, axis + 1, t->rank) * elem_size(t->dtype);
  int64_t outer = dims_product(t->dim, 0, axis), length = t->dim[axis];
  for (int64_t i = 0; i < outer; i++)
    for (uint64_t k = 0; k < at->count; k++, out += run) {
      int64_t from = index[k];
      NEEDS(gathered(e, &from, length));
      if (run) memcpy(out, p + (size_t)(i * length + from) * run, run);
    }
  return true;
}

bool eval_gather_elements(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *at = in_tensor(e, 1);
  int axis;
  NEEDS(t && at && at->rank == t->rank && t->rank <= MAX_RANK && attr_axis(e, t->rank, &axis));
  for (int i = 0; i < t->rank; i++) NEEDS(i == axis || at->dim[i] <= t->dim[i]);
  uint8_t *out = out_new(e, 0, t->dtype, at->rank, at->dim);
  NEEDS(out);
  const int64_t *index = in_indices(e, 1);
  const uint8_t *p = in_data(e, 0);
  NEEDS(index && p);
  size_t size = elem_size(t->dtype);
  int64_t stride[MAX_RANK], along;
  strides_of(t->rank, t->dim, stride);
  along = stride[axis];
  stride[axis] = 0;
  Loop l;
  loop_init(&l, at->rank, at->dim, 1, (const int64_t *const[]){stride});
  for (loop_start(&l); loop_run(&l); loop_next(&l))
    for (int64_t i = 0; i < l.n; i++, out += size) {
      int64_t from = *index++;
      NEEDS(gathered(e, &from, t->dim[axis]));
      memcpy(out, p + (size_t)(l.at[0] + i * l.by[0] + from * along) * size, size);
    }
  return true;
}

bool eval_gather_nd(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *at = in_tensor(e, 1);
  int64_t batch = 0, dim[2 * MAX_RANK];
  NEEDS(t && at && t->rank >= 1 && at->rank >= 1 && t->rank <= MAX_RANK && at->rank <= MAX_RANK);
  if (since(e) >= 12) NEEDS(attr_int(e->node, "batch_dims", &batch));
  int64_t depth = at->dim[at->rank - 1];
  NEEDS(batch >= 0 && batch < t->rank && batch < at->rank && depth >= 1 && depth <= t->rank - batch);
  int rank = 0, b = (int)batch, k = (int)depth;
  for (int i = 0; i < b; i++) NEEDS(t->dim[i] == at->dim[i]);
  for (int i = 0; i < at->rank - 1; i++) dim[rank++] = at->dim[i];
  for (int i = b + k; i < t->rank; i++) dim[rank++] = t->dim[i];
  uint8_t *out = out_new(e, 0, t->dtype, rank, dim);
  NEEDS(out);
  const int64_t *index = in_indices(e, 1);
  const uint8_t *p = in_data(e, 0);
  NEEDS(index && p);
  size_t run = (size_t)dims_product(t->dim, b + k, t->rank) * elem_size(t->dtype);
  int64_t batches = dims_product(at->dim, 0, b), each = dims_product(at->dim, b, at->rank - 1);
  int64_t stride = dims_product(t->dim, b, b + k);
  for (int64_t i = 0; i < batches * each; i++, index += k, out += run) {
    int64_t from = 0;
    for (int j = 0; j < k; j++) {
      int64_t v = index[j];
      NEEDS(gathered(e, &v, t->dim[b + j]));
      from = from * t->dim[b + j] + v;
    }
    if (run) memcpy(out, p + (size_t)(i / each * stride + from) * run, run);
  }
  return true;
}

/* Slices along the axis (without one: elements) whose condition holds; the condition may be shorter. */
bool eval_compress(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *c = in_tensor(e, 1);
  NEEDS(t && c && t->rank <= MAX_RANK && c->rank == 1 && c->dtype == DT_BOOL);
  bool flat = !node_attr(e->node, "axis");
  int axis = 0;
  if (!flat) NEEDS(attr_axis(e, t->rank, &axis));
  const uint8_t *keep = in_data(e, 1);
  NEEDS(keep);
  int64_t length = flat ? (int64_t)t->count : t->dim[axis], kept = 0, dim[MAX_RANK];
  int64_t n = c->dim[0] < length ? c->dim[0] : length;
  for (int64_t i = 0; i < n; i++) kept += keep[i] != 0;
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[axis] = kept;
  uint8_t *out = out_new(e, 0, t->dtype, flat ? 1 : t->rank, flat ? &kept : dim);
  NEEDS(out);
  const uint8_t *p = in_data(e, 0);
  NEEDS(p);
  size_t run = (flat ? 1 : (size_t)dims_product(t->dim, axis + 1, t->rank)) * elem_size(t->dtype);
  int64_t outer = flat ? 1 : dims_product(t->dim, 0, axis);
  for (int64_t i = 0; i < outer && run; i++)
    for (int64_t k = 0; k < n; k++) {
      if (!keep[k]) continue;
      memcpy(out, p + (size_t)(i * length + k) * run, run);
      out += run;
    }
  return true;
}
