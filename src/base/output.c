#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  GATHER = 256,          /* runs per writev */
  WRITE_BLOCK = 1 << 20, /* bytes per write; larger ones are slower from a mapped file */
  ATTEMPTS = 1000,       /* names tried for the temporary file */
};

struct Output {
  Ctx *cx;
  Arena *arena;
  const char *path; /* the target, links resolved */
  char *temp;       /* name of the temporary file; NULL while there is none */
  int fd;
  bool direct; /* written in place: a device, a pipe, standard output */
  bool fresh;
};

static void output_release(void *arg) {
  Output *o = arg;
  if (o->fd >= 0 && o->fd != STDOUT_FILENO) close(o->fd);
  o->fd = -1;
  if (o->temp) unlink(o->temp);
  o->temp = NULL;
}

static size_t temp_room(const Output *o) {
  return strlen(o->path) + 64;
}

/* A name beside the target that no other process uses, into temp_room() bytes. */
static void temp_name(const Output *o, unsigned attempt, char *name) {
  const char *leaf = path_leaf(o->path);
  snprintf(name, temp_room(o), "%.*s.%.200s.%ld-%u.tmp", (int)(leaf - o->path), o->path, leaf, (long)getpid(),
           attempt);
}

/* Without a name if the file system can (then a killed process leaves nothing), else under a temporary name.
 */
static void open_temp(Output *o, mode_t mode) {
  o->fd = open(path_folder(o->arena, o->path), O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  if (o->fd >= 0) return;
  char *name = arena_alloc(o->arena, temp_room(o));
  for (unsigned i = 0; i < ATTEMPTS && o->fd < 0; i++) {
    temp_name(o, i, name);
    o->fd = open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode);
    if (o->fd < 0 && errno != EEXIST) break;
  }
  if (o->fd < 0) output_fail(o, o->cx, errno);
  o->temp = name;
}

/* For a new file: others may do with it what they may do with the one it was made from. */
static mode_t mode_like(const char *like) {
  struct stat st;
  return like && stat(like, &st) == 0 && S_ISREG(st.st_mode) ? (st.st_mode & 0666) | S_IWUSR : 0666;
}

Output *output_new(Arena *a, const char *path, bool fresh, const char *like) {
  Output *o = NEW(a, Output);
  *o = (Output){.cx = arena_ctx(a), .arena = a, .path = path, .fd = -1, .fresh = fresh};
  arena_finally(a, output_release, o);
  if (strcmp(path, "-") == 0) {
    o->direct = true;
    o->fd = STDOUT_FILENO;
    return o;
  }
  struct stat st;
  bool there = stat(path, &st) == 0;
  if (there && S_ISDIR(st.st_mode)) fail(o->cx, ONNXSLIM_ERR_IO, "cannot write '%s': is a directory", path);
  if (there && !S_ISREG(st.st_mode)) {
    o->direct = true;
    o->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (o->fd < 0) output_fail(o, o->cx, errno);
    return o;
  }
  char real[PATH_MAX];
  o->path = there && realpath(path, real) ? arena_printf(a, "%s", real) : arena_printf(a, "%s", path);
  if (there && access(o->path, W_OK) != 0) output_fail(o, o->cx, errno);
  open_temp(o, there ? st.st_mode & 0666 : mode_like(like));
  /* Best effort: on a file system without permissions the copy has those it gets. */
  if (there && fchmod(o->fd, st.st_mode & 07777) != 0) errno = 0;
  return o;
}

Arena *output_arena(const Output *o) {
  return o->arena;
}

bool output_seekable(const Output *o) {
  return !o->direct;
}

void output_expect(const Output *o, uint64_t size) {
  enum { WORTH_IT = 1 << 20 };
  if (o->direct || size < WORTH_IT || size > INT64_MAX) return;
#ifdef __linux__
  /* Not an error yet: a file system that compresses may have room all the same. */
  if (fallocate(o->fd, 0, 0, (off_t)size) != 0) errno = 0;
#endif
}

void output_fail(const Output *o, Ctx *cx, int error) {
  fail(cx, ONNXSLIM_ERR_IO, "cannot write '%s': %s", o->path, strerror(error));
}

/* The first bytes of the runs, at most WRITE_BLOCK; returns how many, or -1. */
static ssize_t write_some(const Output *o, uint64_t at, const Span *run, size_t n) {
  struct iovec v[GATHER];
  size_t bytes = 0;
  int k = 0;
  for (size_t i = 0; i < n && k < GATHER && bytes < WRITE_BLOCK; i++, k++) {
    size_t some = run[i].n < WRITE_BLOCK - bytes ? run[i].n : WRITE_BLOCK - bytes;
    v[k] = (struct iovec){(void *)(uintptr_t)run[i].p, some};
    bytes += some;
  }
  return o->direct ? writev(o->fd, v, k) : pwritev(o->fd, v, k, (off_t)at);
}

int output_write(Output *o, uint64_t at, Span *runs, size_t n) {
  for (;;) {
    for (; n && !runs->n; runs++) n--;
    if (!n) return 0;
    ssize_t done = write_some(o, at, runs, n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return done < 0 ? errno : EIO;
    at += (uint64_t)done;
    for (; n && (size_t)done >= runs->n; runs++, n--) done -= (ssize_t)runs->n;
    if (n) *runs = (Span){runs->p + done, runs->n - (size_t)done};
  }
}

/* Gives a nameless file its name. 0 or an errno. */
static int link_as(const Output *o, const char *name) {
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", o->fd);
  return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* Each of these puts the file in place and returns 0 or an errno. */
static int commit_fresh(const Output *o) {
  if (!o->temp) return link_as(o, o->path);
  return link(o->temp, o->path) == 0 ? 0 : errno;
}

static int commit_replacing(Output *o) {
  if (!o->temp) { /* rename() needs a name to start from */
    char *name = arena_alloc(o->arena, temp_room(o));
    int e = EEXIST;
    for (unsigned i = 0; i < ATTEMPTS && e == EEXIST; i++) {
      temp_name(o, i, name);
      e = link_as(o, name);
    }
    if (e) return e;
    o->temp = name;
  }
  if (rename(o->temp, o->path) != 0) return errno;
  o->temp = NULL;
  return 0;
}

void output_commit(Output *o) {
  if (o->direct) return;
  int e = o->fresh ? commit_fresh(o) : commit_replacing(o);
  int fd = o->fd;
  o->fd = -1;
  /* Some file systems report a write error only here. */
  if (close(fd) != 0 && errno != EINTR && !e) e = errno;
  if (e) output_fail(o, o->cx, e);
}

void output_undo(Output *o) {
  if (o->fresh && !o->direct) unlink(o->path);
}
