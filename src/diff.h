/* onnxslim_diff(): which node of one model is which of another, and what differs. */
#ifndef DIFF_H
#define DIFF_H

#include "object.h"

#include "base/vec.h"
#include "ir/ir.h"

typedef enum PairedBy { PAIRED_NOT, PAIRED_BY_NAME, PAIRED_BY_STRUCTURE } PairedBy;

/* Two graphs that stand in the same place; a graph that only one model has is without a partner. */
typedef struct GraphPair {
  Graph *a, *b; /* one may be NULL */
} GraphPair;

typedef struct Pairing {
  Arena *arena;
  Model *a, *b;
  Node **node_of_a, **node_of_b;    /* by node id: the node of the other model, or NULL */
  Value **value_of_a, **value_of_b; /* by value id, the same */
  uint8_t *by;                      /* PairedBy, by id of b's node */
  size_t n_pairs;
  Vec(GraphPair) graphs; /* outer before inner */
} Pairing;

/* Nodes that name an output alike, or have one name, and are of one operator are the same node; of the others
 * those that compute the same of the same, then those whose results have one name that paired nodes read in
 * the same place, then those that paired nodes read, or that read them, in the same place, and in the end
 * what names an output alike whatever it is. */
Pairing *pair_models(Arena *arena, Model *a, Model *b);
/* Is what one node reads what the other reads? Constants are the same if their contents are, values that no
 * paired nodes compute if their names are. */
bool same_operand(const Pairing *p, const Value *a, const Value *b);

/* Fills in d; texts and arrays go into `arena`. */
void diff_models(Arena *arena, Model *a, Model *b, onnxslim_diff_t *d);

#endif
