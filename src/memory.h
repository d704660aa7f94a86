/* What onnxslim_summary says of dims, element types and memory. */
#ifndef MEMORY_H
#define MEMORY_H

#include "object.h"

#include "ir/ir.h"

/* Texts and arrays go into `a`. */
void summarize_memory(Arena *a, Model *m, onnxslim_summary *s);

#endif
