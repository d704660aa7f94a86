#include "rewrite/explain.h"

#include "rewrite/try.h"

typedef struct Explainer {
  Rewriter rw;
  const RuleState *state;
  RuleRef *rules; /* beside state */
  size_t n;
  bool lowered[OP_COUNT_];
  Refusals out;
} Explainer;

/* --- which rules ---------------------------------------------------------------------------------------- */

static bool starts_at(const Rule *r, const RuleRef *ref, const Node *n) {
  if (r->sweep) return false;
  if (r->match) return pattern_names(ref->match->root, n);
  if (r->roots[0] == OP_NONE) return true;
  for (size_t i = 0; i < sizeof r->roots / sizeof *r->roots && r->roots[i] != OP_NONE; i++)
    if (node_is(n, r->roots[i])) return true;
  return false;
}

bool rule_starts_at(Arena *scratch, const Rule *r, const Node *n) {
  RuleRef ref = rule_parse(scratch, r);
  return (r->match || r->roots[0] != OP_NONE) && starts_at(r, &ref, n);
}

/* --- one try -------------------------------------------------------------------------------------------- */

/* What stands in the way of a rewrite that was built; NULL: nothing. */
static const char *judge(Rewriter *rw, Outcome out, Measure before) {
  if (out == MISSED) return rw->why ? rw->why : "what it would make can't be built here";
  if (rw->impossible) return rw->impossible;
  return shrinks(rw, before) ? NULL : "it would not make the graph smaller";
}

static void add(Explainer *x, size_t i, const Node *n, Refusal *r) {
  Arena *a = x->rw.m->arena;
  r->pass = x->state[i].pass;
  r->rule = x->state[i].rule;
  r->root = n;
  const char *off = x->state[i].off;
  r->off = off || !r->reason;
  if (!r->reason) {
    r->all_asked = true;
    r->reason = off ? off : "nothing refuses it: the run was stopped before";
  }
  r->reason = arena_printf(a, "%s", r->reason); /* the run's arena goes */
  if (!r->nodes.n) vec_push(a, &r->nodes, n);
  vec_push(a, &x->out, *r);
}

/* In one orientation; false if it is no match. */
static bool explain_turn(Explainer *x, size_t i, Node *n, unsigned turn, Refusal *r) {
  Rewriter *rw = &x->rw;
  const Rule *rule = x->state[i].rule;
  MatchTrace t = {.arena = rw->arena};
  Match m;
  if (!pattern_trace(x->rules[i].match, n, turn, &m, &t)) return false;
  m.trace = NULL;
  for (const Guard *g = rule->when; g->holds; g++) /* those that can't be asked do not hold either */
    if (t.unbound || !g->holds(&m)) vec_push(rw->arena, &t.refusals, g->reason);
  *r = (Refusal){.guards = t.refusals.n, .all_asked = !t.unbound || !rule->when[0].holds};
  for (size_t k = 0; k < t.nodes.n; k++) vec_push(rw->m->arena, &r->nodes, t.nodes.at[k]);
  if (r->guards) {
    r->reason = t.refusals.at[0];
    return true;
  }
  Measure before = rw->journal.measure;
  rw->why = rw->impossible = NULL;
  r->reason = judge(rw, build_match(rw, &x->rules[i], rule, &m), before);
  r->guards = r->reason != NULL;
  journal_undo(&rw->journal);
  return true;
}

/* The orientation with the fewest guards against it speaks for the rule. */
static void explain_pattern(Explainer *x, size_t i, Node *n) {
  Refusal best = {0}, r;
  bool any = false;
  for (unsigned turn = 0; turn < 1u << x->rules[i].match->n_commutes; turn++) {
    if (!explain_turn(x, i, n, turn, &r)) continue;
    if (!any || r.guards < best.guards) best = r;
    any = true;
  }
  if (any) add(x, i, n, &best);
}

static void explain_code(Explainer *x, size_t i, Node *n) {
  Rewriter *rw = &x->rw;
  Measure before = rw->journal.measure;
  Outcome out = x->state[i].rule->apply(rw, n);
  Refusal r = {0};
  if (out != NO_MATCH) r.reason = judge(rw, out, before);
  journal_undo(&rw->journal);
  if (out == NO_MATCH) return;
  r.guards = r.reason != NULL;
  vec_push(rw->m->arena, &r.nodes, n);
  for (size_t k = 0; k < rw->seen_nodes.n; k++)
    if (rw->seen_nodes.at[k] != n) vec_push(rw->m->arena, &r.nodes, rw->seen_nodes.at[k]);
  add(x, i, n, &r);
}

/* A pass that is off counts what it takes apart as it would if it were on. */
static void explain_rule(Explainer *x, size_t i, Node *n) {
  OpId lowers = x->state[i].pass->lowers;
  bool was = x->lowered[lowers];
  rewriter_begin(&x->rw, i, n);
  x->lowered[lowers] = lowers != OP_NONE;
  if (x->state[i].rule->match)
    explain_pattern(x, i, n);
  else
    explain_code(x, i, n);
  x->lowered[lowers] = was;
}

static void explain_graph(Graph *g, void *arg) {
  Explainer *x = arg;
  for (Node *n = g->first; n; n = n->next)
    for (size_t i = 0; i < x->n; i++)
      if (starts_at(x->state[i].rule, &x->rules[i], n)) explain_rule(x, i, n);
}

Refusals rewrite_explain(Model *m, const RunOptions *o, const RuleState *rules, size_t n_rules) {
  Arena *arena = arena_child(m->arena);
  Explainer *x = NEW(arena, Explainer);
  RunOptions options = *o;
  options.remarks = options.explain = true;
  options.observe = NULL;
  x->state = rules;
  x->n = n_rules;
  rewriter_init(&x->rw, m, &options, arena);
  x->rules = NEW_ARRAY(arena, RuleRef, n_rules);
  x->rw.tables = NEW_ARRAY(arena, Map, n_rules);
  for (size_t i = 0; i < n_rules; i++) {
    vec_push(m->arena, &x->rw.result->rules, ((RuleStat){.pass = rules[i].pass, .rule = rules[i].rule}));
    map_init(&x->rw.tables[i], arena);
    x->rules[i] = rule_parse(arena, rules[i].rule);
  }
  for (size_t p = 0; p < o->n_passes; p++) x->lowered[o->passes[p]->lowers] = o->passes[p]->lowers != OP_NONE;
  journal_lower(&x->rw.journal, m, x->lowered);
  model_each_graph(m, explain_graph, x);
  rewriter_compact(&x->rw);
  Refusals out = x->out;
  arena_free(arena);
  return out;
}
