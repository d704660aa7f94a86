#include "explain.h"

#include "describe.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct Explain {
  Arena *arena, *scratch;
  Model *m;
  const char *asked;
  onnxslim_explanation *out;
  const RuleState *rules;
  size_t n_rules;
  Refusals refusals;
  size_t *row; /* of a refusal: its index in the result plus one, 0 if it is not listed */
  Vec(Node *) nodes;
  Map of; /* node -> its Refs */
} Explain;

typedef Vec(size_t) Refs; /* refusals, by index */

static const char *rule_words(Arena *a, const Rule *r) {
  return copy_text(a, r->match ? r->match : r->doc ? r->doc : r->name);
}

/* --- the nodes asked for
 * ----------------------------------------------------------------------------------------------------------
 */

static bool is_called(const Node *n, const char *name) {
  if (n->name && strcmp(n->name->s, name) == 0) return true;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && strcmp(n->out[i]->name->s, name) == 0) return true;
  return false;
}

static void collect(Graph *g, void *arg) {
  Explain *x = arg;
  for (Node *n = g->first; n; n = n->next)
    if (!x->asked || is_called(n, x->asked)) vec_push(x->scratch, &x->nodes, n);
}

typedef struct Former {
  const Node *node;
  const char *label, *value;
} Former;

typedef Vec(Former) Formers;

static void collect_former(Explain *x, Formers *formers) {
  x->nodes.n = 0;
  model_each_graph(x->m, collect, x);
  for (size_t i = 0; i < x->nodes.n; i++) {
    const Node *n = x->nodes.at[i];
    vec_push(x->scratch, formers, ((Former){n, node_words(x->arena, n), output_words(x->arena, n)}));
  }
}

/* The rewrite that n went with; NULL: none did, but a phase. */
static const Remark *remark_of(const RunResult *run, const Node *n) {
  for (size_t i = 0; i < run->remarks.n; i++)
    for (size_t k = 0; k < run->remarks.at[i].removed.n; k++)
      if (run->remarks.at[i].removed.at[k].node == n) return &run->remarks.at[i];
  return NULL;
}

static void list_removed(Explain *x, const Formers *formers, const RunResult *run) {
  onnxslim_removed *rows = NEW_ARRAY(x->arena, onnxslim_removed, formers->n);
  size_t n = 0;
  for (size_t i = 0; i < formers->n && x->asked; i++) {
    if (!formers->at[i].node->dead) continue;
    const Remark *r = remark_of(run, formers->at[i].node);
    rows[n] = (onnxslim_removed){.node = formers->at[i].label, .value = formers->at[i].value};
    if (r) {
      rows[n].pass = copy_text(x->arena, r->pass->name);
      rows[n].rule = copy_text(x->arena, r->rule->name);
      rows[n].at = copy_text(x->arena, r->node);
      rows[n].text = copy_text(x->arena, r->text);
    }
    n++;
  }
  x->out->removed = rows;
  x->out->n_removed = n;
}

/* --- refusals
 * ----------------------------------------------------------------------------------------------------------
 */

static Refs *refs_of(Explain *x, const Node *n) {
  Refs *refs = map_get(&x->of, map_key(n));
  if (!refs) {
    refs = NEW(x->scratch, Refs);
    map_put(&x->of, map_key(n), refs);
  }
  return refs;
}

static void index_refusals(Explain *x) {
  map_init(&x->of, x->scratch);
  for (size_t i = 0; i < x->refusals.n; i++) {
    const Refusal *r = &x->refusals.at[i];
    for (size_t k = 0; k < r->nodes.n; k++) {
      Refs *refs = refs_of(x, r->nodes.at[k]);
      if (!refs->n || refs->at[refs->n - 1] != i) vec_push(x->scratch, refs, i);
    }
  }
}

static onnxslim_refusal refusal_row(Explain *x, const Refusal *r) {
  const char **nodes = NEW_ARRAY(x->arena, const char *, r->nodes.n);
  for (size_t i = 0; i < r->nodes.n; i++) nodes[i] = node_words(x->arena, r->nodes.at[i]);
  return (onnxslim_refusal){.pass = copy_text(x->arena, r->pass->name),
                            .rule = copy_text(x->arena, r->rule->name),
                            .pattern = rule_words(x->arena, r->rule),
                            .node = nodes[0],
                            .value = output_words(x->arena, r->root),
                            .reason = copy_text(x->arena, r->reason),
                            .off = r->off,
                            .guards = r->guards,
                            .all_asked = r->all_asked,
                            .nodes = nodes,
                            .n_nodes = r->nodes.n};
}

