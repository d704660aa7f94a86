/* Malformed models and refused memory, through the whole library: read, optimise, print, write, read again.
 *
 *   robust flip SEED COUNT FILE...      one bit flipped, at COUNT places (0: every bit of the file)
 *   robust cut SEED COUNT FILE...       cut off, at COUNT places (0: everywhere)
 *   robust extreme SEED COUNT FILE...   one integer (a dim, an attribute, an element of a small tensor)
 *                                       replaced by numbers near the ends of its range, COUNT times (0: each
 *                                       by each)
 *   robust drop SEED COUNT FILE...      one field left out, at each place; or emptied, at COUNT (0: all)
 *   robust alloc FILE...                each allocation refused once
 *
 * Every case must end in an error or in a model that can be read again; without a crash, a leak, an
 * allocation that the input does not explain, or more than a few seconds of work. Weights are left out when
 * places are chosen: a bit in them is not looked at. All cases run in one process; the one that ends it is
 * named. Prints how many cases there were, how they ended, and which was the slowest. */
#include "onnx/gather.h"
#include "onnx/wire.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 20, SMALL = 64 };
static const size_t ROOM = (size_t)256 << 20; /* beside a few times the size of the file */

typedef struct Case {
  const char *mode, *file;
  unsigned long long place, detail;
} Case;

/* The one that runs, for who reads the core or the log. */
static Case now;

static int case_text(char *line, size_t room, const Case *c) {
  return snprintf(line, room, "case: robust %s, %s, place %llu, %llu\n", c->mode, c->file, c->place,
                  c->detail);
}

static void say_case(void) {
  char line[512];
  int n = case_text(line, sizeof line, &now);
  if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0) return;
}

static void on_signal(int number) {
  say_case();
  signal(number, SIG_DFL);
  raise(number);
}

static _Noreturn void wrong(const char *what, const char *message) {
  fprintf(stderr, "%s: %s\n", what, message);
  say_case();
  exit(1);
}

/* --- one case ------------------------------------------------------------------------------------------ */

static unsigned long cases, models;
static struct {
  Case what;
  double seconds;
} slowest;

/* Seconds of its own: what else the machine does is no hang. */
static void limit_time(void) {
  struct itimerval limit = {.it_value.tv_sec = SECONDS};
  if (setitimer(ITIMER_PROF, &limit, NULL) != 0) wrong("setitimer", strerror(errno));
}

static onnxslim_status run(Span in, Heap *h) {
  limit_time();
  clock_t start = clock();
  onnxslim_status status =
      session_run(in.p, in.n, (const Choice[]){{"infer-shapes", "1"}, {"remarks", "all"}, {0}}, h, NULL);
  double took = (double)(clock() - start) / CLOCKS_PER_SEC;
  if (took > slowest.seconds) {
    slowest.what = now;
    slowest.seconds = took;
  }
  cases++;
  models += status == ONNXSLIM_OK;
  return status;
}

static void run_bad(Span in) {
  run(in, &(Heap){.room = ROOM + 8 * in.n});
}

/* --- files --------------------------------------------------------------------------------------------- */

/* Writable, but not the file itself. */
static Span map_copy(const char *path) {
  struct stat st;
  int fd = open(path, O_RDONLY);
  void *p = MAP_FAILED;
  if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
    p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (p == MAP_FAILED) wrong(path, strerror(errno));
  close(fd);
  return (Span){p, (size_t)st.st_size};
}

/* The parts of a file that say something: all but the contents of large tensors. */
typedef struct Parts {
  Arena *arena;
  Vec(Span) at;
  const uint8_t *from; /* of the part that is not closed yet */
  size_t total;
} Parts;

static void close_part(Parts *p, const uint8_t *end) {
  Span s = {p->from, (size_t)(end - p->from)};
  vec_push(p->arena, &p->at, s);
  p->total += s.n;
}

static void find_parts(Parts *p, Wire w) {
  while (wire_next(&w)) {
    MsgId sub = wire_sub_msg(w.msg, w.tag);
    if (sub != Msg_NONE) {
      find_parts(p, wire_sub(&w, sub, w.bytes));
    } else if ((w.tag & 7) == WIRE_BYTES && w.bytes.n > SMALL && w.msg == Msg_Tensor) {
      close_part(p, w.bytes.p + SMALL / 2);
      p->from = w.bytes.p + w.bytes.n;
    }
  }
}

static size_t place_in(const Parts *p, Span file, size_t i) {
  for (size_t k = 0; k < p->at.n; i -= p->at.at[k++].n)
    if (i < p->at.at[k].n) return (size_t)(p->at.at[k].p - file.p) + i;
  return 0;
}

typedef struct Job {
  Span file;
  uint64_t seed, count;
  Ctx *cx;
  Arena *arena;
} Job;

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static Parts parts_of(const Job *j, const WireDoc *doc) {
  Parts p = {.arena = j->arena, .from = j->file.p};
  find_parts(&p, wire_top(doc, Msg_Model, j->file));
  close_part(&p, j->file.p + j->file.n);
  return p;
}

/* --- flip, cut ----------------------------------------------------------------------------------------- */

