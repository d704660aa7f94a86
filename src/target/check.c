#include "target/target.h"

#include <inttypes.h>

typedef struct Checker {
  Model *m;
  const Target *t;
  TargetCheck *check;
} Checker;

static void found(Checker *c, Verdict verdict, const char *where, const char *reason) {
  vec_push(c->m->arena, &c->check->findings, ((Finding){verdict, where, reason}));
  c->check->refused += verdict == REFUSED;
  c->check->risky += verdict == RISKY;
  c->check->untried += verdict == UNTRIED;
}

/* --- values --------------------------------------------------------------------------------------------- */

/* Views in between may have more axes: converters merge Reshape, Transpose, Reshape. */
static bool is_passing_view(const Value *v) {
  const Node *above = v->producer, *below = v->n_uses == 1 ? v->uses->node : NULL;
  if (!above || !below || v->n_outputs) return false;
  return (node_is(above, OP_Reshape) && node_is(below, OP_Transpose)) ||
         (node_is(above, OP_Transpose) && node_is(below, OP_Reshape));
}

static void check_value(Checker *c, Value *v, const char *where) {
  const Target *t = c->t;
  ElemType type = dtype_of(v);
  int rank = rank_of(v);
  if (t->max_rank && rank > t->max_rank && !is_passing_view(v))
    found(
        c, REFUSED, where,
        arena_printf(c->m->arena, "'%s' has rank %d, at most %d is possible", v->name->s, rank, t->max_rank));
  if (type != DT_UNDEFINED && t->takes_type && !t->takes_type(type))
    found(c, REFUSED, where, arena_printf(c->m->arena, "'%s' is of type %s", v->name->s, elem_name(type)));
}

static bool is_open(Dim d) {
  return !sym_const(d, NULL);
}

/* "dim 0 (batch)"; the name is left out if there is none. */
static const char *dim_text(Model *m, int i, Dim d) {
  Str name = sym_name(d);
  return name ? arena_printf(m->arena, "dim %d (%s)", i, name->s) : arena_printf(m->arena, "dim %d", i);
}

/* The dims of v without a size, as a list; NULL if all have one. */
static const char *open_dims(Model *m, const Value *v) {
  const Type *t = &v->declared;
  if (t->kind != TYPE_TENSOR || v->init) return NULL;
  if (t->shape.rank < 0) return "its dims";
  const char *text = NULL;
  for (int i = 0; i < t->shape.rank; i++)
    if (is_open(t->shape.dim[i]))
      text = arena_printf(m->arena, "%s%s%s", text ? text : "", text ? ", " : "",
                          dim_text(m, i, t->shape.dim[i]));
  return text;
}

void target_need_sizes(Model *m, const Target *t) {
  const char *text = "";
  const Graph *g = m->graph;
  for (size_t i = 0; t->static_shapes && i < g->inputs.n; i++) {
    const char *dims = open_dims(m, g->inputs.at[i]);
    if (!dims) continue;
    text = arena_printf(m->arena, "%s%s%s of input '%s'", text, *text ? "; " : "", dims,
                        g->inputs.at[i]->name->s);
  }
  if (*text)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "target %s needs sizes (freeze, freeze-all, input-shape): %s", t->name,
         text);
}

static void check_input(Checker *c, Value *v) {
  const char *where = arena_printf(c->m->arena, "input '%s'", v->name->s);
  const char *dims = c->t->static_shapes ? open_dims(c->m, v) : NULL;
  if (dims) found(c, REFUSED, where, arena_printf(c->m->arena, "%s: no size", dims));
  if (c->t->no_scalar_inputs && rank_of(v) == 0) found(c, REFUSED, where, "it is a scalar");
  check_value(c, v, where);
}

/* --- nodes ---------------------------------------------------------------------------------------------- */

/* The first input that must be constant and is not; -1: none. */
static int computed_input(const Node *n, unsigned constants) {
  for (int i = 0; i < n->n_in; i++)
    if (constants >> i & 1u && node_in(n, i) && !constant_of(node_in(n, i))) return i;
  return -1;
}

static void check_row(Checker *c, const Node *n, const TargetRow *row) {
  Verdict unlisted = c->t->unlisted;
  int computed = computed_input(n, row->constants);
  const char *reason = row->condition ? row->condition(n) : NULL;
  if (row->refused || (!row->listed && unlisted == REFUSED))
    found(c, REFUSED, node_label(n), c->t->refusal);
  else if (!row->listed && unlisted == UNTRIED)
    found(c, UNTRIED, node_label(n), "nobody has tried this operator");
  else if (n->opset < row->oldest)
    found(c, REFUSED, node_label(n),
          arena_printf(c->m->arena, "its definition is too old: --opset=%d", row->oldest));
  else if (computed >= 0)
    found(c, REFUSED, node_label(n),
          arena_printf(c->m->arena, "'%s' must be constant", node_in(n, computed)->name->s));
  else if (reason)
    found(c, row->otherwise, node_label(n), reason);
}

static void check_operator(Checker *c, const Node *n) {
  const char *domain = n->domain->len ? n->domain->s : "ai.onnx";
  if (n->callee) {
    found(c, UNTRIED, node_label(n), "it calls a function of the model");
  } else if (!n->op) {
    found(c, n->domain->len ? REFUSED : UNTRIED, node_label(n),
          arena_printf(c->m->arena, "the operator is not known (%s, version %d)", domain, n->opset));
  } else if (c->t->kernels && !c->t->row[n->op->id].listed && !op_has_kernel(n->op, n->opset)) {
    found(c, REFUSED, node_label(n),
          arena_printf(c->m->arena, "there is no kernel for version %d", op_since(n->op, n->opset)));
  } else {
    check_row(c, n, &c->t->row[n->op->id]);
  }
}

static void check_pair(Checker *c, const Node *n) {
  ConvActivation a;
  if (!c->t->fuses || !conv_activation(n, &a)) return;
  const char *becomes = c->t->fuses(&a);
  if (becomes)
    vec_push(c->m->arena, &c->check->pairs, ((FusedPair){node_label(a.conv), node_label(n), becomes}));
}

static void check_graph(Graph *g, void *arg) {
  Checker *c = arg;
  for (Node *n = g->first; n; n = n->next) {
    check_operator(c, n);
    check_pair(c, n);
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i]) check_value(c, n->out[i], node_label(n));
  }
}

TargetCheck target_check(Model *m, const Target *t) {
  TargetCheck check = {.target = t};
  Checker c = {m, t, &check};
  int opset = graph_opset(m->graph, m->empty);
  if (opset > t->newest_opset)
    found(&c, REFUSED, "the model",
          arena_printf(m->arena, "opset %d, at most %d is known to %s", opset, t->newest_opset, t->through));
  for (size_t i = 0; i < m->graph->inputs.n; i++) check_input(&c, m->graph->inputs.at[i]);
  model_each_graph(m, check_graph, &c);
  return check;
}
