/* Input files: mapped read-only for the lifetime of an arena. Empty files, directories and special files are
 * told apart here, so that callers see bytes or an error. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/span.h"

typedef struct File {
  const char *path;
  int fd;     /* open for file_fetch(); -1 if it was closed to spare descriptors */
  Span bytes; /* the mapping; p == NULL if the file is empty */
} File;

/* Maps a regular file. Fails with ONNXSLIM_ERR_IO: not there, not readable, a directory, a special file. */
File *file_map(Arena *a, const char *path);

/* Maps `name`, a path relative to folder `dir`. Unless it may lie `anywhere`, absolute paths, ".." and links
 * that lead out of the folder are refused. NULL if it can't be done; *why is then a phrase like "leaves the
 * model's folder". */
File *file_map_beside(Arena *a, const char *dir, const char *name, bool anywhere, const char **why);

/* Maps a path that may be anything; a link is not followed. NULL if it cannot be mapped. */
File *file_map_plain(Arena *a, const char *path);

/* Gives the descriptor back; the mapping stays. */
void file_close(File *f);

/* Reads a run of the mapping of one of `files` into memory: for runs of some pages that are needed once this
 * is cheaper than to have them mapped. False if the file can't be read; the mapping has the bytes all the
 * same. */
bool file_fetch(File *const *files, size_t n_files, Span s, void *to);

/* All of standard input. */
Span stdin_read(Arena *a);

/* The folder part of a path ("." if it has none) and what follows it. */
const char *path_folder(Arena *a, const char *path);
const char *path_leaf(const char *path);
bool path_exists(const char *path);
bool path_absolute(const char *path);
/* "-", or something that exists and is neither file nor folder: a device, a pipe. */
bool path_is_stream(const char *path);
/* Where `path` lies below `folder`: "" if it is the folder itself, NULL if it is not below. Links are
 * resolved. */
const char *path_below(Arena *a, const char *folder, const char *path);
/* Paths of the regular files in a folder, and the names of all that is in it; *n is 0 if it cannot be read.
 */
const char *const *folder_files(Arena *a, const char *folder, size_t *n);
const char *const *folder_names(Arena *a, const char *folder, size_t *n);
bool file_ends_with(const char *path, const char *text); /* false if it cannot be read */
void file_remove(const char *path);                      /* does not fail */
/* An environment variable; NULL if it is empty or not there. */
const char *env_text(Arena *a, const char *name);
/* Do both name the same existing file or folder? */
bool same_file(const char *a, const char *b);

#endif
