/* The Rewriter: the only thing that edits a graph. Rules match on a const view and build through it.
 *
 * Laws of a rule
 *  1. Decide first, then build: nothing is edited before every guard has passed.
 *  2. Refuse, don't fail: an odd model is a reason to refuse (NEED), never an error.
 *  3. Every rewrite makes the measure fall (operators taken apart, nodes, computed operands, outputs,
 * transposed bytes, constant bytes; in this order); the driver checks it and undoes what does not. Nodes that
 * lose their last use through the rewrite are removed with it.
 *  4. Graph inputs and outputs keep names, order and types; rw_replace() refuses what would break that.
 */
#ifndef REWRITE_REWRITER_H
#define REWRITE_REWRITER_H

#include "eval/constant.h"
#include "infer/facts.h"

typedef struct Rewriter Rewriter;

Model *rw_model(const Rewriter *rw);
bool rw_asked(
    const Rewriter *rw); /* did the user name this rule's pass? Then it may do more than by itself */
bool rw_exact_only(const Rewriter *rw);      /* --exact: rules that would round must refuse */
bool rw_leaves_external(const Rewriter *rw); /* external data stays in its files (--external-data=keep) */
bool rw_contrib(const Rewriter *rw);         /* operators of com.microsoft may be made */
uint64_t rw_max_growth(const Rewriter *rw);  /* bytes a fold may add over what it removes */
uint64_t rw_max_fold(const Rewriter *rw);    /* bytes a folded constant may have */

/* What is being tried. */
const struct Pass *rw_pass(const Rewriter *rw);
const struct Rule *rw_rule(const Rewriter *rw);

/* Where new nodes go: right before `at` in its graph. Set to the root before a rule is tried. */
void rw_insert_before(Rewriter *rw, Node *at);

/* New node of ai.onnx at the model's opset with n_in inputs (trailing NULLs are dropped) and one output;
 * name, doc string and metadata are those of the root. Attributes are added before the next rw_ call. */
Node *rw_node(Rewriter *rw, OpId op, int n_in, Value *const *in);
/* An operator of another domain, which the model imports from now on if it does not yet. NULL, with the
 * reason, where it can't: another version of the domain is in force, or it is a function, which imports for
 * itself. */
Node *rw_node_of(Rewriter *rw, OpId op, int n_in, Value *const *in, const char **why);
/* The same by name; the library may know nothing of the operator. */
Node *rw_node_named(Rewriter *rw, const char *domain, const char *op_type, int n_in, Value *const *in,
                    const char **why);
/* The same as rw_node() with n_out outputs. */
Node *rw_node_n(Rewriter *rw, OpId op, int n_in, Value *const *in, int n_out);
/* A copy of n (operator, attributes, name, metadata) over other inputs. */
Node *rw_copy(Rewriter *rw, const Node *n, int n_in, Value *const *in);
void rw_attr_int(Rewriter *rw, Node *n, const char *name, int64_t v);
void rw_attr_float(Rewriter *rw, Node *n, const char *name, float v);
void rw_attr_ints(Rewriter *rw, Node *n, const char *name, const int64_t *v, size_t count);
void rw_attr_floats(Rewriter *rw, Node *n, const char *name, const float *v, size_t count);
void rw_attr_string(Rewriter *rw, Node *n, const char *name, const char *v);
/* All attributes of `from`. */
void rw_attrs_of(Rewriter *rw, Node *n, const Node *from);
void rw_attr_remove(Rewriter *rw, Node *n, const char *name);

/* Not to functions, nor to bodies where IR < 4, as they would be new inputs. (Those of the main graph are
 * listed as inputs then, and constant all the same.) */
bool rw_may_add_initializers(const Graph *g);
/* A constant in the graph of the insertion point: an existing one of equal content if it is in scope, else a
 * new initializer (a Constant node where initializers are not possible). `name_hint` may be NULL. */
Value *rw_const(Rewriter *rw, Tensor *t, const char *name_hint);
Value *rw_const_ints(Rewriter *rw, const int64_t *v, size_t n);

/* Bytes of the constants that are read, perhaps through nodes that compute on constants, by the `n` nodes
 * alone: what goes away with them. */
uint64_t rw_bytes_freed(Rewriter *rw, int n, const Node *const *gone);
/* Law 4 for a rewrite that takes the nodes `gone` away: may the constants `made` (from rw_const; NULL is
 * none), as far as nobody reads them yet, be added? False after rw_missed(). */
