#include "rewrite/driver.h"
#include "rewrite/journal.h"
#include "rewrite/match.h"
#include "unit.h"

/* A model x -> Relu -> Neg -> y with room for more, built by hand. */
typedef struct Bench {
  Ctx cx;
  Model *m;
  Value *x, *a, *y;
  Node *relu, *neg;
} Bench;

static Str name(Model *m, const char *s) {
  return str_internz(m->strs, s);
}

static Node *append(Model *m, OpId op, const char *out, int n_in, Value *const *in) {
  Node *n = node_new(m->graph, m->empty, name(m, op_def(op)->name), n_in, 1);
  n->op = op_def(op);
  for (int i = 0; i < n_in; i++) node_set_input(n, i, in[i]);
  node_set_output(n, 0, graph_value(m->graph, name(m, out)));
  node_link(m->graph, NULL, n);
  return n;
}

static void build(void *arg) {
  Bench *b = arg;
  Model *m = b->m = model_new(&b->cx);
  m->ir_version = 8;
  vec_push(m->arena, &m->opsets, ((OpsetImport){m->empty, 14}));
  Graph *g = m->graph = graph_new(m, NULL, NULL, NULL);
  b->x = graph_value(g, name(m, "x"));
  b->x->is_input = true;
  b->x->declared = (Type){TYPE_TENSOR, DT_FLOAT, {0, NULL}, NULL};
  vec_push(m->arena, &g->inputs, b->x);
  b->relu = append(m, OP_Relu, "a", 1, &b->x);
  b->a = b->relu->out[0];
  b->neg = append(m, OP_Neg, "y", 1, &b->a);
  b->y = b->neg->out[0];
  vec_push(m->arena, &g->outputs, b->y);
  b->y->n_outputs = 1;
  graph_renumber(g);
}

static void with_bench(void (*body)(Bench *)) {
  Bench b = {0};
  ctx_init(&b.cx, NULL, NULL);
  CHECK(ctx_protect(&b.cx, build, &b));
  body(&b);
  model_free(b.m);
}

/* --- rule text ----------------------------------------------------------------------------------------- */

typedef struct Text {
  Arena *arena;
  const char *text;
  const Pattern *p, *of;
} Text;

static void parse(void *arg) {
  Text *t = arg;
  t->p = pattern_parse(t->arena, t->text, t->of);
}

static bool parses(Ctx *cx, Arena *a, const char *text) {
  Text t = {a, text, NULL, NULL};
  return ctx_protect(cx, parse, &t);
}

static void rule_text(Bench *b) {
  Arena *a = b->m->arena;
  Text t = {a, "BatchNormalization:bn(Conv|ConvTranspose:conv(x, W#, B#?), gamma#, _, x, ...)", NULL, NULL};
  CHECK(ctx_protect(&b->cx, parse, &t));
  CHECK_EQ(t.p->n_nodes, 2);
  CHECK_EQ(t.p->n_values, 4);
  CHECK_EQ(t.p->root->n_args, 4);
  CHECK(t.p->root->rest);
  CHECK_EQ(t.p->root->arg[0]->n_names, 2);
  CHECK(t.p->root->arg[0]->arg[2]->optional && t.p->root->arg[0]->arg[2]->constant);
  CHECK_EQ(t.p->root->arg[3]->slot, t.p->root->arg[0]->arg[0]->slot);
  CHECK(parses(&b->cx, a, "com.microsoft::Gelu(Add&(x, y))"));
  CHECK(!parses(&b->cx, a, "Add(x, y"));
  CHECK(strstr(b->cx.message, "column 9") != NULL);
  CHECK(!parses(&b->cx, a, "Add(x, y) z"));
  CHECK(!parses(&b->cx, a, "x"));
  CHECK(!parses(&b->cx, a, "Add(3)"));
  Text r = {a, "Sub(x, unknown)", NULL, t.p};
  CHECK(!ctx_protect(&b->cx, parse, &r));
}

TEST(rule_text_parses_with_positions) {
  with_bench(rule_text);
}

/* --- journal ------------------------------------------------------------------------------------------- */

static void undo(Bench *b) {
  Journal j;
  Graph *g = b->m->graph;
  journal_init(&j, b->m->arena, b->m);
  CHECK_EQ(j.measure.nodes, 2);
  CHECK_EQ(j.measure.operands, 2);
  edit_swap_identity(&j, b->a, b->y);
  edit_graph_output(&j, g, 0, b->a);
  edit_input(&j, b->neg, 0, NULL);
  edit_unlink(&j, b->neg);
  Value *c = graph_value(g, name(b->m, "c"));
  edit_add_init(&j, g, c, tensor_float(b->m->arena, 1));
  edit_input(&j, b->relu, 0, c);
  CHECK_EQ(j.measure.nodes, 1);
  CHECK_EQ(j.measure.operands, 0);
  CHECK_STR(b->a->name->s, "y");
  CHECK(model_check(b->m) == NULL);
  journal_undo(&j);
  CHECK_EQ(j.measure.nodes, 2);
  CHECK_EQ(j.measure.operands, 2);
  CHECK_EQ(j.measure.bytes, 0);
  CHECK_STR(b->a->name->s, "a");
  CHECK(g->outputs.at[0] == b->y && b->y->n_outputs == 1 && b->a->n_outputs == 0);
  CHECK(g->last == b->neg && b->neg->in[0].value == b->a);
  CHECK(model_check(b->m) == NULL);
}

TEST(journal_undoes_every_edit) {
  with_bench(undo);
}

/* --- driver -------------------------------------------------------------------------------------------- */

