/* Opsets newer than the newest that ops.def knows. Any operator may have another meaning there, so its nodes
 * are of unknown operators, unless --assume-unchanged says that none has.
 */
#include "ops/ops.h"
#include "passes/phases.h"

static bool is_newer(const Node *n) {
  int known = op_newest_version(n->domain->s);
  return known && n->opset > known && !n->callee;
}

static void look(Graph *g, void *arg) {
  NewerOpset *found = arg;
  for (Node *n = g->first; n; n = n->next) {
    if (!is_newer(n)) continue;
    if (g->model->newer_is_known) n->op = op_of_node(n);
    if (!found->nodes++) {
      found->domain = n->domain->len ? n->domain->s : "ai.onnx";
      found->version = n->opset;
      found->known = op_newest_version(n->domain->s);
    }
  }
}

NewerOpset phase_newer_opset(Model *m, bool assume) {
  NewerOpset found = {0};
  m->newer_is_known = assume;
  model_each_graph(m, look, &found);
  return found;
}
