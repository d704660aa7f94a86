/* External data files: their names, whose they are, and which may go. */
#ifndef ONNX_EXTERNAL_H
#define ONNX_EXTERNAL_H

#include "onnx/write.h"

/* The name of the new external file beside `path` (NULL: none yet): the one asked for, else the model's with
 * ".data"; with a number where a file of that name exists. So no data file is ever written over. */
const char *external_name(Writer *w, const char *asked, const char *path);

/* What stands before the input's locations in a model in the folder `dir`: "" if that is the input's own.
 * NULL if the input's data does not lie below it. */
const char *external_prefix(Arena *a, const char *input_dir, const char *dir);

/* The last bytes of a data file say whose it is. */
void external_sign(Output *data, uint64_t end, const char *model_path);

/* Data files beside `path` that the model there refers to and that were written with it. */
typedef struct OldData {
  const char *path, *folder;
  Vec(const char *) names;
} OldData;
OldData old_data_find(Writer *w, const char *path);
/* Called when the new model is in its place: removes those that neither it nor any other model in the folder
 * refers to. Does not fail: what cannot be judged stays. */
void old_data_remove(Writer *w, const OldData *old);

#endif
