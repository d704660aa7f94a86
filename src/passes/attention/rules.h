/* The rules of cleanup_attention that live in files of their own. */
#ifndef PASSES_ATTENTION_RULES_H
#define PASSES_ATTENTION_RULES_H

#include "passes/passes.h"

Outcome fold_scale(Rewriter *rw, Node *node);                /* scale.c */
Outcome merge_sibling_projections(Rewriter *rw, Node *node); /* siblings.c */
Outcome fill_inverted_mask(Rewriter *rw, Node *node);        /* mask.c */
Outcome drop_mask_expand(Rewriter *rw, Node *node);

#endif
