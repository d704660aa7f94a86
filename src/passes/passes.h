/* The registry: every pass, in pipeline order. Adding one: a file, a row in passes.def, a golden folder. */
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include "rewrite/rule.h"

#define PASS(name) extern const Pass pass_##name;
#include "passes/passes.def"
#undef PASS

enum {
#define PASS(name) PASS_INDEX_##name,
#include "passes/passes.def"
#undef PASS
  PASS_COUNT
};

extern const Pass *const all_passes[PASS_COUNT];

#endif
