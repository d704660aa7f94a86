/* Slice, Split, Concat, Pad: runs of elements along axes. */
#include "infer/family.h"

/* --- Slice ---------------------------------------------------------------------------------------------- */

typedef struct Cut {
  Dim start, end; /* NULL: not known */
  int64_t step;   /* 0: not known or none given for this axis */
  bool cut;
} Cut;

enum { FAR = INT32_MAX }; /* exporters write INT_MAX, of whatever width, for "to the end" */

static bool is_far(Dim d) {
  return sym_lower(d) >= FAR;
}
static bool is_far_back(Dim d) {
  return sym_upper(d) <= -(int64_t)FAR;
}

/* Elements of [start, end) by step > 0 of a dim D, with negative positions counted from the end and both
 * clamped to [0, D]. A start beyond D needs no clamp: the length comes out negative, hence 0. */
static Dim forward_length(SymTable *t, Dim D, Dim start, Dim end, int64_t step) {
  Dim zero = sym_int(t, 0), length;
  if (is_far_back(start)) start = zero;
  bool from_end = sym_upper(start) < 0, to_end = is_far(end) || sym_equal(end, D);
  if (!from_end && !sym_nonneg(start)) return NULL;
  if (from_end && to_end) {
    length = sym_min(t, sym_neg(t, start), D);
  } else {
    Dim first = from_end ? sym_max(t, sym_add(t, D, start), zero) : start, last;
    if (to_end)
      last = D;
    else if (sym_nonneg(end))
      last = sym_min(t, end, D);
    else if (sym_upper(end) < 0)
      last = sym_add(t, D, end);
    else
      return NULL;
    length = sym_max(t, sym_sub(t, last, first), zero);
  }
  return sym_ceildiv(t, length, sym_int(t, step));
}

/* step < 0: from start, clamped to [0, D - 1], down to, but without, end, clamped to [-1, D - 1]. INT_MAX as
 * the end is everything to ONNX Runtime, and nothing to numpy. */
static Dim backward_length(SymTable *t, Dim D, Dim start, Dim end, int64_t step) {
  int64_t d, s, e;
  if (step == INT64_MIN || is_far(end)) return NULL;
  if ((sym_is(start, -1) || is_far(start)) && is_far_back(end)) return sym_ceildiv(t, D, sym_int(t, -step));
  if (!sym_const(D, &d) || !sym_const(start, &s) || !sym_const(end, &e)) return NULL;
  if (s < 0) s = s < -d ? 0 : s + d;
  if (s > d - 1) s = d - 1;
  if (e < 0) e = e < -d ? -1 : e + d;
  if (e > d - 1) e = d - 1;
  return sym_ceildiv(t, sym_int(t, s > e ? s - e : 0), sym_int(t, -step));
}

static Dim cut_length(const Infer *f, Dim D, const Cut *c) {
  if (!c->start || !c->end || !c->step) return NULL;
  return c->step > 0 ? forward_length(f->syms, D, c->start, c->end, c->step)
                     : backward_length(f->syms, D, c->start, c->end, c->step);
}

/* Input i (from 10 on) or attribute `name` as a vector; elements may be NULL. */
static bool positions(const Infer *f, int i, const char *name, const Dim **at, size_t *n) {
  const int64_t *attr;
  if (since(f) >= 10) return in_vector(f, i, at, n);
  if (!attr_ints(f->node, name, &attr, n) || *n > MAX_RANK) return false;
  Dim *dim = dims_new(f, *n);
  for (size_t k = 0; k < *n; k++) dim[k] = num(f, attr[k]);
  *at = dim;
  return true;
}

/* What is cut from each axis. False if even the axes are not known. */
static bool read_cuts(const Infer *f, int rank, Cut *cut) {
  const Dim *start, *end;
  size_t n, m, n_axes = 0, n_steps = 0;
  int64_t axes[MAX_RANK], steps[MAX_RANK];
  bool starts = positions(f, 1, "starts", &start, &n), ends = positions(f, 2, "ends", &end, &m);
  bool mask[MAX_RANK], newer = since(f) >= 10, stepped = newer && has_in(f, 4);
  bool listed = newer ? has_in(f, 3) : node_attr(f->node, "axes") != NULL;
  if (listed &&
      (newer ? !known_ints(f, 3, axes, MAX_RANK, &n_axes) : axes_given(f, f->node->n_in, axes, &n_axes) <= 0))
    return false;
  if (!listed && !starts) return false;
  if (!listed) n_axes = n;
  if (n_axes > (size_t)rank || (starts && n != n_axes) || (ends && m != n_axes)) return false;
  for (size_t k = 0; !listed && k < n_axes; k++) axes[k] = (int64_t)k;
  if (!axes_in(axes, n_axes, rank, mask)) return false;
  bool steps_known = stepped && known_ints(f, 4, steps, MAX_RANK, &n_steps) && n_steps == n_axes;
  for (int i = 0; i < rank; i++) cut[i] = (Cut){NULL, NULL, 1, false};
  for (size_t k = 0; k < n_axes; k++) {
    int axis = 0;
    axis_in(axes[k], rank, &axis);
    cut[axis] = (Cut){starts ? start[k] : NULL, ends ? end[k] : NULL,
                      !stepped      ? 1
                      : steps_known ? steps[k]
                                    : 0,
                      true};
  }
  return true;
}

