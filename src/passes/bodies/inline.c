/* Bodies that run never or once. */
#include "passes/bodies/bodies.h"

Value *bodies_own_value(Rewriter *rw, const Node *node, Value *v) {
  if (!dtype_of(v) && node->opset < 14) return NULL; /* of tensors only, so far */
  return rw_node(rw, OP_Identity, 1, &v)->out[0];
}

/* The node's outputs are now[0], now[1], ... */
static Outcome replace_outputs(Rewriter *rw, Node *node, Value *const *now) {
  for (int i = 0; i < node->n_out; i++) {
    Value *old = node->out[i];
    const char *why;
    if (!value_in_use(old)) continue;
    Value *v = rw_can_replace(rw, old, now[i], &why) ? now[i] : bodies_own_value(rw, node, now[i]);
    NEED(v && rw_can_replace(rw, old, v, &why), "%s", why);
    rw_replace(rw, old, v);
  }
  return FIRED;
}

Outcome bodies_inline_if(Rewriter *rw, Node *node) {
  int64_t condition;
  TRY(node_in(node, 0) && constant_int(node_in(node, 0), &condition));
  Graph *branch = attr_graph(node, condition ? "then_branch" : "else_branch");
  NEED(branch && (int)branch->outputs.n >= node->n_out && !branch->inputs.n,
       "its branch is not as it should be");
  Value **outs = NEW_ARRAY(rw_scratch(rw), Value *, branch->outputs.n);
  const char *why;
  NEED(rw_inline_body(rw, node, branch, NULL, outs, &why), "%s", why);
  rw_note(rw, "always takes its %s branch", condition ? "then" : "else");
  return replace_outputs(rw, node, outs);
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

/* What the body gets for its iteration number or condition, in the rank it declares; NULL: it does not look.
 */
static Value *loop_argument(Rewriter *rw, const Value *input, ElemType dtype, int64_t v) {
  if (!value_in_use(input)) return NULL;
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

/* A scan output of no iteration; NULL: its dims are not known. */
static Value *empty_stack(Rewriter *rw, Value *v) {
  Shape s = shape_of(v);
  if (!shape_known(s) || !dtype_of(v)) return NULL;
  int64_t *dim = NEW_ARRAY(rw_scratch(rw), int64_t, s.rank + 1);
  void *bytes;
  shape_ints(s, dim + 1);
  dim[0] = 0;
  return rw_const(rw, tensor_alloc(rw_model(rw)->arena, dtype_of(v), s.rank + 1, dim, &bytes), v->name->s);
}

static Outcome loop_never(Rewriter *rw, Node *node, const Graph *body, Value *const *initial, int carried) {
  Value **outs = NEW_ARRAY(rw_scratch(rw), Value *, node->n_out);
  for (int i = 0; i < node->n_out; i++) {
    bool scans = i >= carried && value_in_use(node->out[i]);
    outs[i] = i < carried ? initial[i] : scans ? empty_stack(rw, body->outputs.at[1 + i]) : NULL;
    NEED(!scans || outs[i], "a scan output of a Loop that never runs is in use, and its dims are not known");
  }
  return replace_outputs(rw, node, outs);
}

Outcome bodies_inline_loop(Rewriter *rw, Node *node) {
  Graph *body = attr_graph(node, "body");
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
  if (!runs) return loop_never(rw, node, body, args + 2, carried);
  args[0] = loop_argument(rw, body->inputs.at[0], DT_INT64, 0);
  args[1] = loop_argument(rw, body->inputs.at[1], DT_BOOL, 1);
  const char *why;
  NEED(rw_inline_body(rw, node, body, args, outs, &why), "%s", why);
  for (int i = carried; i < node->n_out; i++)
    if (value_in_use(node->out[i])) outs[1 + i] = stack_of_one(rw, node, outs[1 + i]);
  return replace_outputs(rw, node, outs + 1);
}
