/* Two models compared and timed in ONNX Runtime.
 *
 *   Arena *a = arena_new(cx);
 *   VerifyResult *r = verify(a, &(ModelSource){.path = "in.onnx"}, &(ModelSource){.path = "out.onnx"},
 *                            &(VerifyOptions){0});
 *   ... r->verified, r->max_diff, r->row[i] ...
 *   arena_free(a);
 *
 * Every member of the option structs may be 0: the default is then taken. Results are plain structs in the
 * arena that was passed in. All functions fail() with ONNXSLIM_ERR_UNAVAILABLE if there is no ONNX Runtime
 * (ort_open) or no input can be generated (feed_plan), with the codec's errors if a model cannot be read,
 * with ONNXSLIM_ERR_MODEL if ONNX Runtime refuses the original, and with ONNXSLIM_ERR_CANCELLED (progress
 * phases "verify" and "bench").
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "runtime/compare.h"
#include "runtime/feed.h"
#include "runtime/ort.h"

/* --- verify --------------------------------------------------------------------------------------------- */

typedef struct VerifyOptions {
  const char *ort; /* the library; NULL: see ort_open() */
  int seeds;       /* 0: 3 */
  uint64_t seed;   /* the first one */
  int threads;     /* 0: 1 */
  FeedOptions feed;
  bool fixed_sizes;       /* the same sizes for every seed; otherwise free dims change with the seed */
  bool interface_differs; /* the candidate was asked to have others: compare the outputs that both have */
} VerifyOptions;

/* One output for one seed at one level. */
typedef struct VerifyRow {
  const char *output;
  OrtLevel level; /* ORT_DEFAULT or ORT_OFF */
  uint64_t seed;
  Comparison diff; /* original against candidate */
  Comparison self; /* the original at the default level against itself with the optimizer off */
} VerifyRow;

typedef struct VerifyResult {
  bool verified; /* every row is within tolerance and nothing is missing */
  bool bitwise;  /* every row is the same bit for bit */
  /* The largest over all rows; `largest` is about what the original put out. */
  double max_diff, max_rel, max_ulp, self_diff, largest;
  const VerifyRow *row; /* by level, then seed, then output */
  size_t n_rows;
  const char *failure; /* NULL if verified, else one line: what is missing or refused, or the worst row */
  const char *ort_version, *ort_path;
} VerifyResult;

/* An original that has been run: its inputs and outputs are kept, so that many candidates can be checked
 * (bisection). Only one session exists at a time, so memory stays at what ONNX Runtime needs for one model.
 */
typedef struct Verifier Verifier;

/* Runs the original on every seed at both levels. `pin` (may be NULL): a model whose constant dims decide
 * free ones of the original, usually the candidate (feed_pin). Lives in `a`. */
Verifier *verifier_new(Arena *a, const ModelSource *original, const ModelSource *pin, const VerifyOptions *o);

/* Runs a candidate on the same inputs. A candidate that ONNX Runtime refuses, that wants other inputs or
 * lacks an output is a result with verified false, not a failure. The result lives in `a`. */
VerifyResult *verifier_check(Verifier *v, Arena *a, const ModelSource *candidate);

/* Both. */
VerifyResult *verify(Arena *a, const ModelSource *original, const ModelSource *candidate,
                     const VerifyOptions *o);

/* --- bench ---------------------------------------------------------------------------------------------- */

typedef struct BenchOptions {
  const char *ort;
  OrtLevel level;
  int threads; /* 0: 1 */
  int warmups; /* 0: 5 */
  int runs;    /* 0: 50 */
  int opens;   /* how often each session is created; 0: 3 */
  uint64_t seed;
  FeedOptions feed;
} BenchOptions;

typedef struct BenchSide {
  double median, low_quartile, high_quartile, fastest; /* seconds of a run */
  double open_seconds;                                 /* median of creating the session */
  const double *run;                                   /* in the order they were taken */
  size_t n_runs;
} BenchSide;

typedef struct BenchResult {
  BenchSide before, after;
  /* before.median / after.median, above 1 if the second model is faster, and the interval that holds 95 % of
   * 2000 resamples of the pairs of runs (percentile bootstrap, seeded). */
  double speedup, speedup_low, speedup_high;
  OrtLevel level;
  int threads;
  const char *inputs; /* "input_ids int64[1,16] attention_mask int64[1,16]" */
  const char *ort_version, *ort_path;
} BenchResult;

/* Times both models on the same inputs: warm-ups, then runs one after the other in turn (before, after,
 * before, ...), so that a change of the machine's mood meets both. Sizes: those of the first seed that both
 * models accept. Fails with ONNXSLIM_ERR_MODEL if ONNX Runtime refuses either. */
BenchResult *bench(Arena *a, const ModelSource *before, const ModelSource *after, const BenchOptions *o);

#endif