/* Where the cut of an axis of d elements begins. */
static int64_t first_position(const Cut *c, int64_t d) {
  int64_t s = 0;
  if (!c->cut) return 0;
  sym_const(c->start, &s);
  if (s < 0) s = s < -d ? 0 : s + d;
  if (c->step < 0 && s > d - 1) s = d - 1;
  return s;
}

static void slice_elements(Infer *f, const Cut *cut) {
  Small s, r;
  if (!in_small(f, 0, &s) || !small_any(&s) || !shape_known(f->out[0].shape)) return;
  for (int i = 0; i < s.rank; i++)
    if (cut[i].cut && !sym_const(cut[i].start, NULL)) return;
  r = s;
  shape_ints(f->out[0].shape, r.dim);
  r.n = 1;
  for (int i = 0; i < r.rank; i++) r.n *= (size_t)r.dim[i];
  Dim *at = dims_new(f, r.n);
  for (size_t k = 0; k < r.n; k++) {
    int64_t rest = (int64_t)k, index = 0, stride = 1;
    for (int i = r.rank - 1; i >= 0; i--) {
      index += (first_position(&cut[i], s.dim[i]) + rest % r.dim[i] * cut[i].step) * stride;
      rest /= r.dim[i];
      stride *= s.dim[i];
    }
    at[k] = s.at[index];
  }
  r.at = at;
  out_elements(f, 0, &r);
}

/* Slice: starts, ends, axes and steps are inputs from 10 on, attributes before. */
void infer_slice(Infer *f) {
  Shape in = in_shape(f, 0);
  Cut cut[MAX_RANK];
  Dim dim[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0) return;
  bool known = read_cuts(f, in.rank, cut);
  for (int i = 0; i < in.rank; i++)
    dim[i] = !known ? NULL : cut[i].cut ? cut_length(f, in.dim[i], &cut[i]) : in.dim[i];
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
  if (known) slice_elements(f, cut);
}

/* --- Concat --------------------------------------------------------------------------------------------- */

/* Small tensors joined along an axis; outer: product of the dims before it. */
static void concat_elements(Infer *f, int axis) {
  Small r, s;
  Shape out = f->out[0].shape;
  uint64_t n;
  if (!shape_known(out) || out.rank > SMALL_RANK) return;
  shape_ints(out, r.dim);
  if (!tensor_count(out.rank, r.dim, &n) || n > PARTIAL_MAX) return;
  r.rank = out.rank;
  r.dtype = f->out[0].elem;
  r.n = (size_t)n;
  size_t outer = 1, done = 0;
  for (int i = 0; i < axis; i++) outer *= (size_t)r.dim[i];
  size_t row = outer ? r.n / outer : 0;
  Dim *at = dims_new(f, r.n);
  for (int i = 0; i < f->node->n_in; i++) {
    if (!in_small(f, i, &s) || s.rank != r.rank || s.dtype != r.dtype || outer == 0 || s.n % outer) return;
    size_t part = s.n / outer;
    if (done + part > row) return;
    for (size_t k = 0; k < s.n; k++) at[k / part * row + done + k % part] = s.at[k];
    done += part;
  }
  r.at = at;
  out_elements(f, 0, &r);
}

void infer_concat(Infer *f) {
  ElemType t = DT_UNDEFINED;
  int rank = -1, axis;
  for (int i = 0; i < f->node->n_in; i++) {
    if (!t) t = in_dtype(f, i);
    if (in_shape(f, i).rank >= 0) rank = in_shape(f, i).rank;
  }
  out_tensor(f, 0, t, SHAPE_UNKNOWN);
  if (rank < 0 || !axis_in(attr_int_or(f, "axis", since(f) < 4 ? 1 : MAX_RANK), rank, &axis)) return;
  Dim *dim = dims_new(f, (size_t)rank);
  Dim total = num(f, 0);
  for (int i = 0; i < f->node->n_in; i++) {
    Shape s = in_shape(f, i);
    if (s.rank >= 0 && s.rank != rank) return;
    total = s.rank < 0 ? NULL : sym_add(f->syms, total, s.dim[axis]);
    for (int k = 0; k < s.rank; k++) dim[k] = dim_meet(dim[k], s.dim[k]);
  }
  dim[axis] = total;
  out_dims(f, 0, t, rank, dim);
  concat_elements(f, axis);
}

