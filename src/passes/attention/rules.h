/* The rules of cleanup_attention that live in files of their own. */
#ifndef PASSES_ATTENTION_RULES_H
#define PASSES_ATTENTION_RULES_H

#include "infer/axes.h"
#include "passes/passes.h"

Outcome fold_scale(Rewriter *rw, Node *node);         /* scale.c */
Outcome fill_inverted_mask(Rewriter *rw, Node *node); /* mask.c */
Outcome drop_mask_expand(Rewriter *rw, Node *node);
Outcome choose_result(Rewriter *rw, Node *node);  /* select.c */
Outcome split_by_heads(Rewriter *rw, Node *node); /* heads.c */

#endif
