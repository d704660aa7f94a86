#include "base/tasks.h"
#include "unit.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { TASKS = 500 };

static void *counted_alloc(void *user, size_t size) {
  ++*(long *)user; /* not atomic: only one thread at a time may be here */
  return malloc(size);
}

static void counted_free(void *user, void *p) {
  if (p) --*(long *)user;
  free(p);
}

typedef struct Work {
  Ctx *cx;
  unsigned threads;
  size_t bad; /* task that fails */
  atomic_int runs[TASKS];
  size_t reported;
} Work;

static void allocate(Arena *scratch, void *arg, size_t i) {
  Work *w = arg;
  Arena *a = arena_child(scratch);
  memset(blob_new(a, 1000 + i), 1, 1000 + i);
  if (i == w->bad) fail(arena_ctx(scratch), ONNXSLIM_ERR_MODEL, "task %zu", i);
  arena_free(a);
  atomic_fetch_add(&w->runs[i], 1);
}

static void started(void *arg, size_t n) {
  Work *w = arg;
  CHECK(n > w->reported && n <= TASKS);
  w->reported = n;
}

static void run(void *arg) {
  Work *w = arg;
  tasks_run(w->cx, w->threads, TASKS, allocate, started, w);
}

static void check(unsigned threads, size_t bad) {
  long live = 0;
  Ctx cx;
  ctx_init(&cx, &(onnxslim_allocator){counted_alloc, counted_free, &live}, NULL);
  Work w = {.cx = &cx, .threads = threads, .bad = bad};
  bool ok = ctx_protect(&cx, run, &w);
  CHECK(ok == (bad >= TASKS));
  CHECK_EQ(live, 0);
  if (!ok) CHECK(cx.status == ONNXSLIM_ERR_MODEL && strncmp(cx.message, "task ", 5) == 0);
  for (size_t i = 0; i < TASKS; i++) {
    int runs = atomic_load(&w.runs[i]);
    CHECK(ok ? runs == 1 : runs <= 1);
  }
}

TEST(every_task_runs_once) {
  for (unsigned threads = 0; threads < 6; threads++) check(threads, SIZE_MAX);
}

TEST(a_failing_task_ends_the_run_and_leaks_nothing) {
  for (unsigned threads = 1; threads < 6; threads++)
    for (size_t bad = 0; bad < TASKS; bad += 99) check(threads, bad);
}
