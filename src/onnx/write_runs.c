/* The runs of a Gather, in place. Where each belongs is known beforehand, so they are cut into parts that
 * several threads write: while one waits for the kernel, another computes weights. */
#include "base/tasks.h"
#include "onnx/write.h"

enum {
  PART = 16 << 20,  /* bytes of a part: most tensors whole, and few enough to share out evenly */
  RUN = 4 << 20,    /* the same of bytes that stay as they are: nothing is lost where they are cut */
  COPY = 128 << 10, /* bytes copied at once: they stay in the caches */
  SMALL = 64 << 10, /* shorter runs are written together */
  GATHER = 128      /* of them, at once */
};

/* A piece of work: some neighbouring pieces as they are, or some rows of one deferred tensor. */
typedef struct Part {
  uint64_t at; /* offset in the output */
  const Piece *piece;
  size_t n;            /* pieces */
  uint64_t from, rows; /* n == 1: of its bytes, or of its tensor's rows; else 0 */
  uint64_t bytes;
} Part;

typedef struct Job {
  Writer *w;
  const WriteOptions *o;
  Vec(Part) parts;
  Output *file;
  uint8_t *memory;        /* if there is no file */
  uint64_t before, total; /* bytes */
} Job;

/* --- cutting ------------------------------------------------------------------------------------------- */

/* One piece in parts of some MB; it has `rows` rows, which are what it can be cut at. */
static void cut(Job *job, const Piece *p, uint64_t at, uint64_t rows) {
  uint64_t part_size = p->tensor ? PART : RUN, size = p->n / rows;
  uint64_t most = size && size < part_size ? part_size / size : 1;
  for (uint64_t from = 0; from < rows; from += most) {
    uint64_t some = rows - from < most ? rows - from : most;
    Part part = {at + from * size, p, 1, from, some, some * size};
    vec_push(job->w->arena, &job->parts, part);
  }
}

static void cut_all(Job *job, const Gather *g) {
  Arena *scratch = arena_child(job->w->arena);
  uint64_t at = 0;
  Part few = {0};
  for (size_t i = 0; i <= g->at.n; i++) {
    const Piece *p = i < g->at.n ? &g->at.at[i] : NULL;
    bool small = p && !p->tensor && p->n < SMALL;
    if (few.n && (!small || few.n == GATHER)) {
      vec_push(job->w->arena, &job->parts, few);
      few.n = 0;
    }
    if (!p) break;
    if (small && !few.n++) few = (Part){.at = at, .piece = p, .n = 1};
    if (!small) cut(job, p, at, p->tensor ? job->o->streamer.rows(scratch, p->tensor) : p->n);
    at += p->n;
  }
  arena_free(scratch);
}

/* --- writing ------------------------------------------------------------------------------------------- */

/* Where the next bytes of a part go. */
typedef struct Place {
  Job *job;
  uint64_t at;
  int error;
} Place;

static bool emit(void *arg, const void *bytes, size_t n) {
  Place *p = arg;
  if (p->job->file)
    p->error = output_write(p->job->file, p->at, &(Span){bytes, n}, 1);
  else
    memcpy(p->job->memory + p->at, bytes, n);
  p->at += n;
  return !p->error;
}

static bool fetch(void *arg, Span s, void *to) {
  const Place *p = arg;
  return file_fetch(p->job->w->m->files.at, p->job->w->m->files.n, s, to);
}

static void put_computed(Arena *scratch, Place *p, const Part *part) {
  const Piece *piece = part->piece;
  bool ok =
      p->job->o->streamer.stream(scratch, piece->tensor, part->from, part->rows, &(StreamTo){emit, fetch, p});
  if (!p->error && (!ok || p->at != part->at + part->bytes))
    fail(arena_ctx(scratch), ONNXSLIM_ERR_INTERNAL, "a computed constant could not be evaluated");
}

/* A long run, through a block of memory: its pages are needed only once. */
static void put_long(Arena *scratch, Place *p, Span s) {
  Arena *a = arena_child(scratch);
  uint8_t *block = blob_raw(a, COPY);
  for (bool ok = true; s.n && ok;) {
    Span some = {s.p, s.n < COPY ? s.n : COPY};
    ok = emit(p, fetch(p, some, block) ? block : some.p, some.n);
    s = (Span){s.p + some.n, s.n - some.n};
  }
  arena_free(a);
}

static void put_few(Place *p, const Part *part) {
  Span runs[GATHER];
  for (size_t i = 0; i < part->n; i++) runs[i] = (Span){part->piece[i].p, part->piece[i].n};
  if (p->job->file) {
    p->error = output_write(p->job->file, p->at, runs, part->n);
    return;
  }
  for (size_t i = 0; i < part->n; i++) emit(p, runs[i].p, runs[i].n);
}

static void put_part(Arena *scratch, void *arg, size_t i) {
  Job *job = arg;
  const Part *part = &job->parts.at[i];
  Place p = {.job = job, .at = part->at};
  if (part->piece->tensor)
    put_computed(scratch, &p, part);
  else if (part->rows)
    put_long(scratch, &p, (Span){part->piece->p + part->from, (size_t)part->rows});
  else
    put_few(&p, part);
  if (p.error) output_fail(job->file, arena_ctx(scratch), p.error);
}

static void report(void *arg, size_t n) {
  const Job *job = arg;
  uint64_t done = n < job->parts.n ? job->parts.at[n].at : job->total - job->before;
  ctx_progress(job->w->cx, "write", job->before + done, job->total);
}

static void put_all(Job *job, const Gather *g) {
  enum { WORTH_A_THREAD = 4 << 20 };
  cut_all(job, g);
  bool alone = g->size < WORTH_A_THREAD || (job->file && !output_seekable(job->file));
  unsigned threads = alone ? 1 : job->o->threads ? job->o->threads : tasks_processors();
  tasks_run(job->w->cx, threads, job->parts.n, put_part, report, job);
}

void put_file(Writer *w, const WriteOptions *o, const Gather *g, Output *to, uint64_t before,
              uint64_t total) {
  Job job = {.w = w, .o = o, .file = to, .before = before, .total = total};
  output_expect(to, g->size);
  put_all(&job, g);
}

void put_memory(Writer *w, const WriteOptions *o, const Gather *g, uint8_t *to) {
  Job job = {.w = w, .o = o, .memory = to, .total = g->size};
  put_all(&job, g);
}