/* Those that the nodes are part of, in their order. */
static void list_refusals(Explain *x) {
  x->row = NEW_ARRAY(x->scratch, size_t, x->refusals.n);
  for (size_t i = 0; i < x->nodes.n; i++) {
    const Refs *refs = refs_of(x, x->nodes.at[i]);
    for (size_t k = 0; k < refs->n; k++) x->row[refs->at[k]] = 1;
  }
  onnxslim_refusal *rows = NEW_ARRAY(x->arena, onnxslim_refusal, x->refusals.n);
  size_t n = 0;
  for (size_t i = 0; i < x->refusals.n; i++) {
    if (!x->row[i]) continue;
    rows[n++] = refusal_row(x, &x->refusals.at[i]);
    x->row[i] = n;
  }
  x->out->refusals = rows;
  x->out->n_refusals = n;
}

static void list_remaining(Explain *x) {
  onnxslim_remaining *rows = NEW_ARRAY(x->arena, onnxslim_remaining, x->nodes.n);
  for (size_t i = 0; i < x->nodes.n; i++) {
    const Node *n = x->nodes.at[i];
    const Refs *refs = refs_of(x, n);
    size_t *at = NEW_ARRAY(x->arena, size_t, refs->n);
    for (size_t k = 0; k < refs->n; k++) at[k] = x->row[refs->at[k]] - 1;
    rows[i] = (onnxslim_remaining){.node = node_words(x->arena, n),
                                   .op = op_words(x->arena, n),
                                   .value = output_words(x->arena, n),
                                   .graph = graph_words(x->arena, n->graph),
                                   .refusals = at,
                                   .n_refusals = refs->n};
  }
  x->out->nodes = rows;
  x->out->n_nodes = x->nodes.n;
}

/* --- by reason, by operator
 * ----------------------------------------------------------------------------------------------------------
 */

static bool is_close(const onnxslim_refusal *r) {
  return r->guards + (r->off ? 1 : 0) == 1;
}

static int by_rule_and_reason(const void *p, const void *q) {
  const onnxslim_reason *a = p, *b = q;
  int order = strcmp(a->rule, b->rule);
  if (!order) order = strcmp(a->pass, b->pass);
  if (!order) order = a->off - b->off;
  return order ? order : strcmp(a->reason, b->reason);
}

static int by_count(const void *p, const void *q) {
  const onnxslim_reason *a = p, *b = q;
  if (a->close != b->close) return a->close > b->close ? -1 : 1;
  if (a->count != b->count) return a->count > b->count ? -1 : 1;
  return by_rule_and_reason(a, b);
}

/* The first quoted name; an apostrophe within a word opens none. */
static const char *quoted(const char *text) {
  const char *p = strchr(text, '\'');
  while (p && p > text && isalnum((unsigned char)p[-1])) p = strchr(p + 1, '\'');
  return p;
}

/* Reasons that differ in what they name are one: "MatMul 'a' fixes the last axis", "MatMul 'b' fixes ...". */
static const char *without_names(Arena *a, const char *reason) {
  for (const char *text = "";;) {
    const char *open = quoted(reason), *close = open ? strchr(open + 1, '\'') : NULL;
    if (!close) return arena_printf(a, "%s%s", text, reason);
    text = arena_printf(a, "%s%.*s'...'", text, (int)(open - reason), reason);
    reason = close + 1;
  }
}

static void list_reasons(Explain *x) {
  size_t n = 0;
  onnxslim_reason *rows = NEW_ARRAY(x->arena, onnxslim_reason, x->out->n_refusals);
  for (size_t i = 0; i < x->out->n_refusals; i++) {
    const onnxslim_refusal *r = &x->out->refusals[i];
    rows[i] = (onnxslim_reason){
        r->pass, r->rule, without_names(x->arena, r->reason), r->off, 1, is_close(r), r->node, r->all_asked};
  }
  if (x->out->n_refusals) qsort(rows, x->out->n_refusals, sizeof *rows, by_rule_and_reason);
  for (size_t i = 0; i < x->out->n_refusals; i++) {
    onnxslim_reason *last = n ? &rows[n - 1] : NULL;
    if (last && by_rule_and_reason(last, &rows[i]) == 0) {
      last->count++;
      last->close += rows[i].close;
      last->all_asked &= rows[i].all_asked;
    } else {
      rows[n++] = rows[i];
    }
  }
  if (n) qsort(rows, n, sizeof *rows, by_count);
  x->out->reasons = rows;
  x->out->n_reasons = n;
}

