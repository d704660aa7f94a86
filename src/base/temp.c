#include "base/temp.h"

#include "base/file.h"
#include "base/os.h"

#include <errno.h>
#include <string.h>

enum { ATTEMPTS = 1000 }; /* names tried for a folder */

static void remove_file(void *path) {
  os_remove(path);
}

static void remove_folder(void *path) {
  os_remove_folder(path);
}

static const char *temp_root(Arena *a) {
  for (const char *const *name = os_temp_variables; *name; name++) {
    const char *root = env_text(a, *name);
    if (root) return root;
  }
  return os_temp_folder;
}

/* Finalisers run in reverse order: the folder goes after what is in it. */
static const char *private_folder(Arena *a) {
  const char *root = temp_root(a), *path = root;
  bool ok = false;
  for (unsigned i = 0; i < ATTEMPTS && !ok; i++) {
    path = arena_printf(a, "%s/onnxslim-%ld-%u", root, os_process(), i);
    ok = os_make_folder(path);
    if (!ok && errno != EEXIST) break;
  }
  if (!ok) fail(arena_ctx(a), ONNXSLIM_ERR_IO, "cannot make a folder '%s': %s", path, strerror(errno));
  arena_finally(a, remove_folder, (void *)(uintptr_t)path);
  return path;
}

const char *temp_path(Arena *a, const char *beside, const char *suffix) {
  const char *folder = beside ? path_folder(a, beside) : private_folder(a);
  const char *leaf = beside ? path_leaf(beside) : "model";
  for (unsigned i = 0;; i++) {
    char *path = arena_printf(a, "%s/.%.150s.%ld-%u%s", folder, leaf, os_process(), i, suffix);
    if (path_exists(path)) continue;
    arena_finally(a, remove_file, path);
    return path;
  }
}