bool rw_may_grow(Rewriter *rw, int n_gone, const Node *const *gone, int n_made, const Value *const *made);

/* Can every use of `old` (also as a graph output) read `now` instead? False, with the reason, when old is a
 * graph output or --keep name and `now` cannot take over its name. */
bool rw_can_replace(const Rewriter *rw, const Value *old, const Value *now, const char **why);
/* Does it. The surviving value takes over the name if old was a graph output. Old's producer is left without
 * uses. */
void rw_replace(Rewriter *rw, Value *old, Value *now);

/* Makes v itself a constant: its producer is detached and v becomes an initializer (or the output of a
 * Constant node where initializers are not possible, or v is a graph output; or of an Identity where it is
 * one, and a Constant node can't be of its type yet). Uses and name stay. */
void rw_make_constant(Rewriter *rw, Value *v, Tensor *t);

void rw_set_input(Rewriter *rw, Node *n, int i, Value *v); /* v NULL: leave it out */
/* Removes a node nobody reads (the driver does it for nodes a rewrite orphaned). False if it must stay:
 * outputs in use or kept, or an operator with effects. */
bool rw_remove(Rewriter *rw, Node *n);
void rw_remove_initializer(Rewriter *rw, Value *v);
/* Puts the nodes and initializers of one of node's bodies in front of it, its inputs replaced by args (one
 * for each that is in use; the body is spent). outs receives what the body's outputs are now. False, with the
 * reason, if it can't be done; the caller then refuses. */
bool rw_inline_body(Rewriter *rw, Node *node, Graph *body, Value *const *args, Value **outs,
                    const char **why);

/* Takes an unused optional output away (the last ones are trimmed). */
void rw_drop_output(Rewriter *rw, Node *n, int i);
/* Takes an unused output away from a node with bodies, and output `inner` from each of them. */
void rw_drop_body_output(Rewriter *rw, Node *n, int i, int inner);
/* Takes an input away, and input `inner` of its one body, which nobody reads. */
void rw_drop_body_input(Rewriter *rw, Node *n, int i, Graph *body, int inner);

/* --- plain C rules ------------------------------------------------------------------------------------- */

typedef enum Outcome { NO_MATCH, MISSED, FIRED } Outcome;

/* Records why a rule refuses this node; returns MISSED. */
Outcome rw_missed(Rewriter *rw, const Node *n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* n belongs to what the rule has recognised: onnxslim explain tells its refusal at n, too. */
void rw_saw(Rewriter *rw, const Node *n);
/* The same of all nodes that lie between these values (NULL: none) and the root, which is one of them. */
void rw_saw_from(Rewriter *rw, const Node *root, int n, Value *const *from);
/* Adds a sentence to the remark of the rewrite in progress. */
void rw_note(Rewriter *rw, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define TRY(cond)                                                                                            \
  do {                                                                                                       \
    if (!(cond)) return NO_MATCH;                                                                            \
  } while (0)
#define NEED(cond, ...)                                                                                      \
  do {                                                                                                       \
    if (!(cond)) return rw_missed(rw, node, __VA_ARGS__);                                                    \
  } while (0)

/* Rewrites so far: what a late rule found out about a graph holds while this number stays. */
uint64_t rw_rewrites(const Rewriter *rw);
/* Scratch memory until the rule returns. */
Arena *rw_scratch(Rewriter *rw);
/* A table of the rule's own that lasts for the run (what CSE has seen); entries live in rw_arena(). */
Map *rw_table(Rewriter *rw);
Arena *rw_arena(Rewriter *rw);

/* Is n's only live output used exactly once, inside the same graph, and no graph output or --keep name?
 * What the matcher demands of inner nodes; plain C rules ask here. */
bool node_is_inner(const Node *n);

/* --- outside of the driver ------------------------------------------------------------------------------ */

/* For phases that convert node by node: no measure, no worklist, and what was edited can be taken back. */
Rewriter *rw_open(Model *m);
void rw_close(Rewriter *rw);
/* Runs fn on a node as the driver would a rule. *text is its note (NULL: nothing was edited), or why it
 * refused; it lives until rw_close(). */
Outcome rw_convert(Rewriter *rw, Node *node, Outcome (*fn)(Rewriter *rw, Node *node), const char **text);
void rw_commit(Rewriter *rw); /* edits so far stay */
void rw_undo(Rewriter *rw);   /* back to the last commit */

#endif
