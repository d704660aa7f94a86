#include "base/clock.h"
#include "rewrite/rewriter_int.h"
#include "rewrite/try.h"

#include <string.h>

enum {
  FORWARD = 4,           /* how far behind a change patterns are tried again (no pattern is deeper) */
  REWRITES_PER_NODE = 64 /* the cap of Law 9; the measure already forbids endless rewriting */
};

typedef Vec(size_t) RuleList;

typedef struct Driver {
  Rewriter rw;
  RuleRef *rules; /* beside result->rules */
  RuleList
      by_op[OP_COUNT_]; /* rules to try on nodes of an operator, in order; OP_NONE: on unknown operators */
  RuleList late[OP_COUNT_]; /* the same, for late rules */
  uint64_t *swept;          /* for each rule: rewrites when its sweep last found nothing, plus one */
  bool lowered[OP_COUNT_];  /* operators that an enabled pass takes apart */
  uint64_t cap;
  uint64_t rewrites_before; /* of the call, by runs before this one */
  double told;              /* seconds: the last word to the caller */
  Map names;  /* node -> name of its first output when the rules began, or when it was made; with remarks */
  Map missed; /* rule and node -> MissedAt of the remark */
  Vec(struct MissedAt *) misses;
} Driver;

typedef struct MissedAt {
  const Node *node;
  size_t rule;
  const char *why;
} MissedAt;

/* --- setting up ---------------------------------------------------------------------------------------- */

static bool skipped(const RunOptions *o, const Rule *r) {
  for (size_t i = 0; i < o->n_skip_rules; i++)
    if (strcmp(o->skip_rules[i], r->name) == 0) return true;
  return false;
}

/* Could the pattern match if every operator that has been seen were where it wants it? */
static bool may_match(const Rewriter *rw, const Pat *pat) {
  if (pat->kind != PAT_OP) return true;
  bool any = pat->domain[0] != '\0'; /* only operators of ai.onnx are looked for */
  for (int k = 0; k < pat->n_names && !any; k++) {
    const OpDef *op = op_find(pat->domain, pat->names[k], ONNX_NEWEST_OPSET);
    any = !op || rw->seen[op->id];
  }
  for (int i = 0; i < pat->n_args && any; i++) any = may_match(rw, pat->arg[i]);
  return any;
}

static void index_rule(Driver *d, size_t i, const Rule *r) {
  RuleList *by_op = r->late ? d->late : d->by_op;
  if (r->match) {
    const Pat *root = d->rules[i].match->root;
    /* The roots of late rules are listed once a round: one that woke in between would come too late. */
    if (d->rw.o->skip_absent && !r->late && !may_match(&d->rw, root)) return;
    for (int k = 0; k < root->n_names; k++) {
      const OpDef *op = op_find(root->domain, root->names[k], ONNX_NEWEST_OPSET);
      vec_push(d->rw.arena, &by_op[op ? op->id : OP_NONE], i);
    }
    return;
  }
  if (r->sweep) return;
  if (r->roots[0] == OP_NONE) {
    for (size_t k = 0; k < OP_COUNT_; k++) vec_push(d->rw.arena, &by_op[k], i);
    return;
  }
  for (int k = 0; k < (int)(sizeof r->roots / sizeof *r->roots) && r->roots[k] != OP_NONE; k++)
    vec_push(d->rw.arena, &by_op[r->roots[k]], i);
}

static void index_rules(Driver *d) {
  const RunResult *result = d->rw.result;
  for (size_t k = 0; k < OP_COUNT_; k++) d->by_op[k].n = d->late[k].n = 0;
  for (size_t i = 0; i < result->rules.n; i++) index_rule(d, i, result->rules.at[i].rule);
  d->rw.news = false;
}

