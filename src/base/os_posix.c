/* Files and paths of POSIX and of WASI, which has most of them. */
#include "base/os.h"

#ifndef _WIN32

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  RUNS = 256,            /* per writev */
  WRITE_BLOCK = 1 << 20, /* bytes per write; larger ones are slower from a mapped file */
};

static OsInfo info_of(const struct stat *st) {
  OsKind kind = S_ISREG(st->st_mode) ? OS_FILE : S_ISDIR(st->st_mode) ? OS_FOLDER : OS_OTHER;
  return (OsInfo){.kind = kind,
                  .mode = (unsigned)st->st_mode & 07777,
                  .size = (uint64_t)st->st_size,
                  .device = (uint64_t)st->st_dev,
                  .number = (uint64_t)st->st_ino};
}

bool os_info(const char *path, bool follow, OsInfo *info) {
  struct stat st;
  if ((follow ? stat(path, &st) : lstat(path, &st)) != 0) return false;
  *info = info_of(&st);
  return true;
}

bool os_info_open(int fd, OsInfo *info) {
  struct stat st;
  if (fstat(fd, &st) != 0) return false;
  *info = info_of(&st);
  return true;
}

/* O_NONBLOCK: a FIFO must not hang us. */
int os_open(const char *path, bool follow) {
  return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
}

int os_open_device(const char *path) {
  return open(path, O_WRONLY | O_CLOEXEC);
}

int os_create(const char *path, unsigned mode) {
  return open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, (mode_t)mode);
}

int os_create_nameless(const char *folder, unsigned mode) {
#ifdef O_TMPFILE
  return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)mode);
#else
  (void)folder, (void)mode;
  errno = ENOTSUP;
  return -1;
#endif
}

bool os_name(int fd, const char *path) {
#ifdef O_TMPFILE
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
#else
  (void)fd, (void)path;
  errno = ENOTSUP;
  return false;
#endif
}

/* An interrupted close() has closed. */
bool os_close(int fd) {
  return close(fd) == 0 || errno == EINTR;
}

int os_stdin(void) {
  return STDIN_FILENO;
}

int os_stdout(void) {
  return STDOUT_FILENO;
}

int64_t os_read(int fd, void *to, size_t n) {
  ssize_t got;
  do got = read(fd, to, n);
  while (got < 0 && errno == EINTR);
  return got;
}

int64_t os_read_at(int fd, void *to, size_t n, uint64_t at) {
  ssize_t got;
  do got = pread(fd, to, n, (off_t)at);
  while (got < 0 && errno == EINTR);
  return got;
}

/* The first bytes of the runs, as far as one call should take them. */
static int first_of(const Span *runs, size_t n, struct iovec v[RUNS]) {
  size_t bytes = 0;
  int k = 0;
  for (size_t i = 0; i < n && k < RUNS && bytes < WRITE_BLOCK; i++, k++) {
    size_t some = runs[i].n < WRITE_BLOCK - bytes ? runs[i].n : WRITE_BLOCK - bytes;
    v[k] = (struct iovec){(void *)(uintptr_t)runs[i].p, some};
    bytes += some;
  }
  return k;
}

int64_t os_write(int fd, const Span *runs, size_t n) {
  struct iovec v[RUNS];
  int k = first_of(runs, n, v);
  ssize_t done;
  do done = writev(fd, v, k);
  while (done < 0 && errno == EINTR);
  return done;
}

int64_t os_write_at(int fd, const Span *runs, size_t n, uint64_t at) {
  struct iovec v[RUNS];
  int k = first_of(runs, n, v);
  ssize_t done;
  do done = pwritev(fd, v, k, (off_t)at);
  while (done < 0 && errno == EINTR);
  return done;
}

bool os_may_write(const char *path) {
  return access(path, W_OK) == 0;
}

bool os_may_run(const char *path) {
  return access(path, X_OK) == 0;
}

bool os_replace(const char *from, const char *to) {
  return rename(from, to) == 0;
}

bool os_remove(const char *path) {
  return unlink(path) == 0;
}

bool os_make_folder(const char *path) {
  return mkdir(path, 0700) == 0;
}

bool os_remove_folder(const char *path) {
  return rmdir(path) == 0;
}

bool os_is_separator(char c) {
  return c == '/';
}

size_t os_root_length(const char *path) {
  return *path == '/';
}

void os_unmapped(const char *path) {
  (void)path;
}

size_t os_env(const char *name, char *to, size_t room) {
  const char *value = getenv(name);
  size_t n = value ? strlen(value) : 0;
  if (n && n < room) memcpy(to, value, n + 1);
  return n;
}

const char *const os_temp_variables[] = {"TMPDIR", NULL};
const char *const os_temp_folder = "/tmp";
const char os_path_end = ':';

const void *os_native_path(const char *path, OsNative *native) {
  (void)native;
  return path;
}

#ifdef __APPLE__
const char os_library_format[] = "lib%s.dylib";
#else
const char os_library_format[] = "lib%s.so";
#endif
const char os_python[] = "python3";
const char *const os_python_roots[] = {"..", "../local", NULL};
/* Debian's own Python calls the folder dist-packages. */
const char *const os_python_packages[] = {"lib/python3*/site-packages", "lib/python3*/dist-packages", NULL};

/* An OsList is the DIR itself. */
OsList *os_list_open(const char *folder) {
  return (OsList *)opendir(folder);
}

const char *os_list_next(OsList *list) {
  const struct dirent *entry = readdir((DIR *)list);
  return entry ? entry->d_name : NULL;
}

void os_list_close(OsList *list) {
  closedir((DIR *)list);
}

#endif
