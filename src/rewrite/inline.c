/* Bodies of If, Loop and Scan: what they hold becomes part of the graph around them, and they lose inputs and
 * outputs. */
#include "rewrite/rewriter_int.h"

/* The values that stood for inputs and initializers of the body read something of the outer graph now. */
static bool bind(Rewriter *rw, Value *inner, Value *outer, const char **why) {
  if (!rw_can_replace(rw, inner, outer, why)) return false;
  rw_replace(rw, inner, outer);
  return true;
}

bool rw_inline_body(Rewriter *rw, Node *node, Graph *body, Value *const *args, Value **outs,
                    const char **why) {
  size_t n_outs = body->outputs.n;
  for (size_t i = 0; i < body->inits.n; i++)
    if (body->inits.at[i]->is_initializer && !body->inits.at[i]->init)
      return *why = "its body has a sparse initializer", false;
  for (size_t i = 0; i < n_outs; i++) outs[i] = body->outputs.at[i];
  edit_clear_outputs(&rw->journal, body);
  rw_insert_before(rw, node);
  for (size_t i = 0; i < body->inputs.n; i++) {
    Value *inner = body->inputs.at[i];
    for (size_t k = 0; k < n_outs; k++)
      if (outs[k] == inner) outs[k] = args[i];
    if (inner->n_uses && !bind(rw, inner, args[i], why)) return false;
  }
  for (size_t i = 0; i < body->inits.n; i++) {
    Value *inner = body->inits.at[i];
    if (!inner->is_initializer || inner->is_input) continue;
    Value *outer = rw_const(rw, inner->init, inner->name->s);
    for (size_t k = 0; k < n_outs; k++)
      if (outs[k] == inner) outs[k] = outer;
    if (!bind(rw, inner, outer, why)) return false;
  }
  while (body->first) {
    Node *n = body->first;
    edit_move(&rw->journal, n, node);
    vec_push(rw->scratch, &rw->touched, n);
  }
  return true;
}

void rw_drop_body_output(Rewriter *rw, Node *n, int i, int inner) {
  edit_remove_output(&rw->journal, n, i);
  for (size_t a = 0; a < n->attrs.n; a++) {
    const Attr *bodies = &n->attrs.at[a];
    if (bodies->ref || bodies->type != ATTR_GRAPH) continue;
    Graph *g = bodies->v.graphs.at[0];
    vec_push(rw->scratch, &rw->loosened, g->outputs.at[inner]);
    edit_remove_graph_output(&rw->journal, g, (size_t)inner);
  }
}

void rw_drop_body_input(Rewriter *rw, Node *n, int i, Graph *body, int inner) {
  edit_remove_graph_input(&rw->journal, body, (size_t)inner);
  if (node_in(n, i)) vec_push(rw->scratch, &rw->loosened, node_in(n, i));
  for (int k = i; k + 1 < n->n_in; k++) edit_input(&rw->journal, n, k, node_in(n, k + 1));
  edit_input(&rw->journal, n, n->n_in - 1, NULL);
  edit_resize(&rw->journal, n, n->n_in - 1);
  rewriter_look_again(n);
}
