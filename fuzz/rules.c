/* The text of rules: a line with a match, a line with a replacement. A match that parses is tried in all its
 * orientations on the nodes of a small graph. */
#include "target.h"

#include "rewrite/match.h"

#include <string.h>

static const size_t ROOM = (size_t)16 << 20;

typedef struct Rules {
  Ctx cx;
  const char *match, *replace; /* replace: NULL if there is no second line */
} Rules;

static Node *append(Model *m, OpId op, const char *out, int n_in, Value *const *in) {
  Node *n = node_new(m->graph, m->empty, str_internz(m->strs, op_def(op)->name), n_in, 1);
  n->op = op_def(op);
  for (int i = 0; i < n_in; i++) node_set_input(n, i, in[i]);
  node_set_output(n, 0, graph_value(m->graph, str_internz(m->strs, out)));
  node_link(m->graph, NULL, n);
  return n;
}

/* Clip(Add(MatMul(x, c), x), , x) */
static Model *small_model(Ctx *cx) {
  Model *m = model_new(cx);
  m->ir_version = 8;
  vec_push(m->arena, &m->opsets, ((OpsetImport){m->empty, 14}));
  Graph *g = m->graph = graph_new(m, NULL, NULL, NULL);
  Value *x = graph_value(g, str_internz(m->strs, "x")), *c = graph_value(g, str_internz(m->strs, "c"));
  x->is_input = true;
  vec_push(m->arena, &g->inputs, x);
  c->init = tensor_float(m->arena, 1);
  graph_add_init(g, c);
  Node *product = append(m, OP_MatMul, "a", 2, (Value *[]){x, c});
  Node *sum = append(m, OP_Add, "b", 2, (Value *[]){product->out[0], x});
  Node *clip = append(m, OP_Clip, "y", 3, (Value *[]){sum->out[0], NULL, x});
  vec_push(m->arena, &g->outputs, clip->out[0]);
  clip->out[0]->n_outputs = 1;
  graph_renumber(g);
  return m;
}

static void try_rule(void *arg) {
  Rules *r = arg;
  Model *m = small_model(&r->cx);
  const Pattern *p = pattern_parse(m->arena, r->match, NULL);
  if (p->n_values > MAX_CAPTURES || p->n_nodes > MAX_CAPTURES || p->n_commutes > MAX_COMMUTES)
    wrong(r->match, "more than a match has room for");
  for (Node *n = m->graph->first; n; n = n->next)
    for (unsigned turn = 0; turn < 1u << p->n_commutes; turn++) pattern_match(p, n, turn, &(Match){0});
  if (r->replace) pattern_parse(m->arena, r->replace, p);
  model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Heap h = {.room = ROOM + 64 * size};
  onnxslim_allocator alloc = {heap_alloc, heap_free, &h};
  char *text = malloc(size + 1);
  if (!text) return 0;
  if (size) memcpy(text, bytes, size);
  text[size] = '\0';
  char *line = strchr(text, '\n');
  if (line) *line++ = '\0';
  Rules r = {.match = text, .replace = line};
  ctx_init(&r.cx, &alloc, NULL);
  if (!ctx_protect(&r.cx, try_rule, &r)) {
    if (r.cx.status != ONNXSLIM_ERR_USAGE) wrong("not an error of usage", r.cx.message);
    if (!r.cx.message[0]) wrong("error", "without a message");
  }
  free(text);
  if (h.live) wrong("leak", "memory is not given back");
  return 0;
}
