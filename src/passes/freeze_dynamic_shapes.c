/* freeze_dynamic_shapes
 *
 * Before:    inputs and outputs with dims that have no size: float[batch, seq, 768]
 * After:     the sizes that the options give: --freeze batch=1,seq=128 (by name), --input-shape x:1,128,768
 *            (by place), --freeze-all 1 (all that are left)
 * When not:  nobody asked for it. What contradicts is an error that names the place: a dim that is to have
 *            two sizes, an input that declares another one, an output that inference proves to have another
 *            one. A name that no input or output has is an error too, unless a note in the model says that it
 *            was frozen to this size before
 * Exactness: bitwise for inputs of these sizes; no others are accepted any more
 *
 * It changes the interface, which rules must not: it is a phase before them.
 */
#include "infer/facts.h"
#include "passes/freeze/note.h"
#include "passes/passes.h"

#include <inttypes.h>
#include <string.h>

/* A named dim that gets a size. */
typedef struct Binding {
  Str name;
  int64_t size;
  const char *source; /* what asks for it */
} Binding;

typedef struct Freeze {
  Model *m;
  Arena *scratch;
  Vec(Binding) bindings;
  bool changed; /* an input or output has got a size */
} Freeze;

static const char by_freeze[] = "freeze", by_freeze_all[] = "freeze-all";

/* --- substitution in types ------------------------------------------------------------------------------ */

static Dim freeze_dim(const Freeze *f, Dim d) {
  for (size_t i = 0; i < f->bindings.n; i++)
    d = sym_subst(f->m->syms, d, f->bindings.at[i].name, f->bindings.at[i].size);
  return d ? d : sym_fresh(f->m->syms);
}

/* True if it changed. */
static bool freeze_type(const Freeze *f, Type *t) {
  bool changed = false;
  if (t->inner) {
    Type inner = *t->inner;
    if (freeze_type(f, &inner)) {
      t->inner = arena_copy(f->m->arena, &inner, sizeof inner);
      changed = true;
    }
  }
  Shape s = t->shape;
  if (s.rank <= 0) return changed;
  Dim *dim = NEW_ARRAY(f->m->arena, Dim, s.rank);
  bool other = false;
  for (int i = 0; i < s.rank; i++) {
    dim[i] = freeze_dim(f, s.dim[i]);
    other |= dim[i] != s.dim[i];
  }
  if (other) t->shape.dim = dim;
  return changed || other;
}

static void declare(Value *v, const Type *t) {
  v->declared = *t;
  v->info_dirty = true;
  graph_touch(v->graph);
  facts_forget(v);
}

static void freeze_value(Freeze *f, Value *v) {
  Type t = v->declared;
  if (!freeze_type(f, &t)) return;
  declare(v, &t);
  f->changed = true;
}

/* --- which dims ----------------------------------------------------------------------------------------- */

static void bind(Freeze *f, Str name, int64_t size, const char *source) {
  for (size_t i = 0; i < f->bindings.n; i++) {
    const Binding *old = &f->bindings.at[i];
    if (old->name != name) continue;
    if (old->size == size) return;
    bool one = strcmp(old->source, source) == 0;
    fail(f->m->cx, ONNXSLIM_ERR_USAGE, "dim '%s' is to be both %" PRId64 " and %" PRId64 " (%s%s%s)", name->s,
         old->size, size, old->source, one ? "" : "; ", one ? "" : source);
  }
  vec_push(f->scratch, &f->bindings, ((Binding){name, size, source}));
}

/* Looks for the dim called s->word; shows s the others. */
static bool has_dim(const Type *t, Suggest *s) {
  for (; t; t = t->inner)
    for (int i = 0; i < t->shape.rank; i++) {
      Str name = sym_name(t->shape.dim[i]);
      if (!name) continue;
      if (str_is(name, s->word)) return true;
      suggest_try(s, name->s);
    }
  return false;
}

static void bind_name(Freeze *f, const NamedSize *dim) {
  const Graph *g = f->m->graph;
  Suggest s = {.word = dim->name};
  bool found = false;
  for (size_t i = 0; i < g->inputs.n && !found; i++) found = has_dim(&g->inputs.at[i]->declared, &s);
  for (size_t i = 0; i < g->outputs.n && !found; i++) found = has_dim(&g->outputs.at[i]->declared, &s);
  if (found) {
    bind(f, str_internz(f->m->strs, dim->name), dim->size, by_freeze);
    return;
  }
  int64_t before;
  char hint[128];
  if (!note_has_dim(f->m, dim->name, &before))
    fail(f->m->cx, ONNXSLIM_ERR_USAGE, "no input or output has a dim called '%s'%s", dim->name,
         suggest_text(&s, hint, sizeof hint));
  if (before != dim->size)
    fail(f->m->cx, ONNXSLIM_ERR_USAGE, "dim '%s' was frozen to %" PRId64 " before; it can't become %" PRId64,
         dim->name, before, dim->size);
}

