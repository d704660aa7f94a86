/* --dtype: the floats of the whole model in another precision
 *
 * Every float32 tensor becomes float16, or the other way round: initializers, what nodes compute, inputs and
 * outputs. Slots that are bound to float32 (ops/float32.def, and all of operators that we do not know) get a
 * Cast before or behind them. Numbers beyond the range of float16 become the largest one there is; infinities
 * stay. It runs after the rules, on weights that are folded in their own precision.
 */
#include "eval/deferred.h"
#include "infer/facts.h"
#include "ops/float32.h"
#include "passes/phases.h"

#include <math.h>
#include <string.h>

#define HALF_MAX 65504.0F

typedef struct Convert {
  Model *m;
  ElemType from, to;
  bool *changes; /* by id of a value: it will be of the other type */
  size_t n_known;
  uint64_t saturated, casts, tensors;
} Convert;

static bool bound(const Convert *c, const Node *n, int slot, bool output) {
  if (c->from == DT_FLOAT) return op_needs_float32(n, slot, output);
  return !n->op || *n->op->domain; /* what takes float16 takes float32, but for what we do not know */
}

/* --- which values ------------------------------------------------------------------------------------------
 */

static void note_value(Convert *c, Value *v) {
  if (v) c->changes[v->id] = dtype_of(v) == c->from;
}

static void note_output(Convert *c, const Node *n, Value *v) {
  if (!v) return;
  note_value(c, v);
  if (type_of(v)->kind == TYPE_UNKNOWN && value_in_use(v))
    fail(c->m->cx, ONNXSLIM_ERR_USAGE, "option 'dtype': the type of '%s' is not known (%s)", v->name->s,
         node_label(n));
}

static void note_graph(Graph *g, void *arg) {
  Convert *c = arg;
  for (size_t i = 0; i < g->inputs.n; i++) note_value(c, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) note_value(c, g->inits.at[i]);
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++) note_output(c, n, n->out[i]);
}

/* A constant that only such slots read stays as it is. */
static void keep_bound(Graph *g, void *arg) {
  Convert *c = arg;
  for (size_t i = 0; i < g->inits.n; i++) {
    Value *v = g->inits.at[i];
    if (!c->changes[v->id] || v->is_input || v->n_outputs || !v->n_uses) continue;
    bool all = true;
    for (const Use *u = v->uses; u; u = u->next) all = all && bound(c, u->node, u->index, false);
    if (all) c->changes[v->id] = false;
  }
}

/* --- nodes -------------------------------------------------------------------------------------------------
 */

static bool changes(const Convert *c, const Value *v) {
  return v && v->id < c->n_known && c->changes[v->id];
}

static Attr *attr_slot(Convert *c, Node *n, const char *name) {
  n->dirty |= DIRTY_ATTRS;
  Str s = str_internz(c->m->strs, name);
  for (size_t i = 0; i < n->attrs.n; i++)
    if (n->attrs.at[i].name == s) return &n->attrs.at[i];
  vec_push(c->m->arena, &n->attrs, ((Attr){.name = s}));
  return &n->attrs.at[n->attrs.n - 1];
}

static void set_int(Convert *c, Node *n, const char *name, int64_t v) {
  Attr *a = attr_slot(c, n, name);
  *a = (Attr){.name = a->name, .type = ATTR_INT, .v.i = v};
}

/* A Cast of `in`, in front of `before`; its output is `out`. */
static void add_cast(Convert *c, Graph *g, Node *before, Value *in, Value *out, ElemType to) {
  Node *cast = node_new(g, c->m->empty, str_internz(c->m->strs, "Cast"), 1, 1);
  cast->op = op_def(OP_Cast);
  cast->opset = graph_opset(g, c->m->empty);
  node_link(g, before, cast);
  node_set_input(cast, 0, in);
  node_set_output(cast, 0, out);
  set_int(c, cast, "to", to);
  cast->dirty = DIRTY_INPUTS | DIRTY_OUTPUTS | DIRTY_ATTRS | DIRTY_OP | DIRTY_NAME;
  c->casts++;
}

static Value *fresh(Convert *c, Graph *g, const Value *like) {
  return graph_value(g, model_fresh_name(c->m, like->name->s));
}

