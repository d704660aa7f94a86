/* What POSIX has and WASI has not: maps, links, threads, libraries. */
#include "base/os.h"

#if !defined(_WIN32) && !defined(__wasi__)

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { STACK = 1 << 20 };

void *os_map(int fd, size_t n) {
  void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
  return p == MAP_FAILED ? NULL : p;
}

void os_unmap(const void *p, size_t n) {
  munmap((void *)(uintptr_t)p, n);
}

bool os_reserve(int fd, uint64_t size) {
#ifdef __linux__
  return size <= INT64_MAX && fallocate(fd, 0, 0, (off_t)size) == 0;
#else
  (void)fd, (void)size;
  return false;
#endif
}

bool os_set_mode(int fd, unsigned mode) {
  return fchmod(fd, (mode_t)mode) == 0;
}

bool os_rename_new(const char *from, const char *to) {
  if (link(from, to) != 0) return false;
  unlink(from);
  return true;
}

bool os_real_path(const char *path, char real[OS_PATH_MAX]) {
  _Static_assert(OS_PATH_MAX >= PATH_MAX, "realpath() writes up to PATH_MAX bytes");
  return realpath(path, real) != NULL;
}

double os_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

long os_process(void) {
  return (long)getpid();
}

unsigned os_processors(void) {
#ifdef __linux__
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
#else
  long n = sysconf(_SC_NPROCESSORS_ONLN);
#endif
  return n > 0 ? (unsigned)n : 1;
}

static void *thread_main(void *arg) {
  const OsThread *thread = arg;
  thread->run(thread->arg);
  return NULL;
}

bool os_start(OsThread *thread) {
  pthread_t handle;
  _Static_assert(sizeof handle == sizeof thread->handle, "a pthread_t is a number or a pointer");
  pthread_attr_t attr;
  sigset_t all, before;
  if (pthread_attr_init(&attr) != 0) return false;
  sigfillset(&all);
  bool ok = pthread_attr_setstacksize(&attr, STACK) == 0 && pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
  if (ok) {
    ok = pthread_create(&handle, &attr, thread_main, thread) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_attr_destroy(&attr);
  if (ok) memcpy(&thread->handle, &handle, sizeof handle);
  return ok;
}

void os_join(OsThread *thread) {
  pthread_t handle;
  memcpy(&handle, &thread->handle, sizeof handle);
  pthread_join(handle, NULL);
}

static pthread_mutex_t *mutex_of(OsLock *lock) {
  _Static_assert(sizeof(pthread_mutex_t) <= sizeof lock->at, "room for a mutex");
  return (pthread_mutex_t *)(void *)&lock->at;
}

void os_lock_init(OsLock *lock) {
  pthread_mutex_init(mutex_of(lock), NULL);
}

void os_lock(OsLock *lock) {
  pthread_mutex_lock(mutex_of(lock));
}

void os_unlock(OsLock *lock) {
  pthread_mutex_unlock(mutex_of(lock));
}

void *os_library(const char *name, char why[512]) {
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  const char *text = library ? "" : dlerror();
  snprintf(why, 512, "%s", text ? text : "no reason given");
  return library;
}

void *os_symbol(void *library, const char *name) {
  return dlsym(library, name);
}

#endif