static void flip_bit(const Job *j, size_t at, unsigned bit) {
  uint8_t *byte = (uint8_t *)(uintptr_t)j->file.p + at;
  now.place = at;
  now.detail = bit;
  *byte ^= (uint8_t)(1u << bit);
  run_bad(j->file);
  *byte ^= (uint8_t)(1u << bit);
}

static void flip(void *arg) {
  Job *j = arg;
  WireDoc doc = {j->cx, now.file, j->file};
  Parts p = parts_of(j, &doc);
  for (size_t i = 0; !j->count && i < p.total; i++)
    for (unsigned bit = 0; bit < 8; bit++) flip_bit(j, place_in(&p, j->file, i), bit);
  for (uint64_t i = 0; i < j->count; i++) {
    size_t at = place_in(&p, j->file, next_random(&j->seed) % p.total);
    flip_bit(j, at, (unsigned)(next_random(&j->seed) % 8));
  }
}

/* A small file is copied to the end of a block, so that a sanitizer sees what is read behind it. */
static void cut_at(const Job *j, size_t n) {
  enum { COPY_UP_TO = 1 << 20 };
  now.place = n;
  if (n > COPY_UP_TO) {
    run_bad((Span){j->file.p, n});
    return;
  }
  uint8_t *copy = malloc(n ? n : 1);
  if (!copy) wrong("cut", "out of memory");
  if (n) memcpy(copy, j->file.p, n);
  run_bad((Span){copy, n});
  free(copy);
}

static void cut(void *arg) {
  Job *j = arg;
  WireDoc doc = {j->cx, now.file, j->file};
  Parts p = parts_of(j, &doc);
  for (size_t i = 0; !j->count && i < p.total; i++) cut_at(j, place_in(&p, j->file, i));
  for (uint64_t i = 0; i < j->count; i++) cut_at(j, place_in(&p, j->file, next_random(&j->seed) % p.total));
}

/* --- extreme integers ---------------------------------------------------------------------------------- */

static const int64_t extremes[] = {0,
                                   -1,
                                   1,
                                   2,
                                   INT64_MAX,
                                   INT64_MIN,
                                   INT64_MAX - 1,
                                   INT64_MIN + 1,
                                   (int64_t)1 << 62,
                                   -((int64_t)1 << 62),
                                   INT32_MAX,
                                   INT32_MIN,
                                   (int64_t)1 << 32,
                                   ((int64_t)1 << 31),
                                   3037000500,
                                   46341};
enum { EXTREMES = sizeof extremes / sizeof *extremes };

/* Copies a message; integer number `target` becomes `value`. */
typedef struct Rewrite {
  Gather out;
  uint64_t seen, target;
  int64_t value;
} Rewrite;

static uint64_t replaced(Rewrite *r, uint64_t v) {
  return r->seen++ == r->target ? (uint64_t)r->value : v;
}

/* The elements of int64 vectors, as shapes, axes and sizes are. */
static void put_ints(Rewrite *r, const Wire *w) {
  Open o = put_begin(&r->out, w->tag);
  for (size_t i = 0; i < w->bytes.n; i += 8) {
    uint64_t v;
    memcpy(&v, w->bytes.p + i, 8);
    v = replaced(r, v);
    put_copy(&r->out, &v, 8);
  }
  put_end(&r->out, o);
}

static void put_packed(Rewrite *r, const Wire *w) {
  for (const uint8_t *p = w->bytes.p, *end = p + w->bytes.n; p < end;) {
    uint64_t v;
    if (!varint_get(&p, end, &v)) return;
    put_varint(&r->out, w->tag & ~7u, replaced(r, v));
  }
}

static bool is_packed_ints(const Wire *w) {
  if (w->msg == Msg_Attribute) return w->tag == PACKED(Attribute_ints);
  return w->msg == Msg_Tensor && (w->tag == PACKED(Tensor_dims) || w->tag == PACKED(Tensor_int64_data) ||
                                  w->tag == PACKED(Tensor_int32_data));
}

static bool holds_int64(Wire w) {
  w.p = w.start;
  while (wire_next(&w))
    if (w.tag == Tensor_data_type) return w.num == DT_INT64;
  return false;
}

static void rewrite(Rewrite *r, Wire w) {
  Wire whole = w;
  while (wire_next(&w)) {
    MsgId sub = wire_sub_msg(w.msg, w.tag);
    if (sub != Msg_NONE) {
      Open o = put_begin(&r->out, w.tag);
      rewrite(r, wire_sub(&w, sub, w.bytes));
      put_end(&r->out, o);
    } else if ((w.tag & 7) == WIRE_VARINT) {
      put_varint(&r->out, w.tag, replaced(r, w.num));
    } else if (is_packed_ints(&w)) {
      put_packed(r, &w);
    } else if (w.msg == Msg_Tensor && w.tag == Tensor_raw_data && w.bytes.n <= SMALL && w.bytes.n % 8 == 0 &&
               holds_int64(whole)) {
      put_ints(r, &w);
    } else {
      put_span(&r->out, wire_field(&w));
    }
  }
}