static Value *find_input(const Freeze *f, const char *name) {
  const Graph *g = f->m->graph;
  Suggest s = {.word = name};
  for (size_t i = 0; i < g->inputs.n; i++) {
    if (str_is(g->inputs.at[i]->name, name)) return g->inputs.at[i];
    suggest_try(&s, g->inputs.at[i]->name->s);
  }
  char hint[128];
  fail(f->m->cx, ONNXSLIM_ERR_USAGE, "the model has no input '%s'%s", name,
       suggest_text(&s, hint, sizeof hint));
}

/* Gives axis i of v, in `dim`, a size: an anonymous dim changes here, a named one later and everywhere. True
 * if it changed. */
static bool give_size(Freeze *f, const Value *v, Dim *dim, int i, int64_t size, const char *source) {
  int64_t declared;
  if (sym_name(dim[i])) {
    bind(f, sym_name(dim[i]), size, source);
    return false;
  }
  if (!sym_const(dim[i], &declared)) {
    dim[i] = sym_int(f->m->syms, size);
    return true;
  }
  if (declared != size)
    fail(f->m->cx, ONNXSLIM_ERR_USAGE, "dim %d of input '%s' is %" PRId64 ", not %" PRId64, i, v->name->s,
         declared, size);
  return false;
}

static Dim *copy_dims(const Freeze *f, Shape s) {
  Dim *dim = NEW_ARRAY(f->m->arena, Dim, s.rank);
  for (int i = 0; i < s.rank; i++) dim[i] = s.dim[i];
  return dim;
}

static void bind_shape(Freeze *f, const NamedDims *given) {
  Model *m = f->m;
  Value *v = find_input(f, given->name);
  Type t = v->declared;
  bool changed = t.shape.rank < 0;
  if (t.kind != TYPE_TENSOR) fail(m->cx, ONNXSLIM_ERR_USAGE, "input '%s' is not a tensor", given->name);
  if (!changed && t.shape.rank != given->rank)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "input '%s' has %d dims, not %d", given->name, t.shape.rank, given->rank);
  if (given->rank > MAX_RANK)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "input '%s': more than %d dims", given->name, MAX_RANK);
  Dim *dim = NEW_ARRAY(m->arena, Dim, given->rank);
  for (int i = 0; i < given->rank; i++) {
    dim[i] = changed ? sym_fresh(m->syms) : t.shape.dim[i];
    if (given->dim[i] < 0) continue;
    const char *source = arena_printf(f->scratch, "input-shape, dim %d of '%s'", i, given->name);
    changed |= give_size(f, v, dim, i, given->dim[i], source);
  }
  t.shape = (Shape){given->rank, dim};
  if (changed) declare(v, &t);
  f->changed |= changed;
}

static bool is_bound(const Freeze *f, Str name) {
  for (size_t i = 0; i < f->bindings.n; i++)
    if (f->bindings.at[i].name == name) return true;
  return false;
}

/* Every dim of v that has no size yet. */
static void bind_rest(Freeze *f, Value *v, int64_t size) {
  Type t = v->declared;
  if (t.kind != TYPE_TENSOR || t.shape.rank <= 0) return;
  Dim *dim = copy_dims(f, t.shape);
  bool changed = false;
  for (int i = 0; i < t.shape.rank; i++) {
    Str name = sym_name(dim[i]);
    if (!sym_const(dim[i], NULL) && !(name && is_bound(f, name)))
      changed |= give_size(f, v, dim, i, size, by_freeze_all);
  }
  t.shape.dim = dim;
  if (changed) declare(v, &t);
  f->changed |= changed;
}

/* --- hints ---------------------------------------------------------------------------------------------- */

/* Does inference agree with every dim of the declaration that is frozen? */
static bool agrees(const Type *frozen, const Type *before, Shape inferred) {
  if (frozen->kind != TYPE_TENSOR || inferred.rank != frozen->shape.rank) return false;
  for (int i = 0; i < inferred.rank; i++)
    if (frozen->shape.dim[i] != before->shape.dim[i] && !sym_equal(frozen->shape.dim[i], inferred.dim[i]))
      return false;
  return true;
}

/* False if the declaration says something of a frozen dim that inference does not prove. */
static bool freeze_hint(const Freeze *f, Value *v) {
  Type t = v->declared;
  if (!freeze_type(f, &t)) return true;
  if (!agrees(&t, &v->declared, shape_of(v))) return false;
  declare(v, &t);
  return true;
}

