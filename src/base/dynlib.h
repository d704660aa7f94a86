/* Shared libraries opened at run time, and where to look for them. */
#ifndef BASE_DYNLIB_H
#define BASE_DYNLIB_H

#include "base/arena.h"

typedef void AnyFn(void);

/* Opens a library by path, or by bare name where the system's loader looks. NULL: *why (may be NULL) says why
 * not, in `a`. A library is never closed: many keep threads, thread-local state and exit handlers of their
 * own. */
void *dynlib_open(Arena *a, const char *name, const char **why);

/* A function of the library, to be cast to its type; NULL if it has none of that name. */
AnyFn *dynlib_symbol(void *lib, const char *name);

/* Existing paths below `folder` that match a pattern like "python3*" + "/lib*.so", each name of it on its
 * own; sorted; *n may be 0. Hidden files match nothing. */
const char *const *path_glob(Arena *a, const char *folder, const char *pattern, size_t *n);

/* The folder of every executable called `program` on $PATH, in order, each followed by the folder of the file
 * that it is a symbolic link to, if another. */
const char *const *path_folders_of(Arena *a, const char *program, size_t *n);

#endif
