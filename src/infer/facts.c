#include "infer/facts.h"

#include "infer/facts_t.h"
#include "infer/family.h"

typedef struct Facts Facts;

static InferFn *const family[OP_COUNT_] = {
#define INFER(id, fn) [OP_##id] = fn,
#include "infer/infer.def"
#undef INFER
};

/* --- values without producer ---------------------------------------------------------------------------- */

/* A declared type as far as it is believed: dims only if `dims`, and only constant ones if `!symbols`. */
static Type believed(Model *m, const Type *t, bool dims, bool symbols) {
  Infer f = {.m = m, .arena = m->arena, .syms = m->syms};
  Type r = type_unshaped(&f, t);
  if (!dims || (t->kind != TYPE_TENSOR && t->kind != TYPE_SPARSE) || t->shape.rank < 0) return r;
  if (t->shape.rank > MAX_RANK) return r;
  Dim *dim = NEW_ARRAY(m->arena, Dim, t->shape.rank);
  for (int i = 0; i < t->shape.rank; i++) {
    Dim d = t->shape.dim[i];
    dim[i] = d && (symbols || sym_const(d, NULL)) ? d : sym_fresh(m->syms);
  }
  r.shape = (Shape){t->shape.rank, dim};
  return r;
}

Type tensor_type(Model *m, const Tensor *t) {
  Type r = {TYPE_TENSOR, t->dtype, SHAPE_UNKNOWN, NULL};
  if (t->rank > MAX_RANK) return r;
  Dim *dim = NEW_ARRAY(m->arena, Dim, t->rank);
  for (int i = 0; i < t->rank; i++) dim[i] = sym_int(m->syms, t->dim[i]);
  r.shape = (Shape){t->rank, dim};
  return r;
}

const Partial *tensor_value(Model *m, const Tensor *t) {
  bool is_float = elem_is_float(t->dtype);
  if (t->count > (is_float ? SMALL_FLOATS : PARTIAL_MAX)) return NULL;
  if (!is_float && !elem_is_int(t->dtype) && t->dtype != DT_BOOL) return NULL;
  Dim *at = NEW_ARRAY(m->arena, Dim, t->count);
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t v = 0;
    double d = 0;
    bool known = is_float ? tensor_get_double(t, i, &d) : tensor_get_int(t, i, &v);
    if (is_float) {
      d *= FLOAT_UNIT;
      known = known && d >= -1e15 && d <= 1e15; /* false for NaN */
      v = known ? (int64_t)d : 0;
      known = known && (double)v == d;
    }
    Dim e = known ? sym_int(m->syms, v) : NULL;
    at[i] = elem_holds(t->dtype, e) ? e : NULL;
  }
  Partial *p = NEW(m->arena, Partial);
  *p = (Partial){t->rank, (size_t)t->count, at};
  return p;
}

/* Loop hands its body the iteration number and the condition; their rank is what the body declares. */
static bool loop_counter(const Value *v, Type *t) {
  const Graph *g = v->graph;
  if (!g->owner || !node_is(g->owner, OP_Loop)) return false;
  for (size_t i = 0; i < 2 && i < g->inputs.n; i++) {
    if (g->inputs.at[i] != v) continue;
    bool scalar = v->declared.kind == TYPE_TENSOR && v->declared.shape.rank == 0;
    *t = (Type){TYPE_TENSOR, i ? DT_BOOL : DT_INT64, scalar ? (Shape){0, NULL} : SHAPE_UNKNOWN, NULL};
    return true;
  }
  return false;
}

static void leaf_facts(Value *v) {
  Model *m = v->graph->model;
  Facts *x = v->facts ? v->facts : NEW(m->arena, Facts);
  *x = (Facts){.type = TYPE_NOTHING, .ready = true};
  v->facts = x;
  if (v->init && !value_overridable(v)) {
    x->type = tensor_type(m, v->init);
    x->value = tensor_value(m, v->init);
  } else if (v->is_input && !loop_counter(v, &x->type)) {
    if (!v->graph->function) x->type = believed(m, &v->declared, !v->graph->owner, true);
  }
}

/* --- nodes ---------------------------------------------------------------------------------------------- */

/* Value whose facts are needed first; *end is set behind the last one. Bodies count by their outputs. */
static Value *dependency(const Node *n, size_t i, bool *end) {
  *end = false;
  if (i < (size_t)n->n_in) return n->in[i].value;
  i -= (size_t)n->n_in;
  for (size_t k = 0; k < n->attrs.n; k++) {
    const Attr *a = &n->attrs.at[k];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t g = 0; g < a->v.graphs.n; g++) {
      const Graph *body = a->v.graphs.at[g];
      if (i < body->outputs.n) return body->outputs.at[i];
      i -= body->outputs.n;
    }
  }
  *end = true;
  return NULL;
}

static void infer_node(Node *n) {
  enum { FEW = 8 };
  Model *m = n->graph->model;
  Type few_types[FEW];
  const Partial *few_values[FEW];
  Infer f = {m, m->arena, m->syms, n, few_types, few_values};
  if (n->n_out > FEW) {
    f.out = NEW_ARRAY(m->arena, Type, n->n_out);
    f.value = NEW_ARRAY(m->arena, const Partial *, n->n_out);
  }
  for (int i = 0; i < n->n_out; i++) {
    f.out[i] = TYPE_NOTHING;
    f.value[i] = NULL;
  }
  InferFn *fn = n->op ? family[n->op->id] : NULL;
  if (fn) fn(&f);
  for (int i = 0; i < n->n_out; i++) {
    Value *v = n->out[i];
    if (!v || v->facts->ready) continue;
    *v->facts = (Facts){.type = f.out[i], .value = f.value[i], .ready = true};
    if (!fn) v->facts->type = believed(m, &v->declared, true, false);
  }
}

