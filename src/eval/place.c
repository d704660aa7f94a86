/* A block of elements inside another tensor: CenterCropPad, TensorScatter. */
#include "eval/kernel.h"

/* Along each listed axis the middle is kept, or padded with zeros on both sides. The odd element is at the
 * end. */
bool eval_center_crop_pad(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const int64_t *shape, *axes = NULL;
  size_t n, n_axes;
  NEEDS(t && t->rank <= MAX_RANK && in_ints(e, 1, &shape, &n));
  if (node_attr(e->node, "axes")) NEEDS(attr_ints(e->node, "axes", &axes, &n_axes) && n_axes == n);
  NEEDS(n <= (size_t)t->rank && (axes || n == (size_t)t->rank));
  int64_t dim[MAX_RANK], common[MAX_RANK], in[MAX_RANK], out[MAX_RANK], from = 0, to = 0;
  bool seen[MAX_RANK];
  NEEDS(!axes || axes_mark(axes, n, t->rank, seen));
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  for (size_t i = 0; i < n; i++) dim[axes ? axes[i] + (axes[i] < 0 ? t->rank : 0) : (int64_t)i] = shape[i];
  uint8_t *o = out_new(e, 0, t->dtype, t->rank, dim);
  const uint8_t *p = in_data(e, 0);
  NEEDS(o && p);
  strides_of(t->rank, t->dim, in);
  strides_of(t->rank, dim, out);
  for (int i = 0; i < t->rank; i++) {
    common[i] = dim[i] < t->dim[i] ? dim[i] : t->dim[i];
    from += (t->dim[i] - common[i]) / 2 * in[i];
    to += (dim[i] - common[i]) / 2 * out[i];
  }
  size_t size = elem_size(t->dtype);
  Loop l;
  loop_init(&l, t->rank, common, 2, (const int64_t *const[]){in, out});
  for (loop_start(&l); loop_run(&l); loop_next(&l))
    for (int64_t i = 0; i < l.n; i++)
      memcpy(o + (size_t)(to + l.at[1] + i * l.by[1]) * size,
             p + (size_t)(from + l.at[0] + i * l.by[0]) * size, size);
  return true;
}

/* Writes the update into a cache, from an index of each batch on; "circular" goes on at the start. */
bool eval_tensor_scatter(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *u = in_tensor(e, 1), *at = in_tensor(e, 2);
  int axis;
  NEEDS(t && u && t->rank >= 2 && t->rank <= MAX_RANK && u->rank == t->rank && u->dtype == t->dtype);
  NEEDS(attr_axis(e, t->rank, &axis) && axis > 0);
  bool circular = attr_string_is(e->node, "mode", "circular");
  NEEDS(circular || attr_string_is(e->node, "mode", "linear"));
  for (int i = 0; i < t->rank; i++) NEEDS(i == axis ? u->dim[i] <= t->dim[i] : u->dim[i] == t->dim[i]);
  NEEDS(!at || (at->rank == 1 && at->dim[0] == t->dim[0]));
  uint8_t *out = out_new(e, 0, t->dtype, t->rank, t->dim);
  const uint8_t *p = in_data(e, 0), *from = in_data(e, 1);
  const int64_t *start = at ? in_indices(e, 2) : NULL;
  NEEDS(out && p && from && (start || !at));
  Lines l = lines_of(t, axis);
  size_t run = (size_t)l.inner * elem_size(t->dtype);
  memcpy(out, p, (size_t)t->count * elem_size(t->dtype));
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t k = 0; k < u->dim[axis]; k++, from += run) {
      int64_t first = start ? start[o / (l.outer / t->dim[0])] : 0;
      NEEDS(first >= 0 && first < l.n && (circular || first + k < l.n));
      if (run) memcpy(out + (size_t)(o * l.n + (first + k) % l.n) * run, from, run);
    }
  return true;
}
