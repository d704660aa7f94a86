/* Atomic output: bytes go to a nameless or temporary file beside the target, which takes the target's place
 * in one step at output_commit(). If the arena is freed before (a failure, a cancelled run), nothing is left
 * behind and the target is as it was. Power loss is not guarded against: there is no fsync.
 *
 * A target that exists and is no regular file (a device, a pipe) is written to directly; "-" is standard
 * output.
 */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include "base/file.h"

typedef struct Output Output;

/* Fails with ONNXSLIM_ERR_IO if the folder cannot be written to or the target is a directory. A symbolic link
 * is followed. Permissions are those of an existing target, else of the file `like` (NULL: none) as far as
 * the umask allows. With `fresh`, commit refuses to replace anything. */
Output *output_new(Arena *a, const char *path, bool fresh, const char *like);
Arena *output_arena(const Output *o);

/* Appends bytes that stay valid until output_flush(); small runs are gathered, large runs that lie in a file
 * of `files` are copied by the kernel. Fails with ONNXSLIM_ERR_IO. */
void output_span(Output *o, Span s, File *const *files, size_t n_files);
void output_flush(Output *o);
/* Appends bytes now. False on an error, which output_check() reports: for callbacks that must not fail(). */
bool output_put(Output *o, const void *bytes, size_t n);
void output_check(Output *o);
void output_zeros(Output *o, size_t n);
uint64_t output_size(const Output *o); /* bytes appended so far */

void output_commit(Output *o);
/* Takes a committed `fresh` file away again; does not fail. */
void output_undo(Output *o);

#endif
