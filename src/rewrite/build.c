/* The right side of a rule, as text, made into nodes. */
#include "rewrite/match.h"

static void set_attr(Rewriter *rw, Node *n, const PatAttr *a) {
  switch (a->type) {
  case ATTR_INT: rw_attr_int(rw, n, a->name, a->i); break;
  case ATTR_FLOAT: rw_attr_float(rw, n, a->name, a->f); break;
  case ATTR_STRING: rw_attr_string(rw, n, a->name, a->s); break;
  case ATTR_INTS: rw_attr_ints(rw, n, a->name, a->ints, a->n); break;
  default: rw_attr_floats(rw, n, a->name, a->floats, a->n);
  }
}

/* False after rw_missed(): an operator that can't be had here. *out is NULL for "_". */
static bool build_text(Rewriter *rw, const Pat *p, const Match *m, Value **out) {
  Value *in[MAX_PATTERN_ARGS];
  *out = p->kind == PAT_VALUE ? m->value[p->slot] : NULL;
  if (p->kind != PAT_OP) return true;
  for (int i = 0; i < p->n_args; i++)
    if (!build_text(rw, p->arg[i], m, &in[i])) return false;
  const char *why;
  Node *n = rw_node_named(rw, p->domain, p->names[0], p->n_args, in, &why);
  if (!n) {
    rw_missed(rw, m->root, "%s", why);
    return false;
  }
  if (p->like >= 0) rw_attrs_of(rw, n, m->node[p->like]);
  for (int i = 0; i < p->n_attrs; i++) set_attr(rw, n, &p->attr[i]);
  *out = n->out[0];
  return true;
}

Value *pattern_build(Rewriter *rw, const Pattern *replace, const Match *m) {
  Value *now;
  return build_text(rw, replace->root, m, &now) ? now : NULL;
}
