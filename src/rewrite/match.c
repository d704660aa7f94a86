#include "rewrite/match.h"

#include <stdio.h>
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

bool pattern_names(const Pat *pat, const Node *n) {
  if (strcmp(pat->domain, n->domain->s) != 0 || (!pat->domain[0] && !n->op)) return false;
  for (int i = 0; i < pat->n_names; i++)
    if (str_is(n->op_type, pat->names[i])) return true;
  return false;
}

static bool has_attr(const Node *n, const PatAttr *want) {
  int64_t i;
  float f;
  Span s;
  const int64_t *ints;
  size_t count;
  switch (want->type) {
  case ATTR_INT: return attr_int(n, want->name, &i) && i == want->i;
  case ATTR_FLOAT: return attr_float(n, want->name, &f) && f == want->f;
  case ATTR_STRING:
    return attr_string(n, want->name, &s) && s.n == strlen(want->s) && memcmp(s.p, want->s, s.n) == 0;
  case ATTR_INTS:
    return attr_ints(n, want->name, &ints, &count) && count == want->n &&
           (!count || memcmp(ints, want->ints, count * sizeof *ints) == 0);
  default: break;
  }
  const Attr *a = node_attr(n, want->name);
  return a && !a->ref && a->type == ATTR_FLOATS && a->v.floats.n == want->n &&
         (!want->n || memcmp(a->v.floats.at, want->floats, want->n * sizeof(float)) == 0);
}

/* --- conditions besides operators and operands --------------------------------------------------------- */

/* Is a match over that does not meet a condition? With a trace it goes on, and the condition is on it. */
static bool refuses(const Match *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuses(const Match *m, const char *fmt, ...) {
  MatchTrace *t = m->trace;
  if (!t) return true;
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  const char *kept = arena_printf(t->arena, "%s", text);
  vec_push(t->arena, &t->refusals, kept);
  return false;
}

/* Why n can't be an inner node, in words about its output. */
static bool refuses_inner(const Node *n, const Match *m) {
  if (node_is_inner(n)) return false;
  if (!m->trace) return true;
  const Value *v = n->out[0];
  const char *op = n->op_type->s;
  for (int i = 1; i < n->n_out; i++)
    if (value_in_use(n->out[i])) return refuses(m, "a further output of %s is in use", op);
  if (v->n_outputs) return refuses(m, "the result of %s is an output of the graph", op);
  if (v->keep) return refuses(m, "the result of %s is to be kept", op);
  if (v->n_uses > 1) return refuses(m, "other nodes read the result of %s, too", op);
  return refuses(m, "a body reads the result of %s", op);
}

static bool refuses_variable(const Pat *pat, Value *v, const Match *m) {
  if (!pat->constant || constant_of(v)) return false;
  if (m->trace) m->trace->unbound = true;
  return refuses(m, "%s is not constant", m->pattern->value_name[pat->slot]);
}

/* --- matching ------------------------------------------------------------------------------------------ */

static bool match_arg(const Pat *pat, Value *v, unsigned orientation, Match *m);

static bool match_op(const Pat *pat, Node *n, unsigned orientation, Match *m) {
  if (!pattern_names(pat, n)) return false;
  if (n->n_in > pat->n_args && !pat->rest) return false;
  for (int i = 0; i < pat->n_attrs; i++)
    if (!has_attr(n, &pat->attr[i])) return false;
  if (m->trace) vec_push(m->trace->arena, &m->trace->nodes, n);
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
    if (!pattern_names(pat, n) || (!pat->shared && refuses_inner(n, m))) return false;
    return match_op(pat, n, orientation, m);
  }
  if (m->value[pat->slot] && m->value[pat->slot] != v) return false;
  if (refuses_variable(pat, v, m)) return false;
  m->value[pat->slot] = v;
  return true;
}

bool pattern_trace(const Pattern *p, Node *root, unsigned orientation, Match *m, MatchTrace *trace) {
  *m = (Match){.pattern = p, .root = root, .trace = trace};
  for (int i = 1; i < root->n_out; i++)
    if (value_in_use(root->out[i]) && refuses(m, "output %d of it is in use", i)) return false;
  return node_out(root, 0) && match_op(p->root, root, orientation, m);
}

bool pattern_match(const Pattern *p, Node *root, unsigned orientation, Match *m) {
  return pattern_trace(p, root, orientation, m, NULL);
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