static void load_rules(Driver *d) {
  Rewriter *rw = &d->rw;
  const RunOptions *o = rw->o;
  for (size_t p = 0; p < o->n_passes; p++)
    for (size_t k = 0; k < o->passes[p]->n_rules; k++) {
      const Rule *r = &o->passes[p]->rules[k];
      if (skipped(o, r) || (o->exact_only && r->exact == ROUNDING)) continue;
      RuleStat s = {.pass = o->passes[p], .rule = r};
      vec_push(rw->m->arena, &rw->result->rules, s);
    }
  size_t n = rw->result->rules.n;
  d->rules = NEW_ARRAY(rw->arena, RuleRef, n);
  d->swept = NEW_ARRAY(rw->arena, uint64_t, n);
  rw->tables = NEW_ARRAY(rw->arena, Map, n);
  for (size_t i = 0; i < n; i++) {
    const Rule *r = rw->result->rules.at[i].rule;
    map_init(&rw->tables[i], rw->arena);
    d->rules[i] = rule_parse(rw->arena, r);
  }
  index_rules(d);
}

/* --- the worklist -------------------------------------------------------------------------------------- */

static void enqueue(Rewriter *rw, Node *n) {
  if (n->queued || n->dead) return;
  if (rw->o->skip_absent && n->op && !rw->seen[n->op->id]) rw->seen[n->op->id] = rw->news = true;
  if (rw->tail - rw->head == rw->cap) {
    size_t cap = rw->cap ? rw->cap * 2 : 1024;
    Node **queue = NEW_ARRAY(rw->arena, Node *, cap);
    for (size_t i = rw->head; i < rw->tail; i++) queue[i - rw->head] = rw->queue[i % rw->cap];
    rw->tail -= rw->head;
    rw->head = 0;
    rw->queue = queue;
    rw->cap = cap;
  }
  n->queued = true;
  rw->queue[rw->tail++ % rw->cap] = n;
}

static Node *dequeue(Rewriter *rw) {
  Node *n = rw->queue[rw->head++ % rw->cap];
  n->queued = false;
  return n;
}

static void enqueue_graph(Graph *g, void *arg) {
  for (Node *n = g->first; n; n = n->next) enqueue(arg, n);
}

static void enqueue_users(Rewriter *rw, const Value *v, int depth) {
  for (Use *u = v->uses; u; u = u->next) {
    Node *n = u->node;
    bool fresh = !n->queued;
    enqueue(rw, n);
    /* A body's node also concerns the node that holds the body. */
    if (n->graph->owner) enqueue(rw, n->graph->owner);
    for (int i = 0; fresh && depth > 1 && i < n->n_out; i++)
      if (n->out[i]) enqueue_users(rw, n->out[i], depth - 1);
  }
}

/* At most two nodes, each perhaps more than once. */
static bool has_few_users(const Value *v) {
  const Node *first = NULL, *second = NULL;
  for (const Use *u = v->uses; u; u = u->next) {
    if (!first) first = u->node;
    if (u->node == first || u->node == second) continue;
    if (second) return false;
    second = u->node;
  }
  return true;
}

static void enqueue_touched(Rewriter *rw) {
  for (size_t i = 0; i < rw->made.n; i++) {
    Node *n = rw->made.at[i];
    enqueue(rw, n);
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k].value && n->in[k].value->producer) enqueue(rw, n->in[k].value->producer);
  }
  for (size_t i = 0; i < rw->touched.n; i++) {
    Node *n = rw->touched.at[i];
    enqueue(rw, n);
    for (int k = 0; k < n->n_out; k++)
      if (n->out[k]) enqueue_users(rw, n->out[k], FORWARD - 1);
  }
  for (size_t i = 0; i < rw->loosened.n; i++) {
    Value *v = rw->loosened.at[i];
    if (v->producer) enqueue(rw, v->producer);
    if (has_few_users(v)) enqueue_users(rw, v, FORWARD);
  }
}

/* --- progress ------------------------------------------------------------------------------------------ */

static void tell_progress(Driver *d) {
  Rewriter *rw = &d->rw;
  Ctx *cx = rw->m->cx;
  d->told = clock_seconds();
  if (rw->result->rules.n) {
    const RuleStat *s = &rw->result->rules.at[rw->rule];
    cx->at.pass = s->pass->name;
    cx->at.rule = s->rule->name;
  }
  cx->at.rewrites = d->rewrites_before + rw->result->rewrites;
  ctx_progress(cx, "optimize", rw->head, rw->tail);
}

