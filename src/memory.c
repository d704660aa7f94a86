/* What a model holds in memory: its constants by type, and the values its nodes compute. */
#include "memory.h"

#include "describe.h"
#include "eval/constant.h"
#include "infer/facts.h"
#include "runtime/feed.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 10 };

static int by_size(const void *p, const void *q) {
  const onnxslim_tensor_size *a = p, *b = q;
  if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* --- dims without a size
 * ----------------------------------------------------------------------------------------------------------
 */

typedef struct DimRow {
  Dim dim;
  const char *axes;
  int64_t assumed; /* -1: nothing is */
} DimRow;

typedef struct Dims {
  Arena *arena;
  Vec(DimRow) rows;
  Map index; /* Dim -> its place in rows plus 1 */
  Map sizes; /* as sym_eval() wants them */
} Dims;

static void add_axis(Dims *d, const Value *v, int axis, int64_t assumed) {
  Dim dim = v->declared.shape.dim[axis];
  size_t at = (size_t)(uintptr_t)map_get(&d->index, map_key(dim));
  const char *text = arena_printf(d->arena, "%s[%d]", v->name->s, axis);
  if (at) {
    DimRow *row = &d->rows.at[at - 1];
    row->axes = arena_printf(d->arena, "%s, %s", row->axes, text);
    return;
  }
  vec_push(d->arena, &d->rows, ((DimRow){dim, text, assumed}));
  map_put(&d->index, map_key(dim), (void *)(uintptr_t)d->rows.n);
  if (assumed >= 0) map_put(&d->sizes, map_key(dim), (void *)((uintptr_t)assumed + 1));
}

static void add_axes(Dims *d, const FeedPlan *plan, const Value *v) {
  Shape s = v->declared.shape;
  if (v->is_initializer || v->declared.kind != TYPE_TENSOR) return;
  for (int i = 0; i < s.rank; i++)
    if (!sym_const(s.dim[i], NULL)) add_axis(d, v, i, feed_size(plan, v->name->s, i));
}

static Dims collect_dims(Arena *a, Model *m, const FeedPlan *plan) {
  Dims d = {.arena = a};
  map_init(&d.index, a);
  map_init(&d.sizes, a);
  for (size_t i = 0; i < m->graph->inputs.n; i++) add_axes(&d, plan, m->graph->inputs.at[i]);
  for (size_t i = 0; i < m->graph->outputs.n; i++) add_axes(&d, plan, m->graph->outputs.at[i]);
  return d;
}

static void list_dims(Arena *a, const Dims *d, onnxslim_summary *s) {
  onnxslim_dim *rows = NEW_ARRAY(a, onnxslim_dim, d->rows.n);
  for (size_t i = 0; i < d->rows.n; i++) {
    const DimRow *row = &d->rows.at[i];
    Str name = sym_name(row->dim);
    rows[i] = (onnxslim_dim){copy_text(a, name ? name->s : NULL), copy_text(a, row->axes), row->assumed};
  }
  s->dims = rows;
  s->n_dims = d->rows.n;
}

/* --- constants
 * ----------------------------------------------------------------------------------------------------------
 */

typedef struct Constants {
  Arena *arena;
  onnxslim_dtype_size types[DT_COUNT_];
  Vec(onnxslim_tensor_size) rows;
} Constants;

static void add_constants(Graph *g, void *arg) {
  Constants *c = arg;
  for (size_t i = 0; i < g->inits.n; i++) {
    const Value *v = g->inits.at[i];
    const Tensor *t = v->init;
    if (!t) continue;
    onnxslim_dtype_size *type = &c->types[t->dtype];
    type->dtype = elem_name(t->dtype);
    type->tensors++;
    type->elements += t->count;
    type->bytes += t->nbytes;
    vec_push(c->arena, &c->rows, ((onnxslim_tensor_size){.name = v->name->s, .bytes = t->nbytes}));
    c->rows.at[c->rows.n - 1].type = dims_words(c->arena, t);
  }
}

static int by_bytes(const void *p, const void *q) {
  const onnxslim_dtype_size *a = p, *b = q;
  if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
  return strcmp(a->dtype ? a->dtype : "", b->dtype ? b->dtype : "");
}

static void list_constants(Arena *a, Arena *scratch, Model *m, onnxslim_summary *s) {
  Constants c = {.arena = scratch};
  model_each_graph(m, add_constants, &c);
  onnxslim_dtype_size *types = NEW_ARRAY(a, onnxslim_dtype_size, DT_COUNT_);
  for (size_t i = 0; i < DT_COUNT_; i++)
    if (c.types[i].tensors) types[s->n_dtypes++] = c.types[i];
  qsort(types, s->n_dtypes, sizeof *types, by_bytes);
  s->dtypes = types;
  if (c.rows.n) qsort(c.rows.at, c.rows.n, sizeof *c.rows.at, by_size);
  size_t n = c.rows.n < LARGEST ? c.rows.n : LARGEST;
  onnxslim_tensor_size *rows = arena_copy(a, c.rows.at, n * sizeof *rows);
  for (size_t i = 0; i < n; i++) {
    rows[i].name = copy_text(a, rows[i].name);
    rows[i].type = copy_text(a, rows[i].type);
    rows[i].size = arena_printf(a, "%llu", (unsigned long long)rows[i].bytes);
  }
  s->largest_initializers = rows;
  s->n_largest_initializers = n;
}

/* --- what nodes compute
 * ----------------------------------------------------------------------------------------------------------
 */

/* A value and its bytes. */
typedef struct Sized {
  Value *value;
  Dim size;
  uint64_t bytes;
} Sized;

static int by_value_size(const void *p, const void *q) {
  const Sized *a = p, *b = q;
  if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
  return a->value->id < b->value->id ? -1 : a->value->id > b->value->id;
}

typedef struct Memory {
  Model *m;
  const Dims *dims;
  uint32_t *place;       /* of a node of the main graph, by id: its position plus 1 */
  uint64_t *made, *done; /* bytes that come with a node, and that are last read by it, by position */
  onnxslim_summary *out;
  Arena *scratch;
  Vec(Sized) values;
} Memory;

/* The position of the node of the main graph that n is or stands in. */
static uint32_t place_of(const Memory *mem, const Node *n) {
  while (n->graph->owner) n = n->graph->owner;
  return mem->place[n->id] - 1;
}

static uint32_t last_reader(const Memory *mem, const Value *v, uint32_t made) {
  uint32_t last = made;
  for (const Use *u = v->uses; u; u = u->next) {
    uint32_t at = place_of(mem, u->node);
    if (at > last) last = at;
  }
  return last;
}

/* Is v an output of the model, perhaps through bodies that hand it out? */
static bool leaves(const Memory *mem, const Value *v) {
  for (size_t i = 0; v->n_outputs && i < mem->m->graph->outputs.n; i++)
    if (mem->m->graph->outputs.at[i] == v) return true;
  return false;
}

/* Bytes as an expression; NULL if its rank or its type is not known. */
static Dim size_of(Memory *mem, Value *v) {
  SymTable *syms = mem->m->syms;
  const Type *t = type_of(v);
  int bits = t->kind == TYPE_TENSOR ? elem_bits(t->elem) : 0;
  Dim size = bits ? shape_size(syms, t->shape) : NULL;
  if (!size) return NULL;
  return bits >= 8 ? sym_mul(syms, size, sym_int(syms, bits / 8))
                   : sym_ceildiv(syms, sym_mul(syms, size, sym_int(syms, bits)), sym_int(syms, 8));
}

static void add_value(Memory *mem, Value *v, uint32_t at, uint32_t n_nodes) {
  if (!v || value_literal(v)) return;
  Dim size = size_of(mem, v);
  int64_t bytes;
  mem->out->activations++;
  if (!sym_const(sym_eval(mem->m->syms, size, &mem->dims->sizes), &bytes) || bytes < 0) {
    mem->out->unknown++;
    return;
  }
  mem->out->activation_bytes += (uint64_t)bytes;
  mem->made[at] += (uint64_t)bytes;
  mem->done[leaves(mem, v) ? n_nodes - 1 : last_reader(mem, v, at)] += (uint64_t)bytes;
  vec_push(mem->scratch, &mem->values, ((Sized){v, size, (uint64_t)bytes}));
}

static void find_peak(Memory *mem, uint32_t n_nodes) {
  uint64_t live = 0;
  uint32_t at = 0;
  for (const Node *n = mem->m->graph->first; n && at < n_nodes; n = n->next, at++) {
    live += mem->made[at];
    if (live > mem->out->peak_bytes) {
      mem->out->peak_bytes = live;
      mem->out->peak_node = node_label(n);
    }
    live -= mem->done[at];
  }
}

static void list_activations(Arena *a, Arena *scratch, Model *m, const Dims *dims, onnxslim_summary *s) {
  Graph *g = m->graph;
  uint32_t n_nodes = (uint32_t)g->n_nodes, at = 0;
  Memory mem = {.m = m, .dims = dims, .out = s, .scratch = scratch};
  mem.place = NEW_ARRAY(scratch, uint32_t, m->n_nodes_made);
  mem.made = NEW_ARRAY(scratch, uint64_t, n_nodes);
  mem.done = NEW_ARRAY(scratch, uint64_t, n_nodes);
  for (const Node *n = g->first; n; n = n->next) mem.place[n->id] = ++at;
  at = 0;
  for (Node *n = g->first; n; n = n->next, at++)
    for (int i = 0; i < n->n_out; i++) add_value(&mem, n->out[i], at, n_nodes);
  find_peak(&mem, n_nodes);
  s->peak_node = copy_text(a, s->peak_node);
  if (mem.values.n) qsort(mem.values.at, mem.values.n, sizeof *mem.values.at, by_value_size);
  size_t n = mem.values.n < LARGEST ? mem.values.n : LARGEST;
  onnxslim_tensor_size *rows = NEW_ARRAY(a, onnxslim_tensor_size, n);
  for (size_t i = 0; i < n; i++) {
    const Sized *from = &mem.values.at[i];
    rows[i] = (onnxslim_tensor_size){.name = copy_text(a, from->value->name->s),
                                     .type = tensor_words(a, m->syms, type_of(from->value)),
                                     .node = node_words(a, from->value->producer),
                                     .size = copy_text(a, sym_text(m->syms, from->size)),
                                     .bytes = from->bytes};
  }
  s->largest_activations = rows;
  s->n_largest_activations = n;
}

void summarize_memory(Arena *a, Model *m, onnxslim_summary *s) {
  Arena *scratch = arena_child(a);
  Dims dims = collect_dims(scratch, m, feed_sizes(scratch, m));
  list_dims(a, &dims, s);
  list_constants(a, scratch, m, s);
  list_activations(a, scratch, m, &dims, s);
  forget_all(m);
  arena_free(scratch);
}
