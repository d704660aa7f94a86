/* Parts of a model in words, for the public structs. The texts are in the arena given. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "object.h"

#include "ir/ir.h"

/* "float[batch,3,224,224]"; "?" if nothing is known. */
const char *type_words(Arena *a, const Type *t);
/* Of a tensor, with dims that are computed as what they are: "float[batch,2*seq]". */
const char *tensor_words(Arena *a, SymTable *syms, const Type *t);
/* "float[64,3,7,7]" */
const char *dims_words(Arena *a, const Tensor *t);
/* "com.microsoft::FusedConv", "Conv". */
const char *op_words(Arena *a, const Node *n);
/* "Conv '/conv1/Conv'" */
const char *node_words(Arena *a, const Node *n);
/* The first output that is not left out; NULL if there is none. */
Value *first_output(const Node *n);
/* Its name; NULL if there is none. */
const char *output_words(Arena *a, const Node *n);
/* What an input slot reads: "x", "w = float[64,3,7,7]", "s = int64[2] {1, -1}"; NULL if it is empty. */
const char *operand_words(Arena *a, const Value *v);
/* "" for the main graph, "body then_branch of If 'x'", "function local::Block". */
const char *graph_words(Arena *a, const Graph *g);

#endif
