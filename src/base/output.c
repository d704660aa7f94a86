#include "base/output.h"

#include "base/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ATTEMPTS = 1000 }; /* names tried for the temporary file */

struct Output {
  Ctx *cx;
  Arena *arena;
  const char *path; /* the target, links resolved */
  char *temp;       /* name of the temporary file; NULL while there is none */
  int fd;
  int standard; /* the descriptor that is not ours to close, or -1 */
  bool direct;  /* written in place: a device, a pipe, standard output */
  bool fresh;
};

static void output_release(void *arg) {
  Output *o = arg;
  if (o->fd >= 0 && o->fd != o->standard) os_close(o->fd);
  o->fd = -1;
  if (o->temp) os_remove(o->temp);
  o->temp = NULL;
}

static size_t temp_room(const Output *o) {
  return strlen(o->path) + 64;
}

/* A name beside the target that no other process uses, into temp_room() bytes. */
static void temp_name(const Output *o, unsigned attempt, char *name) {
  const char *leaf = path_leaf(o->path);
  snprintf(name, temp_room(o), "%.*s.%.200s.%ld-%u.tmp", (int)(leaf - o->path), o->path, leaf, os_process(),
           attempt);
}

/* Without a name if the file system can (then a killed process leaves nothing), else under a temporary name.
 */
static void open_temp(Output *o, unsigned mode) {
  o->fd = os_create_nameless(path_folder(o->arena, o->path), mode);
  if (o->fd >= 0) return;
  char *name = arena_alloc(o->arena, temp_room(o));
  for (unsigned i = 0; i < ATTEMPTS && o->fd < 0; i++) {
    temp_name(o, i, name);
    o->fd = os_create(name, mode);
    if (o->fd < 0 && errno != EEXIST) break;
  }
  if (o->fd < 0) output_fail(o, o->cx, errno);
  o->temp = name;
}

/* For a new file: others may do with it what they may do with the one it was made from. */
static unsigned mode_like(const char *like) {
  OsInfo info;
  return like && os_info(like, true, &info) && info.kind == OS_FILE ? (info.mode & 0666) | 0200 : 0666;
}

Output *output_new(Arena *a, const char *path, bool fresh, const char *like) {
  Output *o = NEW(a, Output);
  *o = (Output){.cx = arena_ctx(a), .arena = a, .path = path, .fd = -1, .standard = -1, .fresh = fresh};
  arena_finally(a, output_release, o);
  if (strcmp(path, "-") == 0) {
    o->direct = true;
    o->fd = o->standard = os_stdout();
    return o;
  }
  OsInfo info;
  bool there = os_info(path, true, &info);
  if (there && info.kind == OS_FOLDER)
    fail(o->cx, ONNXSLIM_ERR_IO, "cannot write '%s': is a directory", path);
  if (there && info.kind != OS_FILE) {
    o->direct = true;
    o->fd = os_open_device(path);
    if (o->fd < 0) output_fail(o, o->cx, errno);
    return o;
  }
  char real[OS_PATH_MAX];
  o->path = arena_printf(a, "%s", there && os_real_path(path, real) ? real : path);
  if (there && !os_may_write(o->path)) output_fail(o, o->cx, errno);
  open_temp(o, there ? info.mode & 0666 : mode_like(like));
  /* Best effort: on a file system without permissions the copy has those it gets. */
  if (there && !os_set_mode(o->fd, info.mode)) errno = 0;
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
  /* Not an error yet: a file system that compresses may have room all the same. */
  if (!o->direct && size >= WORTH_IT && !os_reserve(o->fd, size)) errno = 0;
}

void output_fail(const Output *o, Ctx *cx, int error) {
  fail(cx, ONNXSLIM_ERR_IO, "cannot write '%s': %s", o->path, strerror(error));
}

int output_write(Output *o, uint64_t at, Span *runs, size_t n) {
  for (;;) {
    for (; n && !runs->n; runs++) n--;
    if (!n) return 0;
    int64_t done = o->direct ? os_write(o->fd, runs, n) : os_write_at(o->fd, runs, n, at);
    if (done <= 0) return done < 0 ? errno : EIO;
    at += (uint64_t)done;
    for (; n && (size_t)done >= runs->n; runs++, n--) done -= (int64_t)runs->n;
    if (n) *runs = (Span){runs->p + done, runs->n - (size_t)done};
  }
}

/* Each of these puts the file in place and returns 0 or an errno. */
static int commit_fresh(Output *o) {
  if (!(o->temp ? os_rename_new(o->temp, o->path) : os_name(o->fd, o->path))) return errno;
  o->temp = NULL;
  return 0;
}

static int commit_replacing(Output *o) {
  if (!o->temp) { /* to be renamed it needs a name to start from */
    char *name = arena_alloc(o->arena, temp_room(o));
    int e = EEXIST;
    for (unsigned i = 0; i < ATTEMPTS && e == EEXIST; i++) {
      temp_name(o, i, name);
      e = os_name(o->fd, name) ? 0 : errno;
    }
    if (e) return e;
    o->temp = name;
  }
  if (!os_replace(o->temp, o->path)) return errno;
  o->temp = NULL;
  return 0;
}

void output_commit(Output *o) {
  if (o->direct) return;
  int e = o->fresh ? commit_fresh(o) : commit_replacing(o);
  int fd = o->fd;
  o->fd = -1;
  /* Some file systems report a write error only here. */
  if (!os_close(fd) && !e) e = errno;
  if (e) output_fail(o, o->cx, e);
}

void output_undo(Output *o) {
  if (o->fresh && !o->direct) os_remove(o->path);
}
