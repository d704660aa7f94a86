/* Types, shapes and partially known values, on demand.
 *
 * Facts are computed when asked for, from the producer's inputs, and cached on the value. A rewrite keeps the
 * values it keeps, so cached facts stay true; facts_forget() only makes room for better ones.
 * What is believed: declared types of graph inputs, initializers, and inference. A value_info entry or output
 * declaration is used only for outputs of operators we know nothing of, and then without its dim names.
 */
#ifndef INFER_FACTS_H
#define INFER_FACTS_H

#include "ir/ir.h"

/* Integer (or bool, as 0/1) scalar or vector whose elements are known, symbolic, or unknown (NULL). */
typedef struct Partial {
  int rank; /* 0 or 1 */
  size_t n; /* elements; at most PARTIAL_MAX */
  const Dim *at;
} Partial;
#define PARTIAL_MAX 1024

const Type *type_of(Value *v); /* never NULL; TYPE_UNKNOWN if nothing is known */
ElemType dtype_of(Value *v);   /* of a tensor; DT_UNDEFINED if unknown */
Shape shape_of(Value *v);
int rank_of(Value *v); /* -1 if unknown */
const Partial *
value_of(Value *v); /* NULL unless it is a known-rank 0/1 integer or bool tensor of known small size */

/* All elements known: copies them to a new array in the model's arena. */
bool value_ints(Value *v, const int64_t **at, size_t *n);

/* Gives `now`, which is proven to hold the same as `old`, what is known of old: the same symbols stand for
 * its dims. */
void facts_share(Value *now, Value *old);

/* Do the facts of v say all that inference reads off a constant t? */
bool facts_cover(Value *v, const Tensor *t);

/* v is declared otherwise now, which is all that is known of what an unknown operator gives. */
void facts_redeclare(Value *v);

/* Drops what is cached for v and for everything computed from it that is cached. */
void facts_forget(Value *v);

/* Shape of a broadcast of a and b (unknown dims against unequal ones give a fresh dim: nothing is merged). */
Shape shape_broadcast(SymTable *t, Arena *arena, Shape a, Shape b);
/* Does s, broadcast one way, fit `to` without changing it (every dim provably equal or 1)? */
bool shape_broadcasts_to(Shape s, Shape to);

/* Operator families register here: one row per operator in infer.def, one function per family. */
typedef struct Infer {
  Model *m;
  Arena *arena;
  SymTable *syms;
  const Node *node;
  Type *out;             /* n_out types, preset to TYPE_NOTHING */
  const Partial **value; /* n_out partial values, preset to NULL */
} Infer;
typedef void InferFn(Infer *);

#endif
