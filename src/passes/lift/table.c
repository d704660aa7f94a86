#include "passes/lift/lift.h"

static const LiftStep steps[] = {
#define SAME(op, ...) {OP_##op, (const int16_t[]){__VA_ARGS__, 0}, NULL, NULL},
#define LIFT(op, version, fn) {OP_##op, (const int16_t[]){version, 0}, fn, NULL},
#define BAR(op, version, why) {OP_##op, (const int16_t[]){version, 0}, NULL, why},
#include "passes/lift/lift.def"
#undef SAME
#undef LIFT
#undef BAR
};

const LiftStep *lift_step(const OpDef *op, int version) {
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    for (const int16_t *at = steps[i].at; steps[i].op == op->id && *at; at++)
      if (*at == version) return &steps[i];
  return NULL;
}
