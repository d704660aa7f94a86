/* What differs between two models, in the public structs. */
#include "diff.h"

#include "describe.h"
#include "onnx/codec.h"
#include "ops/ops.h"
#include "report.h"

#include <string.h>

typedef Vec(onnxslim_change) Changes;

typedef struct Diff {
  Arena *arena;
  const Pairing *pairs;
  onnxslim_diff_t *out;
  Vec(onnxslim_node_fate) nodes;
  Map differs; /* graphs of b with a node that is not kept */
} Diff;

static bool same_words(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

/* --- what changed at a node
 * ----------------------------------------------------------------------------------------------------------
 */

static void change(Diff *d, Changes *list, const char *what, const char *before, const char *after) {
  vec_push(d->arena, list, ((onnxslim_change){what, before, after}));
}

static bool is_body(const Attr *a) {
  return a && !a->ref && (a->type == ATTR_GRAPH || a->type == ATTR_GRAPHS);
}

static const char *body_words(Arena *a, const Attr *attr) {
  size_t n = 0;
  if (!attr) return NULL;
  for (size_t i = 0; i < attr->v.graphs.n; i++) n += attr->v.graphs.at[i]->n_nodes;
  return arena_printf(a, "%zu node%s", n, n == 1 ? "" : "s");
}

static bool body_differs(const Diff *d, const Attr *x, const Attr *y) {
  if (!x || !y || x->v.graphs.n != y->v.graphs.n) return true;
  for (size_t i = 0; i < y->v.graphs.n; i++)
    if (map_get(&d->differs, map_key(y->v.graphs.at[i]))) return true;
  return false;
}

static void compare_attr(Diff *d, Changes *list, const Node *a, const Node *b, const char *name) {
  const Attr *x = node_attr(a, name), *y = node_attr(b, name);
  if (is_body(x) || is_body(y)) {
    if (body_differs(d, is_body(x) ? x : NULL, is_body(y) ? y : NULL))
      change(d, list, arena_printf(d->arena, "body %s", name), body_words(d->arena, is_body(x) ? x : NULL),
             body_words(d->arena, is_body(y) ? y : NULL));
    return;
  }
  if (attr_same(a, b, name)) return;
  change(d, list, arena_printf(d->arena, "attribute %s", name),
         x ? copy_text(d->arena, attr_text(a->graph->model, x)) : NULL,
         y ? copy_text(d->arena, attr_text(b->graph->model, y)) : NULL);
}

static void compare_attrs(Diff *d, Changes *list, const Node *a, const Node *b) {
  for (size_t i = 0; i < a->attrs.n; i++)
    compare_attr(d, list, a, b, copy_text(d->arena, a->attrs.at[i].name->s));
  for (size_t i = 0; i < b->attrs.n; i++)
    if (!node_attr(a, b->attrs.at[i].name->s))
      compare_attr(d, list, a, b, copy_text(d->arena, b->attrs.at[i].name->s));
}

/* Of one of two operands that read alike. */
static const char *other_words(Arena *a, const char *words, const Value *v) {
  if (value_literal(v)) return arena_printf(a, "%s, other elements", words);
  return v->producer ? arena_printf(a, "%s of %s", words, node_words(a, v->producer)) : words;
}

static void compare_operands(Diff *d, Changes *list, const Node *a, const Node *b) {
  for (int i = 0; i < a->n_in || i < b->n_in; i++) {
    const Value *x = node_in(a, i), *y = node_in(b, i);
    if (same_operand(d->pairs, x, y)) continue;
    const char *before = operand_words(d->arena, x), *after = operand_words(d->arena, y);
    if (same_words(before, after)) {
      before = other_words(d->arena, before, x);
      after = other_words(d->arena, after, y);
    }
    change(d, list, arena_printf(d->arena, "input %d", i), before, after);
  }
}

static void compare_outputs(Diff *d, Changes *list, const Node *a, const Node *b) {
  for (int i = 0; i < a->n_out || i < b->n_out; i++) {
    const Value *x = node_out(a, i), *y = node_out(b, i);
    if (!x == !y) continue;
    change(d, list, arena_printf(d->arena, "output %d", i), copy_text(d->arena, x ? x->name->s : NULL),
           copy_text(d->arena, y ? y->name->s : NULL));
  }
}

static Changes compare_nodes(Diff *d, const Node *a, const Node *b) {
  Changes list = {0};
  const char *before = op_words(d->arena, a), *after = op_words(d->arena, b);
  if (!same_words(before, after)) change(d, &list, "operator", before, after);
  compare_attrs(d, &list, a, b);
  compare_operands(d, &list, a, b);
  compare_outputs(d, &list, a, b);
  return list;
}

/* --- what became of the nodes
 * ----------------------------------------------------------------------------------------------------------
 */

static void add_node(Diff *d, const Node *a, const Node *b, const char *graph) {
  Arena *arena = d->arena;
  Changes list = {0};
  if (a && b) list = compare_nodes(d, a, b);
  onnxslim_diff_t *out = d->out;
  onnxslim_node_fate row = {.fate = !b       ? "gone"
                                    : !a     ? "new"
                                    : list.n ? "changed"
                                             : "kept",
                            .graph = graph,
                            .changes = list.at,
                            .n_changes = list.n};
  if (a) {
    row.before = node_words(arena, a);
    row.before_op = op_words(arena, a);
    row.before_value = output_words(arena, a);
  }
  if (b) {
    row.after = node_words(arena, b);
    row.after_op = op_words(arena, b);
    row.after_value = output_words(arena, b);
  }
  if (a && b) row.matched = d->pairs->by[b->id] == PAIRED_BY_NAME ? "name" : "structure";
  (*(!b ? &out->gone : !a ? &out->added : list.n ? &out->changed : &out->kept))++;
  if (b && (!a || list.n)) map_put(&d->differs, map_key(b->graph), d);
  vec_push(arena, &d->nodes, row);
}

/* In the order of b; what is gone stands where it was. */
static void add_graph(Diff *d, const GraphPair *pair) {
  const char *graph = graph_words(d->arena, pair->b ? pair->b : pair->a);
  const Node *next = pair->a ? pair->a->first : NULL;
  for (const Node *n = pair->b ? pair->b->first : NULL; n; n = n->next) {
    const Node *a = d->pairs->node_of_b[n->id];
    while (a && next && next->order <= a->order) {
      if (!d->pairs->node_of_a[next->id]) add_node(d, next, NULL, graph);
      next = next->next;
    }
    add_node(d, a, n, graph);
  }
  for (; next; next = next->next)
    if (!d->pairs->node_of_a[next->id]) add_node(d, next, NULL, graph);
}

/* A body of b is one that changed if a node is gone from it or its outputs are others. */
static void note_losses(Diff *d, const GraphPair *pair) {
  if (!pair->a || !pair->b) return;
  bool differs = pair->a->outputs.n != pair->b->outputs.n || pair->a->inputs.n != pair->b->inputs.n;
  for (const Node *n = pair->a->first; n && !differs; n = n->next) differs = !d->pairs->node_of_a[n->id];
  for (size_t i = 0; i < pair->b->outputs.n && !differs; i++)
    differs = !same_operand(d->pairs, pair->a->outputs.at[i], pair->b->outputs.at[i]);
  if (differs) map_put(&d->differs, map_key(pair->b), d);
}

/* Bodies come behind what holds them, whose row tells whether they differ: so the last graphs go first, and
 * then the rows are put in order. */
static void add_graphs(Diff *d) {
  const Pairing *p = d->pairs;
  size_t n = 0, *begins = NEW_ARRAY(d->arena, size_t, p->graphs.n + 1);
  for (size_t i = p->graphs.n; i-- > 0;) {
    begins[i] = d->nodes.n;
    note_losses(d, &p->graphs.at[i]);
    add_graph(d, &p->graphs.at[i]);
  }
  onnxslim_node_fate *rows = NEW_ARRAY(d->arena, onnxslim_node_fate, d->nodes.n);
  for (size_t i = 0; i < p->graphs.n; i++) {
    size_t end = i ? begins[i - 1] : d->nodes.n;
    for (size_t k = begins[i]; k < end; k++) rows[n++] = d->nodes.at[k];
  }
  d->out->nodes = rows;
  d->out->n_nodes = n;
}

/* --- the interface
 * ----------------------------------------------------------------------------------------------------------
 */

static onnxslim_value_fate value_fate(Arena *arena, const Value *a, const Value *b) {
  onnxslim_value_fate row = {.fate = !b ? "gone" : !a ? "new" : "kept"};
  if (a) {
    row.before = copy_text(arena, a->name->s);
    row.before_type = type_words(arena, &a->declared);
  }
  if (b) {
    row.after = copy_text(arena, b->name->s);
    row.after_type = type_words(arena, &b->declared);
  }
  if (a && b && !(same_words(row.before, row.after) && same_words(row.before_type, row.after_type)))
    row.fate = "changed";
  return row;
}

static Value *listed(Value *const *at, size_t n, const char *name, bool inputs) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(at[i]->name->s, name) == 0 && !(inputs && at[i]->is_initializer)) return at[i];
  return NULL;
}

