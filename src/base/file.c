#include "base/file.h"

#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STDIN_CHUNK = 1 << 20 };

static void file_release(void *arg) {
  File *f = arg;
  if (f->bytes.p) munmap((void *)(uintptr_t)f->bytes.p, f->bytes.n);
  file_close(f);
}

void file_close(File *f) {
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
}

/* Opens and maps f->path. NULL if it went well, else what is wrong with it. O_NONBLOCK: a FIFO must not hang
 * us. */
static const char *map_path(File *f, int flags) {
  f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
  if (f->fd < 0) return strerror(errno);
  struct stat st;
  if (fstat(f->fd, &st) != 0) return strerror(errno);
  if (S_ISDIR(st.st_mode)) return "is a directory";
  if (!S_ISREG(st.st_mode)) return "is not a regular file";
  if ((uintmax_t)st.st_size > SIZE_MAX / 4) return "is too large for this machine";
  if (st.st_size == 0) return NULL;
  void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, f->fd, 0);
  if (p == MAP_FAILED) return strerror(errno);
  f->bytes = (Span){p, (size_t)st.st_size};
  return NULL;
}

static const File *file_of(Span s, File *const *files, size_t n_files) {
  for (size_t i = 0; i < n_files; i++) {
    Span map = files[i]->bytes;
    if (map.p && s.p >= map.p && s.p < map.p + map.n) return files[i];
  }
  return NULL;
}

bool file_fetch(File *const *files, size_t n_files, Span s, void *to) {
  const File *f = file_of(s, files, n_files);
  if (!f || f->fd < 0) return false;
  for (size_t done = 0; done < s.n;) {
    ssize_t got = pread(f->fd, (uint8_t *)to + done, s.n - done, s.p - f->bytes.p + (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

static File *file_new(Arena *a, const char *path) {
  File *f = NEW(a, File);
  f->path = arena_copy(a, path, strlen(path) + 1);
  f->fd = -1;
  arena_finally(a, file_release, f); /* before anything is opened: it may fail */
  return f;
}

File *file_map(Arena *a, const char *path) {
  File *f = file_new(a, path);
  const char *wrong = map_path(f, 0);
  if (wrong) fail(arena_ctx(a), ONNXSLIM_ERR_IO, "cannot read '%s': %s", path, wrong);
  return f;
}

File *file_map_plain(Arena *a, const char *path) {
  File *f = file_new(a, path);
  return map_path(f, O_NOFOLLOW) ? NULL : f;
}

/* A relative path without ".." components. */
static bool stays_below(const char *name) {
  if (!*name || *name == '/') return false;
  for (const char *p = name; *p;) {
    size_t n = strcspn(p, "/");
    if (n == 2 && p[0] == '.' && p[1] == '.') return false;
    p += n;
    while (*p == '/') p++;
  }
  return true;
}

File *file_map_beside(Arena *a, const char *dir, const char *name, bool anywhere, const char **why) {
  char real[PATH_MAX];
  *why = "leaves the model's folder";
  if (!anywhere && !stays_below(name)) return NULL;
  if (!realpath(*name == '/' ? name : arena_printf(a, "%s/%s", dir, name), real)) {
    *why = errno == ENOENT ? "does not exist" : strerror(errno);
    return NULL;
  }
  if (!anywhere && !path_below(a, dir, real)) return NULL;
  File *f = file_new(a, real);
  *why = map_path(f, O_NOFOLLOW);
  return *why ? NULL : f;
}

Span stdin_read(Arena *a) {
  Ctx *cx = arena_ctx(a);
  uint8_t *buf = blob_new(a, STDIN_CHUNK);
  size_t n = 0, cap = STDIN_CHUNK;
  for (;;) {
    ssize_t got = read(STDIN_FILENO, buf + n, cap - n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(cx, ONNXSLIM_ERR_IO, "cannot read standard input: %s", strerror(errno));
    if (got == 0) return (Span){buf, n};
    n += (size_t)got;
    if (n < cap) continue;
    uint8_t *bigger = blob_new(a, cap * 2);
    memcpy(bigger, buf, n);
    blob_free(a, buf);
    buf = bigger;
    cap *= 2;
  }
}

const char *path_leaf(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

const char *path_folder(Arena *a, const char *path) {
  size_t n = (size_t)(path_leaf(path) - path);
  if (!n) return ".";
  while (n > 1 && path[n - 1] == '/') n--;
  char *dir = arena_alloc(a, n + 1);
  memcpy(dir, path, n);
  return dir;
}

bool path_exists(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

const char *path_below(Arena *a, const char *folder, const char *path) {
  char root[PATH_MAX], real[PATH_MAX];
  if (!realpath(folder, root) || !realpath(path, real)) return NULL;
  size_t n = strlen(root);
  while (n && root[n - 1] == '/') n--; /* "/" itself */
  if (strncmp(root, real, n) != 0 || (real[n] && real[n] != '/')) return NULL;
  return arena_printf(a, "%s", real[n] ? real + n + 1 : "");
}

typedef struct Listing {
  DIR *dir;
} Listing;

static void listing_close(void *arg) {
  Listing *l = arg;
  if (l->dir) closedir(l->dir);
  l->dir = NULL;
}

const char *const *folder_files(Arena *a, const char *folder, size_t *n) {
  Vec(const char *) paths = {0};
  Listing *l = NEW(a, Listing);
  arena_finally(a, listing_close, l);
  l->dir = opendir(folder);
  for (;;) {
    const struct dirent *e = l->dir ? readdir(l->dir) : NULL;
    if (!e) break;
    struct stat st;
    const char *path = arena_printf(a, "%s/%s", folder, e->d_name);
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) vec_push(a, &paths, path);
  }
  listing_close(l);
  *n = paths.n;
  return paths.at;
}

bool file_ends_with(const char *path, const char *text) {
  char end[PATH_MAX];
  size_t n = strlen(text);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return false;
  struct stat st;
  bool same = n <= sizeof end && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)n &&
              pread(fd, end, n, st.st_size - (off_t)n) == (ssize_t)n && memcmp(end, text, n) == 0;
  close(fd);
  return same;
}

void file_remove(const char *path) {
  unlink(path);
}

bool path_is_stream(const char *path) {
  struct stat st;
  if (strcmp(path, "-") == 0) return true;
  return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

bool same_file(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
