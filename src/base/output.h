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

/* Can bytes be written in any order, by several threads at once? Else (a device, a pipe) only one after
 * another, and `at` below is not looked at. */
bool output_seekable(const Output *o);

/* So many bytes will be written in all, which need not fit. Space that was reserved before is written to at
 * three quarters of the cost, where the file system has such a thing. */
void output_expect(const Output *o, uint64_t size);

/* Writes the runs (which are used up) one behind the other from offset `at` on. Returns 0 or an errno, for
 * output_fail(): threads fail on a context of their own. */
int output_write(Output *o, uint64_t at, Span *runs, size_t n);
_Noreturn void output_fail(const Output *o, Ctx *cx, int error);

void output_commit(Output *o);
/* Takes a committed `fresh` file away again; does not fail. */
void output_undo(Output *o);

#endif
