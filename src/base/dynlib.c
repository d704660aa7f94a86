#include "base/dynlib.h"

#include "base/vec.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *dynlib_open(Arena *a, const char *name, const char **why) {
  void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!lib && why) {
    const char *text = dlerror();
    *why = arena_printf(a, "%s", text ? text : "no reason given");
  }
  return lib;
}

AnyFn *dynlib_symbol(void *lib, const char *name) {
  /* ISO C has no cast from void * to a function pointer; POSIX promises that the bits are the same. */
  void *found = dlsym(lib, name);
  AnyFn *fn;
  _Static_assert(sizeof fn == sizeof found, "POSIX: one size for all pointers");
  memcpy(&fn, &found, sizeof fn);
  return fn;
}

static void free_glob(void *matches) {
  globfree(matches);
}

const char *const *path_glob(Arena *a, const char *pattern, size_t *n) {
  glob_t *matches = NEW(a, glob_t);
  arena_finally(a, free_glob,
                matches); /* before glob(): harmless on the zeroed struct, and nothing can leak */
  *n = 0;
  if (glob(pattern, 0, NULL, matches) != 0) return NULL;
  *n = matches->gl_pathc;
  return (const char *const *)matches->gl_pathv;
}

static char *folder_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? arena_printf(a, "%.*s", (int)(slash - path), path) : arena_printf(a, ".");
}

const char *const *path_folders_of(Arena *a, const char *program, size_t *n) {
  Vec(const char *) found = {0};
  const char *dirs = getenv("PATH");
  while (dirs && *dirs) {
    size_t len = strcspn(dirs, ":");
    const char *dir = arena_printf(a, "%.*s", (int)len, dirs);
    const char *file = arena_printf(a, "%s/%s", dir, program);
    char real[PATH_MAX];
    if (len && access(file, X_OK) == 0) {
      vec_push(a, &found, dir);
      const char *target = realpath(file, real) ? folder_of(a, real) : dir;
      if (strcmp(target, dir) != 0) vec_push(a, &found, target);
    }
    dirs += len + (dirs[len] == ':');
  }
  *n = found.n;
  return found.at;
}
