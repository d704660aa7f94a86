#include "passes/passes.h"

const Pass *const all_passes[PASS_COUNT] = {
#define PASS(name) &pass_##name,
#include "passes/passes.def"
#undef PASS
};
