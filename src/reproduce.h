/* The smallest part of a model in which a pass changes the outputs. */
#ifndef REPRODUCE_H
#define REPRODUCE_H

#include "experiment.h"

typedef struct Reproducer {
  Ctx *cx;
  const onnxslim_options *o;
  const char *path; /* of the model */
  const char *node; /* label of the node where the rewrite starts */
  const Pass *pass;
  uint64_t checks, nodes; /* out: parts that were run; nodes of what was written */
} Reproducer;

/* Cuts ever larger parts around the node until one shows the difference, then takes nodes away as long as it
 * does. Writes it to `out`. False if no part shows it: then nothing is written. */
bool reproduce(Reproducer *r, const char *out);

#endif