static bool never(const Match *m) {
  (void)m;
  return false;
}

static Value *drop_both(Rewriter *rw, const Match *m) {
  (void)rw;
  return match_value(m, "x");
}

static Value *grow(Rewriter *rw, const Match *m) {
  Value *x = match_value(m, "x");
  return rw_node(rw, OP_Neg, 1, &rw_node(rw, OP_Relu, 1, &x)->out[0])->out[0];
}

static void run(void *arg) {
  Bench *b = ((void **)arg)[0];
  Rule *rule = ((void **)arg)[1];
  RunResult **out = ((void **)arg)[2];
  const OpId *lowers = ((void **)arg)[3];
  Pass pass = {.name = "test", .doc = "a pass of one rule", .rules = rule, .n_rules = 1, .lowers = *lowers};
  const Pass *passes[] = {&pass};
  RunOptions o = {.passes = passes,
                  .n_passes = 1,
                  .verify_each = true,
                  .remarks = true,
                  .max_fold = UINT64_MAX,
                  .max_rewrites = UINT64_MAX};
  *out = rewrite_run(b->m, &o);
}

static const RunResult *run_lowering(Bench *b, Rule *rule, OpId lowers) {
  RunResult *result = NULL;
  void *arg[] = {b, rule, &result, &lowers};
  CHECK(ctx_protect(&b->cx, run, arg));
  return result;
}

static const RunResult *run_rule(Bench *b, Rule *rule) {
  return run_lowering(b, rule, OP_NONE);
}

static void replaces(Bench *b) {
  Rule rule = {.name = "text", .match = "Neg(Relu(x))", .replace = "Abs(x)"};
  const RunResult *r = run_rule(b, &rule);
  CHECK_EQ(r->rewrites, 1);
  CHECK_EQ(b->m->graph->n_nodes, 1);
  CHECK_STR(b->m->graph->first->op_type->s, "Abs");
  CHECK_STR(b->m->graph->outputs.at[0]->name->s, "y");
  CHECK(b->m->graph->outputs.at[0]->producer == b->m->graph->first);
}

TEST(text_rule_replaces_and_keeps_the_output_name) {
  with_bench(replaces);
}

static void refuses(Bench *b) {
  Rule guarded = {
      .name = "guarded", .match = "Neg(Relu(x))", .replace = "Abs(x)", .when = {{never, "because"}}};
  const RunResult *r = run_rule(b, &guarded);
  CHECK_EQ(r->rewrites, 0);
  CHECK_EQ(r->remarks.n, 1);
  CHECK_STR(r->remarks.at[0].text, "because");
  Rule interface = {.name = "interface", .match = "Neg(Relu(x))", .replace = "x", .build = drop_both};
  r = run_rule(b, &interface);
  CHECK_EQ(r->rewrites, 0);
  CHECK(strstr(r->remarks.at[0].text, "graph output") != NULL);
  Rule growing = {.name = "growing", .match = "Neg(Relu&(x))", .replace = "Neg(Relu(x))", .build = grow};
  r = run_rule(b, &growing);
  CHECK_EQ(r->rewrites, 0);
  CHECK(strstr(r->remarks.at[0].text, "smaller") != NULL);
  CHECK_EQ(b->m->graph->n_nodes, 2);
}

TEST(driver_refuses_with_reasons_and_undoes) {
  with_bench(refuses);
}

static Value *three_relus(Rewriter *rw, const Match *m) {
  Value *x = match_value(m, "x");
  for (int i = 0; i < 3; i++) x = rw_node(rw, OP_Relu, 1, &x)->out[0];
  CHECK(!rw_asked(rw));
  return x;
}

static void lowers(Bench *b) {
  Rule rule = {.name = "apart", .match = "Neg(x)", .replace = "Relu(Relu(Relu(x)))", .build = three_relus};
  CHECK_EQ(run_rule(b, &rule)->rewrites, 0);
  CHECK_EQ(run_lowering(b, &rule, OP_Relu)->rewrites, 0); /* more of what it says it takes away */
  CHECK_EQ(run_lowering(b, &rule, OP_Neg)->rewrites, 1);
  CHECK_EQ(b->m->graph->n_nodes, 4);
  CHECK_STR(b->m->graph->outputs.at[0]->name->s, "y");
}

TEST(a_pass_that_takes_an_operator_apart_may_add_nodes) {
  with_bench(lowers);
}

static void second_user(Bench *b) {
  append(b->m, OP_Abs, "z", 1, &b->a);
  Rule rule = {.name = "text", .match = "Neg(Relu(x))", .replace = "Abs(x)"};
  CHECK_EQ(run_rule(b, &rule)->rewrites, 0);
  Rule shared = {.name = "shared", .match = "Neg(Relu&(x))", .replace = "Abs(x)"};
  CHECK_EQ(run_rule(b, &shared)->rewrites, 0); /* as many nodes as before */
}

TEST(inner_nodes_have_one_use) {
  with_bench(second_user);
}

static void commuted(Bench *b) {
  Value *in[] = {b->x, b->y};
  Node *add = append(b->m, OP_Add, "s", 2, in);
  graph_set_output(b->m->graph, 0, add->out[0]);
  Rule rule = {.name = "either", .match = "Add(Neg(Relu(v)), v)", .replace = "Abs(v)"};
  CHECK_EQ(run_rule(b, &rule)->rewrites, 1);
  CHECK_EQ(b->m->graph->n_nodes, 1);
}

TEST(commutative_operators_match_in_either_order) {
  with_bench(commuted);
}
