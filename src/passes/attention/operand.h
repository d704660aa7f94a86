/* Q, K or V of an attention core, followed upwards through what only arranges heads: Transposes, the Reshape
 * that makes heads, the Split or Gather that takes it out of a fused projection, the repetition of heads for
 * grouped queries, and a RotaryEmbedding, which may turn columns as well as heads. Constant factors on the
 * way are collected. */
#ifndef PASSES_ATTENTION_OPERAND_H
#define PASSES_ATTENTION_OPERAND_H

#include "passes/passes.h"

/* What an axis stands for. */
typedef enum Role { BATCH, HEADS, LENGTH, DEPTH, PART, REPEAT, ROLES } Role;

enum { MAX_PARTS = 16 };

/* The operand is number `index` of n pieces of the fused projection, of so many heads each. n == 0: all. */
typedef struct Piece {
  int64_t heads[MAX_PARTS];
  int n, index;
} Piece;

/* The operand in one form. */
typedef struct Form {
  Value *v;
  double scale; /* it is v multiplied by this */
  int64_t heads, depth;
  bool apart; /* flat: v is [batch, length, heads, depth] still */
} Form;

typedef struct Operand {
  Value *start;       /* as the core reads it */
  int role_at[ROLES]; /* the axis of start that stands for each role; -1: none */
  Form whole; /* [batch, heads, length, depth] ([batch, length, depth] in rank 3), or in another order */
  int whole_at[ROLES]; /* its axes */
  Form flat;           /* [batch, length, columns], heads side by side; v may be NULL */
  Piece piece;         /* the columns of flat that it is */
  int64_t merged;      /* heads that its first axis holds beside the batch, perhaps repeated; 0: none */
  Node *rotary;        /* RotaryEmbedding between flat and the operand; NULL if there is none */
} Operand;

typedef enum OperandKind { QUERY, KEY, VALUE } OperandKind;

/* Reads an operand of rank 3 (one head, without an axis) or 4. A key comes with depth before length. Factors
 * are not collected from a value. False if the rank is another one or not known, or heads or depth are not
 * known. */
bool operand_read(Value *v, OperandKind kind, Operand *o);
/* Reads one of rank 3 whose first axis is batch and heads together, made by a Reshape of rank 4. False if it
 * is none. */
bool operand_read_merged(Value *v, OperandKind kind, Operand *o);

/* The number of heads that a Reshape of [batch, heads, n, m] to [batch * heads, n, m], or back, merges or
 * parts; 0 if it does something else. */
int64_t merged_heads(const Node *reshape);

/* The size of an axis, if it is known and not 0. */
bool const_dim(Value *v, int64_t axis, int64_t *n);

#endif
