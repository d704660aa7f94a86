/* Every primitive edit, with its inverse: what the Rewriter does to a graph can be taken back in reverse
 * order. */
#ifndef REWRITE_JOURNAL_H
#define REWRITE_JOURNAL_H

#include "infer/facts.h"
#include "ops/ops.h"

/* What a rewrite must make smaller, compared in this order (Law 9). */
typedef struct Measure {
  int64_t lowered; /* nodes of operators that an enabled pass takes apart (Pass.lowers): fewer of them may be
                      more nodes */
  int64_t nodes;   /* that compute */
  int64_t
      operands; /* input slots that read a computed value: not an initializer, not a Constant node's output */
  int64_t outputs; /* output slots that are not left out */
  int64_t moved;   /* bytes that Transposes move, by difference from the start; unknown dims count as 1 */
  int64_t bytes;   /* of all initializers */
  int64_t inits;   /* their number: some have no bytes */
  int64_t holders; /* nodes that only hold a constant or operands: the fold of a Split may leave several */
} Measure;

bool measure_less(Measure a, Measure b);

typedef enum EditKind {
  EDIT_LINK,
  EDIT_UNLINK,
  EDIT_INPUT,
  EDIT_RESIZE,
  EDIT_OUTPUT,
  EDIT_GRAPH_OUTPUT,
  EDIT_ATTRS,
  EDIT_ADD_INIT,
  EDIT_REMOVE_INIT,
  EDIT_SWAP_IDENTITY,
  EDIT_NODE_IDENTITY,
  EDIT_MOVE,
  EDIT_RENAME,
  EDIT_CLEAR_OUTPUTS,
  EDIT_REMOVE_OUTPUT,
  EDIT_REMOVE_GRAPH_OUTPUT,
  EDIT_REMOVE_GRAPH_INPUT,
  EDIT_IMPORT
} EditKind;

typedef struct Edit {
  EditKind kind;
  Node *node, *other;
  Value *value, *second;
  Graph *graph;
  int index;
  Tensor *init;
  Attr *attrs;
  size_t n_attrs;
  Span raw;
  Str name;
  unsigned dirty;
} Edit;

typedef struct Journal {
  Arena *arena;
  Vec(Edit) edits;
  Measure measure;
  const bool *lowered; /* by OpId; NULL: none */
  Map moved;  /* Transpose -> the bytes it counts for, plus 1: what is known of a value may get better */
  Map scopes; /* name -> the graph that declared it when something was first moved; `several` if more than one
                 did */
  bool scopes_known;
} Journal;

/* Counts the whole model. */
void journal_init(Journal *j, Arena *a, Model *m);
/* From now on nodes of these operators (by OpId; kept) count before anything else. */
void journal_lower(Journal *j, Model *m, const bool *lowered);
void journal_commit(Journal *j);
void journal_undo(Journal *j); /* back to the last commit */

void edit_link(Journal *j, Graph *g, Node *before, Node *n);
/* Empties the input slots of the node and of its bodies' nodes, then unlinks it. */
void edit_unlink(Journal *j, Node *n);
void edit_input(Journal *j, Node *n, int i, Value *v);
void edit_resize(Journal *j, Node *n, int n_in); /* slots taken away must be empty */
void edit_output(Journal *j, Node *n, int i, Value *v);
void edit_graph_output(Journal *j, Graph *g, size_t i, Value *v);
/* Call before changing n->attrs in any way. */
void edit_attrs(Journal *j, Node *n);
void edit_add_init(Journal *j, Graph *g, Value *v, Tensor *t);
void edit_remove_init(Journal *j, Value *v);
/* Exchanges name, declared type and value_info of two values of one graph. */
void edit_swap_identity(Journal *j, Value *a, Value *b);
/* Takes n, with its outputs and bodies, out of its graph and puts it in front of `before`; outputs whose
 * names are taken there, or mean something else in a body that would see them, get new ones. */
void edit_move(Journal *j, Node *n, Node *before);
/* Body g gives its outputs up: its values are no graph outputs any more. */
void edit_clear_outputs(Journal *j, Graph *g);
/* Takes the slot of output i away: those behind it move up. */
void edit_remove_output(Journal *j, Node *n, int i);
/* Takes input or output i of a body away. */
void edit_remove_graph_output(Journal *j, Graph *g, size_t i);
void edit_remove_graph_input(Journal *j, Graph *g, size_t i);
/* The model imports one more domain. */
void edit_import(Journal *j, Model *m, Str domain, int64_t version);
/* n takes name, doc string and metadata of `from`. */
void edit_node_identity(Journal *j, Node *n, const Node *from);

#endif
