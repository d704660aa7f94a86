#include "history.h"

#include "eval/constant.h"
#include "report.h"

/* --- the steps ----------------------------------------------------------------------------------------- */

static void put_ids(Json *j, const char *key, const NodeList *nodes) {
  if (!nodes->n) return;
  put_raw(j, ", \"");
  put_raw(j, key);
  put_raw(j, "\": [");
  for (size_t i = 0; i < nodes->n; i++) {
    if (i) put_raw(j, ",");
    put_number(j, nodes->at[i]->id);
  }
  put_raw(j, "]");
}

static void put_member(Json *j, const char *sep, const char *key, const char *text) {
  if (!text || !*text) return;
  put_raw(j, sep);
  put_text(j, key);
  put_raw(j, ": ");
  put_text(j, text);
}

static void put_step(Json *j, const HistoryStep *s) {
  put_key(j, NULL);
  put_member(j, "{", "pass", s->pass);
  put_member(j, ", ", "rule", s->rule);
  put_member(j, ", ", "node", s->node);
  put_member(j, ", ", "text", s->text);
  if (s->bytes) {
    put_raw(j, ", \"bytes\": ");
    put_number(j, s->bytes);
  }
  put_ids(j, "removed", &s->removed);
  put_ids(j, "made", &s->made);
  put_ids(j, "changed", &s->changed);
  put_raw(j, "}");
}

/* Made by one rewrite and gone by another: in neither of the graphs. */
static void put_passing(Json *j, const History *h) {
  for (size_t i = 0; i < h->steps.n; i++) {
    const HistoryStep *s = &h->steps.at[i];
    for (size_t k = 0; k < s->made.n; k++) {
      const Node *n = s->made.at[k];
      if (!n->dead) continue;
      put_key(j, NULL);
      put_raw(j, "{\"id\": ");
      put_number(j, n->id);
      put_member(j, ", ", "op", n->op_type->s);
      put_member(j, ", ", "domain", n->domain->s);
      put_member(j, ", ", "name", n->name ? n->name->s : NULL);
      put_raw(j, "}");
    }
  }
}

static void put_refused(Json *j, const RunResult *run) {
  for (size_t i = 0; i < run->remarks.n; i++) {
    const Remark *r = &run->remarks.at[i];
    if (!r->at || r->at->dead) continue;
    put_key(j, NULL);
    put_raw(j, "{\"id\": ");
    put_number(j, r->at->id);
    put_member(j, ", ", "pass", r->pass->name);
    put_member(j, ", ", "rule", r->rule->name);
    put_member(j, ", ", "text", r->text);
    put_raw(j, "}");
  }
}

/* --- the pictures -------------------------------------------------------------------------------------- */

enum { DEPTH = 2 }; /* where the pieces stand in the report */

static Json piece(Arena *a) {
  return (Json){.arena = arena_child(a), .depth = DEPTH};
}

static const char *finish(Json *j, Arena *a) {
  vec_push(j->arena, &j->out, '\0');
  const char *text = copy_text(a, j->out.at);
  arena_free(j->arena);
  return text;
}

static const char *picture(Arena *a, Model *m) {
  Json j = piece(a);
  put_model(&j, m);
  return finish(&j, a);
}

RunHistory *history_begin(Arena *a, Model *m) {
  RunHistory *h = NEW(a, RunHistory);
  h->arena = a;
  h->before = picture(a, m);
  forget_all(m);
  history_init(&h->steps, a, m);
  return h;
}

void history_end(RunHistory *h, Model *m) {
  h->after = picture(h->arena, m);
  Json rewrites = piece(h->arena), passing = piece(h->arena), refused = piece(h->arena);
  for (size_t i = 0; i < h->steps.steps.n; i++) put_step(&rewrites, &h->steps.steps.at[i]);
  put_passing(&passing, &h->steps);
  put_refused(&refused, h->run);
  h->rewrites = finish(&rewrites, h->arena);
  h->passing = finish(&passing, h->arena);
  h->refused = finish(&refused, h->arena);
}

static void put_list(Json *j, const char *key, const char *members) {
  open_group(j, key, "[");
  put_raw(j, members);
  j->filled = *members;
  close_group(j, "]");
}

bool put_history(Json *j, const onnxslim_report *r) {
  const RunHistory *h = report_history(r);
  if (!h) return false;
  open_group(j, "history", "{");
  put_key(j, "before");
  put_raw(j, h->before);
  put_key(j, "after");
  put_raw(j, h->after);
  put_list(j, "rewrites", h->rewrites);
  put_list(j, "passing", h->passing);
  put_list(j, "refused", h->refused);
  close_group(j, "}");
  return true;
}
