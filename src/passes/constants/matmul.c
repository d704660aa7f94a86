/* Products with constant matrices: (x A) B => x (A B), and B (A x) => (B A) x.
 *
 * When not   the product of the matrices is larger than both of them (a narrow waist is there for its price),
 * or applying it is more work; an element of it is no finite number (in 16-bit types: not a normal one)
 */
#include "passes/constants/constants.h"

enum { MOST_WORK = 1 << 30 }; /* multiplications to get the product */

typedef struct Chain {
  Node *first;
  Value *x;
  int slot; /* of the constants: 1 where they stand to the right of x */
  Value *a, *b;
} Chain;

/* A constant matrix, the one constant operand of the MatMul. */
static Value *matrix(const Node *n, int slot) {
  Value *v = node_in(n, slot), *other = node_in(n, 1 - slot);
  const Tensor *t = v && other ? constant_of(v) : NULL;
  return t && t->rank == 2 && elem_is_float(t->dtype) && !constant_of(other) ? v : NULL;
}

static bool read_chain(Node *n, Chain *c) {
  for (c->slot = 0; c->slot < 2; c->slot++) {
    c->b = n->n_in == 2 ? matrix(n, c->slot) : NULL;
    const Value *p = c->b ? node_in(n, 1 - c->slot) : NULL;
    c->first = p && p->index == 0 ? p->producer : NULL;
    if (!node_is(c->first, OP_MatMul) || !(c->a = matrix(c->first, c->slot))) continue;
    c->x = node_in(c->first, 1 - c->slot);
    return true;
  }
  return false;
}

/* Is the product a by b, with n elements, less work to apply than both, and no larger? */
static bool pays(const Tensor *a, const Tensor *b, int64_t rows, int64_t middle, int64_t columns) {
  double n = (double)rows * (double)columns;
  return n * (double)middle <= MOST_WORK && n < (double)a->count + (double)b->count;
}

Outcome reassociate_matmul(Rewriter *rw, Node *node) {
  Chain c;
  TRY(node_out(node, 0) && read_chain(node, &c));
  Tensor *left = constant_of(c.slot ? c.a : c.b), *right = constant_of(c.slot ? c.b : c.a);
  NEED(node_is_inner(c.first), "the MatMul before it has other users");
  NEED(left->dtype == right->dtype && left->dim[1] == right->dim[0], "the matrices do not fit");
  NEED(pays(left, right, left->dim[0], left->dim[1], right->dim[1]),
       "their product would be larger, or too much work");
  Model *m = rw_model(rw);
  Tensor *product = tx_cast(m, tx_matmul(m, left, right), left->dtype);
  NEED(product && tx_all_normal(m, product, product->dtype == DT_FLOAT ? DT_DOUBLE : product->dtype),
       "an element of their product is no normal number");
  Value *one = rw_const(rw, product, c.b->name->s), *in[2] = {c.x, c.x};
  const Node *gone[] = {node, c.first};
  if (!rw_may_grow(rw, 2, gone, 1, (const Value *const[]){one})) return MISSED;
  in[c.slot] = one;
  Value *y = rw_copy(rw, node, 2, in)->out[0];
  const char *why;
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  rw_note(rw, "one matrix of %lld by %lld", (long long)product->dim[0], (long long)product->dim[1]);
  return FIRED;
}
