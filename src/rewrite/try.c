#include "rewrite/try.h"

RuleRef rule_parse(Arena *a, const Rule *r) {
  RuleRef ref = {0};
  if (r->match) ref.match = pattern_parse(a, r->match, NULL);
  if (r->match && !r->build) ref.replace = pattern_parse(a, r->replace, ref.match);
  return ref;
}

Outcome build_match(Rewriter *rw, const RuleRef *ref, const Rule *r, const Match *m) {
  Value *old = m->root->out[0];
  Value *now = r->build ? r->build(rw, m) : pattern_build(rw, ref->replace, m);
  if (!now) return MISSED;
  const char *why;
  if (!rw_can_replace(rw, old, now, &why)) return rw_missed(rw, m->root, "%s", why);
  rw_replace(rw, old, now);
  return FIRED;
}

Outcome try_pattern(Rewriter *rw, const RuleRef *ref, const Rule *r, Node *n) {
  Outcome result = NO_MATCH;
  for (unsigned turn = 0; turn < 1u << ref->match->n_commutes; turn++) {
    Match m;
    if (!pattern_match(ref->match, n, turn, &m)) continue;
    const Guard *g = r->when;
    while (g->holds && g->holds(&m)) g++;
    Outcome out = g->holds ? rw_missed(rw, n, "%s", g->reason) : build_match(rw, ref, r, &m);
    if (out == FIRED) return FIRED;
    if (out == MISSED) {
      journal_undo(&rw->journal);
      result = MISSED;
    }
  }
  return result;
}

bool shrinks(Rewriter *rw, Measure before) {
  rewriter_drop_orphans(rw);
  return measure_less(rw->journal.measure, before);
}
