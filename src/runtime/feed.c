/* Which tensors a model wants: names, types, sizes. */
#include "runtime/feed_t.h"

#include "onnx/codec.h"
#include "runtime/npy.h"

#include <stdlib.h>
#include <string.h>

/* Sizes by role. One batch of 16 tokens or of 224 x 224 pixels first, then other sizes to catch what was made
 * for one size only, then what choosy models ask for: short and long, powers of two, multiples of 32. */
static const int64_t variants[][3] = {
    [0] = {[DIM_BATCH] = 1, [DIM_OTHER] = 16, [DIM_SPATIAL] = 224},
    [1] = {[DIM_BATCH] = 2, [DIM_OTHER] = 24, [DIM_SPATIAL] = 256},
    [2] = {[DIM_BATCH] = 3, [DIM_OTHER] = 9, [DIM_SPATIAL] = 192},
    [FEED_ROTATION] = {[DIM_BATCH] = 1, [DIM_OTHER] = 32, [DIM_SPATIAL] = 320},
    {[DIM_BATCH] = 1, [DIM_OTHER] = 64, [DIM_SPATIAL] = 64},
    {[DIM_BATCH] = 1, [DIM_OTHER] = 128, [DIM_SPATIAL] = 512},
    {[DIM_BATCH] = 1, [DIM_OTHER] = 1, [DIM_SPATIAL] = 32},
    {[DIM_BATCH] = 2, [DIM_OTHER] = 8, [DIM_SPATIAL] = 640},
    {[DIM_BATCH] = 1, [DIM_OTHER] = 256, [DIM_SPATIAL] = 28},
    {[DIM_BATCH] = 1, [DIM_OTHER] = 4, [DIM_SPATIAL] = 299},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* --- what the dims are ---------------------------------------------------------------------------------- */

static bool mentions(const char *text, const char *const *words, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (text_mentions(text, words[i])) return true;
  return false;
}

/* The place decides, and a name only where it says more than the place. */
static DimRole dim_role(const FeedInput *in, int i) {
  static const char *const lengths[] = {"seq", "len", "time", "frame", "token", "num"};
  static const char *const sides[] = {"height", "width"};
  const char *name = in->dim[i].name;
  if (name && text_mentions(name, "batch")) return DIM_BATCH;
  if (name && mentions(name, sides, 2)) return DIM_SPATIAL;
  if (name && mentions(name, lengths, sizeof lengths / sizeof *lengths)) return DIM_OTHER;
  if (i == 0) return DIM_BATCH;
  if (in->rank < 4 || !elem_is_float(in->dtype)) return DIM_OTHER;
  bool channels_last = in->dim[in->rank - 1].size >= 1 && in->dim[in->rank - 1].size <= 4;
  return channels_last || i >= 2 ? DIM_SPATIAL : DIM_OTHER;
}

static void read_dims(Arena *a, Value *v, FeedInput *in) {
  Shape shape = v->declared.shape;
  in->rank = shape.rank;
  if (in->rank < 0) return;
  in->dim = NEW_ARRAY(a, FeedDim, shape.rank);
  for (int i = 0; i < shape.rank; i++) {
    FeedDim *d = &in->dim[i];
    if (!sym_const(shape.dim[i], &d->size)) d->size = -1;
    Str name = sym_name(shape.dim[i]);
    if (name) d->name = arena_printf(a, "%s", name->s);
  }
  for (int i = 0; i < shape.rank; i++) in->dim[i].role = dim_role(in, i);
}

/* --- what the user says --------------------------------------------------------------------------------- */

static FeedInput *input_named(const FeedPlan *p, const char *name) {
  for (size_t i = 0; i < p->n; i++)
    if (strcmp(p->at[i].name, name) == 0) return &p->at[i];
  return NULL;
}

/* Everywhere the name stands. */
static void size_dim(FeedPlan *p, const char *name, int64_t size) {
  for (size_t i = 0; i < p->n; i++)
    for (int k = 0; k < p->at[i].rank; k++) {
      FeedDim *d = &p->at[i].dim[k];
      if (d->size < 0 && d->name && strcmp(d->name, name) == 0) d->size = size;
    }
}

static void size_input(FeedPlan *p, FeedInput *in, int i, int64_t size) {
  FeedDim *d = &in->dim[i];
  if (size < 0) return;
  bool was_free = d->size < 0;
  d->size = size;
  if (was_free && d->name) size_dim(p, d->name, size);
}

static void apply_shapes(Ctx *cx, FeedPlan *p, const FeedOptions *o) {
  for (size_t i = 0; i < o->n_shapes; i++) {
    const InputShape *s = &o->shapes[i];
    FeedInput *in = input_named(p, s->input);
    if (!in) fail(cx, ONNXSLIM_ERR_USAGE, "the model has no input '%s' to give a shape", s->input);
    if (in->rank != s->rank)
      fail(cx, ONNXSLIM_ERR_USAGE, "input '%s' has rank %d, not %d", s->input, in->rank, s->rank);
    for (int k = 0; k < s->rank; k++) size_input(p, in, k, s->dim[k]);
  }
  for (size_t i = 0; i < o->n_dims; i++) size_dim(p, o->dims[i].name, o->dims[i].size);
}

/* "D", "DxD", ...: false if it is none. */
static bool read_sizes(const char *text, int64_t dim[MAX_RANK], int *rank) {
  for (*rank = 0; *rank < MAX_RANK;) {
    char *end;
    if (*text < '0' || *text > '9') return false;
    dim[(*rank)++] = strtoll(text, &end, 10);
    if (!*end) return true;
    if (*end != 'x' && *end != ',') return false;
    text = end + 1;
  }
  return false;
}

static void feed_array(Arena *a, FeedPlan *p, FeedInput *in, const char *path) {
  Ctx *cx = arena_ctx(a);
  Tensor *t = npy_read(a, path);
  if (t->dtype != in->dtype)
    fail(cx, ONNXSLIM_ERR_USAGE, "%s: it holds %s, and input '%s' is %s", path, elem_name(t->dtype), in->name,
         elem_name(in->dtype));
  if (t->rank != in->rank)
    fail(cx, ONNXSLIM_ERR_USAGE, "%s: it has rank %d, and input '%s' has rank %d", path, t->rank, in->name,
         in->rank);
  for (int k = 0; k < t->rank; k++) size_input(p, in, k, t->dim[k]);
  in->given = t;
}

static void apply_feeds(Arena *a, FeedPlan *p, const FeedOptions *o) {
  for (size_t i = 0; i < o->n_feeds; i++) {
    const char *text = o->feeds[i], *colon = strrchr(text, ':');
    const char *name = colon ? arena_printf(a, "%.*s", (int)(colon - text), text) : text;
    int64_t dim[MAX_RANK];
    int rank;
    FeedInput *in = colon ? input_named(p, name) : NULL;
    if (!in) fail(arena_ctx(a), ONNXSLIM_ERR_USAGE, "option 'feed': '%s' names no input", text);
    if (!read_sizes(colon + 1, dim, &rank)) {
      feed_array(a, p, in, colon + 1);
      continue;
    }
    apply_shapes(arena_ctx(a), p, &(FeedOptions){.shapes = &(InputShape){name, rank, dim}, .n_shapes = 1});
  }
}

/* --- the plan ------------------------------------------------------------------------------------------- */

/* An input of unknown rank takes that of the shape given for it. */
static void rank_from_options(Arena *a, const FeedOptions *o, FeedInput *in) {
  for (size_t i = 0; o && i < o->n_shapes; i++) {
    if (strcmp(o->shapes[i].input, in->name) != 0) continue;
    in->rank = o->shapes[i].rank;
    in->dim = NEW_ARRAY(a, FeedDim, in->rank);
    for (int k = 0; k < in->rank; k++) in->dim[k] = (FeedDim){.size = -1, .role = k ? DIM_OTHER : DIM_BATCH};
  }
}

FeedPlan *feed_plan(Arena *a, Model *m, const FeedOptions *o) {
  Ctx *cx = arena_ctx(a);
  FeedPlan *p = NEW(a, FeedPlan);
  p->at = NEW_ARRAY(a, FeedInput, m->graph->inputs.n);
  for (size_t i = 0; i < m->graph->inputs.n; i++) {
    Value *v = m->graph->inputs.at[i];
    if (v->is_initializer || v->init) continue;
    if (v->declared.kind != TYPE_TENSOR || v->declared.elem == DT_UNDEFINED)
      fail(cx, ONNXSLIM_ERR_UNAVAILABLE, "input '%s' is not a tensor: nothing can be generated for it",
           v->name->s);
    FeedInput *in = &p->at[p->n++];
    in->name = arena_printf(a, "%s", v->name->s);
    in->dtype = v->declared.elem;
    read_dims(a, v, in);
    if (in->rank < 0) rank_from_options(a, o, in);
    if (in->rank < 0)
      fail(cx, ONNXSLIM_ERR_UNAVAILABLE,
           "input '%s' has no declared shape: give it one with --input-shape %s:...", in->name, in->name);
    feed_role(a, v, in);
  }
  if (o) apply_shapes(cx, p, o);
  if (o) apply_feeds(a, p, o);
  return p;
}

void feed_pin(FeedPlan *p, Model *other) {
  for (size_t i = 0; i < other->graph->inputs.n; i++) {
    Value *v = other->graph->inputs.at[i];
    FeedInput *in = input_named(p, v->name->s);
    if (!in || v->declared.shape.rank != in->rank) continue;
    for (int k = 0; k < in->rank; k++) {
      int64_t size;
      if (in->dim[k].size < 0 && sym_const(v->declared.shape.dim[k], &size)) size_input(p, in, k, size);
    }
  }
}

static Model *read_model(Ctx *cx, const ModelSource *s) {
  return s->path ? model_read_file(cx, s->path) : model_read_bytes(cx, s->bytes, s->size, s->dir);
}

FeedPlan *feed_plan_of(Arena *a, const ModelSource *model, const ModelSource *pin, const FeedOptions *o) {
  Ctx *cx = arena_ctx(a);
  Model *m = read_model(cx, model);
  FeedPlan *p = feed_plan(a, m, o);
  model_free(m);
  if (pin) {
    m = read_model(cx, pin);
    feed_pin(p, m);
    model_free(m);
  }
  return p;
}

size_t feed_variants(const FeedPlan *p) {
  for (size_t i = 0; i < p->n; i++)
    for (int k = 0; k < p->at[i].rank; k++)
      if (p->at[i].dim[k].size < 0) return VARIANTS;
  return 1;
}

/* --- sizes of one variant ------------------------------------------------------------------------------- */

static int64_t size_of_role(DimRole role, size_t variant) {
  return variants[variant][role];
}

static const FeedDim *dim_named(const FeedPlan *p, const char *name, size_t len) {
  for (size_t i = 0; i < p->n; i++)
    for (int k = 0; k < p->at[i].rank; k++) {
      const FeedDim *d = &p->at[i].dim[k];
      if (d->name && strncmp(d->name, name, len) == 0 && !d->name[len]) return d;
    }
  return NULL;
}

/* The first dim of the name decides, so that inputs agree. Exporters write sums as names ("past_length +
 * length"): their terms are looked up one by one. */
static int64_t size_of_name(const FeedPlan *p, const char *name, size_t variant) {
  const FeedDim *whole = dim_named(p, name, strlen(name));
  if (!strchr(name, '+')) return whole->size >= 0 ? whole->size : size_of_role(whole->role, variant);
  int64_t sum = 0;
  for (const char *term = name; *term;) {
    size_t len = strcspn(term, "+"), trimmed = len;
    const char *at = term;
    while (trimmed && *at == ' ') at++, trimmed--;
    while (trimmed && at[trimmed - 1] == ' ') trimmed--;
    const FeedDim *d = dim_named(p, at, trimmed);
    char *rest;
    long long number = strtoll(at, &rest, 10);
    if (d)
      sum += d->size >= 0 ? d->size : size_of_role(d->role, variant);
    else if (trimmed && rest == at + trimmed && number >= 0 && number < INT32_MAX)
      sum += number;
    else
      sum += size_of_role(DIM_OTHER, variant);
    term += len + (term[len] == '+');
  }
  return sum;
}

static int64_t size_of(const FeedPlan *p, const FeedDim *d, size_t variant) {
  if (d->size >= 0) return d->size;
  return d->name ? size_of_name(p, d->name, variant) : size_of_role(d->role, variant);
}

FeedPlan *feed_sizes(Arena *a, Model *m) {
  FeedPlan *p = NEW(a, FeedPlan);
  p->at = NEW_ARRAY(a, FeedInput, m->graph->inputs.n);
  for (size_t i = 0; i < m->graph->inputs.n; i++) {
    Value *v = m->graph->inputs.at[i];
    if (v->is_initializer || v->init || v->declared.kind != TYPE_TENSOR || v->declared.shape.rank < 0)
      continue;
    FeedInput *in = &p->at[p->n++];
    in->name = arena_printf(a, "%s", v->name->s);
    in->dtype = v->declared.elem;
    read_dims(a, v, in);
  }
  return p;
}

int64_t feed_size(const FeedPlan *p, const char *input, int axis) {
  const FeedInput *in = input_named(p, input);
  return in && axis < in->rank ? size_of(p, &in->dim[axis], 0) : -1;
}

Tensors feed_make(Arena *a, const FeedPlan *p, size_t variant, uint64_t seed) {
  Tensors feed = {NEW_ARRAY(a, NamedTensor, p->n), p->n};
  for (size_t i = 0; i < p->n; i++) {
    const FeedInput *in = &p->at[i];
    if (in->given) {
      feed.at[i] = (NamedTensor){in->name, in->given};
      continue;
    }
    int64_t *dim = NEW_ARRAY(a, int64_t, in->rank);
    for (int k = 0; k < in->rank; k++) dim[k] = size_of(p, &in->dim[k], variant);
    feed.at[i] = (NamedTensor){in->name, feed_fill(a, in, dim, seed)};
  }
  return feed;
}
