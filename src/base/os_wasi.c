/* What stands on WASI for what it lacks: files are read where others map them, and there is one thread. */
#include "base/os.h"

#ifdef __wasi__

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void *os_map(int fd, size_t n) {
  char *p = malloc(n);
  for (size_t done = 0; p && done < n;) {
    int64_t got = os_read_at(fd, p + done, n - done, done);
    if (got > 0) {
      done += (size_t)got;
      continue;
    }
    if (got == 0) errno = EIO; /* it became shorter */
    int e = errno;
    free(p);
    errno = e;
    return NULL;
  }
  return p;
}

void os_unmap(const void *p, size_t n) {
  (void)n;
  free((void *)(uintptr_t)p);
}

/* Hosts that keep files in memory would else move them at every write. */
bool os_reserve(int fd, uint64_t size) {
  int e = size <= INT64_MAX ? posix_fallocate(fd, 0, (off_t)size) : EFBIG;
  if (e) errno = e;
  return e == 0;
}

bool os_set_mode(int fd, unsigned mode) {
  (void)fd, (void)mode;
  return true;
}

/* Not every host has link(); nobody else is about. */
bool os_rename_new(const char *from, const char *to) {
  OsInfo info;
  if (os_info(to, false, &info)) {
    errno = EEXIST;
    return false;
  }
  return rename(from, to) == 0;
}

/* Links that lead out of the folders which the host opened are the host's to refuse, and it does. */
bool os_real_path(const char *path, char real[OS_PATH_MAX]) {
  OsInfo info;
  if (!os_info(path, true, &info)) return false;
  char here[OS_PATH_MAX] = "";
  if (*path != '/' && !getcwd(here, sizeof here)) return false;
  size_t n = 0;
  const char *const parts[] = {here, path};
  for (size_t i = 0; i < 2; i++) {
    for (const char *p = parts[i]; *p;) {
      size_t len = strcspn(p, "/");
      if (len == 2 && memcmp(p, "..", 2) == 0) {
        while (n && real[--n] != '/') continue;
      } else if (len && !(len == 1 && *p == '.')) {
        if (n + len + 2 > OS_PATH_MAX) {
          errno = ENAMETOOLONG;
          return false;
        }
        real[n++] = '/';
        memcpy(real + n, p, len);
        n += len;
      }
      p += len;
      while (*p == '/') p++;
    }
  }
  if (!n) real[n++] = '/';
  real[n] = 0;
  return true;
}

double os_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* There are no processes, but other instances may use the same folder: chance tells them apart. */
long os_process(void) {
  uint32_t number = 0;
  (void)!getentropy(&number, sizeof number);
  return (long)(number & INT32_MAX);
}

unsigned os_processors(void) {
  return 1;
}

bool os_start(OsThread *thread) {
  (void)thread;
  return false;
}

void os_join(OsThread *thread) {
  (void)thread;
}

void os_lock_init(OsLock *lock) {
  (void)lock;
}

void os_lock(OsLock *lock) {
  (void)lock;
}

void os_unlock(OsLock *lock) {
  (void)lock;
}

void *os_library(const char *name, char why[512]) {
  (void)name;
  snprintf(why, 512, "WebAssembly opens no libraries");
  return NULL;
}

void *os_symbol(void *library, const char *name) {
  (void)library, (void)name;
  return NULL;
}

#endif