typedef struct Edge {
  Value *const *at;
  size_t n;
  bool inputs; /* those that are initializers too are not listed */
} Edge;

static Value *at_place(const Edge *e, size_t i) {
  return i < e->n && !(e->inputs && e->at[i]->is_initializer) ? e->at[i] : NULL;
}

/* What a's value in place i is among b's: the one of that name, else the one in that place if its name is
 * new.
 */
static Value *opposite(const Edge *a, const Edge *b, size_t i) {
  Value *v = at_place(a, i), *same = v ? listed(b->at, b->n, v->name->s, b->inputs) : NULL;
  Value *there = at_place(b, i);
  if (!v || same) return same;
  return there && !listed(a->at, a->n, there->name->s, a->inputs) ? there : NULL;
}

static const onnxslim_value_fate *compare_edge(Arena *arena, const Edge *a, const Edge *b, size_t *n) {
  onnxslim_value_fate *rows = NEW_ARRAY(arena, onnxslim_value_fate, a->n + b->n);
  *n = 0;
  for (size_t i = 0; i < a->n; i++)
    if (at_place(a, i)) rows[(*n)++] = value_fate(arena, at_place(a, i), opposite(a, b, i));
  for (size_t i = 0; i < b->n; i++)
    if (at_place(b, i) && !opposite(b, a, i)) rows[(*n)++] = value_fate(arena, NULL, at_place(b, i));
  return rows;
}