/* --- Split ---------------------------------------------------------------------------------------------- */

/* Sizes of the parts of a dim D: from input 1 or attribute "split", or equal ones; from 18 on with
 * num_outputs, where the last part may be smaller. */
static void split_sizes(const Infer *f, Dim D, Dim *size) {
  int n = f->node->n_out;
  const Dim *at;
  const int64_t *attr;
  size_t count;
  bool by_input = since(f) >= 13 || since(f) == 1, newest = since(f) >= 18;
  if (by_input && has_in(f, 1)) {
    if (in_vector(f, 1, &at, &count) && count == (size_t)n)
      for (int i = 0; i < n; i++) size[i] = at[i];
    return;
  }
  if (attr_ints(f->node, "split", &attr, &count)) {
    for (int i = 0; i < n && count == (size_t)n; i++) size[i] = num(f, attr[i]);
    return;
  }
  if (newest && attr_int_or(f, "num_outputs", 0) != n) return;
  Dim parts = num(f, n), part = newest ? sym_ceildiv(f->syms, D, parts) : sym_floordiv(f->syms, D, parts);
  Dim last = sym_sub(f->syms, D, sym_mul(f->syms, part, num(f, n - 1)));
  if (newest && !sym_nonneg(last)) last = sym_quotient(f->syms, D, parts);
  for (int i = 0; i < n; i++) size[i] = newest && i == n - 1 ? last : part;
}

static void split_elements(Infer *f, int axis) {
  Small s, r;
  if (!in_small(f, 0, &s) || !small_any(&s)) return;
  int64_t from = 0;
  for (int o = 0; o < f->node->n_out; o++) {
    Shape out = f->out[o].shape;
    if (!shape_known(out)) return;
    r = s;
    shape_ints(out, r.dim);
    if (r.dim[axis] > s.dim[axis] - from) return;
    size_t inner = 1;
    for (int i = axis + 1; i < s.rank; i++) inner *= (size_t)s.dim[i];
    size_t part = (size_t)r.dim[axis] * inner, whole = (size_t)s.dim[axis] * inner;
    r.n = whole ? s.n / whole * part : 0;
    Dim *at = dims_new(f, r.n);
    for (size_t k = 0; k < r.n; k++) at[k] = s.at[k / part * whole + (size_t)from * inner + k % part];
    r.at = at;
    out_elements(f, o, &r);
    from += r.dim[axis];
  }
}

void infer_split(Infer *f) {
  Shape in = in_shape(f, 0);
  int axis, n = f->node->n_out;
  for (int o = 0; o < n; o++) out_tensor(f, o, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0 || n < 1 || !axis_in(attr_int_or(f, "axis", 0), in.rank, &axis)) return;
  Dim *size = dims_new(f, (size_t)n), *dim = dims_of(f, in, 0);
  split_sizes(f, in.dim[axis], size);
  for (int o = 0; o < n; o++) {
    dim[axis] = size[o];
    out_dims(f, o, in_dtype(f, 0), in.rank, dim);
  }
  split_elements(f, axis);
}

/* --- Pad ------------------------------------------------------------------------------------------------ */

/* Pad: begins of all axes, then ends; negative ones crop. Input 1 from 11 on; input 3 lists the axes from 18
 * on. */
void infer_pad(Infer *f) {
  Shape in = in_shape(f, 0);
  const Dim *pad = NULL;
  const int64_t *attr;
  size_t n = 0, n_axes = 0;
  int64_t axes[MAX_RANK];
  bool mask[MAX_RANK];
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 0) return;
  Dim *dim = dims_of(f, in, 0), *written = dims_new(f, 2 * (size_t)in.rank);
  bool listed = since(f) >= 18 && has_in(f, 3), known;
  if (since(f) >= 11) {
    known = in_vector(f, 1, &pad, &n);
  } else {
    known = attr_ints(f->node, since(f) == 1 ? "paddings" : "pads", &attr, &n) && n == 2 * (size_t)in.rank;
    for (size_t i = 0; known && i < n; i++) written[i] = num(f, attr[i]);
    pad = written;
  }
  known = known && (!listed || known_ints(f, 3, axes, MAX_RANK, &n_axes));
  if (!listed) n_axes = (size_t)in.rank;
  for (size_t k = 0; !listed && k < n_axes; k++) axes[k] = (int64_t)k;
  known = known && n == 2 * n_axes && axes_in(axes, n_axes, in.rank, mask);
  for (int i = 0; !known && i < in.rank; i++) dim[i] = NULL;
  for (size_t k = 0; known && k < n_axes; k++) {
    int axis = 0;
    axis_in(axes[k], in.rank, &axis);
    dim[axis] = sym_add(f->syms, dim[axis], sym_add(f->syms, pad[k], pad[k + n_axes]));
  }
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}