/* Often enough for a display and for who wants to cancel. */
static void tell_when_due(Driver *d) {
  if (clock_seconds() > d->told + 0.05) tell_progress(d);
}

/* --- remarks ------------------------------------------------------------------------------------------- */

static void note_name(Driver *d, const Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) {
      map_put(&d->names, map_key(n), (void *)n->out[i]->name);
      return;
    }
}

static void note_names(Graph *g, void *arg) {
  for (const Node *n = g->first; n; n = n->next) note_name(arg, n);
}

static void add_named(Driver *d, NamedNodes *list, const Node *n) {
  vec_push(d->rw.m->arena, list, ((NamedNode){n, map_get(&d->names, map_key(n))}));
}

/* The nodes that go and come with the rewrite in progress. */
static void list_nodes(Driver *d, Remark *r) {
  const Rewriter *rw = &d->rw;
  for (size_t i = 0; i < rw->journal.edits.n; i++) {
    const Edit *e = &rw->journal.edits.at[i];
    bool made = e->node && e->node->id >= rw->first_node;
    if (e->kind == EDIT_UNLINK && e->node->dead && !made) add_named(d, &r->removed, e->node);
    if (e->kind != EDIT_LINK || e->node->dead || !made) continue;
    note_name(d, e->node);
    add_named(d, &r->made, e->node);
  }
}

static void note_step(const Driver *d, const Remark *r, int64_t bytes) {
  History *h = d->rw.o->history;
  if (!h) return;
  HistoryStep step = {
      .pass = r->pass->name, .rule = r->rule->name, .node = r->node, .text = r->text, .bytes = bytes};
  for (size_t i = 0; i < r->removed.n; i++) vec_push(h->arena, &step.removed, r->removed.at[i].node);
  for (size_t i = 0; i < r->made.n; i++) vec_push(h->arena, &step.made, r->made.at[i].node);
  history_rewrite(h, &d->rw.journal, d->rw.first_node, &step);
}

static void remark_fired(Driver *d, const char *label, const RuleStat *s, int64_t bytes) {
  if (!d->rw.o->remarks) return;
  const char *what = d->rw.note         ? d->rw.note
                     : s->rule->replace ? s->rule->replace
                     : s->rule->doc     ? s->rule->doc
                                        : "";
  /* The note is in the run's arena. */
  Remark r = {.pass = s->pass,
              .rule = s->rule,
              .fired = true,
              .node = label,
              .text = arena_printf(d->rw.m->arena, "%s", what)};
  list_nodes(d, &r);
  vec_push(d->rw.m->arena, &d->rw.result->remarks, r);
  note_step(d, &r, bytes);
}

static void remark_missed(Driver *d, size_t rule, const Node *n) {
  if (!d->rw.o->remarks) return;
  uint64_t key = (uint64_t)rule << 32 | n->id;
  MissedAt *at = map_get(&d->missed, key);
  if (!at) {
    at = NEW(d->rw.arena, MissedAt);
    *at = (MissedAt){n, rule, NULL};
    map_put(&d->missed, key, at);
    vec_push(d->rw.arena, &d->misses, at);
  }
  at->why = d->rw.why ? d->rw.why : "";
}

/* --- trying -------------------------------------------------------------------------------------------- */

static void settle(Driver *d, RuleStat *s, Measure before, const char *label) {
  Rewriter *rw = &d->rw;
  rewriter_drop_orphans(rw);
  const Measure *now = &rw->journal.measure;
  s->nodes += now->nodes + now->holders - before.nodes - before.holders;
  s->bytes += now->bytes - before.bytes;
  s->fired++;
  enqueue_touched(rw);
  remark_fired(d, label, s, now->bytes - before.bytes);
  journal_commit(&rw->journal);
  if (rw->o->observe) rw->o->observe(rw->o->observe_arg, AFTER_REWRITE, s->pass, s->rule, rw->m);
  if (rw->o->verify_each) {
    const char *broken = model_check(rw->m);
    if (broken)
      fail(rw->m->cx, ONNXSLIM_ERR_INTERNAL, "rule %s at %s broke the graph: %s", s->rule->name, label,
           broken);
  }
  if (++rw->result->rewrites > d->cap)
    fail(rw->m->cx, ONNXSLIM_ERR_LIMIT, "more than %llu rewrites (last rule: %s)", (unsigned long long)d->cap,
         s->rule->name);
}

