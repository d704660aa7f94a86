#include "base/tasks.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#ifndef ONNXSLIM_NO_THREADS
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif

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

static void run(Worker *w) {
  w->ok = ctx_protect(w->cx, work, w);
  if (!w->ok) atomic_store(&w->job->stop, true);
}

#ifdef ONNXSLIM_NO_THREADS

unsigned tasks_processors(void) {
  return 1;
}

void tasks_run(Ctx *cx, unsigned threads, size_t n, Task *task, void (*started)(void *, size_t), void *arg) {
  (void)threads;
  Job job = {.n = n, .task = task, .started = started, .arg = arg};
  work(&(Worker){cx, &job, true, true});
}

#else

enum { MOST_THREADS = 16, STACK = 1 << 20 };

unsigned tasks_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int n = CPU_COUNT(&set);
  return n > 0 ? (unsigned)n : 1;
}

/* The caller's allocator, one thread at a time. */
typedef struct Locked {
  onnxslim_allocator alloc;
  pthread_mutex_t mutex;
} Locked;

static void *locked_alloc(void *user, size_t size) {
  Locked *l = user;
  pthread_mutex_lock(&l->mutex);
  void *p = l->alloc.alloc(l->alloc.user, size);
  pthread_mutex_unlock(&l->mutex);
  return p;
}

static void locked_free(void *user, void *block) {
  Locked *l = user;
  pthread_mutex_lock(&l->mutex);
  l->alloc.free(l->alloc.user, block);
  pthread_mutex_unlock(&l->mutex);
}

static void *thread_main(void *arg) {
  run(arg);
  return NULL;
}

/* Signals are the caller's business: they go to its own threads. False if the system gives no thread. */
static bool start(pthread_t *thread, const pthread_attr_t *attr, Worker *w) {
  sigset_t all, before;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return false;
  bool ok = pthread_create(thread, attr, thread_main, w) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return ok;
}

void tasks_run(Ctx *cx, unsigned threads, size_t n, Task *task, void (*started)(void *, size_t), void *arg) {
  Job job = {.n = n, .task = task, .started = started, .arg = arg};
  Locked locked = {.alloc = cx->alloc, .mutex = PTHREAD_MUTEX_INITIALIZER};
  const onnxslim_allocator shared = {locked_alloc, locked_free, &locked};
  Ctx contexts[MOST_THREADS];
  Worker workers[MOST_THREADS];
  pthread_t handles[MOST_THREADS];
  pthread_attr_t attr;
  bool with_attr = pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, STACK) == 0;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  unsigned others = 0;
  cx->alloc = shared;
  while (with_attr && others + 1 < threads && others + 1 < n) {
    ctx_init(&contexts[others], &shared, NULL);
    workers[others] = (Worker){.cx = &contexts[others], .job = &job};
    if (!start(&handles[others], &attr, &workers[others])) break;
    others++;
  }
  if (with_attr) pthread_attr_destroy(&attr);
  Worker own = {.cx = cx, .job = &job, .is_caller = true};
  run(&own);
  const Ctx *failed = own.ok ? NULL : cx;
  for (unsigned i = 0; i < others; i++) {
    pthread_join(handles[i], NULL);
    if (!workers[i].ok && !failed) failed = workers[i].cx;
  }
  cx->alloc = locked.alloc;
  if (!failed) return;
  char message[sizeof failed->message];
  memcpy(message, failed->message, sizeof message);
  fail(cx, failed->status, "%s", message);
}

#endif
