/* Temporary files that others have to open by name. */
#ifndef BASE_TEMP_H
#define BASE_TEMP_H

#include "base/arena.h"

/* A path that names nothing yet and ends in `suffix`: in the folder of the file `beside`, or, if that is
 * NULL, in a new private folder below $TMPDIR or /tmp. Whatever is there when the arena is freed is removed.
 */
const char *temp_path(Arena *a, const char *beside, const char *suffix);

#endif
