/* What freezing leaves in the model's metadata_props:
 *
 *   onnxslim.frozen_dims   batch=1,seq=128                  named dims, in the syntax of --freeze
 *   onnxslim.frozen_axes   input_ids[0]=1,input_ids[1]=128  axes of inputs and outputs
 *
 * Later freezes add to it. So a model that was frozen accepts the same flags again. */
#ifndef PASSES_FREEZE_NOTE_H
#define PASSES_FREEZE_NOTE_H

#include "passes/phases.h"

/* Was a dim of this name frozen before, and to what size? */
bool note_has_dim(Model *m, const char *name, int64_t *size);

/* Writes down n axes and their dims; nothing if n is 0. */
void note_axes(Model *m, const FrozenAxis *axes, size_t n);

#endif