/* The stack of nodes in work is threaded through the facts of their first output without any: a chain of any
 * length needs no room of its own. */
static Facts *frame_of(const Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && n->out[i]->facts && !n->out[i]->facts->ready) return n->out[i]->facts;
  return NULL;
}

static void frame_push(Node **top, Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && !n->out[i]->facts) n->out[i]->facts = NEW(n->graph->model->arena, Facts);
  frame_of(n)->below = *top;
  *top = n;
}

static void compute(Node *root) {
  Node *top = NULL;
  frame_push(&top, root);
  while (top) {
    Facts *frame = frame_of(top);
    bool end;
    Value *v = dependency(top, frame->next++, &end);
    if (end) {
      Node *n = top;
      top = frame->below;
      infer_node(n);
    } else if (v && !v->facts) { /* facts that are not ready: a cycle, which families see as unknown */
      if (v->producer)
        frame_push(&top, v->producer);
      else
        leaf_facts(v);
    }
  }
}

static Facts *facts_of(Value *v) {
  if (!v->facts || !v->facts->ready) {
    if (v->producer)
      compute(v->producer);
    else
      leaf_facts(v);
  }
  return v->facts;
}

/* --- questions ------------------------------------------------------------------------------------------ */

const Type *type_of(Value *v) {
  return &facts_of(v)->type;
}

ElemType dtype_of(Value *v) {
  const Type *t = type_of(v);
  return t->kind == TYPE_TENSOR ? t->elem : DT_UNDEFINED;
}

Shape shape_of(Value *v) {
  const Type *t = type_of(v);
  return t->kind == TYPE_TENSOR ? t->shape : SHAPE_UNKNOWN;
}

int rank_of(Value *v) {
  return shape_of(v).rank;
}

const Partial *value_of(Value *v) {
  static const Dim nothing_known[PARTIAL_MAX];
  Facts *x = facts_of(v);
  if (x->shown) return x->shown;
  Shape s = shape_of(v);
  ElemType t = dtype_of(v);
  int64_t n = 1;
  if (s.rank < 0 || s.rank > 1 || (t != DT_BOOL && !elem_is_int(t))) return NULL;
  if (s.rank == 1 && (!sym_const(s.dim[0], &n) || n < 0 || n > PARTIAL_MAX)) return NULL;
  Partial *p = NEW(v->graph->model->arena, Partial);
  *p = (Partial){s.rank, (size_t)n, x->value ? x->value->at : nothing_known};
  x->shown = p;
  return p;
}

bool value_ints(Value *v, const int64_t **at, size_t *n) {
  const Partial *p = value_of(v);
  if (!p) return false;
  for (size_t i = 0; i < p->n; i++)
    if (!sym_const(p->at[i], NULL)) return false;
  int64_t *out = NEW_ARRAY(v->graph->model->arena, int64_t, p->n);
  for (size_t i = 0; i < p->n; i++) sym_const(p->at[i], &out[i]);
  *at = out;
  *n = p->n;
  return true;
}

void facts_share(Value *now, Value *old) {
  Facts *x = NEW(now->graph->model->arena, Facts);
  *x = (Facts){.type = *type_of(old), .value = facts_of(old)->value, .ready = true};
  now->facts = x;
}

bool facts_cover(Value *v, const Tensor *t) {
  const Facts *x = facts_of(v);
  if (x->type.kind != TYPE_TENSOR || x->type.elem != t->dtype || !shape_known(x->type.shape)) return false;
  const Partial *p = tensor_value(v->graph->model, t);
  if (!p || !p->n) return true;
  if (!x->value || x->value->n != p->n) return false;
  for (size_t i = 0; i < p->n; i++)
    if (p->at[i] && p->at[i] != x->value->at[i]) return false;
  return true;
}

/* --- forgetting ----------------------------------------------------------------------------------------- */

/* Takes v's facts away and puts them on the list of those whose users are still to be visited. */
static void detach(Value *v, Facts **list) {
  Facts *x = v ? v->facts : NULL;
  if (!x) return;
  v->facts = NULL;
  x->of = v;
  x->link = *list;
  *list = x;
}

static void detach_outputs(const Node *n, Facts **list) {
  for (int i = 0; i < n->n_out; i++) detach(n->out[i], list);
}

static void detach_users(const Value *v, Facts **list) {
  for (const Use *u = v->uses; u; u = u->next) detach_outputs(u->node, list);
  if (v->n_outputs && v->graph->owner) detach_outputs(v->graph->owner, list);
}

void facts_forget(Value *v) {
  Facts *list = NULL;
  v->facts = NULL;
  detach_users(v, &list);
  while (list) {
    const Value *next = list->of;
    list = list->link;
    detach_users(next, &list);
  }
}

void facts_redeclare(Value *v) {
  const OpDef *op = v->producer ? v->producer->op : NULL;
  if (v->producer && !(op && family[op->id])) facts_forget(v);
}
