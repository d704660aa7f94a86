/* Phases: what is asked for by name before the rules run (freeze, extract, keep) and after (infer_shapes).
 * They edit the interface, which rules must not, and fail with ONNXSLIM_ERR_USAGE if a name does not exist.
 */
#ifndef PASSES_PHASES_H
#define PASSES_PHASES_H

#include "base/suggest.h"
#include "ir/ir.h"

/* A dim by its name. */
typedef struct NamedSize {
  const char *name;
  int64_t size;
} NamedSize;

/* The dims of an input by their places; -1: as declared. */
typedef struct NamedDims {
  const char *name;
  int rank;
  int64_t *dim;
} NamedDims;

/* --freeze, --input-shape. A named dim that gets a size gets it wherever the main graph's inputs and outputs
 * use the name. A value_info entry that used it stays if inference proves it with the size, else it is
 * dropped. */
void phase_freeze(Model *m, const NamedSize *dims, size_t n_dims, const NamedDims *shapes, size_t n_shapes);

/* --inputs, --outputs: the part of the main graph between these values (n 0: as they are). New inputs must
 * have a known type. Fails if an output needs an input that is not listed. What the outputs do not need is
 * removed. */
void phase_extract(Model *m, const char *const *inputs, size_t n_inputs, const char *const *outputs,
                   size_t n_outputs);

/* --keep: marks values whose name, or whose producer's name, matches; in bodies and functions too. */
void phase_keep(Model *m, const char *const *patterns, size_t n);

/* --infer-shapes: every value of a graph gets the value_info entry that inference can prove. */
void phase_infer_shapes(Model *m);

/* Shows s the names of the values that g declares. */
void suggest_values(Suggest *s, const Graph *g);

#endif