/* How many rules start at n's operator; of the nodes asked for each operator's are listed once. */
static size_t count_starts(Explain *x, const Node *n, onnxslim_start *rows) {
  size_t found = 0;
  for (size_t i = 0; i < x->n_rules; i++) {
    const RuleState *s = &x->rules[i];
    if (!rule_starts_at(x->scratch, s->rule, n)) continue;
    if (rows)
      rows[found] = (onnxslim_start){op_words(x->arena, n), copy_text(x->arena, s->pass->name),
                                     copy_text(x->arena, s->rule->name), rule_words(x->arena, s->rule),
                                     copy_text(x->arena, s->off)};
    found++;
  }
  return found;
}

static bool same_op(const Node *a, const Node *b) {
  return a->op_type == b->op_type && a->domain == b->domain;
}

static int by_nodes(const void *p, const void *q) {
  const onnxslim_op_refusals *a = p, *b = q;
  if (a->nodes != b->nodes) return a->nodes > b->nodes ? -1 : 1;
  int order = strcmp(a->domain, b->domain);
  return order ? order : strcmp(a->op_type, b->op_type);
}

static void count_op(Explain *x, onnxslim_op_refusals *row, const Node *n) {
  const Refs *refs = refs_of(x, n);
  bool close = false;
  for (size_t k = 0; k < refs->n; k++) close = close || refusal_is_close(&x->refusals.at[refs->at[k]]);
  row->nodes++;
  row->refused += refs->n > 0;
  row->close += close;
}

/* Operators, with the rules that start at them if nodes were asked for. */
static void list_ops(Explain *x) {
  Vec(const Node *) kinds = {0};
  onnxslim_op_refusals *rows = NEW_ARRAY(x->arena, onnxslim_op_refusals, x->nodes.n);
  onnxslim_start *starts = NULL;
  size_t n_starts = 0;
  for (size_t i = 0; i < x->nodes.n; i++) {
    const Node *n = x->nodes.at[i];
    size_t k = 0;
    while (k < kinds.n && !same_op(kinds.at[k], n)) k++;
    if (k == kinds.n) {
      vec_push(x->scratch, &kinds, n);
      rows[k] = (onnxslim_op_refusals){.domain = copy_text(x->arena, n->domain->s),
                                       .op_type = copy_text(x->arena, n->op_type->s),
                                       .rules = count_starts(x, n, NULL)};
      if (x->asked) {
        onnxslim_start *more = NEW_ARRAY(x->arena, onnxslim_start, n_starts + rows[k].rules);
        if (n_starts) memcpy(more, starts, n_starts * sizeof *more);
        n_starts += count_starts(x, n, more + n_starts);
        starts = more;
      }
    }
    count_op(x, &rows[k], n);
  }
  if (kinds.n) qsort(rows, kinds.n, sizeof *rows, by_nodes);
  x->out->ops = rows;
  x->out->n_ops = kinds.n;
  x->out->starts = starts;
  x->out->n_starts = n_starts;
}

bool explain_model(Arena *arena, Model *m, const onnxslim_options *o, const char *node,
                   onnxslim_explanation *out) {
  Explain x = {.arena = arena, .scratch = arena_child(arena), .m = m, .asked = node, .out = out};
  Formers formers = {0};
  RunLimits limits = {.max_rewrites = UINT64_MAX, .remarks = true};
  out->asked = copy_text(arena, node);
  out->nodes_before = model_node_count(m);
  collect_former(&x, &formers);
  pipeline_prepare(m, o, NULL);
  pipeline_lift(m, o, NULL);
  RunResult *run = pipeline_run(m, o, &limits, NULL);
  pipeline_finish(m, o, NULL);
  out->nodes_after = model_node_count(m);
  out->rewrites = run->rewrites;
  x.nodes.n = 0;
  model_each_graph(m, collect, &x);
  x.rules = pipeline_rules(x.scratch, o, &x.n_rules);
  x.refusals = pipeline_explain(m, o, x.rules, x.n_rules);
  index_refusals(&x);
  list_removed(&x, &formers, run);
  list_refusals(&x);
  list_remaining(&x);
  list_reasons(&x);
  list_ops(&x);
  bool found = !node || x.nodes.n || formers.n;
  arena_free(x.scratch);
  return found;
}