static bool try_rule(Driver *d, size_t i, Node *n) {
  Rewriter *rw = &d->rw;
  RuleStat *s = &rw->result->rules.at[i];
  rewriter_begin(rw, i, n);
  Measure before = rw->journal.measure;
  const char *label = rw->o->remarks || rw->o->verify_each ? node_label(n) : "";
  s->tried++;
  if (rw->o->observe) rw->o->observe(rw->o->observe_arg, BEFORE_TRY, s->pass, s->rule, rw->m);
  Outcome out = s->rule->match ? try_pattern(rw, &d->rules[i], s->rule, n) : s->rule->apply(rw, n);
  if (out == FIRED && rw->impossible) out = rw_missed(rw, n, "%s", rw->impossible);
  if (out == FIRED && !shrinks(rw, before)) out = rw_missed(rw, n, "it would not make the graph smaller");
  if (out == FIRED) {
    settle(d, s, before, label);
    return true;
  }
  journal_undo(&rw->journal);
  if (out == MISSED) {
    s->missed++;
    remark_missed(d, i, n);
  }
  return false;
}

/* In ticks until the run ends. Processors need not agree on them to the last one. */
static uint64_t count_ticks(RuleStat *s, uint64_t start) {
  uint64_t now = clock_ticks();
  s->seconds += now > start ? (double)(now - start) : 0;
  return now;
}

static void ticks_to_seconds(RunResult *r, uint64_t ticks, double seconds) {
  for (size_t i = 0; i < r->rules.n && ticks; i++) r->rules.at[i].seconds *= seconds / (double)ticks;
}

/* Tries the rules until one fires. */
static bool visit(Driver *d, Node *n, const RuleList *rules) {
  uint64_t start = clock_ticks();
  for (size_t k = 0; k < rules->n && !n->dead; k++) {
    if (d->rw.result->rewrites >= d->rw.o->max_rewrites) return false;
    size_t i = rules->at[k];
    bool fired = try_rule(d, i, n);
    start = count_ticks(&d->rw.result->rules.at[i], start);
    if (fired) {
      enqueue(&d->rw, n);
      return true;
    }
  }
  return false;
}

static const RuleList *rules_for(const RuleList *by_op, const Node *n) {
  return &by_op[n->op ? n->op->id : OP_NONE];
}

typedef struct Sweep {
  Driver *d;
  size_t rule, changes;
} Sweep;

static void sweep_graph(Graph *g, void *arg) {
  Sweep *sw = arg;
  Rewriter *rw = &sw->d->rw;
  RuleStat *s = &rw->result->rules.at[sw->rule];
  if (rw->result->rewrites >= rw->o->max_rewrites) return;
  rewriter_begin(rw, sw->rule, NULL);
  Measure before = rw->journal.measure;
  s->tried++;
  size_t changes = s->rule->sweep(rw, g);
  if (!changes) return;
  if (!shrinks(rw, before)) {
    journal_undo(&rw->journal);
    return;
  }
  settle(sw->d, s, before, g->name ? g->name->s : "graph");
  sw->changes += changes;
}

/* Rules that look at whole graphs. True if there is new work for the others. */
static bool run_sweeps(Driver *d) {
  size_t changes = 0;
  for (size_t i = 0; i < d->rw.result->rules.n; i++) {
    RuleStat *s = &d->rw.result->rules.at[i];
    uint64_t now = d->rw.result->rewrites + 1;
    if (!s->rule->sweep || d->swept[i] == now) continue; /* nothing has changed since */
    uint64_t start = clock_ticks();
    Sweep sw = {d, i, 0};
    model_each_graph(d->rw.m, sweep_graph, &sw);
    count_ticks(s, start);
    tell_when_due(d);
    changes += sw.changes;
    if (!sw.changes) d->swept[i] = now;
  }
  return changes > 0;
}

