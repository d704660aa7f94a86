/* Forms that runtimes fuse, as far as a constant factor is their mark.
 *
 *   Gelu        Mul(Mul(x, Add(Erf(..), 1)), 0.5), Mul(Mul(x, 0.5), Add(Erf(..), 1)),
 *               Mul(x, Mul(Add(Erf(..), 1), 0.5)), and the same with Tanh
 *   HardSwish   Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6), Mul(Mul(x, Clip(Add(x, 3), 0, 6)), 1/6)
 *
 * The other forms are safe as they are: LayerNormalization's gamma, beta and epsilon may have any value; the
 * x of SiLU and QuickGelu, and what Gelu divides by sqrt(2), has two users, so nothing merges with the node
 * that makes it.
 */
#include "rewrite/forms.h"

#include "eval/constant.h"
#include "ops/ops.h"

static Node *operand(const Node *n, int i) {
  const Value *v = node_in(n, i);
  return v && v->index == 0 ? v->producer : NULL;
}

/* Add(Erf(..), 1) or Add(Tanh(..), 1) */
static bool is_gate(const Node *n) {
  if (!node_is(n, OP_Add)) return false;
  for (int i = 0; i < 2; i++) {
    double one;
    const Node *f = operand(n, i);
    if ((node_is(f, OP_Erf) || node_is(f, OP_Tanh)) && node_in(n, 1 - i) &&
        constant_scalar(node_in(n, 1 - i), &one) && one == 1)
      return true;
  }
  return false;
}

static bool is_clipped(const Node *n) {
  return node_is(n, OP_Clip) && node_is(operand(n, 0), OP_Add);
}

/* Mul(_, n) with n as `fits` wants it. */
static bool multiplies(const Node *n, bool (*fits)(const Node *)) {
  return node_is(n, OP_Mul) && (fits(operand(n, 0)) || fits(operand(n, 1)));
}

/* Is n, a product with 0.5, multiplied with a gate? */
static bool meets_gate(const Node *n) {
  for (const Use *u = n->out[0]->uses; u; u = u->next)
    if (multiplies(u->node, is_gate)) return true;
  return false;
}

const char *runtime_form(const Node *n) {
  if (!(node_is(n, OP_Mul) || node_is(n, OP_Div)) || n->n_in != 2 || !node_out(n, 0)) return NULL;
  for (int i = 0; i < 2; i++) {
    double factor;
    const Node *x = operand(n, 1 - i);
    if (!node_in(n, i) || !constant_scalar(node_in(n, i), &factor)) continue;
    if (node_is(n, OP_Mul) && factor == 0.5 && (multiplies(x, is_gate) || is_gate(x) || meets_gate(n)))
      return "Gelu";
    if (multiplies(x, is_clipped)) return "HardSwish";
  }
  return NULL;
}