static void freeze_hints(Graph *g, void *arg) {
  const Freeze *f = arg;
  if (g->function) return;
  size_t n = 0;
  for (size_t i = 0; i < g->infos.n; i++)
    if (freeze_hint(f, g->infos.at[i])) g->infos.at[n++] = g->infos.at[i];
  if (n < g->infos.n) graph_touch(g);
  g->infos.n = n;
  for (size_t i = 0; g->owner && i < g->inputs.n; i++) freeze_hint(f, g->inputs.at[i]);
  for (size_t i = 0; g->owner && i < g->outputs.n; i++) freeze_hint(f, g->outputs.at[i]);
}

/* --- outputs -------------------------------------------------------------------------------------------- */

/* An output's dims are named by the exporter as it likes: what inference now proves to be a number is
 * declared as one. `before` is what the model declared. */
static void settle_output(const Freeze *f, Value *v, Shape before) {
  Shape inferred = shape_of(v);
  Type t = v->declared;
  if (t.kind != TYPE_TENSOR || v->is_input || inferred.rank < 0 || inferred.rank != t.shape.rank) return;
  Dim *dim = copy_dims(f, t.shape);
  bool changed = false;
  for (int i = 0; i < t.shape.rank; i++) {
    int64_t declared, proven;
    if (!sym_const(inferred.dim[i], &proven)) continue;
    if (!sym_const(dim[i], &declared)) {
      dim[i] = inferred.dim[i];
      changed = true;
    } else if (declared != proven && !sym_const(before.dim[i], NULL)) {
      fail(f->m->cx, ONNXSLIM_ERR_USAGE,
           "dim %d of output '%s' ('%s') can't become %" PRId64 ": it is %" PRId64, i, v->name->s,
           sym_text(f->m->syms, before.dim[i]), declared, proven);
    }
  }
  if (!changed) return;
  t.shape.dim = dim;
  declare(v, &t);
}

/* --- the report ----------------------------------------------------------------------------------------- */

static void list_axes(const Freeze *f, Frozen *frozen, const Value *v, Shape before) {
  Shape now = v->declared.shape;
  for (int i = 0; i < now.rank; i++) {
    FrozenAxis a = {.value = v, .axis = i};
    bool had_size = before.rank == now.rank && sym_const(before.dim[i], NULL);
    if (had_size || !sym_const(now.dim[i], &a.size)) continue;
    if (before.rank == now.rank) a.dim = sym_name(before.dim[i]);
    a.proven = a.dim && !is_bound(f, a.dim);
    vec_push(f->m->arena, &frozen->axes, a);
  }
}

static Shape *declared_shapes(Arena *a, Value *const *at, size_t n) {
  Shape *shapes = NEW_ARRAY(a, Shape, n);
  for (size_t i = 0; i < n; i++) shapes[i] = at[i]->declared.shape;
  return shapes;
}

Frozen freeze_dynamic_shapes(Model *m, const FreezeOptions *o) {
  Frozen frozen = {0};
  Graph *g = m->graph;
  Freeze f = {.m = m, .scratch = arena_child(m->arena)};
  const Shape *in = declared_shapes(f.scratch, g->inputs.at, g->inputs.n);
  const Shape *out = declared_shapes(f.scratch, g->outputs.at, g->outputs.n);
  for (size_t i = 0; i < o->n_dims; i++) bind_name(&f, &o->dims[i]);
  for (size_t i = 0; i < o->n_shapes; i++) bind_shape(&f, &o->shapes[i]);
  for (size_t i = 0; o->all && i < g->inputs.n; i++) bind_rest(&f, g->inputs.at[i], o->all_size);
  for (size_t i = 0; i < g->inputs.n; i++) freeze_value(&f, g->inputs.at[i]);
  for (size_t i = 0; i < g->outputs.n; i++) freeze_value(&f, g->outputs.at[i]);
  model_each_graph(m, freeze_hints, &f);
  for (size_t i = 0; f.changed && i < g->outputs.n; i++) settle_output(&f, g->outputs.at[i], out[i]);
  for (size_t i = 0; i < g->inputs.n; i++) list_axes(&f, &frozen, g->inputs.at[i], in[i]);
  for (size_t i = 0; i < g->outputs.n; i++)
    if (!g->outputs.at[i]->is_input) list_axes(&f, &frozen, g->outputs.at[i], out[i]);
  note_axes(m, frozen.axes.at, frozen.axes.n);
  arena_free(f.scratch);
  return frozen;
}

const Pass pass_freeze_dynamic_shapes = {
    "freeze_dynamic_shapes",
    "gives dims a size (--freeze, --freeze-all, --input-shape), and notes "
    "in the metadata which axes got one",
    .opt_in = true, .phase = true};
