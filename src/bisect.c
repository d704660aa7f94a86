/* onnxslim_bisect(): which rewrite changes the outputs, and the smallest model in which it does. */
#include "reproduce.h"

#include <string.h>

typedef struct Call {
  Ctx *cx;
  const char *in;
  const onnxslim_options *o;
  onnxslim_suspect *suspect;
} Call;

typedef struct Hunt {
  Call *call;
  Verifier *verifier;
  onnxslim_suspect *suspect;
} Hunt;

/* The model after so many rewrites; the run has stopped then, so its last remark is that of the last rewrite.
 */
static Model *rewritten(Call *c, uint64_t n, RunResult **run) {
  Model *m = read_lifted(c->cx, c->in, c->o);
  RunLimits limits = {.max_rewrites = n, .remarks = true};
  *run = pipeline_run(m, c->o, &limits, NULL);
  return m;
}

/* Does the model still compute the same after n rewrites? */
static bool good_after(Hunt *h, uint64_t n) {
  RunResult *run;
  Model *m = rewritten(h->call, n, &run);
  Arena *scratch = arena_child(m->arena);
  ModelSource candidate = temp_model(scratch, m, NULL, h->call->o);
  VerifyResult *r = verifier_check(h->verifier, scratch, &candidate);
  bool good = r->verified;
  if (!good)
    h->suspect->failure = copy_text(object_arena(h->suspect), r->failure ? r->failure : "the outputs differ");
  h->suspect->checks++;
  model_free(m);
  return good;
}

static const Pass *name_suspect(Hunt *h, uint64_t n) {
  onnxslim_suspect *s = h->suspect;
  const Pass *pass = NULL;
  Arena *a = object_arena(s);
  RunResult *run;
  Model *m = rewritten(h->call, n, &run);
  s->number = n;
  for (size_t i = 0; i < run->remarks.n; i++) {
    const Remark *r = &run->remarks.at[i];
    if (!r->fired) continue;
    pass = r->pass;
    s->pass = copy_text(a, r->pass->name);
    s->rule = copy_text(a, r->rule->name);
    s->node = r->node;
    s->text = r->text;
  }
  s->node = copy_text(a, s->node);
  s->text = copy_text(a, s->text);
  model_free(m);
  return pass;
}

/* The smallest part of the model before that rewrite in which the pass still does wrong. */
static void write_reproducer(Hunt *h, const Pass *pass, const char *out) {
  onnxslim_suspect *s = h->suspect;
  RunResult *run;
  Model *m = rewritten(h->call, s->number - 1, &run);
  Arena *scratch = arena_child(m->arena);
  ModelSource before = temp_model(scratch, m, NULL, h->call->o);
  Reproducer r = {.cx = h->call->cx, .o = h->call->o, .path = before.path, .node = s->node, .pass = pass};
  if (reproduce(&r, out)) {
    s->reproducer = copy_text(object_arena(s), out);
    s->reproducer_nodes = r.nodes;
  }
  s->checks += r.checks;
  model_free(m);
}

static void hunt(Hunt *h) {
  Call *c = h->call;
  RunResult *run;
  Model *m = rewritten(c, UINT64_MAX, &run);
  uint64_t bad = h->suspect->rewrites = run->rewrites, good = 0;
  model_free(m);
  if (good_after(h, bad)) return;
  if (!good_after(h, 0))
    fail(c->cx, ONNXSLIM_ERR_VERIFY, "the outputs differ before the first rewrite: %s", h->suspect->failure);
  while (bad - good > 1) {
    uint64_t middle = good + (bad - good) / 2;
    if (good_after(h, middle))
      good = middle;
    else
      bad = middle;
  }
  const Pass *pass = name_suspect(h, bad);
  const char *out = option_text(c->o, OPT_reproducer);
  if (pass && out) write_reproducer(h, pass, out);
}

static void call_bisect(void *arg) {
  Call *c = arg;
  onnxslim_suspect *s = OBJECT(c->cx, onnxslim_suspect);
  Arena *scratch = arena_child(object_arena(s));
  if (!c->o) c->o = options_new(scratch);
  if (strcmp(c->in, "-") == 0)
    fail(c->cx, ONNXSLIM_ERR_USAGE, "bisect reads the model many times: it needs a file");
  Original original = {.path = c->in};
  Model *m = read_prepared(c->cx, c->in, c->o);
  original_prepare(&original, m, c->o);
  VerifyOptions v = verify_options(scratch, c->o);
  if (original.prepared) v.feed.n_dims = v.feed.n_shapes = 0;
  Hunt h = {.call = c, .suspect = s};
  h.verifier = verifier_new(scratch, &original.source, NULL, &v);
  hunt(&h);
  model_free(m);
  arena_free(scratch);
  c->suspect = s;
}

static void call_differ(void *arg) {
  const Call *c = arg;
  fail(c->cx, ONNXSLIM_ERR_VERIFY, "%s", c->suspect->failure);
}

onnxslim_status onnxslim_bisect(onnxslim_context *cx, const char *in, const onnxslim_options *options,
                                onnxslim_suspect **result) {
  Call c = {.cx = &cx->cx, .in = in, .o = options};
  bool ok = ctx_protect(c.cx, call_bisect, &c);
  if (ok && c.suspect->number) ok = ctx_protect(c.cx, call_differ, &c);
  *result = c.suspect;
  return ok ? ONNXSLIM_OK : c.cx->status;
}

void onnxslim_suspect_free(onnxslim_suspect *result) {
  object_free(result);
}