static void run_worklist(Driver *d) {
  Rewriter *rw = &d->rw;
  for (uint64_t visits = 0; rw->head < rw->tail; visits++) {
    if (visits % 1024 == 0) tell_progress(d);
    if (visits % 16 == 0) tell_when_due(d); /* a visit may take long */
    Node *n = dequeue(rw);
    if (rw->news) index_rules(d); /* what has just appeared may wake rules */
    if (!n->dead) visit(d, n, rules_for(d->by_op, n));
  }
}

typedef struct LateRoots {
  Driver *d;
  Vec(Node *) nodes;
} LateRoots;

static void collect_late(Graph *g, void *arg) {
  LateRoots *roots = arg;
  for (Node *n = g->first; n; n = n->next)
    if (rules_for(roots->d->late, n)->n) vec_push(roots->d->rw.arena, &roots->nodes, n);
}

static void settle_all(Driver *d) {
  do run_worklist(d);
  while (run_sweeps(d));
}

/* One round of the late rules; whatever fires, those on the worklist have their way before the next root.
 * Sweeps wait for the end of the round: each takes the time of the whole graph. */
static bool run_late(Driver *d) {
  LateRoots roots = {.d = d};
  bool fired = false;
  model_each_graph(d->rw.m, collect_late, &roots);
  for (size_t i = 0; i < roots.nodes.n; i++) {
    Node *n = roots.nodes.at[i];
    if (n->dead || !visit(d, n, rules_for(d->late, n))) continue;
    fired = true;
    run_worklist(d);
  }
  return fired;
}

static void report_misses(Driver *d) {
  for (size_t i = 0; i < d->misses.n; i++) {
    const MissedAt *at = d->misses.at[i];
    if (at->node->dead) continue;
    const RuleStat *s = &d->rw.result->rules.at[at->rule];
    Remark r = {.pass = s->pass,
                .rule = s->rule,
                .node = node_label(at->node),
                .text = arena_printf(d->rw.m->arena, "%s", at->why),
                .at = at->node};
    vec_push(d->rw.m->arena, &d->rw.result->remarks, r);
  }
}

RunResult *rewrite_run(Model *m, const RunOptions *o) {
  Arena *arena = arena_child(m->arena);
  Driver *d = NEW(arena, Driver);
  Rewriter *rw = &d->rw;
  double seconds = clock_seconds();
  uint64_t ticks = clock_ticks();
  rewriter_init(rw, m, o, arena);
  map_init(&d->missed, arena);
  map_init(&d->names, arena);
  if (o->remarks) model_each_graph(m, note_names, d);
  for (size_t p = 0; p < o->n_passes; p++) d->lowered[o->passes[p]->lowers] = o->passes[p]->lowers != OP_NONE;
  journal_lower(&rw->journal, m, d->lowered);
  load_rules(d);
  d->rewrites_before = m->cx->at.rewrites;
  d->cap = (uint64_t)(rw->journal.measure.nodes + rw->journal.measure.holders + 64) * REWRITES_PER_NODE;
  /* A rule may look further than the worklist follows a change: only a round over all nodes in which nothing
   * fires proves the fixed point. */
  for (uint64_t before = UINT64_MAX; before != rw->result->rewrites;) {
    before = rw->result->rewrites;
    model_each_graph(m, enqueue_graph, rw);
    do settle_all(d);
    while (run_late(d));
  }
  report_misses(d);
  rewriter_compact(rw);
  m->cx->at.rewrites = d->rewrites_before + rw->result->rewrites;
  m->cx->at.pass = m->cx->at.rule = NULL;
  RunResult *result = rw->result;
  ticks_to_seconds(result, clock_ticks() - ticks, clock_seconds() - seconds);
  arena_free(arena);
  return result;
}
