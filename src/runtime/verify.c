/* Original and candidate on the same inputs. One session at a time: the original's outputs are kept, not the
 * original. */
#include "runtime/runtime.h"

#include "base/vec.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 2, SEEDS = 3 };
static const OrtLevel levels[LEVELS] = {ORT_DEFAULT, ORT_OFF};
static const char *const level_text[] = {[ORT_DEFAULT] = "at ONNX Runtime's default level",
                                         [ORT_OFF] = "with ONNX Runtime's optimizer off"};

struct Verifier {
  Arena *arena;
  VerifyOptions o;
  Ort *ort;
  FeedPlan *plan;
  size_t n_seeds;
  Names inputs, outputs;   /* of the original */
  Tensors *feed;           /* by seed */
  Tensors *output[LEVELS]; /* the original's, by seed */
  uint64_t done;           /* steps: opened sessions and runs */
};

static uint64_t steps_per_model(const Verifier *v) {
  return LEVELS * (1 + v->n_seeds);
}

static void step(Verifier *v) {
  ctx_progress(arena_ctx(v->arena), "verify", ++v->done, 2 * steps_per_model(v));
}

static Session *open_at(Verifier *v, Arena *a, const ModelSource *m, OrtLevel level, const char **why) {
  SessionOptions o = {.level = level, .threads = v->o.threads, .save_memory = true};
  Session *s = session_open(v->ort, a, m, &o, why);
  step(v);
  return s;
}

/* One run; the outputs (and the reason for a refusal) are in `a`. */
static const char *run_on(Session *s, Arena *a, const Tensors *feed, Tensors *out) {
  Arena *scratch = arena_child(a);
  const char *why;
  Inputs *in = session_bind(s, scratch, feed, &why);
  why = in ? session_run(s, a, in, out, NULL) : arena_printf(a, "%s", why);
  arena_free(scratch);
  return why;
}

/* --- the original --------------------------------------------------------------------------------------- */

/* Sizes that ONNX Runtime has refused for this model. */
typedef struct Refused {
  bool *variant;
  const char *first; /* reason, in the verifier's arena */
} Refused;

/* Feeds and runs seed number i in some variant of the sizes: its own in the rotation first, then the others.
 */
static void feed_seed(Verifier *v, Session *s, size_t i, Refused *refused) {
  size_t n = feed_variants(v->plan);
  size_t own = v->o.fixed_sizes || n < FEED_ROTATION ? 0 : i % FEED_ROTATION;
  for (size_t k = 0; k < n; k++) {
    size_t variant = k == 0 ? own : k <= own ? k - 1 : k;
    if (refused->variant[variant]) continue;
    Arena *a = arena_child(v->arena);
    v->feed[i] = feed_make(a, v->plan, variant, v->o.seed + i);
    const char *why = run_on(s, v->arena, &v->feed[i], &v->output[0][i]);
    if (!why) return;
    refused->variant[variant] = true;
    if (!refused->first) refused->first = why;
    arena_free(a);
  }
  fail(arena_ctx(v->arena), ONNXSLIM_ERR_MODEL,
       "ONNX Runtime does not run the original on generated inputs (sizes can be given with --input-shape or "
       "--freeze): %s",
       refused->first);
}

static Names copy_names(Arena *a, Names names) {
  char **copy = NEW_ARRAY(a, char *, names.n);
  for (size_t i = 0; i < names.n; i++) copy[i] = arena_printf(a, "%s", names.at[i]);
  return (Names){copy, names.n};
}

static void run_original(Verifier *v, const ModelSource *m, int level) {
  Ctx *cx = arena_ctx(v->arena);
  const char *why;
  Session *s = open_at(v, v->arena, m, levels[level], &why);
  if (!s) fail(cx, ONNXSLIM_ERR_MODEL, "ONNX Runtime refuses the original: %s", why);
  v->inputs = copy_names(v->arena, session_inputs(s));
  v->outputs = copy_names(v->arena, session_outputs(s));
  Refused refused = {NEW_ARRAY(v->arena, bool, feed_variants(v->plan)), NULL};
  for (size_t i = 0; i < v->n_seeds; i++) {
    if (level == 0)
      feed_seed(v, s, i, &refused);
    else if ((why = run_on(s, v->arena, &v->feed[i], &v->output[level][i])))
      fail(cx, ONNXSLIM_ERR_MODEL, "ONNX Runtime does not run the original %s: %s", level_text[levels[level]],
           why);
    step(v);
  }
  session_close(s);
}

Verifier *verifier_new(Arena *a, const ModelSource *original, const ModelSource *pin,
                       const VerifyOptions *o) {
  Verifier *v = NEW(a, Verifier);
  *v = (Verifier){.arena = a, .o = *o, .n_seeds = o->seeds > 0 ? (size_t)o->seeds : SEEDS};
  v->ort = ort_open(a, o->ort);
  v->plan = feed_plan_of(a, original, pin, &o->feed);
  v->feed = NEW_ARRAY(a, Tensors, v->n_seeds);
  for (int i = 0; i < LEVELS; i++) v->output[i] = NEW_ARRAY(a, Tensors, v->n_seeds);
  for (int i = 0; i < LEVELS; i++) run_original(v, original, i);
  return v;
}

/* --- the candidate -------------------------------------------------------------------------------------- */

typedef struct Check {
  Verifier *v;
  Arena *arena; /* of the result */
  VerifyResult *result;
  Vec(VerifyRow) rows;
} Check;

/* The first reason is kept. */
static void reject(Check *c, const char *why) {
  c->result->verified = false;
  if (!c->result->failure) c->result->failure = why;
}

static const NamedTensor *tensor_named(const Tensors *list, const char *name) {
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->at[i].name, name) == 0) return &list->at[i];
  return NULL;
}

