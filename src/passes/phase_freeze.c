/* --freeze batch=1 and --input-shape x:1,3,224,224 */
#include "infer/facts.h"
#include "passes/phases.h"

#include <inttypes.h>
#include <string.h>

typedef struct Freeze {
  Model *m;
  Arena *scratch;
  Vec(Str) names;
  Vec(int64_t) sizes; /* beside names */
} Freeze;

/* --- substitution in types ---------------------------------------------------------------------------------
 */

static Dim freeze_dim(const Freeze *f, Dim d) {
  for (size_t i = 0; i < f->names.n; i++) d = sym_subst(f->m->syms, d, f->names.at[i], f->sizes.at[i]);
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

static void freeze_value(const Freeze *f, Value *v) {
  if (!freeze_type(f, &v->declared)) return;
  v->info_dirty = true;
  graph_touch(v->graph);
  facts_forget(v);
}

/* --- which names -----------------------------------------------------------------------------------------
 */

static void bind(Freeze *f, Str name, int64_t size) {
  for (size_t i = 0; i < f->names.n; i++) {
    if (f->names.at[i] != name) continue;
    if (f->sizes.at[i] == size) return;
    fail(f->m->cx, ONNXSLIM_ERR_USAGE, "dim '%s' is to be both %" PRId64 " and %" PRId64, name->s,
         f->sizes.at[i], size);
  }
  vec_push(f->scratch, &f->names, name);
  vec_push(f->scratch, &f->sizes, size);
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
  char hint[128];
  if (!found)
    fail(f->m->cx, ONNXSLIM_ERR_USAGE, "no input or output has a dim called '%s'%s", dim->name,
         suggest_text(&s, hint, sizeof hint));
  bind(f, str_internz(f->m->strs, dim->name), dim->size);
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

/* Anonymous dims change here, named ones later and everywhere. */
static void bind_shape(Freeze *f, const NamedDims *given) {
  Model *m = f->m;
  Value *v = find_input(f, given->name);
  Shape old = v->declared.shape;
  if (v->declared.kind != TYPE_TENSOR)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "input '%s' is not a tensor", given->name);
  if (old.rank >= 0 && old.rank != given->rank)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "input '%s' has %d dims, not %d", given->name, old.rank, given->rank);
  if (given->rank > MAX_RANK)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "input '%s': more than %d dims", given->name, MAX_RANK);
  Dim *dim = NEW_ARRAY(m->arena, Dim, given->rank);
  bool changed = old.rank < 0;
  for (int i = 0; i < given->rank; i++) {
    dim[i] = old.rank >= 0 ? old.dim[i] : sym_fresh(m->syms);
    int64_t size = given->dim[i], declared;
    if (size < 0) continue;
    if (sym_name(dim[i])) {
      bind(f, sym_name(dim[i]), size);
    } else if (!sym_const(dim[i], &declared)) {
      dim[i] = sym_int(m->syms, size);
      changed = true;
    } else if (declared != size) {
      fail(m->cx, ONNXSLIM_ERR_USAGE, "dim %d of input '%s' is %" PRId64 ", not %" PRId64, i, given->name,
           declared, size);
    }
  }
  if (!changed) return;
  v->declared.shape = (Shape){given->rank, dim};
  v->info_dirty = true;
  graph_touch(v->graph);
  facts_forget(v);
}

/* --- value_info ------------------------------------------------------------------------------------------
 */

/* Does inference agree with every dim of the declaration that was frozen? */
static bool proven(const Type *frozen, const Type *before, Shape inferred) {
  if (frozen->kind != TYPE_TENSOR || inferred.rank != frozen->shape.rank) return false;
  for (int i = 0; i < inferred.rank; i++)
    if (frozen->shape.dim[i] != before->shape.dim[i] && !sym_equal(frozen->shape.dim[i], inferred.dim[i]))
      return false;
  return true;
}

static void freeze_infos(const Freeze *f, Graph *g) {
  size_t n = 0;
  for (size_t i = 0; i < g->infos.n; i++) {
    Value *v = g->infos.at[i];
    Type before = v->declared;
    freeze_value(f, v);
    bool changed = before.shape.dim != v->declared.shape.dim || before.inner != v->declared.inner;
    if (!changed || proven(&v->declared, &before, shape_of(v))) g->infos.at[n++] = v;
  }
  g->dirty |= n < g->infos.n;
  g->infos.n = n;
}

/* An output's dims are named by the exporter as it likes: what inference now proves to be a number is
 * declared as one. */
static void settle_output(Value *v) {
  Model *m = v->graph->model;
  Shape inferred = shape_of(v), declared = v->declared.shape;
  if (v->declared.kind != TYPE_TENSOR || v->is_input || inferred.rank < 0 || inferred.rank != declared.rank)
    return;
  Dim *dim = NEW_ARRAY(m->arena, Dim, declared.rank);
  bool changed = false;
  for (int i = 0; i < declared.rank; i++) {
    int64_t known, proven_size;
    bool settle = !sym_const(declared.dim[i], &known) && sym_const(inferred.dim[i], &proven_size);
    dim[i] = settle ? inferred.dim[i] : declared.dim[i];
    changed |= settle;
  }
  if (!changed) return;
  v->declared.shape.dim = dim;
  v->info_dirty = true;
  graph_touch(v->graph);
}

void phase_freeze(Model *m, const NamedSize *dims, size_t n_dims, const NamedDims *shapes, size_t n_shapes) {
  if (!n_dims && !n_shapes) return;
  Freeze f = {.m = m, .scratch = arena_child(m->arena)};
  for (size_t i = 0; i < n_dims; i++) bind_name(&f, &dims[i]);
  for (size_t i = 0; i < n_shapes; i++) bind_shape(&f, &shapes[i]);
  Graph *g = m->graph;
  for (size_t i = 0; i < g->inputs.n; i++) freeze_value(&f, g->inputs.at[i]);
  for (size_t i = 0; i < g->outputs.n; i++) freeze_value(&f, g->outputs.at[i]);
  freeze_infos(&f, g);
  for (size_t i = 0; i < g->outputs.n; i++) settle_output(g->outputs.at[i]);
  arena_free(f.scratch);
}
