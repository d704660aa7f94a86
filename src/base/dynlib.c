#include "base/dynlib.h"

#include "base/file.h"
#include "base/os.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

void *dynlib_open(Arena *a, const char *name, const char **why) {
  char reason[512];
  void *library = os_library(name, reason);
  if (!library && why) *why = arena_printf(a, "%s", reason);
  return library;
}

AnyFn *dynlib_symbol(void *library, const char *name) {
  /* ISO C has no cast from void * to a function pointer; every system with libraries has the same bits. */
  void *found = os_symbol(library, name);
  AnyFn *fn;
  _Static_assert(sizeof fn == sizeof found, "one size for all pointers");
  memcpy(&fn, &found, sizeof fn);
  return fn;
}

typedef Vec(const char *) Paths;

/* Adds the paths that begin with `folder` and go on with what matches `pattern`, a path of patterns. */
static void expand(Arena *a, const char *folder, const char *pattern, Paths *found) {
  size_t n = strcspn(pattern, "/"), count = 1;
  const char *rest = pattern[n] ? pattern + n + 1 : NULL;
  const char *names = arena_printf(a, "%.*s", (int)n, pattern);
  const char *const *inside = strpbrk(names, "*?") ? folder_names(a, folder, &count) : &names;
  for (size_t i = 0; i < count; i++) {
    if (inside[i][0] == '.' || !glob_match(names, inside[i])) continue;
    const char *path = arena_printf(a, "%s/%s", folder, inside[i]);
    if (rest)
      expand(a, path, rest, found);
    else if (path_exists(path))
      vec_push(a, found, path);
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *path_glob(Arena *a, const char *folder, const char *pattern, size_t *n) {
  Paths found = {0};
  expand(a, folder, pattern, &found);
  if (found.n) qsort(found.at, found.n, sizeof *found.at, by_name);
  *n = found.n;
  return found.at;
}

const char *const *path_folders_of(Arena *a, const char *program, size_t *n) {
  Vec(const char *) found = {0};
  const char *dirs = env_text(a, "PATH");
  const char end[] = {os_path_end, 0};
  while (dirs && *dirs) {
    size_t len = strcspn(dirs, end);
    const char *dir = arena_printf(a, "%.*s", (int)len, dirs);
    const char *file = arena_printf(a, "%s/%s", dir, program);
    char real[OS_PATH_MAX];
    if (len && os_may_run(file)) {
      vec_push(a, &found, dir);
      const char *target = os_real_path(file, real) ? path_folder(a, real) : dir;
      if (strcmp(target, dir) != 0) vec_push(a, &found, target);
    }
    dirs += len + (dirs[len] == os_path_end);
  }
  *n = found.n;
  return found.at;
}
