/* eliminate_dead_nodes
 *
 * Before:    y = Op(x), and nobody reads any output of it; y, z = Op(x) with an optional output z that nobody
 *            reads; an If whose condition is constant; a Loop that runs never or once
 * After:     nothing; y = Op(x); the branch that is taken, the body, in place of the node
 * When not:  an output is a graph output or a --keep name; a custom operator (it may have effects); a Loop
 *            that never runs and whose scan outputs are in use (their dims are not known)
 * Exactness: bitwise
 */
#include "passes/passes.h"

/* Optional outputs: those behind the ones an operator must have, in any of its versions. */
static Outcome drop_outputs(Rewriter *rw, Node *node) {
  TRY(node->op && !node->callee && node->op->max_out > node->op->min_out &&
      !(node->op->facts & (OP_COUNTS_OUTPUTS | OP_CONTROL | OP_EFFECT)));
  int dropped = 0;
  for (int i = node->n_out - 1; i >= node->op->min_out; i--) {
    const Value *v = node->out[i];
    if (!v || v->n_uses || v->n_outputs || v->keep) continue;
    rw_drop_output(rw, node, i);
    dropped++;
  }
  TRY(dropped);
  rw_note(rw, "%d output%s nobody reads", dropped, dropped > 1 ? "s" : "");
  return FIRED;
}

static Outcome remove_dead(Rewriter *rw, Node *node) {
  for (int i = 0; i < node->n_out; i++) {
    const Value *v = node->out[i];
    TRY(!v || (!v->n_uses && !v->n_outputs));
  }
  for (int i = 0; i < node->n_out; i++)
    NEED(!node->out[i] || !node->out[i]->keep, "'%s' is kept (--keep)", node->out[i]->name->s);
  NEED(rw_remove(rw, node), "a custom operator may have effects");
  rw_note(rw, "removed");
  return FIRED;
}

/* --- bodies that run never or once -----------------------------------------------------------------------
 */

static Graph *body_of(const Node *n, const char *attribute) {
  const Attr *a = node_attr(n, attribute);
  return a && !a->ref && a->type == ATTR_GRAPH && a->v.graphs.n == 1 ? a->v.graphs.at[0] : NULL;
}

/* The node's outputs from `first` on are now[0], now[1], ... */
static Outcome replace_outputs(Rewriter *rw, Node *node, int first, int n, Value *const *now) {
  for (int i = 0; i < n; i++) {
    Value *old = node_out(node, first + i);
    const char *why;
    if (!value_in_use(old)) continue;
    NEED(rw_can_replace(rw, old, now[i], &why), "%s", why);
    rw_replace(rw, old, now[i]);
  }
  return FIRED;
}

static Outcome inline_if(Rewriter *rw, Node *node) {
  int64_t condition;
  TRY(node_in(node, 0) && constant_int(node_in(node, 0), &condition));
  Graph *branch = body_of(node, condition ? "then_branch" : "else_branch");
  NEED(branch && (int)branch->outputs.n >= node->n_out && !branch->inputs.n,
       "its branch is not as it should be");
  Value **outs = NEW_ARRAY(rw_scratch(rw), Value *, branch->outputs.n);
  const char *why;
  NEED(rw_inline_body(rw, node, branch, NULL, outs, &why), "%s", why);
  rw_note(rw, "always takes its %s branch", condition ? "then" : "else");
  return replace_outputs(rw, node, 0, node->n_out, outs);
}

/* How often a Loop runs, if that is 0 or 1; else -1. */
static int loop_runs(const Node *n, const Graph *body) {
  int64_t trips = INT64_MAX, condition = 1, again = 1;
  Value *m = node_in(n, 0), *c = node_in(n, 1), *next = body->outputs.at[0];
  bool trips_known = !m || constant_int(m, &trips), condition_known = !c || constant_int(c, &condition);
  if ((trips_known && trips <= 0) || (condition_known && !condition)) return 0;
  if (!trips_known || !condition_known) return -1;
  bool stops = constant_int(next, &again) && !again;
  return trips == 1 || stops ? 1 : -1;
}

/* What the body gets for its iteration number or condition, in the rank it declares. */
static Value *loop_argument(Rewriter *rw, const Value *input, ElemType dtype, int64_t v) {
  int rank = input->declared.kind == TYPE_TENSOR && input->declared.shape.rank == 1 ? 1 : 0;
  return rw_const(rw, tensor_ints(rw_model(rw)->arena, dtype, rank, &v, 1), NULL);
}

/* A scan output of one iteration: the value with a new first axis. */
static Value *stack_of_one(Rewriter *rw, const Node *node, Value *v) {
  int64_t axis = 0;
  if (node->opset >= 13) {
    Value *in[] = {v, rw_const_ints(rw, &axis, 1)};
    return rw_node(rw, OP_Unsqueeze, 2, in)->out[0];
  }
  Node *n = rw_node(rw, OP_Unsqueeze, 1, &v);
  rw_attr_ints(rw, n, "axes", &axis, 1);
  return n->out[0];
}

static Outcome inline_loop(Rewriter *rw, Node *node) {
  Graph *body = body_of(node, "body");
  TRY(body && body->inputs.n >= 2 && body->outputs.n >= body->inputs.n - 1);
  int runs = loop_runs(node, body), carried = (int)body->inputs.n - 2;
  TRY(runs >= 0);
  NEED(node->n_in <= carried + 2 && node->n_out < (int)body->outputs.n, "its body is not as it should be");
  Value **args = NEW_ARRAY(rw_scratch(rw), Value *, carried + 2),
        **outs = NEW_ARRAY(rw_scratch(rw), Value *, body->outputs.n);
  for (int i = 0; i < carried; i++) {
    args[2 + i] = node_in(node, 2 + i);
    NEED(args[2 + i], "a carried value has no initial value");
  }
  rw_note(rw, "runs %s", runs ? "once" : "never");
  if (!runs) {
    for (int i = carried; i < node->n_out; i++)
      NEED(!value_in_use(node->out[i]), "a scan output of a Loop that never runs is in use");
    return replace_outputs(rw, node, 0, node->n_out < carried ? node->n_out : carried, args + 2);
  }
  args[0] = loop_argument(rw, body->inputs.at[0], DT_INT64, 0);
  args[1] = loop_argument(rw, body->inputs.at[1], DT_BOOL, 1);
  const char *why;
  NEED(rw_inline_body(rw, node, body, args, outs, &why), "%s", why);
  for (int i = carried; i < node->n_out; i++)
    if (value_in_use(node->out[i])) outs[1 + i] = stack_of_one(rw, node, outs[1 + i]);
  return replace_outputs(rw, node, 0, node->n_out, outs + 1);
}

static const Rule rules[] = {
    {.name = "constant-if", .doc = "If(constant) => its branch", .apply = inline_if, .roots = {OP_If}},
    {.name = "short-loop",
     .doc = "Loop that runs never or once => its body",
     .apply = inline_loop,
     .roots = {OP_Loop}},
    {.name = "remove-dead-node", .doc = "removes a node whose outputs nobody reads", .apply = remove_dead},
    {.name = "unused-output", .doc = "leaves out optional outputs that nobody reads", .apply = drop_outputs},
};

const Pass pass_eliminate_dead_nodes = {
    "eliminate_dead_nodes", "removes nodes whose outputs nobody reads, in bodies and functions too",
    PASS_RULES(rules)};
