/* Forms that runtimes know and have one kernel for: no rule may hide them. */
#ifndef REWRITE_FORMS_H
#define REWRITE_FORMS_H

#include "ir/ir.h"

/* The name of the form that this node belongs to with its constant operand, if runtimes know the form by that
 * constant and have a kernel for the whole of it; else NULL. Such a node keeps its constant. */
const char *runtime_form(const Node *n);

#endif
