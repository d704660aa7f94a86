/* --keep NAME|PATTERN */
#include "passes/phases.h"

#include <string.h>

typedef struct Keep {
  const char *pattern;
  Suggest near;
  size_t found;
} Keep;

static void keep_value(Keep *k, Value *v) {
  suggest_try(&k->near, v->name->s);
  if (!glob_match(k->pattern, v->name->s)) return;
  v->keep = true;
  k->found++;
}

static void keep_in_graph(Graph *g, void *arg) {
  Keep *k = arg;
  for (size_t i = 0; i < g->inputs.n; i++) keep_value(k, g->inputs.at[i]);
  for (size_t i = 0; i < g->inits.n; i++) keep_value(k, g->inits.at[i]);
  for (Node *n = g->first; n; n = n->next) {
    bool named = n->name && n->name->len && glob_match(k->pattern, n->name->s);
    k->found += named;
    if (n->name) suggest_try(&k->near, n->name->s);
    for (int i = 0; i < n->n_out; i++) {
      if (!n->out[i]) continue;
      keep_value(k, n->out[i]);
      if (named) n->out[i]->keep = true;
    }
  }
}

void phase_keep(Model *m, const char *const *patterns, size_t n) {
  for (size_t i = 0; i < n; i++) {
    Keep k = {.pattern = patterns[i], .near = {.word = patterns[i]}};
    model_each_graph(m, keep_in_graph, &k);
    char hint[128];
    if (!k.found)
      fail(m->cx, ONNXSLIM_ERR_USAGE, "no value or node is called '%s'%s", patterns[i],
           suggest_text(&k.near, hint, sizeof hint));
  }
}

void suggest_values(Suggest *s, const Graph *g) {
  for (size_t i = 0; i < g->inputs.n; i++) suggest_try(s, g->inputs.at[i]->name->s);
  for (size_t i = 0; i < g->inits.n; i++) suggest_try(s, g->inits.at[i]->name->s);
  for (const Node *n = g->first; n; n = n->next)
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i]) suggest_try(s, n->out[i]->name->s);
}
