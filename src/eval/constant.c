#include "eval/constant.h"
#include "eval/list.h"
#include "infer/facts.h"

/* Values of folded_state; 0: not looked at yet. */
enum { NOT_CONSTANT = 1, EXACT_CONSTANT, ROUNDED_CONSTANT, VISITING };

static void settle(Value *v, Tensor *t, bool exact) {
  v->folded = t;
  v->folded_state = !t ? NOT_CONSTANT : exact ? EXACT_CONSTANT : ROUNDED_CONSTANT;
}

/* Law 5: what a DequantizeLinear makes of constants is no constant to those who compute with it. So weights
 * stay quantized, and in the form in which runtimes look for them. Only what leaves the model as it is is
 * computed. */
static bool is_barrier(const Value *v) {
  const Graph *g = v->graph;
  return node_is(v->producer, OP_DequantizeLinear) && (v->n_uses || g->owner || g->function);
}

/* Law 5, and what the evaluator can do. */
static bool foldable(const Value *v) {
  const Node *n = v->producer;
  return n && n->op && !(n->op->facts & (OP_RANDOM | OP_EFFECT)) && !is_barrier(v) && eval_supported(n);
}

/* An integer vector or scalar that inference knows completely (shapes, and what is computed from them). */
static Tensor *known_value(Value *v) {
  const int64_t *at;
  size_t n;
  const Partial *p = value_of(v);
  if (!p || !value_ints(v, &at, &n)) return NULL;
  return tensor_ints(v->graph->model->arena, dtype_of(v), p->rank, at, (int64_t)n);
}

/* Dtype that decides whether the operator rounds: a float one if any operand has it. */
static ElemType deciding_dtype(int n_in, Tensor *const *in) {
  ElemType dtype = DT_INT64;
  for (int k = n_in - 1; k >= 0; k--)
    if (in[k] && (k == 0 || elem_is_float(in[k]->dtype)) && !(k == 0 && elem_is_float(dtype)))
      dtype = in[k]->dtype;
  return dtype;
}

/* Every input of the producer is settled, and what its bodies capture. Whether these round is not looked at.
 */
static void compute(Value *v) {
  const Node *n = v->producer;
  Model *m = v->graph->model;
  Tensor **in = NEW_ARRAY(m->arena, Tensor *, n->n_in);
  bool exact = !node_has(n, OP_CONTROL);
  for (int k = 0; k < n->n_in; k++) {
    Value *u = node_in(n, k);
    if (!u) continue;
    in[k] = u->folded;
    exact = exact && u->folded_state == EXACT_CONSTANT;
  }
  Tensor *t = tensor_apply(m, n, n->n_in, in, v->index);
  settle(v, t, exact && eval_is_exact(n, deciding_dtype(n->n_in, in)));
}

typedef Vec(Value *) Stack;

static bool has_bodies(const Attr *a) {
  return !a->ref && (a->type == ATTR_GRAPH || a->type == ATTR_GRAPHS);
}

static bool is_within(const Graph *g, const Graph *body) {
  while (g && g != body) g = g->outer;
  return g;
}

/* Does a body capture something that is not settled (pushed) or no constant? */
static bool captures_are_constant(Arena *scratch, Stack *stack, const Graph *body, const Graph *g) {
  bool constant = true;
  for (const Node *n = g->first; n; n = n->next) {
    for (int k = 0; k < n->n_in; k++) {
      Value *u = node_in(n, k);
      if (!u || is_within(u->graph, body)) continue;
      if (!u->folded_state) vec_push(scratch, stack, u);
      constant = constant && (!u->folded_state || u->folded);
    }
    for (size_t a = 0; a < n->attrs.n; a++)
      for (size_t i = 0; has_bodies(&n->attrs.at[a]) && i < n->attrs.at[a].v.graphs.n; i++)
        constant = captures_are_constant(scratch, stack, body, n->attrs.at[a].v.graphs.at[i]) && constant;
  }
  for (size_t i = 0; i < g->outputs.n; i++) {
    Value *u = g->outputs.at[i];
    if (is_within(u->graph, body)) continue;
    if (!u->folded_state) vec_push(scratch, stack, u);
    constant = constant && (!u->folded_state || u->folded);
  }
  return constant;
}

/* Looks at the top of the stack: settles and pops it, or pushes an input that must be settled before. */
static void step(Arena *scratch, Stack *stack) {
  Value *v = stack->at[stack->n - 1];
  Tensor *literal = v->folded_state ? NULL : value_literal(v);
  bool open = !v->folded_state || v->folded_state == VISITING;
  if (literal)
    settle(v, literal, true);
  else if (open) {
    const Node *n = v->producer;
    bool constant = foldable(v);
    v->folded_state = VISITING;
    for (int k = 0; constant && k < n->n_in; k++) {
      Value *u = node_in(n, k);
      if (u && !u->folded_state) {
        vec_push(scratch, stack, u);
        return;
      }
      constant = !u || u->folded;
    }
    size_t height = stack->n;
    for (size_t a = 0; constant && a < n->attrs.n; a++)
      for (size_t i = 0; has_bodies(&n->attrs.at[a]) && i < n->attrs.at[a].v.graphs.n; i++)
        constant = captures_are_constant(scratch, stack, n->attrs.at[a].v.graphs.at[i],
                                         n->attrs.at[a].v.graphs.at[i]) &&
                   constant;
    if (constant && stack->n > height) return;
    stack->n = height;
    if (constant)
      compute(v);
    else
      settle(v, NULL, false);
    if (!v->folded && n) settle(v, known_value(v), true);
  }
  stack->n--;
}

Tensor *constant_or_list(Value *v) {
  bool readers_mattered = v->folded_state == NOT_CONSTANT && node_is(v->producer, OP_DequantizeLinear);
  if (readers_mattered && !is_barrier(v)) v->folded_state = 0;
  if (v->folded_state) return v->folded;
  Arena *scratch = arena_child(v->graph->model->arena);
  Stack stack = {0};
  vec_push(scratch, &stack, v);
  while (stack.n) step(scratch, &stack);
  arena_free(scratch);
  return v->folded;
}

Tensor *constant_of(Value *v) {
  Tensor *t = constant_or_list(v);
  return t && !is_list(t) ? t : NULL;
}

bool constant_known(const Value *v) {
  return v->folded_state > NOT_CONSTANT && v->folded_state < VISITING && !is_list(v->folded);
}

bool constant_is_exact(Value *v) {
  return constant_or_list(v) && v->folded_state == EXACT_CONSTANT;
}

bool constant_scalar(Value *v, double *out) {
  const Tensor *t = constant_of(v);
  return t && t->count == 1 && tensor_get_double(t, 0, out);
}

bool constant_int(Value *v, int64_t *out) {
  const Tensor *t = constant_of(v);
  return t && t->count == 1 && tensor_get_int(t, 0, out);
}

/* --- forgetting ----------------------------------------------------------------------------------------- */

static void forget(Value *v) {
  if (!v) return;
  v->facts = NULL;
  v->folded = NULL;
  v->folded_state = 0;
}

static void forget_graph(Graph *g, void *arg) {
  (void)arg;
  for (size_t i = 0; i < g->inputs.n; i++) forget(g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) forget(g->inits.at[i]);
  for (Node *n = g->first; n; n = n->next) {
    for (int i = 0; i < n->n_in; i++) forget(n->in[i].value);
    for (int i = 0; i < n->n_out; i++) forget(n->out[i]);
  }
}

void forget_all(Model *m) {
  model_each_graph(m, forget_graph, NULL);
}