/* A constant is there for such a slot as it was, not as float16 and back. (Where every initializer is listed
 * as an input, before IR version 4, it gets a Cast.) */
static Value *copy_constant(Convert *c, const Value *v) {
  Value *copy = fresh(c, v->graph, v);
  copy->init = v->init;
  graph_add_init(v->graph, copy);
  return copy;
}

static void cast_slots(Convert *c, Node *n) {
  Graph *g = n->graph;
  for (int i = 0; i < n->n_in; i++) {
    Value *v = node_in(n, i);
    if (!changes(c, v) || !bound(c, n, i, false)) continue;
    bool constant = v->init && v->is_initializer && !v->is_input;
    Value *other = constant ? copy_constant(c, v) : fresh(c, g, v);
    if (!constant) add_cast(c, g, n, v, other, c->from);
    node_set_input(n, i, other);
    n->dirty |= DIRTY_INPUTS;
  }
  for (int i = 0; i < n->n_out; i++) {
    Value *v = node_out(n, i);
    if (!changes(c, v) || !bound(c, n, i, true)) continue;
    Value *other = fresh(c, g, v);
    other->declared = (Type){TYPE_TENSOR, c->from, v->declared.shape, NULL};
    other->info_dirty = true;
    vec_push(c->m->arena, &g->infos, other);
    node_set_output(n, i, other);
    n->dirty |= DIRTY_OUTPUTS;
    add_cast(c, g, n->next, other, v, c->to);
  }
}

/* --- constants ---------------------------------------------------------------------------------------------
 */

/* Elements that are finite and beyond float16's range. */
static uint64_t count_beyond(const float *at, uint64_t n) {
  uint64_t beyond = 0;
  for (uint64_t i = 0; i < n; i++) beyond += isfinite(at[i]) && fabsf(at[i]) > HALF_MAX;
  return beyond;
}

static Tensor *saturated(Convert *c, const Tensor *t, const float *at) {
  void *to;
  Tensor *out = tensor_alloc(c->m->arena, DT_FLOAT16, t->rank, t->dim, &to);
  for (uint64_t i = 0; i < t->count; i++) {
    float f = isfinite(at[i]) && fabsf(at[i]) > HALF_MAX ? copysignf(HALF_MAX, at[i]) : at[i];
    uint16_t h = float_to_half(f);
    memcpy((uint8_t *)to + 2 * i, &h, 2);
  }
  return out;
}

static Tensor *converted(Convert *c, Tensor *t) {
  Tensor *out = NULL;
  if (c->to == DT_FLOAT16) {
    Arena *scratch = arena_child(c->m->arena);
    const float *at = tensor_bytes(scratch, t);
    uint64_t beyond = at ? count_beyond(at, t->count) : 0;
    if (beyond) out = saturated(c, t, at);
    c->saturated += beyond;
    arena_free(scratch);
  }
  if (!out) out = tx_cast(c->m, t, c->to);
  if (!out) fail(c->m->cx, ONNXSLIM_ERR_USAGE, "option 'dtype': a constant cannot be converted");
  c->tensors++;
  return out;
}

static void convert_tensor_attr(Convert *c, Node *n, const char *name) {
  const Attr *a = node_attr(n, name);
  if (!a || a->type != ATTR_TENSOR || a->v.tensor->dtype != c->from) return;
  Tensor *t = converted(c, a->v.tensor);
  Attr *slot = attr_slot(c, n, name);
  *slot = (Attr){.name = slot->name, .type = ATTR_TENSOR, .v.tensor = t};
}

/* value_float and value_floats are float32 by their nature. */
static void convert_constant(Convert *c, Node *n) {
  Tensor *t = node_out(n, 0) ? value_literal(n->out[0]) : NULL;
  convert_tensor_attr(c, n, "value");
  if (!t || t->dtype != c->from || node_attr(n, "value")) return;
  t = converted(c, t);
  n->attrs.n = 0;
  Attr *slot = attr_slot(c, n, "value");
  *slot = (Attr){.name = slot->name, .type = ATTR_TENSOR, .v.tensor = t};
}

