/* A pass that is wrong on purpose, for the tests of --verify and bisect. It is linked in place of a real pass
 * (see Makefile), so that the library needs no way to add one. */
#include "passes/passes.h"

static const Rule rules[] = {
    {.name = "drop-negation", .match = "Relu(Neg(x))", .replace = "Relu(x)", .exact = BITWISE},
};

const Pass pass_fuse_rmsnorm = {"wrong_pass", "forgets a sign", PASS_RULES(rules)};
