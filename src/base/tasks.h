/* Tasks on several threads: the only place that starts any. Where the system has none, tasks run one after
 * the other; what they compute must not depend on it. */
#ifndef BASE_TASKS_H
#define BASE_TASKS_H

#include "base/arena.h"

/* One of n tasks. `scratch` belongs to the thread that runs it and lives until the last task has ended: what
 * a task needs goes on a child of it, and failures on its context, which has no callbacks. */
typedef void Task(Arena *scratch, void *arg, size_t i);

/* Processors this process may use; at least 1. */
unsigned tasks_processors(void);

/* Runs task(scratch, arg, i) for i = 0 .. n-1, started in this order, on up to `threads` threads, the
 * caller's among them. Between its own tasks the caller's thread calls started(arg, how many were started),
 * which may fail (a cancelled run); it may be NULL. The first failure lets running tasks end, starts no more
 * and is raised in cx. */
void tasks_run(Ctx *cx, unsigned threads, size_t n, Task *task, void (*started)(void *arg, size_t n),
               void *arg);

#endif
