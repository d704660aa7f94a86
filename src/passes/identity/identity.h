/* The rooms of eliminate_identity_ops: one file per family of operators, its rules listed in
 * eliminate_identity_ops.c. Every rule here is tried on the nodes of its operators; what it proves is said
 * above its definition. */
#ifndef PASSES_IDENTITY_IDENTITY_H
#define PASSES_IDENTITY_IDENTITY_H

#include "infer/axes.h"
#include "passes/passes.h"

/* y is x, which may have been made for it: replaces the first output of the node, or refuses with the reason.
 */
Outcome identity_forward(Rewriter *rw, Node *node, Value *x);
/* The node whose first output is input i of n; NULL if there is none. */
Node *identity_producer(const Node *n, int i);

/* The axes that a Reduce, ArgMax or ArgMin goes over, as a mask. False: not known. */
bool identity_reduced_axes(const Node *n, int rank, uint64_t *mask);

/* What a Slice takes, for each of the axes in the mask. */
typedef struct Cut {
  int64_t start, end, step;
} Cut;
typedef struct Cuts {
  uint64_t axes;
  Cut at[MAX_RANK];
} Cuts;
/* False: a number is not known, or the lists do not fit each other. */
bool identity_read_cuts(const Node *slice, int rank, Cuts *cuts);

/* A constant like `index`, the indices of a Gather, with other numbers. */
Value *identity_index_like(Rewriter *rw, const Tensor *index, const int64_t *at);

enum { IDENTITY_FAR = INT32_MAX }; /* exporters write INT_MAX, of whatever width, for "to the end" */

typedef Outcome IdentityRule(Rewriter *rw, Node *node);

/* noop.c */
IdentityRule identity_identity, identity_dropout, identity_cast, identity_same_shape, identity_pad,
    identity_transpose;
IdentityRule identity_of_one, identity_concat, identity_split, identity_gather, identity_repeated;
/* neutral.c */
IdentityRule identity_neutral_exact, identity_neutral_rounding, identity_absorbing, identity_same_operands;
IdentityRule identity_activation, identity_zeros, identity_clips_exact, identity_clips_rounding;
/* cast.c */
IdentityRule identity_cast_chain;
/* views.c */
IdentityRule identity_merge_views, identity_views_apart;
/* broadcast.c */
IdentityRule identity_expand_before_broadcast, identity_expand_chain, identity_tile_chain, identity_where,
    identity_where_bool, identity_where_not;
/* slice.c */
IdentityRule identity_slice_chain, identity_gather_chain, identity_gather_of_slice;
/* concat.c */
IdentityRule identity_concat_chain, identity_split_concat, identity_concat_split, identity_join_parts;
/* pieces.c */
IdentityRule identity_concat_slice, identity_concat_gather, identity_join_pieces;
/* sequence.c */
IdentityRule identity_sequence_at, identity_sequence_length, identity_sequence_concat;
IdentityRule identity_sequence_insert, identity_split_to_sequence, identity_optional_get,
    identity_optional_has;
/* pad.c */
IdentityRule identity_pad_chain, identity_pad_slice;
/* axes.c */
IdentityRule identity_keepdims, identity_gather_axis, identity_slice_one;
/* resample.c */
IdentityRule identity_resize_exact, identity_resize_rounding, identity_pool, identity_block;
/* signs.c */
Value *identity_negate_factor(Rewriter *rw, const Match *m);
Value *identity_negate_product(Rewriter *rw, const Match *m);
Value *identity_log_softmax(Rewriter *rw, const Match *m);
bool identity_is_float(const Match *m);
bool identity_numerator_is_one(const Match *m);
bool identity_divides_elementwise(const Match *m);
/* reduce.c */
IdentityRule identity_reduce_units_exact, identity_reduce_units_rounding, identity_reduce_chain_exact;
IdentityRule identity_reduce_chain_rounding, identity_stack_exact, identity_stack_rounding;

#endif
