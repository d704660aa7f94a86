/* ScatterElements (and Scatter), ScatterND. Duplicate indices without a reduction, whose result depends on
 * the order, are refused. */
#include "eval/kernel.h"

typedef enum Reduction { NONE, ADD, MUL, MAX, MIN, UNKNOWN } Reduction;

static Reduction reduction(const Node *n) {
  static const char *const names[] = {"none", "add", "mul", "max", "min"};
  if (!node_attr(n, "reduction")) return NONE;
  for (int i = NONE; i < UNKNOWN; i++)
    if (attr_string_is(n, "reduction", names[i])) return (Reduction)i;
  return UNKNOWN;
}

/* *to = *to (reduction) *from for one element. */
static bool combine(Reduction r, ElemType t, void *to, const void *from) {
  switch (t) {
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT: {                                                                                                 \
    T *o = to;                                                                                               \
    C x = LOAD(*o), y = LOAD(*(const T *)from);                                                              \
    if (r == ADD)                                                                                            \
      *o = STORE(x + y);                                                                                     \
    else if (r == MUL)                                                                                       \
      *o = STORE(x * y);                                                                                     \
    else if (r == MAX ? x < y : y < x)                                                                       \
      *o = STORE(y);                                                                                         \
    return true;                                                                                             \
  }
    FLOAT_TYPES(X)
#undef X
#define X(DT, T, C, LOAD, STORE)                                                                             \
  case DT: {                                                                                                 \
    T *o = to;                                                                                               \
    C x = *o, y = *(const T *)from;                                                                          \
    if (r == ADD)                                                                                            \
      *o = (T)((uint64_t)x + (uint64_t)y);                                                                   \
    else if (r == MUL)                                                                                       \
      *o = (T)((uint64_t)x * (uint64_t)y);                                                                   \
    else if (r == MAX ? x < y : y < x)                                                                       \
      *o = STORE(y);                                                                                         \
    return true;                                                                                             \
  }
    INT_TYPES(X)
#undef X
  default: return false;
  }
}

typedef struct Scatter {
  Reduction reduction;
  ElemType dtype;
  size_t size; /* bytes of an element */
  int64_t run; /* elements written by one index */
  uint8_t *out;
  uint8_t *written; /* per run of the output; NULL with a reduction */
} Scatter;

/* Copies the input to the output. */
static bool scatter_start(Eval *e, Scatter *s, int64_t run) {
  const Tensor *t = e->in[0], *updates = in_tensor(e, 2);
  s->reduction = reduction(e->node);
  NEEDS(updates && updates->dtype == t->dtype && s->reduction != UNKNOWN);
  s->dtype = t->dtype;
  s->size = elem_size(t->dtype);
  s->run = run;
  s->out = out_new(e, 0, t->dtype, t->rank, t->dim);
  NEEDS(s->out);
  const void *p = in_data(e, 0);
  NEEDS(p);
  memcpy(s->out, p, (size_t)t->count * s->size);
  s->written =
      s->reduction == NONE ? blob_new(e->scratch, (size_t)(run ? (int64_t)t->count / run : 0) + 1) : NULL;
  return true;
}

/* Run number `at` of the output gets the updates at `from`. */
static bool scatter(Scatter *s, int64_t at, const uint8_t *from) {
  uint8_t *to = s->out + (size_t)(at * s->run) * s->size;
  if (s->reduction == NONE) {
    NEEDS(!s->written[at]);
    s->written[at] = 1;
    memcpy(to, from, (size_t)s->run * s->size);
    return true;
  }
  for (int64_t i = 0; i < s->run; i++)
    NEEDS(combine(s->reduction, s->dtype, to + (size_t)i * s->size, from + (size_t)i * s->size));
  return true;
}

bool eval_scatter_elements(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *at = in_tensor(e, 1), *updates = in_tensor(e, 2);
  int axis;
  Scatter s;
  NEEDS(t && at && updates && at->rank == t->rank && t->rank <= MAX_RANK && attr_axis(e, t->rank, &axis));
  for (int i = 0; i < t->rank; i++) NEEDS(i == axis || at->dim[i] <= t->dim[i]);
  NEEDS(dims_same(at, updates) && scatter_start(e, &s, 1));
  const int64_t *index = in_indices(e, 1);
  const uint8_t *from = in_data(e, 2);
  NEEDS(index && from);
  int64_t stride[MAX_RANK], along;
  strides_of(t->rank, t->dim, stride);
  along = stride[axis];
  stride[axis] = 0;
  Loop l;
  loop_init(&l, at->rank, at->dim, 1, (const int64_t *const[]){stride});
  for (loop_start(&l); loop_run(&l); loop_next(&l))
    for (int64_t i = 0; i < l.n; i++, from += s.size) {
      int64_t to = *index++;
      NEEDS(index_ok(&to, t->dim[axis]));
      NEEDS(scatter(&s, l.at[0] + i * l.by[0] + to * along, from));
    }
  return true;
}

bool eval_scatter_nd(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *at = in_tensor(e, 1), *updates = in_tensor(e, 2);
  Scatter s;
  NEEDS(t && at && updates && t->rank >= 1 && at->rank >= 1 && t->rank <= MAX_RANK);
  int64_t depth = at->dim[at->rank - 1];
  NEEDS(depth >= 1 && depth <= t->rank && updates->rank == at->rank - 1 + t->rank - depth);
  for (int i = 0; i < at->rank - 1; i++) NEEDS(updates->dim[i] == at->dim[i]);
  for (int64_t i = depth; i < t->rank; i++) NEEDS(updates->dim[at->rank - 1 + i - depth] == t->dim[i]);
  NEEDS(scatter_start(e, &s, dims_product(t->dim, (int)depth, t->rank)));
  const int64_t *index = in_indices(e, 1);
  const uint8_t *from = in_data(e, 2);
  NEEDS(index && from);
  int64_t n = dims_product(at->dim, 0, at->rank - 1);
  for (int64_t i = 0; i < n && s.run; i++, index += depth, from += (size_t)s.run * s.size) {
    int64_t to = 0;
    for (int64_t k = 0; k < depth; k++) {
      int64_t v = index[k];
      if (v < 0) v += t->dim[k];
      NEEDS(v >= 0 && v < t->dim[k]);
      to = to * t->dim[k] + v;
    }
    NEEDS(scatter(&s, to, from));
  }
  return true;
}
