#include "base/file.h"

#include "base/os.h"
#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STDIN_CHUNK = 1 << 20 };

static void file_release(void *arg) {
  File *f = arg;
  if (f->bytes.p) os_unmap(f->bytes.p, f->bytes.n);
  file_close(f);
  if (f->bytes.p) os_unmapped(f->path);
}

void file_close(File *f) {
  if (f->fd >= 0) os_close(f->fd);
  f->fd = -1;
}

/* Opens and maps f->path. NULL if it went well, else what is wrong with it. */
static const char *map_path(File *f, bool follow) {
  f->fd = os_open(f->path, follow);
  if (f->fd < 0) return strerror(errno);
  OsInfo info;
  if (!os_info_open(f->fd, &info)) return strerror(errno);
  if (info.kind == OS_FOLDER) return "is a directory";
  if (info.kind != OS_FILE) return "is not a regular file";
  if (info.size > SIZE_MAX / 4) return "is too large for this machine";
  if (info.size == 0) return NULL;
  void *p = os_map(f->fd, (size_t)info.size);
  if (!p) return strerror(errno);
  f->bytes = (Span){p, (size_t)info.size};
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
  const uint64_t from = (uint64_t)(s.p - f->bytes.p);
  for (size_t done = 0; done < s.n;) {
    int64_t got = os_read_at(f->fd, (uint8_t *)to + done, s.n - done, from + done);
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
  const char *wrong = map_path(f, true);
  if (wrong) fail(arena_ctx(a), ONNXSLIM_ERR_IO, "cannot read '%s': %s", path, wrong);
  return f;
}

File *file_map_plain(Arena *a, const char *path) {
  File *f = file_new(a, path);
  return map_path(f, false) ? NULL : f;
}

bool path_absolute(const char *path) {
  return os_root_length(path) > 0;
}

/* A relative path without ".." components. */
static bool stays_below(const char *name) {
  if (!*name || path_absolute(name)) return false;
  for (const char *p = name; *p;) {
    size_t n = 0;
    while (p[n] && !os_is_separator(p[n])) n++;
    if (n == 2 && p[0] == '.' && p[1] == '.') return false;
    p += n;
    while (os_is_separator(*p)) p++;
  }
  return true;
}

File *file_map_beside(Arena *a, const char *dir, const char *name, bool anywhere, const char **why) {
  char real[OS_PATH_MAX];
  *why = "leaves the model's folder";
  if (!anywhere && !stays_below(name)) return NULL;
  if (!os_real_path(path_absolute(name) ? name : arena_printf(a, "%s/%s", dir, name), real)) {
    *why = errno == ENOENT ? "does not exist" : strerror(errno);
    return NULL;
  }
  if (!anywhere && !path_below(a, dir, real)) return NULL;
  File *f = file_new(a, real);
  *why = map_path(f, false);
  return *why ? NULL : f;
}

Span stdin_read(Arena *a) {
  Ctx *cx = arena_ctx(a);
  uint8_t *buf = blob_new(a, STDIN_CHUNK);
  size_t n = 0, cap = STDIN_CHUNK;
  const int in = os_stdin();
  for (;;) {
    int64_t got = os_read(in, buf + n, cap - n);
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
  const char *leaf = path + os_root_length(path);
  for (const char *p = leaf; *p; p++)
    if (os_is_separator(*p)) leaf = p + 1;
  return leaf;
}

const char *path_folder(Arena *a, const char *path) {
  size_t n = (size_t)(path_leaf(path) - path), root = os_root_length(path);
  if (!n) return ".";
  while (n > root && os_is_separator(path[n - 1])) n--;
  char *dir = arena_alloc(a, n + 1);
  memcpy(dir, path, n);
  return dir;
}

bool path_exists(const char *path) {
  OsInfo info;
  return os_info(path, false, &info);
}

const char *path_below(Arena *a, const char *folder, const char *path) {
  char root[OS_PATH_MAX], real[OS_PATH_MAX];
  if (!os_real_path(folder, root) || !os_real_path(path, real)) return NULL;
  size_t n = strlen(root);
  while (n && root[n - 1] == '/') n--; /* "/" itself */
  if (strncmp(root, real, n) != 0 || (real[n] && real[n] != '/')) return NULL;
  return arena_printf(a, "%s", real[n] ? real + n + 1 : "");
}

typedef struct Listing {
  OsList *list;
} Listing;

static void listing_close(void *arg) {
  Listing *l = arg;
  if (l->list) os_list_close(l->list);
  l->list = NULL;
}

const char *const *folder_names(Arena *a, const char *folder, size_t *n) {
  Vec(const char *) names = {0};
  Listing *l = NEW(a, Listing);
  arena_finally(a, listing_close, l);
  l->list = os_list_open(folder);
  for (;;) {
    const char *name = l->list ? os_list_next(l->list) : NULL;
    if (!name) break;
    vec_push(a, &names, arena_printf(a, "%s", name));
  }
  listing_close(l);
  *n = names.n;
  return names.at;
}

const char *const *folder_files(Arena *a, const char *folder, size_t *n) {
  Vec(const char *) paths = {0};
  size_t count;
  const char *const *names = folder_names(a, folder, &count);
  for (size_t i = 0; i < count; i++) {
    OsInfo info;
    const char *path = arena_printf(a, "%s/%s", folder, names[i]);
    if (os_info(path, false, &info) && info.kind == OS_FILE) vec_push(a, &paths, path);
  }
  *n = paths.n;
  return paths.at;
}

bool file_ends_with(const char *path, const char *text) {
  char end[OS_PATH_MAX];
  size_t n = strlen(text);
  int fd = os_open(path, false);
  if (fd < 0) return false;
  OsInfo info;
  bool same = n <= sizeof end && os_info_open(fd, &info) && info.kind == OS_FILE && info.size >= n &&
              os_read_at(fd, end, n, info.size - n) == (int64_t)n && memcmp(end, text, n) == 0;
  os_close(fd);
  return same;
}

void file_remove(const char *path) {
  os_remove(path);
}

bool path_is_stream(const char *path) {
  OsInfo info;
  return strcmp(path, "-") == 0 || (os_info(path, true, &info) && info.kind == OS_OTHER);
}

bool same_file(const char *a, const char *b) {
  OsInfo x, y;
  return os_info(a, true, &x) && os_info(b, true, &y) && x.device == y.device && x.number == y.number;
}

const char *env_text(Arena *a, const char *name) {
  size_t n = os_env(name, NULL, 0);
  if (!n) return NULL;
  char *text = arena_alloc(a, n + 1);
  os_env(name, text, n + 1);
  return text;
}
