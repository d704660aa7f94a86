#include "user_rules.h"

#include "eval/deferred.h"
#include "object.h"
#include "rewrite/match.h"

#include <string.h>

typedef struct UserRule {
  const Pattern *match, *replace;
  int (*guard)(void *user, onnxslim_match *match);
  void *user;
} UserRule;

struct UserRules {
  Pass pass; /* first: what rw_pass() returns is this */
  Vec(Rule) rules;
  Vec(UserRule) more; /* beside them */
};

struct onnxslim_match {
  Rewriter *rw;
  const Match *m;
  Arena *arena;
  const char *why;
  bool failed; /* something the guard asked for did: the run ends when it has returned */
};

const Pass *user_pass(const struct UserRules *rules) {
  return &rules->pass;
}

/* --- a try -------------------------------------------------------------------------------------------------
 */

static bool guard_holds(Rewriter *rw, const UserRule *u, const Match *m) {
  if (!u->guard) return true;
  Ctx *cx = rw_model(rw)->cx;
  onnxslim_match match = {.rw = rw, .m = m, .arena = rw_scratch(rw)};
  bool holds = u->guard(u->user, &match) != 0;
  if (match.failed) fail(cx, cx->status, "%s", arena_printf(match.arena, "%s", cx->message));
  if (!holds) rw_missed(rw, m->root, "%s", match.why ? match.why : "its guard refuses");
  return holds;
}

static Value *build_user(Rewriter *rw, const Match *m) {
  const struct UserRules *all = (const void *)rw_pass(rw);
  const UserRule *u = &all->more.at[rw_rule(rw) - all->rules.at];
  return guard_holds(rw, u, m) ? pattern_build(rw, u->replace, m) : NULL;
}

/* --- adding one --------------------------------------------------------------------------------------------
 */

static const char *need_text(onnxslim_options *o, const char *text, const char *what) {
  if (!text || !*text) fail(o->cx, ONNXSLIM_ERR_USAGE, "a rule needs a %s", what);
  return arena_printf(o->arena, "%s", text);
}

static void need_new_name(const onnxslim_options *o, const char *name) {
  bool taken = rule_exists(name);
  for (size_t i = 0; o->rules && i < o->rules->rules.n; i++)
    taken |= strcmp(o->rules->rules.at[i].name, name) == 0;
  if (taken) fail(o->cx, ONNXSLIM_ERR_USAGE, "there is a rule '%s' already", name);
}

/* An operator of ai.onnx that we do not know is one that does not exist. */
static void need_operators(const onnxslim_options *o, const Pat *p) {
  if (p->kind != PAT_OP) return;
  for (int i = 0; i < p->n_names; i++)
    if (!*p->domain && !op_find("", p->names[i], ONNX_NEWEST_OPSET))
      fail(o->cx, ONNXSLIM_ERR_USAGE, "there is no operator '%s'; write domain::%s for one of another domain",
           p->names[i], p->names[i]);
  for (int i = 0; i < p->n_args; i++) need_operators(o, p->arg[i]);
}

typedef struct AddCall {
  onnxslim_options *o;
  const onnxslim_rule_t *rule;
} AddCall;

static void call_add(void *arg) {
  const AddCall *c = arg;
  onnxslim_options *o = c->o;
  Rule r = {.name = need_text(o, c->rule->name, "name"),
            .match = need_text(o, c->rule->match, "match"),
            .replace = need_text(o, c->rule->replace, "replacement"),
            .doc = c->rule->doc ? arena_printf(o->arena, "%s", c->rule->doc) : NULL,
            .exact = c->rule->bitwise ? BITWISE : ROUNDING,
            .build = build_user};
  need_new_name(o, r.name);
  UserRule u = {.guard = c->rule->guard, .user = c->rule->user};
  u.match = pattern_parse(o->arena, r.match, NULL);
  u.replace = pattern_parse(o->arena, r.replace, u.match);
  need_operators(o, u.match->root);
  need_operators(o, u.replace->root);
  if (!o->rules) {
    o->rules = NEW(o->arena, struct UserRules);
    o->rules->pass = (Pass){.name = "user", .doc = "rules of the caller"};
  }
  vec_push(o->arena, &o->rules->rules, r);
  vec_push(o->arena, &o->rules->more, u);
  o->rules->pass.rules = o->rules->rules.at;
  o->rules->pass.n_rules = o->rules->rules.n;
}

onnxslim_status onnxslim_options_add_rule(onnxslim_options *o, const onnxslim_rule_t *rule) {
  return ctx_protect(o->cx, call_add, &(AddCall){o, rule}) ? ONNXSLIM_OK : o->cx->status;
}

/* --- what a guard sees -------------------------------------------------------------------------------------
 */

