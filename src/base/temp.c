#include "base/temp.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_file(void *path) {
  unlink(path);
}

static void remove_folder(void *path) {
  rmdir(path);
}

/* Finalisers run in reverse order: the folder goes after what is in it. */
static const char *private_folder(Arena *a) {
  const char *root = getenv("TMPDIR");
  char *path = arena_printf(a, "%s/onnxslim-XXXXXX", root && *root ? root : "/tmp");
  if (!mkdtemp(path))
    fail(arena_ctx(a), ONNXSLIM_ERR_IO, "cannot make a folder '%s': %s", path, strerror(errno));
  arena_finally(a, remove_folder, path);
  return path;
}

const char *temp_path(Arena *a, const char *beside, const char *suffix) {
  const char *folder = beside ? path_folder(a, beside) : private_folder(a);
  const char *leaf = beside ? path_leaf(beside) : "model";
  for (unsigned i = 0;; i++) {
    char *path = arena_printf(a, "%s/.%.150s.%ld-%u%s", folder, leaf, (long)getpid(), i, suffix);
    if (path_exists(path)) continue;
    arena_finally(a, remove_file, path);
    return path;
  }
}
