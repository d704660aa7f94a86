#include "rewrite/match.h"

#include <string.h>

bool node_is_inner(const Node *n) {
  const Value *live = NULL;
  for (int i = 0; i < n->n_out; i++) {
    const Value *v = n->out[i];
    if (!v) continue;
    if (v->keep || v->n_outputs) return false;
    if (!v->n_uses) continue;
    if (live) return false;
    live = v;
  }
  return live && live->n_uses == 1 && live->uses->node->graph == n->graph;
}

static bool names_op(const Pat *pat, const Node *n) {
  if (strcmp(pat->domain, n->domain->s) != 0 || (!pat->domain[0] && !n->op)) return false;
  for (int i = 0; i < pat->n_names; i++)
    if (str_is(n->op_type, pat->names[i])) return true;
  return false;
}

static bool match_arg(const Pat *pat, Value *v, unsigned orientation, Match *m);

static bool match_op(const Pat *pat, Node *n, unsigned orientation, Match *m) {
  if (!names_op(pat, n)) return false;
  if (n->n_in > pat->n_args && !pat->rest) return false;
  bool turned = pat->commute >= 0 && (orientation >> pat->commute & 1u);
  for (int i = 0; i < pat->n_args; i++)
    if (!match_arg(pat->arg[i], node_in(n, turned ? 1 - i : i), orientation, m)) return false;
  if (pat->slot >= 0) {
    if (m->node[pat->slot] && m->node[pat->slot] != n) return false;
    m->node[pat->slot] = n;
  }
  return true;
}

static bool match_arg(const Pat *pat, Value *v, unsigned orientation, Match *m) {
  if (pat->kind == PAT_ANY) return true;
  if (!v) return pat->kind == PAT_VALUE && pat->optional;
  if (pat->kind == PAT_OP) {
    Node *n = v->producer;
    if (!n || v->index != 0 || n->graph != m->root->graph) return false;
    if (!names_op(pat, n) || (!pat->shared && !node_is_inner(n))) return false;
    return match_op(pat, n, orientation, m);
  }
  if (m->value[pat->slot] && m->value[pat->slot] != v) return false;
  if (pat->constant && !constant_of(v)) return false;
  m->value[pat->slot] = v;
  return true;
}

bool pattern_match(const Pattern *p, Node *root, unsigned orientation, Match *m) {
  *m = (Match){.pattern = p, .root = root};
  for (int i = 1; i < root->n_out; i++)
    if (root->out[i] && (root->out[i]->n_uses || root->out[i]->n_outputs)) return false;
  return node_out(root, 0) && match_op(p->root, root, orientation, m);
}

Value *match_value(const Match *m, const char *capture) {
  for (int i = 0; i < m->pattern->n_values; i++)
    if (strcmp(m->pattern->value_name[i], capture) == 0) return m->value[i];
  return NULL;
}

Node *match_node(const Match *m, const char *capture) {
  for (int i = 0; i < m->pattern->n_nodes; i++)
    if (strcmp(m->pattern->node_name[i], capture) == 0) return m->node[i];
  return NULL;
}