static void compare_edges(Diff *d, const Graph *a, const Graph *b) {
  Edge in[2] = {{a->inputs.at, a->inputs.n, true}, {b->inputs.at, b->inputs.n, true}};
  Edge out[2] = {{a->outputs.at, a->outputs.n, false}, {b->outputs.at, b->outputs.n, false}};
  d->out->inputs = compare_edge(d->arena, &in[0], &in[1], &d->out->n_inputs);
  d->out->outputs = compare_edge(d->arena, &out[0], &out[1], &d->out->n_outputs);
}

static int64_t version_of(const onnxslim_summary *s, const char *domain) {
  for (size_t i = 0; i < s->n_opsets; i++)
    if (strcmp(s->opsets[i].domain, domain) == 0) return s->opsets[i].version;
  return 0;
}

static void compare_opsets(Diff *d) {
  const onnxslim_summary *a = d->out->before, *b = d->out->after;
  onnxslim_opset_change *rows = NEW_ARRAY(d->arena, onnxslim_opset_change, a->n_opsets + b->n_opsets);
  size_t n = 0;
  for (size_t i = 0; i < a->n_opsets; i++)
    rows[n++] = (onnxslim_opset_change){a->opsets[i].domain, a->opsets[i].version,
                                        version_of(b, a->opsets[i].domain)};
  for (size_t i = 0; i < b->n_opsets; i++)
    if (!version_of(a, b->opsets[i].domain))
      rows[n++] = (onnxslim_opset_change){b->opsets[i].domain, 0, b->opsets[i].version};
  d->out->opsets = rows;
  d->out->n_opsets = n;
}

static const onnxslim_summary *summary_of(Arena *arena, Model *m) {
  onnxslim_summary *s = NEW(arena, onnxslim_summary);
  summarize(arena, m, s);
  return s;
}

void diff_models(Arena *arena, Model *a, Model *b, onnxslim_diff_t *out) {
  Arena *scratch = arena_child(arena);
  Diff d = {.arena = arena, .pairs = pair_models(scratch, a, b), .out = out};
  map_init(&d.differs, scratch);
  out->before = summary_of(arena, a);
  out->after = summary_of(arena, b);
  out->ops =
      merge_ops(arena, out->before->ops, out->before->n_ops, out->after->ops, out->after->n_ops, &out->n_ops);
  compare_opsets(&d);
  compare_edges(&d, a->graph, b->graph);
  add_graphs(&d);
  arena_free(scratch);
}
