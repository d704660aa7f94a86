/* What is known of every operator: one row in ops.def, attribute defaults in attrs.def. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "ir/ir.h"

/* Facts of an operator (column "facts" of ops.def). */
enum {
  OP_COMMUTES = 1 << 0,    /* op(a, b) == op(b, a), bit for bit */
  OP_IDEMPOTENT = 1 << 1,  /* op(op(x)) == op(x) */
  OP_ELEMENTWISE = 1 << 2, /* output element depends on the same element of the (broadcast) inputs only */
  OP_BROADCASTS = 1 << 3,  /* all inputs broadcast against each other (multidirectional) */
  OP_RANDOM = 1 << 4,      /* not deterministic: never folded, merged or removed when used */
  OP_EFFECT = 1 << 5,      /* has effects or state beyond its outputs */
  OP_CONTROL = 1 << 6,     /* has bodies: If, Loop, Scan, SequenceMap */
  OP_MOVES_DATA = 1 << 7,  /* only moves, copies or selects elements: folding is bitwise for every dtype */
  OP_EXACT = 1 << 8, /* correctly rounded or exact in every dtype: folding is bitwise (Add, Mul, Neg, ...) */
  OP_INT_EXACT = 1 << 9,        /* exact for integers and bools only (ReduceSum, MatMul, Pow, Relu ...) */
  OP_QUANT = 1 << 10,           /* QuantizeLinear and relatives: a barrier (Law 5) */
  OP_VARIADIC = 1 << 11,        /* last formal input repeats */
  OP_MONOTONE = 1 << 12,        /* non-decreasing elementwise function of its first input */
  OP_LAYOUT_AGNOSTIC = 1 << 13, /* unary elementwise on input 0: commutes with Transpose, Reshape, Slice */
  OP_INVOLUTION = 1 << 14,      /* op(op(x)) == x, bit for bit */
  OP_INTEGRAL = 1 << 16,        /* unary: every result is an integer, and integers stay what they are */
  OP_COUNTS_OUTPUTS = 1 << 15,  /* which outputs are listed is part of what it computes */
  OP_HOLDS = 1 << 17, /* computes nothing: it holds a constant, or its operands as a sequence or optional */
};

typedef enum OpId {
  OP_NONE = 0,
#define OP(id, domain, min_in, max_in, min_out, max_out, versions, kernel, facts) OP_##id,
#include "ops/ops.def"
#undef OP
  OP_COUNT_
} OpId;

typedef struct OpDef {
  OpId id;
  const char *name, *domain;
  int min_in, max_in, min_out, max_out; /* max -1: unbounded */
  const int16_t *since; /* versions in which the definition changed, ascending, 0-terminated */
  int kernel;           /* the newest of them that ONNX Runtime has a kernel for, 0 if none */
  uint32_t facts;
} OpDef;

/* The operator of that domain ("" for ai.onnx) and name. NULL if it is unknown or does not exist yet, if
 * `version` is newer than the newest opset we know (ONNX_NEWEST_OPSET), and for definitions older than opset
 * 7 that broadcast by attribute: no fact of ops.def holds for them. */
const OpDef *op_find(const char *domain, const char *name, int version);
const OpDef *op_def(OpId id);
/* The operator that a node is: op_find() for its opset. NULL also if an attribute refers to one of a function
 * or can't be read, and for what op_fits() refuses. */
const OpDef *op_of_node(const Node *n);
/* The version of the domain whose definitions hold at `version` of it, as far as we know or the model says
 * that it is to be assumed (newer_is_known). */
int op_version(const Model *m, const char *domain, int version);
/* The newest version of the domain that ops.def knows; 0: it has none of the domain's operators. */
int op_newest_version(const char *domain);
/* The operator that is this one with its operands the other way round; OP_NONE if there is none. */
OpId op_mirror(OpId id);
/* Has the node as many inputs and outputs as the operator takes, and those that it needs? Rules count on
 * them: a node that does not fit is one of an unknown operator. */
bool op_fits(const OpDef *op, const Node *n);
/* The since-version in force at `version` (0 if the operator does not exist there yet). */
int op_since(const OpDef *op, int version);

#define ONNX_NEWEST_OPSET 28

/* The oldest IR version that a model of that opset of ai.onnx may have. */
int opset_ir_version(int opset);
/* Has ONNX Runtime a kernel for the definition in force at `version`? */
static inline bool op_has_kernel(const OpDef *op, int version) {
  return op_since(op, version) <= op->kernel;
}

static inline bool node_is(const Node *n, OpId id) {
  return n && n->op && n->op->id == id;
}
static inline bool node_has(const Node *n, uint32_t facts) {
  return n->op && (n->op->facts & facts) == facts;
}

/* --- attributes with defaults (ops/attr.c, attrs.def) --------------------------------------------------- */

/* Value of an attribute as written, or its default at the node's opset. False if it has neither, or another
 * type. */
bool attr_int(const Node *n, const char *name, int64_t *out);
bool attr_float(const Node *n, const char *name, float *out);
bool attr_ints(const Node *n, const char *name, const int64_t **at, size_t *count);
bool attr_string(const Node *n, const char *name, Span *out); /* bytes, not NUL-terminated */
bool attr_string_is(const Node *n, const char *name, const char *text);
Graph *attr_graph(const Node *n, const char *name); /* a body; NULL if there is none */
/* Same attributes with the same values, whatever their order (defaults written out or not). */
bool attrs_equal(const Node *a, const Node *b);
/* The same of one attribute, which perhaps neither has; the nodes may be of two models. */
bool attr_same(const Node *a, const Node *b, const char *name);
uint64_t attrs_hash(const Node *n);

#endif
