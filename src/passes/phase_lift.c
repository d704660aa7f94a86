/* --opset N|max: a newer opset, exactly, step by step
 *
 * One version after the other, every node whose operator has a new definition there is converted by its row
 * of lift/lift.def. Nodes that a conversion makes are of the version in force, and go on from there. Bodies
 * share the imports of what they stand in; functions have their own. If one node cannot be lifted, all is
 * taken back.
 */
#include "passes/lift/lift.h"
#include "passes/passes.h"
#include "passes/phases.h"

/* What has imports of its own: the main graph or a function's body. */
typedef struct Scope {
  Graph *graph;
  int opset; /* at the last commit; 0: ai.onnx is not imported */
} Scope;

typedef struct Lifter {
  Model *m;
  Rewriter *rw;
  Lift *lift;
  int version; /* the step in progress leads to it */
  Vec(Scope) scopes;
} Lifter;

static void collect_scope(Graph *g, void *arg) {
  Lifter *l = arg;
  Scope s = {g, graph_opset(g, l->m->empty)};
  if (!g->outer) vec_push(l->m->arena, &l->scopes, s);
}

static bool refuse(Lifter *l, const Node *n, const char *why) {
  l->lift->node = node_label(n);
  l->lift->why = arena_printf(l->m->arena, "opset %d: %s", l->version, why);
  return false;
}

/* --- one step --------------------------------------------------------------------------------------------
 */

static bool convert(Lifter *l, Node *n, LiftFn *fn) {
  const char *text, *label = node_label(n);
  if (rw_convert(l->rw, n, fn, &text) != FIRED) return refuse(l, n, text);
  if (!text) return true;
  LiftNote note = {label, arena_printf(l->m->arena, "opset %d: %s", l->version, text)};
  vec_push(l->m->arena, &l->lift->notes, note);
  return true;
}

static bool lift_node(Lifter *l, Node *n) {
  if (n->domain->len || n->callee || n->opset >= l->version) return true;
  if (!n->op) return refuse(l, n, "the operator or one of its attributes is not understood");
  if (op_since(n->op, l->version) == l->version) {
    const LiftStep *step = lift_step(n->op, l->version);
    if (!step) return refuse(l, n, "its definition changed, and there is no conversion");
    if (step->bar) return refuse(l, n, step->bar);
    if (step->fn && !convert(l, n, step->fn)) return false;
  }
  n->opset = l->version;
  return true;
}

static bool lift_graph(Lifter *l, Graph *g) {
  for (Node *n = g->first, *next; n; n = next) {
    next = n->next;
    if (!lift_node(l, n)) return false;
    for (size_t i = 0; i < n->attrs.n; i++) {
      const Attr *a = &n->attrs.at[i];
      if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
      for (size_t k = 0; k < a->v.graphs.n; k++)
        if (!lift_graph(l, a->v.graphs.at[k])) return false;
    }
  }
  return true;
}

/* Takes every scope that is one version below to l->version. */
static bool step(Lifter *l) {
  for (size_t i = 0; i < l->scopes.n; i++) {
    Graph *g = l->scopes.at[i].graph;
    if (graph_opset(g, l->m->empty) != l->version - 1) continue;
    graph_set_opset(g, l->version);
    if (!lift_graph(l, g)) return false;
  }
  return true;
}

/* --- all or nothing ---------------------------------------------------------------------------------------
 */

static void commit(Lifter *l) {
  rw_commit(l->rw);
  for (size_t i = 0; i < l->scopes.n; i++)
    l->scopes.at[i].opset = graph_opset(l->scopes.at[i].graph, l->m->empty);
}

static void take_back_opset(Graph *g, void *arg) {
  (void)arg;
  for (Node *n = g->first; n; n = n->next)
    if (!n->domain->len) n->opset = graph_opset(g, n->domain);
}

static void take_back(Lifter *l, size_t n_notes) {
  rw_undo(l->rw);
  l->lift->notes.n = n_notes;
  for (size_t i = 0; i < l->scopes.n; i++)
    if (l->scopes.at[i].opset) graph_set_opset(l->scopes.at[i].graph, l->scopes.at[i].opset);
  model_each_graph(l->m, take_back_opset, NULL);
}

