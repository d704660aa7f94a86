/* What happens to a node in another layout: if one of its operands is permuted, how all others must be, and
 * the node that then computes the same in that layout.
 *
 * A node of another layout reads Transpose(v, p) where it read v, and yields Transpose(v, p) where it yielded
 * v, each operand with a p of its own. Operators that fix their layout (Conv, pooling), that are opaque
 * (custom operators, control flow) or whose attributes are not constant have no such node.
 */
#ifndef PASSES_TRANSPOSES_SPREAD_H
#define PASSES_TRANSPOSES_SPREAD_H

#include "infer/axes.h"
#include "passes/transposes/perm.h"
#include "rewrite/rewriter.h"

typedef struct Spread {
  Node *node;
  Perm *in, *out;  /* by slot; n == 0: this operand stays as it is */
  bool may_round;  /* may the order of additions change? */
  int64_t penalty; /* bytes that the node's kernel moves in the other layout, but not in this one */
} Spread;

/* Slots: inputs count from 0, output k is ~k.
 * Fills s for the node if the operand at `slot` is permuted by p. NULL, or why the node has to keep its
 * layout. Constant operands of a broadcasting operator may get a permutation of more axes than they have: see
 * spread_constant(). */
const char *spread_from(Spread *s, Arena *a, Node *n, int slot, const Perm *p, bool may_round);

/* t, with axes of size 1 in front as far as p has more than it, permuted. */
Tensor *spread_constant(Model *m, Tensor *t, const Perm *p);

/* The node in the other layout, before the rewriter's insertion point. `in` are its operands, permuted
 * already. */
Node *spread_build(Rewriter *rw, const Spread *s, Value *const *in);

/* Does p move only axes of size 1, so that the elements stay in their order? */
bool spread_keeps_order(const Perm *p, Shape s);
/* The target with which Reshape makes `out` of `in`: numbers, copies (0) and at most one -1, which needs the
 * other dims to be provably not 0. False if that can't say it. */
bool spread_target(Shape in, Shape out, int64_t *at);

/* --- families: for spread*.c only ------------------------------------------------------------------------
 */

typedef struct Family {
  /* As spread_from(); operands that are not set stay. */
  const char *(*spread)(Spread *s, int slot, const Perm *p);
  /* Replaces further inputs (axes, pads). There is room for MAX_EXTRA_INPUTS more than the node has. NULL:
   * none. */
  void (*inputs)(Rewriter *rw, const Spread *s, Value **in);
  /* Changes attributes of the new node. NULL: none. */
  void (*attrs)(Rewriter *rw, const Spread *s, Node *copy);
} Family;

enum { MAX_EXTRA_INPUTS = 8 };

extern const Family spread_reduce, spread_squeeze, spread_unsqueeze, spread_gather, spread_reshape,
    spread_flatten;
extern const Family spread_matmul, spread_gemm;
extern const Family spread_slice, spread_pad, spread_tile, spread_expand, spread_resize;

/* Where axis a of input 0 goes. */
int spread_to(const Spread *s, int a);
/* The list as a constant of v's type (int64 or int32). */
Value *spread_ints(Rewriter *rw, Value *like, const int64_t *at, size_t n);
/* How an operand of the given rank follows if what it broadcasts to is permuted by p; PERM_NONE if it need
 * not. False: it has too few axes. */
bool spread_operand(const Perm *p, Value *v, Perm *out);

#endif