/* Attributes that say of which type a result is. */
static void convert_attrs(Convert *c, Node *n) {
  static const char *const names[] = {"to", "dtype", "output_datatype", "output_dtype"};
  if (!n->op || *n->op->domain) return;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int64_t type;
    if (attr_int(n, names[i], &type) && type == c->from) set_int(c, n, names[i], c->to);
  }
  if (node_is(n, OP_Constant)) convert_constant(c, n);
  if (!node_is(n, OP_ConstantOfShape)) return;
  convert_tensor_attr(c, n, "value");
  if (node_attr(n, "value") || c->from != DT_FLOAT) return;
  Attr *slot = attr_slot(c, n, "value"); /* the default is a float32 zero */
  Tensor *zero = tensor_alloc(c->m->arena, c->to, 1, &(int64_t){1}, NULL);
  *slot = (Attr){.name = slot->name, .type = ATTR_TENSOR, .v.tensor = zero};
}

static void convert_nodes(Graph *g, void *arg) {
  Convert *c = arg;
  for (Node *n = g->first, *next; n; n = next) {
    next = n->next;
    cast_slots(c, n);
    bool any = false;
    for (int i = 0; i < n->n_out; i++) any = any || changes(c, n->out[i]);
    if (any) convert_attrs(c, n);
  }
  graph_touch(g);
}

/* --- values ------------------------------------------------------------------------------------------------
 */

static bool retype(const Convert *c, Type *t) {
  if (t->inner) {
    Type inner = *t->inner;
    if (!retype(c, &inner)) return false;
    t->inner = arena_copy(c->m->arena, &inner, sizeof inner);
    return true;
  }
  if (t->kind != TYPE_TENSOR || t->elem != c->from) return false;
  t->elem = c->to;
  return true;
}

static void convert_value(Convert *c, Value *v) {
  if (!v || v->id >= c->n_known) return;
  facts_forget(v);
  v->folded = NULL;
  v->folded_state = 0;
  bool tensor = v->declared.kind == TYPE_TENSOR;
  if ((!tensor || c->changes[v->id]) && retype(c, &v->declared)) v->info_dirty = true;
  if (c->changes[v->id] && v->init && v->init->dtype == c->from) v->init = converted(c, v->init);
}

static void convert_values(Graph *g, void *arg) {
  Convert *c = arg;
  for (size_t i = 0; i < g->inputs.n; i++) convert_value(c, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) convert_value(c, g->inits.at[i]);
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++) convert_value(c, n->out[i]);
}

/* An operator whose result is of the old type whatever it is given: nothing says how to go on from there. */
static void check_values(Graph *g, void *arg) {
  Convert *c = arg;
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++)
      if (changes(c, n->out[i]) && dtype_of(n->out[i]) == c->from)
        fail(c->m->cx, ONNXSLIM_ERR_USAGE, "option 'dtype': the result of %s stays %s", node_label(n),
             elem_name(c->from));
}

PhaseNotes phase_convert(Model *m, ElemType to) {
  ElemType from = to == DT_FLOAT16 ? DT_FLOAT : DT_FLOAT16;
  if (m->functions.n)
    fail(m->cx, ONNXSLIM_ERR_USAGE,
         "option 'dtype': the model has functions of its own; inline them first (--inline-functions)");
  Convert c = {.m = m, .from = from, .to = to, .n_known = m->n_values};
  c.changes = NEW_ARRAY(m->arena, bool, m->n_values);
  model_each_graph(m, note_graph, &c);
  model_each_graph(m, keep_bound, &c);
  model_each_graph(m, convert_nodes, &c);
  model_each_graph(m, convert_values, &c);
  model_each_graph(m, check_values, &c);
  PhaseNotes notes = {0};
  const char *text = arena_printf(m->arena, "%s to %s: %llu constants, %llu Casts", elem_name(from),
                                  elem_name(to), (unsigned long long)c.tensors, (unsigned long long)c.casts);
  if (c.saturated)
    text = arena_printf(m->arena, "%s; %llu numbers beyond the range became %g", text,
                        (unsigned long long)c.saturated, (double)HALF_MAX);
  vec_push(m->arena, &notes, ((PhaseNote){true, "model", text}));
  return notes;
}