static int oldest(const Lifter *l) {
  int opset = l->lift->from;
  for (size_t i = 0; i < l->scopes.n; i++)
    if (l->scopes.at[i].opset && l->scopes.at[i].opset < opset) opset = l->scopes.at[i].opset;
  return opset;
}

static void lift_to(Lifter *l, int target) {
  for (size_t i = 0; i < l->scopes.n && !l->lift->why; i++)
    if (l->scopes.at[i].opset > target)
      l->lift->why = arena_printf(l->m->arena, "function '%s' has opset %d",
                                  l->scopes.at[i].graph->function->name->s, l->scopes.at[i].opset);
  for (l->version = oldest(l) + 1; l->version <= target && !l->lift->why; l->version++) step(l);
  if (l->lift->why)
    take_back(l, 0);
  else
    commit(l);
}

/* --- max ---------------------------------------------------------------------------------------------------
 */

/* Is this the step on which ONNX Runtime loses its kernel? (What never had one is taken apart before and
 * after.) */
static bool loses_kernel(const OpDef *op, int version) {
  return op->kernel && op_since(op, version - 1) && op_has_kernel(op, version - 1) &&
         !op_has_kernel(op, version);
}

static void check_kernels(Graph *g, void *arg) {
  Lifter *l = arg;
  for (const Node *n = g->first; n && !l->lift->why; n = n->next)
    if (n->op && !n->domain->len && n->opset == l->version && loses_kernel(n->op, l->version))
      refuse(l, n, "ONNX Runtime has no kernel for it");
}

/* Also where a pass makes an operator, now or when the model is optimized again. */
static void check_passes(Lifter *l) {
  for (size_t i = 0; i < PASS_COUNT && !l->lift->why; i++) {
    const OpDef *op = op_def(all_passes[i]->makes);
    if (op && loses_kernel(op, l->version))
      l->lift->why = arena_printf(l->m->arena, "opset %d: ONNX Runtime has no kernel for %s, which %s makes",
                                  l->version, op->name, all_passes[i]->name);
  }
}

static void lift_as_far_as_kernels_go(Lifter *l) {
  for (l->version = oldest(l) + 1; l->version <= ONNX_NEWEST_OPSET && !l->lift->why; l->version++) {
    size_t n_notes = l->lift->notes.n;
    if (step(l)) model_each_graph(l->m, check_kernels, l);
    check_passes(l);
    if (l->lift->why)
      take_back(l, n_notes);
    else
      commit(l);
  }
}

/* ---------------------------------------------------------------------------------------------------------
 */

/* From IR version 4 on an initializer that is listed as an input may be overridden: those that had to be
 * listed are constants, and stay that. */
static void raise_ir_version(Model *m) {
  int least = opset_ir_version(graph_opset(m->graph, m->empty));
  if (m->ir_version >= least) return;
  Graph *g = m->graph;
  size_t n = 0;
  for (size_t i = 0; i < g->inputs.n; i++) {
    Value *v = g->inputs.at[i];
    v->is_input = m->ir_version >= 4 || !v->is_initializer;
    if (v->is_input) g->inputs.at[n++] = v;
  }
  g->inputs.n = n;
  m->ir_version = least;
  graph_touch(g);
}

static void refuse_usage(Model *m, int from, int target) {
  if (target > ONNX_NEWEST_OPSET)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "opset %d is not known: the newest is %d", target, ONNX_NEWEST_OPSET);
  if (target < from)
    fail(m->cx, ONNXSLIM_ERR_USAGE, "the model has opset %d: it can only be raised, not lowered to %d", from,
         target);
}

Lift *phase_lift(Model *m, int target) {
  Lift *lift = NEW(m->arena, Lift);
  lift->from = lift->to = graph_opset(m->graph, m->empty);
  if (target) refuse_usage(m, lift->from, target);
  if (!lift->from)
    lift->why = "the model does not import ai.onnx";
  else if (m->has_training)
    lift->why = "the model has training graphs, which are not read";
  if (lift->why) return lift;
  Lifter l = {.m = m, .rw = rw_open(m), .lift = lift};
  model_each_graph(m, collect_scope, &l);
  if (target)
    lift_to(&l, target);
  else
    lift_as_far_as_kernels_go(&l);
  rw_close(l.rw);
  lift->to = graph_opset(m->graph, m->empty);
  if (lift->to > lift->from) raise_ir_version(m);
  return lift;
}