typedef struct Question {
  onnxslim_match *match;
  const char *capture, *name;
  onnxslim_match_value_t *value;
  onnxslim_attribute *attribute;
  const void *data;
  size_t size;
  bool found;
} Question;

/* A guard is a frame of the caller: no failure may leap over it. */
static bool ask(Question *q, void (*fn)(void *)) {
  if (q->match->failed) return false;
  q->match->failed = !ctx_protect(rw_model(q->match->rw)->cx, fn, q);
  return q->found && !q->match->failed;
}

static void call_value(void *arg) {
  Question *q = arg;
  Arena *a = q->match->arena;
  Value *v = match_value(q->match->m, q->capture);
  if (!v) return;
  const Type *t = type_of(v);
  bool tensor = t->kind == TYPE_TENSOR;
  int rank = tensor ? t->shape.rank : -1;
  int64_t *dims = NEW_ARRAY(a, int64_t, rank < 0 ? 0 : rank);
  const char **names = NEW_ARRAY(a, const char *, rank < 0 ? 0 : rank);
  for (int i = 0; i < rank; i++) {
    Str name = sym_name(t->shape.dim[i]);
    if (!sym_const(t->shape.dim[i], &dims[i])) dims[i] = -1;
    names[i] = name ? name->s : NULL;
  }
  *q->value = (onnxslim_match_value_t){.name = v->name->s,
                                       .dtype = tensor ? (int)t->elem : 0,
                                       .rank = rank,
                                       .dims = dims,
                                       .dim_names = names,
                                       .constant = constant_of(v) != NULL,
                                       .uses = v->n_uses};
  q->found = true;
}

int onnxslim_match_value(onnxslim_match *match, const char *capture, onnxslim_match_value_t *value) {
  return ask(&(Question){.match = match, .capture = capture, .value = value}, call_value);
}

static void call_constant(void *arg) {
  Question *q = arg;
  Value *v = match_value(q->match->m, q->capture);
  Tensor *t = v ? constant_of(v) : NULL;
  if (!t || t->dtype == DT_STRING) return;
  q->data = tensor_bytes(q->match->arena, t);
  if (!q->data && !t->nbytes) q->data = "";
  q->size = (size_t)t->nbytes;
  q->found = q->data != NULL;
}

const void *onnxslim_match_constant(onnxslim_match *match, const char *capture, size_t *size) {
  Question q = {.match = match, .capture = capture};
  bool found = ask(&q, call_constant);
  *size = found ? q.size : 0;
  return found ? q.data : NULL;
}

static const Node *node_captured(const onnxslim_match *match, const char *capture) {
  return *capture ? match_node(match->m, capture) : match->m->root;
}

int onnxslim_match_node(onnxslim_match *match, const char *capture, onnxslim_match_node_t *node) {
  const Node *n = node_captured(match, capture);
  if (!n) return 0;
  *node = (onnxslim_match_node_t){n->name ? n->name->s : "", n->domain->s, n->op_type->s, n->opset};
  return 1;
}

static bool read_attribute(const Node *n, const char *name, Arena *a, onnxslim_attribute *out) {
  *out = (onnxslim_attribute){0};
  Span s;
  if (attr_int(n, name, &out->i)) return (out->type = ATTR_INT);
  if (attr_float(n, name, &out->f)) return (out->type = ATTR_FLOAT);
  if (attr_ints(n, name, &out->ints, &out->size)) return (out->type = ATTR_INTS);
  if (attr_string(n, name, &s)) {
    char *text = NEW_ARRAY(a, char, s.n + 1);
    if (s.n) memcpy(text, s.p, s.n);
    out->s = text;
    out->size = s.n;
    return (out->type = ATTR_STRING);
  }
  const Attr *written = node_attr(n, name);
  if (!written || written->ref || written->type != ATTR_FLOATS) return false;
  out->floats = written->v.floats.at;
  out->size = written->v.floats.n;
  return (out->type = ATTR_FLOATS);
}

static void call_attribute(void *arg) {
  Question *q = arg;
  const Node *n = node_captured(q->match, q->capture);
  q->found = n && read_attribute(n, q->name, q->match->arena, q->attribute);
}

int onnxslim_match_attribute(onnxslim_match *match, const char *capture, const char *name,
                             onnxslim_attribute *attribute) {
  Question q = {.match = match, .capture = capture, .name = name, .attribute = attribute};
  return ask(&q, call_attribute);
}

static void call_refuse(void *arg) {
  Question *q = arg;
  q->match->why = arena_printf(q->match->arena, "%s", q->name);
}

void onnxslim_match_refuse(onnxslim_match *match, const char *reason) {
  ask(&(Question){.match = match, .name = reason}, call_refuse);
}