/* Runs the model with one thing changed. True if there is such a thing. */
static bool change(const Job *j, uint64_t target, int64_t value, void (*fn)(Rewrite *, Wire)) {
  now.place = target;
  now.detail = (unsigned long long)value;
  Arena *scratch = arena_child(j->arena);
  WireDoc doc = {j->cx, now.file, j->file};
  Rewrite r = {.target = target, .value = value};
  gather_init(&r.out, scratch, SPAN_NONE);
  fn(&r, wire_top(&doc, Msg_Model, j->file));
  gather_finish(&r.out);
  uint8_t *copy = malloc((size_t)r.out.size);
  if (!copy) wrong("extreme", "out of memory");
  size_t n = 0;
  for (size_t i = 0; i < r.out.at.n; n += r.out.at.at[i++].n)
    memcpy(copy + n, r.out.at.at[i].p, r.out.at.at[i].n);
  if (target < r.seen) run_bad((Span){copy, n});
  free(copy);
  arena_free(scratch);
  return target < r.seen;
}

static bool replace_integer(const Job *j, uint64_t target, int64_t value) {
  return change(j, target, value, rewrite);
}

static void extreme(void *arg) {
  Job *j = arg;
  uint64_t n = 0;
  if (!j->count) {
    for (bool more = true; more; n++)
      for (int k = 0; k < EXTREMES && more; k++) more = replace_integer(j, n, extremes[k]);
    return;
  }
  while (replace_integer(j, n, 0)) n++;
  for (uint64_t i = 0; n && i < j->count; i++)
    replace_integer(j, next_random(&j->seed) % n, extremes[next_random(&j->seed) % EXTREMES]);
}

/* --- fields that are not there ------------------------------------------------------------------------- */

/* Copies a message without field number `target`, or with nothing in it. */
static void leave_out(Rewrite *r, Wire w) {
  while (wire_next(&w)) {
    MsgId sub = wire_sub_msg(w.msg, w.tag);
    uint64_t place = r->seen++;
    if (place == r->target) {
      if (r->value && (w.tag & 7) == WIRE_BYTES) put_bytes(&r->out, w.tag, (Span){(const uint8_t *)"", 0});
    } else if (sub != Msg_NONE) {
      Open o = put_begin(&r->out, w.tag);
      leave_out(r, wire_sub(&w, sub, w.bytes));
      put_end(&r->out, o);
    } else {
      put_span(&r->out, wire_field(&w));
    }
  }
}

static bool leave_out_field(const Job *j, uint64_t target, int64_t empty) {
  return change(j, target, empty, leave_out);
}

static void drop(void *arg) {
  Job *j = arg;
  uint64_t n = 0;
  for (; leave_out_field(j, n, 0); n++)
    if (!j->count) leave_out_field(j, n, 1);
  for (uint64_t i = 0; n && i < j->count; i++) leave_out_field(j, next_random(&j->seed) % n, 1);
}

/* --- allocations --------------------------------------------------------------------------------------- */

static void refuse_each(const char *path) {
  Span file = map_copy(path);
  Heap h = {.room = SIZE_MAX};
  if (run(file, &h) != ONNXSLIM_OK) wrong("alloc", "the model itself is refused");
  unsigned long requests = h.requests;
  for (unsigned long i = 1; i <= requests; i++) {
    now.place = i;
    Heap bad = {.room = SIZE_MAX, .refuse = i};
    if (run(file, &bad) != ONNXSLIM_ERR_MEMORY) wrong("alloc", "no error although memory was refused");
  }
  munmap((void *)(uintptr_t)file.p, file.n);
}

/* ------------------------------------------------------------------------------------------------------- */

static void damage(const char *path, void (*fn)(void *), uint64_t seed, uint64_t count) {
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  Job j = {.file = map_copy(path), .seed = seed, .count = count, .cx = &cx, .arena = arena_new(&cx)};
  if (!ctx_protect(&cx, fn, &j)) wrong("not a model to start from", cx.message);
  arena_free(j.arena);
  munmap((void *)(uintptr_t)j.file.p, j.file.n);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*fn)(void *);
  } modes[] = {{"flip", flip}, {"cut", cut}, {"extreme", extreme}, {"drop", drop}};
  const int caught[] = {SIGPROF, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
  for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) signal(caught[i], on_signal);
  now.mode = argc > 1 ? argv[1] : "";
  void (*fn)(void *) = NULL;
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(now.mode, modes[i].name) == 0) fn = modes[i].fn;
  bool alloc = strcmp(now.mode, "alloc") == 0;
  int first = alloc ? 2 : 4;
  if ((!fn && !alloc) || argc <= first) {
    fprintf(stderr, "usage: robust flip|cut|extreme|drop SEED COUNT FILE... | robust alloc FILE...\n");
    return 2;
  }
  for (int i = first; i < argc; i++) {
    now.file = argv[i];
    if (alloc)
      refuse_each(argv[i]);
    else
      damage(argv[i], fn, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
  }
  char line[512];
  case_text(line, sizeof line, &slowest.what);
  printf("%lu cases, %lu of them models; slowest %.3f s: %s", cases, models, slowest.seconds, line);
  return 0;
}
