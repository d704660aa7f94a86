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
  GATHER = 256,            /* runs per writev */
  KERNEL_COPY = 64 * 1024, /* from here on a run of a mapped file is copied by the kernel */
  WRITE_BLOCK = 1 << 20,   /* bytes per write; larger ones are slower from a mapped file */
  ATTEMPTS = 1000,         /* names tried for the temporary file */
};

struct Output {
  Ctx *cx;
  Arena *arena;
  const char *path; /* the target, links resolved */
  char *temp;       /* name of the temporary file; NULL while there is none */
  int fd;
  bool direct; /* written in place: a device, a pipe, standard output */
  bool fresh, no_kernel_copy;
  int error; /* errno of the first failure */
  uint64_t size;
  int n; /* gathered runs */
  struct iovec run[GATHER];
};

static void output_release(void *arg) {
  Output *o = arg;
  if (o->fd >= 0 && o->fd != STDOUT_FILENO) close(o->fd);
  o->fd = -1;
  if (o->temp) unlink(o->temp);
  o->temp = NULL;
}

static _Noreturn void output_fail(const Output *o, const char *what) {
  fail(o->cx, ONNXSLIM_ERR_IO, "cannot write '%s': %s", o->path, what);
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
  if (o->fd < 0) output_fail(o, strerror(errno));
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
  if (there && S_ISDIR(st.st_mode)) output_fail(o, "is a directory");
  if (there && !S_ISREG(st.st_mode)) {
    o->direct = true;
    o->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (o->fd < 0) output_fail(o, strerror(errno));
    return o;
  }
  char real[PATH_MAX];
  o->path = there && realpath(path, real) ? arena_printf(a, "%s", real) : arena_printf(a, "%s", path);
  if (there && access(o->path, W_OK) != 0) output_fail(o, strerror(errno));
  open_temp(o, there ? st.st_mode & 0666 : mode_like(like));
  /* Best effort: on a file system without permissions the copy has those it gets. */
  if (there && fchmod(o->fd, st.st_mode & 07777) != 0) errno = 0;
  return o;
}

Arena *output_arena(const Output *o) {
  return o->arena;
}

uint64_t output_size(const Output *o) {
  return o->size;
}

void output_check(Output *o) {
  if (o->error) output_fail(o, strerror(o->error));
}

bool output_put(Output *o, const void *bytes, size_t n) {
  output_flush(o);
  const uint8_t *p = bytes;
  while (n && !o->error) {
    ssize_t done = write(o->fd, p, n < WRITE_BLOCK ? n : WRITE_BLOCK);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      o->error = errno;
      break;
    }
    p += done;
    n -= (size_t)done;
    o->size += (uint64_t)done;
  }
  return !o->error;
}

/* Writes the gathered runs; the error, if any, waits for output_check(). */
void output_flush(Output *o) {
  struct iovec *v = o->run;
  int n = o->n;
  o->n = 0;
  while (n && !o->error) {
    ssize_t done = writev(o->fd, v, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      o->error = errno;
      return;
    }
    o->size += (uint64_t)done;
    for (; n && (size_t)done >= v->iov_len; v++, n--) done -= (ssize_t)v->iov_len;
    if (!n) return;
    v->iov_base = (uint8_t *)v->iov_base + done;
    v->iov_len -= (size_t)done;
  }
}

/* Copies a run of a mapped file without touching its pages. False: not possible here, write it. */
static bool kernel_copy(Output *o, const File *f, Span *s) {
  if (o->no_kernel_copy || f->fd < 0) return false;
  off_t at = (off_t)(s->p - f->bytes.p);
  while (s->n && !o->error) {
    ssize_t done = copy_file_range(f->fd, &at, o->fd, NULL, s->n, 0);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) {
      o->error = errno;
      break;
    }
    if (done <= 0) { /* EXDEV, EINVAL, ENOSYS, ...: the two files don't go together */
      o->no_kernel_copy = true;
      return false;
    }
    s->p += done;
    s->n -= (size_t)done;
    o->size += (uint64_t)done;
  }
  return true;
}

static const File *file_of(Span s, File *const *files, size_t n_files) {
  for (size_t i = 0; i < n_files; i++)
    if (files[i]->bytes.p && s.p >= files[i]->bytes.p && s.p < files[i]->bytes.p + files[i]->bytes.n)
      return files[i];
  return NULL;
}

void output_span(Output *o, Span s, File *const *files, size_t n_files) {
  if (!s.n) return;
  if (s.n >= KERNEL_COPY) {
    output_flush(o);
    const File *f = file_of(s, files, n_files);
    if (!f || !kernel_copy(o, f, &s)) output_put(o, s.p, s.n);
    output_check(o);
    return;
  }
  if (o->n == GATHER) output_flush(o);
  o->run[o->n++] = (struct iovec){(void *)(uintptr_t)s.p, s.n};
  output_check(o);
}

void output_zeros(Output *o, size_t n) {
  static const uint8_t zeros[4096];
  while (n && !o->error) {
    size_t some = n < sizeof zeros ? n : sizeof zeros;
    output_put(o, zeros, some);
    n -= some;
  }
  output_check(o);
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
  output_flush(o);
  output_check(o);
  if (o->direct) return;
  int e = o->fresh ? commit_fresh(o) : commit_replacing(o);
  int fd = o->fd;
  o->fd = -1;
  /* Some file systems report a write error only here. */
  if (close(fd) != 0 && errno != EINTR && !e) e = errno;
  if (e) output_fail(o, strerror(e));
}

void output_undo(Output *o) {
  if (o->fresh && !o->direct) unlink(o->path);
}
