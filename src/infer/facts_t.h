/* The cached facts of a value; only facts.c and family.c look inside. */
#ifndef INFER_FACTS_T_H
#define INFER_FACTS_T_H

#include "infer/facts.h"

struct Facts {
  Type type;
  const Partial
      *value; /* elements in row-major order, of any rank and any dtype (see Small); NULL: none known */
  const Partial *shown; /* what value_of() answers, once it was asked */
  Node *below;          /* while computing: next frame of the stack */
  size_t next;          /* while computing: next dependency to look at */
  bool ready;
  Value *of; /* while forgetting: whose facts these were, and the next on the list */
  struct Facts *link;
};

/* Cached and ready, else NULL. */
static inline const struct Facts *facts_ready(const Value *v) {
  return v && v->facts && v->facts->ready ? v->facts : NULL;
}

#endif