static bool is_among(const Names *list, const char *name) {
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->at[i], name) == 0) return true;
  return false;
}

static void check_names(Check *c, const char *what, Names had, Names has) {
  for (size_t i = 0; i < had.n; i++)
    if (!is_among(&has, had.at[i])) reject(c, arena_printf(c->arena, "%s '%s' is missing", what, had.at[i]));
  for (size_t i = 0; i < has.n; i++)
    if (!is_among(&had, has.at[i])) reject(c, arena_printf(c->arena, "%s '%s' is new", what, has.at[i]));
  for (size_t i = 0; i < had.n && i < has.n; i++)
    if (strcmp(had.at[i], has.at[i]) != 0)
      reject(c, arena_printf(c->arena, "%s '%s' is in another place", what, had.at[i]));
}

static void compare_seed(Check *c, int level, size_t seed, const Tensors *got) {
  const Tensors *expected = &c->v->output[level][seed];
  for (size_t i = 0; i < expected->n; i++) {
    const NamedTensor *e = &expected->at[i], *g = tensor_named(got, e->name);
    if (!g && !c->v->o.interface_differs)
      reject(c, arena_printf(c->arena, "output '%s' is missing", e->name));
    if (!g) continue;
    const NamedTensor *def = tensor_named(&c->v->output[0][seed], e->name);
    const NamedTensor *off = tensor_named(&c->v->output[1][seed], e->name);
    VerifyRow row = {.output = arena_printf(c->arena, "%s", e->name),
                     .level = levels[level],
                     .seed = c->v->o.seed + seed,
                     .diff = compare_tensors(e->tensor, g->tensor)};
    if (def && off) row.self = compare_tensors(def->tensor, off->tensor);
    vec_push(c->arena, &c->rows, row);
  }
}

static void run_candidate(Check *c, const ModelSource *m, int level) {
  const char *why;
  Arena *a = arena_child(c->arena);
  Session *s = open_at(c->v, a, m, levels[level], &why);
  if (!s) {
    reject(c, arena_printf(c->arena, "ONNX Runtime refuses the model: %s", why));
    arena_free(a);
    return;
  }
  if (level == 0 && !c->v->o.interface_differs) {
    check_names(c, "input", c->v->inputs, session_inputs(s));
    check_names(c, "output", c->v->outputs, session_outputs(s));
  }
  for (size_t i = 0; i < c->v->n_seeds; i++) {
    Arena *scratch = arena_child(a);
    Tensors got = {0};
    why = run_on(s, scratch, &c->v->feed[i], &got);
    if (!why)
      compare_seed(c, level, i, &got);
    else
      reject(c, arena_printf(c->arena, "ONNX Runtime does not run the model %s: %s",
                             level_text[levels[level]], why));
    arena_free(scratch);
    step(c->v);
  }
  arena_free(a);
}

/* How far a row is beyond what it may be, for picking the worst one. */
static double excess(const Comparison *d) {
  if (!d->same_type || !d->same_shape || !d->same_nonfinite) return INFINITY;
  return d->tolerance > 0 ? d->max_diff / d->tolerance : d->max_diff > 0 ? INFINITY : 0;
}

static const char *describe(Arena *a, const VerifyRow *row) {
  const Comparison *d = &row->diff;
  const char *what = !d->same_type        ? "has another type"
                     : !d->same_shape     ? "has another shape"
                     : !d->same_nonfinite ? "has NaN or infinity in other places"
                     : d->max_ulp > 0     ? arena_printf(a, "differs by %.3g, %.3g units in the last place",
                                                         d->max_diff, d->max_ulp)
                                          : arena_printf(a, "differs by %.3g", d->max_diff);
  return arena_printf(a, "output '%s' %s (%.3g is allowed) %s, seed %llu", row->output, what, d->tolerance,
                      level_text[row->level], (unsigned long long)row->seed);
}

static void summarize(Check *c) {
  VerifyResult *r = c->result;
  const VerifyRow *worst = NULL;
  r->row = c->rows.at;
  r->n_rows = c->rows.n;
  r->bitwise = true;
  for (size_t i = 0; i < r->n_rows; i++) {
    const VerifyRow *row = &r->row[i];
    r->bitwise = r->bitwise && row->diff.same_bits;
    r->max_diff = fmax(r->max_diff, row->diff.max_diff);
    r->max_rel = fmax(r->max_rel, row->diff.max_rel);
    r->max_ulp = fmax(r->max_ulp, row->diff.max_ulp);
    r->self_diff = fmax(r->self_diff, row->self.max_diff);
    r->largest = fmax(r->largest, row->diff.largest);
    if (!row->diff.ok && (!worst || excess(&row->diff) > excess(&worst->diff))) worst = row;
  }
  if (worst) reject(c, describe(c->arena, worst));
  if (!r->n_rows) reject(c, "there is no output to compare");
  r->bitwise = r->bitwise && r->verified;
}

VerifyResult *verifier_check(Verifier *v, Arena *a, const ModelSource *candidate) {
  Check c = {.v = v, .arena = a, .result = NEW(a, VerifyResult)};
  *c.result = (VerifyResult){.verified = true,
                             .ort_version = arena_printf(a, "%s", ort_version(v->ort)),
                             .ort_path = arena_printf(a, "%s", ort_path(v->ort))};
  v->done = steps_per_model(v);
  for (int i = 0; i < LEVELS; i++) run_candidate(&c, candidate, i);
  summarize(&c);
  return c.result;
}

VerifyResult *verify(Arena *a, const ModelSource *original, const ModelSource *candidate,
                     const VerifyOptions *o) {
  Arena *scratch = arena_child(a);
  VerifyResult *r = verifier_check(verifier_new(scratch, original, candidate, o), a, candidate);
  arena_free(scratch);
  return r;
}
