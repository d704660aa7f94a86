#include "ops/float32.h"

static const struct Float32 {
  OpId op;
  int until;
  unsigned in, out;
} rows[] = {
#define FLOAT32(op, until, inputs, outputs) {OP_##op, until, inputs, outputs},
#include "ops/float32.def"
#undef FLOAT32
};

bool op_needs_float32(const Node *n, int slot, bool output) {
  if (!n->op || *n->op->domain) return true;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].op != n->op->id || (rows[i].until && n->opset >= rows[i].until)) continue;
    return slot < 32 && ((output ? rows[i].out : rows[i].in) >> slot & 1u);
  }
  return false;
}
