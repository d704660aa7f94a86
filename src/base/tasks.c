#include "base/tasks.h"

#include "base/os.h"

#include <stdatomic.h>
#include <string.h>

enum { MOST_THREADS = 16 };

typedef struct Job {
  size_t n;
  Task *task;
  void (*started)(void *, size_t);
  void *arg;
  atomic_size_t next;
  atomic_bool stop;
} Job;

/* The next task to start; n if there is none. */
static size_t take(Job *job) {
  if (atomic_load(&job->stop)) return job->n;
  size_t i = atomic_fetch_add(&job->next, 1);
  return i < job->n ? i : job->n;
}

typedef struct Worker {
  Ctx *cx;
  Job *job;
  bool is_caller, ok;
} Worker;

static void work(void *arg) {
  Worker *w = arg;
  Job *job = w->job;
  Arena *scratch = arena_new(w->cx);
  for (size_t i; (i = take(job)) < job->n;) {
    job->task(scratch, job->arg, i);
    if (w->is_caller && job->started) job->started(job->arg, i + 1);
  }
  arena_free(scratch);
}

static void run(void *arg) {
  Worker *w = arg;
  w->ok = ctx_protect(w->cx, work, w);
  if (!w->ok) atomic_store(&w->job->stop, true);
}

unsigned tasks_processors(void) {
  return os_processors();
}

/* The caller's allocator, one thread at a time. */
typedef struct Locked {
  onnxslim_allocator alloc;
  OsLock lock;
} Locked;

static void *locked_alloc(void *user, size_t size) {
  Locked *l = user;
  os_lock(&l->lock);
  void *p = l->alloc.alloc(l->alloc.user, size);
  os_unlock(&l->lock);
  return p;
}

static void locked_free(void *user, void *block) {
  Locked *l = user;
  os_lock(&l->lock);
  l->alloc.free(l->alloc.user, block);
  os_unlock(&l->lock);
}

void tasks_run(Ctx *cx, unsigned threads, size_t n, Task *task, void (*started)(void *, size_t), void *arg) {
  Job job = {.n = n, .task = task, .started = started, .arg = arg};
  Locked locked = {.alloc = cx->alloc};
  os_lock_init(&locked.lock);
  const onnxslim_allocator shared = {locked_alloc, locked_free, &locked};
  Ctx contexts[MOST_THREADS];
  Worker workers[MOST_THREADS];
  OsThread handles[MOST_THREADS];
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  unsigned others = 0;
  cx->alloc = shared;
  while (others + 1 < threads && others + 1 < n) {
    ctx_init(&contexts[others], &shared, NULL);
    workers[others] = (Worker){.cx = &contexts[others], .job = &job};
    handles[others] = (OsThread){.run = run, .arg = &workers[others]};
    if (!os_start(&handles[others])) break;
    others++;
  }
  Worker own = {.cx = cx, .job = &job, .is_caller = true};
  run(&own);
  const Ctx *failed = own.ok ? NULL : cx;
  for (unsigned i = 0; i < others; i++) {
    os_join(&handles[i]);
    if (!workers[i].ok && !failed) failed = workers[i].cx;
  }
  cx->alloc = locked.alloc;
  if (!failed) return;
  char message[sizeof failed->message];
  memcpy(message, failed->message, sizeof message);
  fail(cx, failed->status, "%s", message);
}
