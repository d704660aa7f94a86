/* Latency of two models, in turn. */
#include "runtime/runtime.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { WARMUPS = 5, RUNS = 50, OPENS = 3, RESAMPLES = 2000 };

typedef struct Bench {
  Arena *arena, *scratch; /* of the result; of all else */
  BenchOptions o;         /* defaults filled in */
  Ort *ort;
  Session *session[2];
  Inputs *inputs[2];
  double *run[2], *open[2];
  uint64_t done;
} Bench;

static const char *const side_text[] = {"the first model", "the second model"};

static void step(Bench *b) {
  uint64_t total = 2 * (uint64_t)(b->o.opens + b->o.warmups + b->o.runs);
  ctx_progress(arena_ctx(b->arena), "bench", ++b->done, total);
}

/* --- statistics ----------------------------------------------------------------------------------------- */

static int by_size(const void *p, const void *q) {
  double x = *(const double *)p, y = *(const double *)q;
  return (x > y) - (x < y);
}

/* Quantile q of n sorted numbers, linear between neighbours. */
static double quantile(const double *sorted, size_t n, double q) {
  double at = q * (double)(n - 1);
  size_t i = (size_t)at;
  if (i + 1 >= n) return sorted[n - 1];
  return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static double median(double *x, size_t n) {
  qsort(x, n, sizeof *x, by_size);
  return quantile(x, n, 0.5);
}

static BenchSide summary(Bench *b, int side) {
  size_t n = (size_t)b->o.runs;
  double *sorted = arena_copy(b->scratch, b->run[side], n * sizeof *sorted);
  BenchSide s = {.median = median(sorted, n),
                 .low_quartile = quantile(sorted, n, 0.25),
                 .high_quartile = quantile(sorted, n, 0.75),
                 .fastest = sorted[0],
                 .open_seconds = median(b->open[side], (size_t)b->o.opens),
                 .run = b->run[side],
                 .n_runs = n};
  return s;
}

/* Percentile bootstrap of the ratio of medians. A pair of neighbouring runs is drawn together: what slowed
 * the machine slowed both. */
static void bootstrap(Bench *b, BenchResult *r) {
  size_t n = (size_t)b->o.runs;
  double *before = NEW_ARRAY(b->scratch, double, n), *after = NEW_ARRAY(b->scratch, double, n);
  double *ratio = NEW_ARRAY(b->scratch, double, RESAMPLES);
  uint64_t state = b->o.seed;
  for (size_t k = 0; k < RESAMPLES; k++) {
    for (size_t i = 0; i < n; i++) {
      size_t pick = (size_t)((random_next(&state) >> 11) % n);
      before[i] = b->run[0][pick];
      after[i] = b->run[1][pick];
    }
    ratio[k] = median(before, n) / median(after, n);
  }
  qsort(ratio, RESAMPLES, sizeof *ratio, by_size);
  r->speedup_low = quantile(ratio, RESAMPLES, 0.025);
  r->speedup_high = quantile(ratio, RESAMPLES, 0.975);
}

/* --- measuring ------------------------------------------------------------------------------------------ */

static void open_session(Bench *b, int side, const ModelSource *m, int round) {
  SessionOptions o = {.level = b->o.level, .threads = b->o.threads};
  const char *why;
  session_close(b->session[side]);
  double start = clock_seconds();
  b->session[side] = session_open(b->ort, b->scratch, m, &o, &why);
  b->open[side][round] = clock_seconds() - start;
  if (!b->session[side])
    fail(arena_ctx(b->arena), ONNXSLIM_ERR_MODEL, "ONNX Runtime refuses %s: %s", side_text[side], why);
  step(b);
}

/* Feeds both sessions; the reason if one of them does not run on that. */
static const char *try_feed(Bench *b, Arena *a, const Tensors *feed, int *side) {
  for (*side = 0; *side < 2; ++*side) {
    const char *why;
    b->inputs[*side] = session_bind(b->session[*side], a, feed, &why);
    if (b->inputs[*side]) why = session_run(b->session[*side], a, b->inputs[*side], NULL, NULL);
    if (why) return arena_printf(b->scratch, "%s", why);
  }
  return NULL;
}

static const char *describe(Arena *a, const Tensors *feed) {
  const char *text = "";
  for (size_t i = 0; i < feed->n; i++) {
    const Tensor *t = feed->at[i].tensor;
    text = arena_printf(a, "%s%s%s %s[", text, i ? " " : "", feed->at[i].name, elem_name(t->dtype));
    for (int k = 0; k < t->rank; k++)
      text = arena_printf(a, "%s%s%lld", text, k ? "," : "", (long long)t->dim[k]);
    text = arena_printf(a, "%s]", text);
  }
  return text;
}

/* The first variant of the sizes that both models accept. */
static const char *feed_both(Bench *b, const FeedPlan *plan) {
  const char *first = NULL;
  int first_side = 0;
  for (size_t variant = 0; variant < feed_variants(plan); variant++) {
    Arena *a = arena_child(b->scratch);
    Tensors feed = feed_make(a, plan, variant, b->o.seed);
    int side;
    const char *why = try_feed(b, a, &feed, &side);
    if (!why) return describe(b->arena, &feed);
    if (!first) first = why, first_side = side;
    arena_free(a);
  }
  fail(arena_ctx(b->arena), ONNXSLIM_ERR_MODEL,
       "ONNX Runtime does not run %s on generated inputs (sizes can be given with --input-shape or "
       "--freeze): %s",
       side_text[first_side], first);
}

static void measure(Bench *b) {
  for (int i = -b->o.warmups; i < b->o.runs; i++)
    for (int side = 0; side < 2; side++) {
      double seconds = 0;
      const char *why = session_run(b->session[side], b->scratch, b->inputs[side], NULL, &seconds);
      if (why)
        fail(arena_ctx(b->arena), ONNXSLIM_ERR_MODEL, "ONNX Runtime does not run %s: %s", side_text[side],
             why);
      if (i >= 0) b->run[side][i] = seconds;
      step(b);
    }
}

static int or_default(int given, int otherwise) {
  return given > 0 ? given : otherwise;
}

BenchResult *bench(Arena *a, const ModelSource *before, const ModelSource *after, const BenchOptions *o) {
  Bench b = {.arena = a, .scratch = arena_child(a), .o = *o};
  b.o.threads = or_default(o->threads, 1);
  b.o.warmups = or_default(o->warmups, WARMUPS);
  b.o.runs = or_default(o->runs, RUNS);
  b.o.opens = or_default(o->opens, OPENS);
  b.ort = ort_open(b.scratch, o->ort);
  const FeedPlan *plan = feed_plan_of(b.scratch, before, after, &o->feed);
  for (int side = 0; side < 2; side++) {
    b.run[side] = NEW_ARRAY(a, double, b.o.runs);
    b.open[side] = NEW_ARRAY(b.scratch, double, b.o.opens);
  }
  for (int i = 0; i < b.o.opens; i++) {
    open_session(&b, 0, before, i);
    open_session(&b, 1, after, i);
  }
  BenchResult *r = NEW(a, BenchResult);
  r->inputs = feed_both(&b, plan);
  measure(&b);
  r->before = summary(&b, 0);
  r->after = summary(&b, 1);
  r->speedup = r->before.median / r->after.median;
  bootstrap(&b, r);
  r->level = b.o.level;
  r->threads = b.o.threads;
  r->ort_version = arena_printf(a, "%s", ort_version(b.ort));
  r->ort_path = arena_printf(a, "%s", ort_path(b.ort));
  arena_free(b.scratch);
  return r;
}
