/* The graph: values, nodes, attributes, graphs (also bodies of If/Loop/Scan and of local functions), the
 * model.
 *
 * Everything lives in the model's arena. Passes read this freely and change it only through the Rewriter
 * (rewrite/rewriter.h); the codec (onnx/) builds it. A value captured by a body is used by the body's nodes
 * directly, so the use list of a value is complete across scopes (Law 7).
 */
#ifndef IR_IR_H
#define IR_IR_H

#include "base/map.h"
#include "base/vec.h"
#include "ir/tensor.h"

typedef struct Model Model;
typedef struct Graph Graph;
typedef struct Node Node;
typedef struct Value Value;
typedef struct Function Function;
struct OpDef; /* ops/ops.h */
struct Facts; /* infer/facts.h */
struct File;  /* base/file.h */

/* One input slot of a node that reads a value. */
typedef struct Use {
  Value *value; /* NULL: the slot is empty (optional input left out) */
  Node *node;
  int index;
  struct Use *prev, *next; /* list of value->uses */
} Use;

struct Value {
  Str name;       /* never NULL; unique within its scope once written */
  Graph *graph;   /* the scope that declares it */
  Node *producer; /* NULL: graph input, initializer, or dangling name */
  int index;      /* output slot of the producer */
  uint32_t id;    /* dense within the model */
  Use *uses;
  uint32_t n_uses;
  uint32_t n_outputs; /* how often it is listed among its graph's outputs */
  Tensor *init;       /* initializer content, also if it is only the default of an input */
  Type declared;      /* from input/output/value_info; shape dims < 0 and unnamed ones are fresh symbols */
  Span info;          /* its ValueInfoProto message, verbatim; p == NULL if none */
  Span sparse;        /* its SparseTensorProto if it is a sparse initializer (opaque to passes) */
  Span opaque; /* its TensorProto if we cannot read it (unknown element type): an initializer without init */
  struct Facts *facts; /* cache of infer/ */
  Tensor *folded;      /* cache of eval/constant.h */
  uint8_t folded_state;
  bool is_input, is_initializer;
  bool in_inits;   /* stands in graph->inits, perhaps as a stale entry (see there) */
  bool keep;       /* --keep: never renamed, merged or removed */
  bool info_dirty; /* declared changed (freeze): write `declared`, not `info` */
};

typedef enum AttrType {
  ATTR_UNDEFINED = 0,
  ATTR_FLOAT = 1,
  ATTR_INT = 2,
  ATTR_STRING = 3,
  ATTR_TENSOR = 4,
  ATTR_GRAPH = 5,
  ATTR_FLOATS = 6,
  ATTR_INTS = 7,
  ATTR_STRINGS = 8,
  ATTR_TENSORS = 9,
  ATTR_GRAPHS = 10,
  ATTR_SPARSE_TENSOR = 11,
  ATTR_SPARSE_TENSORS = 12,
  ATTR_TYPE_PROTO = 13,
  ATTR_TYPE_PROTOS = 14
} AttrType;

typedef struct Attr {
  Str name;
  AttrType type;
  Str ref;  /* ref_attr_name: the value is the enclosing function's attribute; nothing below is set */
  Span raw; /* AttributeProto message, verbatim; p == NULL for attributes we made */
  union {
    int64_t i;
    float f;
    Span s;
    struct {
      const int64_t *at;
      size_t n;
    } ints;
    struct {
      const float *at;
      size_t n;
    } floats;
    struct {
      const Span *at;
      size_t n;
    } strings;
    Tensor *tensor;
    struct {
      Graph **at;
      size_t n;
    } graphs; /* ATTR_GRAPH has n == 1 */
  } v;
} Attr;

/* A type whose value is read; what others hold is in their original bytes only. */
static inline bool attr_type_is_read(AttrType t) {
  return t >= ATTR_FLOAT && t <= ATTR_GRAPHS && t != ATTR_TENSORS;
}

enum { DIRTY_INPUTS = 1, DIRTY_OUTPUTS = 2, DIRTY_ATTRS = 4, DIRTY_OP = 8, DIRTY_NAME = 16 };

struct Node {
  Node *prev, *next; /* list order is a topological order */
  Graph *graph;
  uint64_t order;                /* increases along the list; node_before() compares */
  uint32_t id;                   /* dense within the model, never reused */
  Str name;                      /* may be NULL */
  Str op_type, domain, overload; /* domain "" is ai.onnx; never NULL but overload */
  const struct OpDef
      *op;          /* NULL: an operator we know nothing of (custom, newer opset, attribute by reference) */
  int opset;        /* version of the domain that is in force here */
  Function *callee; /* set if it calls a local function */
  Use *in;          /* n_in slots; trailing empty slots are trimmed when we change inputs */
  int n_in;
  Value **out; /* n_out slots, NULL for outputs left out */
  int n_out;
  Vec(Attr) attrs;
  Span raw;       /* NodeProto message, verbatim; p == NULL for nodes we made */
  unsigned dirty; /* which fields of raw no longer hold */
  bool dead;      /* unlinked; the memory stays */
  bool queued;    /* on the driver's worklist */
};

struct Graph {
  Model *model;
  Graph *outer;       /* enclosing graph of a body, else NULL */
  Node *owner;        /* node whose attribute this body is, else NULL */
  Function *function; /* function whose body this is, else NULL */
  Str name;
  Node *first, *last;
  size_t n_nodes; /* of this graph alone */
  Vec(Value *) inputs, outputs;
  Vec(Value *) inits; /* initializers in file order; while rules run, entries that are no longer
                         initializers (is_initializer false) stay until graph_compact() */
  Vec(Value *) infos; /* values with a value_info entry, in file order */
  Map scope;          /* Str -> Value of this scope */
  Span raw;           /* GraphProto message, verbatim */
  bool dirty;         /* anything in it changed: raw must be rebuilt field by field */
  bool has_bodies;    /* nodes of it hold bodies, or did: others need not be looked through for them */
};

struct Function {
  Str domain, name, overload;
  Graph *body;         /* inputs and outputs have no types */
  Vec(Str) attributes; /* names without default */
  Vec(Attr) defaults;  /* of the others; one that is a graph has no value here */
  Vec(struct OpsetImport *) opsets;
  Span raw;
};

typedef struct OpsetImport {
  Str domain;
  int64_t version;
} OpsetImport;

/* An entry of the model's metadata_props. */
typedef struct Metadata {
  Str key, value;
  bool dirty; /* not as in the file */
} Metadata;

struct Model {
  Ctx *cx;
  Arena *arena;
  StrPool *strs;
  SymTable *syms;
  int64_t ir_version;
  Vec(OpsetImport) opsets;
  Vec(Metadata) metadata; /* those of the file first, in its order */
  Graph *graph;
  Vec(Function *) functions;
  bool has_training;               /* training_info, whose graphs are not read */
  bool newer_is_known;             /* operators of an opset newer than we know are taken for what they were */
  Span raw;                        /* the whole file */
  const char *path;                /* of the input, NULL for memory */
  const char *dir;                 /* folder of external data files, NULL if none is known */
  Vec(struct File *) files;        /* mapped (base/file.h): the model, then its external data */
  uint32_t n_values, n_nodes_made; /* ids handed out */
  Str empty;                       /* the interned "" */
  Map fresh;                       /* base name -> last number model_fresh_name() gave it */
  struct Deferrals *deferrals;     /* eval/deferred.c: large constants computed so far, by structure */
};

/* --- reading ------------------------------------------------------------------------------------------ */

/* Version of a domain ("" or "ai.onnx") in force inside g; 0 if it is not imported. */
int graph_opset(const Graph *g, Str domain);
/* The version of ai.onnx that is in force inside g and all that shares its imports. For phases. */
void graph_set_opset(Graph *g, int version);

/* May callers override this value? (Law 6, the one place: IR >= 4 and listed among the graph inputs.) */
bool value_overridable(const Value *v);

/* The constant behind v if it is one as written: an initializer that cannot be overridden, or a Constant
 * node's value; looks through Identity. NULL if none. Computed constants: constant_of() in eval/constant.h.
 */
Tensor *value_literal(const Value *v);

static inline Value *node_in(const Node *n, int i) {
  return i < n->n_in ? n->in[i].value : NULL;
}
/* Does anybody read it? False for NULL, an output left out. */
static inline bool value_in_use(const Value *v) {
  return v && (v->n_uses || v->n_outputs);
}
static inline Value *node_out(const Node *n, int i) {
  return i < n->n_out ? n->out[i] : NULL;
}
const Attr *node_attr(const Node *n, const char *name);        /* as written; defaults are in ops/attr.h */
static inline bool node_before(const Node *a, const Node *b) { /* same graph only */
  return a->order < b->order;
}
/* Is v visible (declared in g or one of its enclosing graphs)? */
bool value_visible(const Value *v, const Graph *g);

/* All graphs of the model: main, bodies, functions; outer before inner. */
void model_each_graph(Model *m, void (*fn)(Graph *, void *), void *arg);
/* Nodes of all graphs together, Constant nodes counted. */
size_t model_node_count(const Model *m);

/* The value of a metadata entry; NULL if there is none. */
Str model_metadata(const Model *m, const char *key);

/* "MatMul 'name'" or "MatMul producing 'value'" for messages; in the model's arena. */
const char *node_label(const Node *n);

/* --- building: for the codec and the Rewriter only ------------------------------------------------------ */

Model *model_new(Ctx *cx);
void model_free(Model *m);
Graph *graph_new(Model *m, Graph *outer, Node *owner, Function *function);
Value *graph_value(Graph *g, Str name);        /* declares a new value in this scope; replaces nothing */
Value *graph_lookup(const Graph *g, Str name); /* this scope, then the enclosing ones; NULL if undeclared */
void model_set_metadata(Model *m, const char *key, const char *value);
/* A name that is new in the whole model, derived from base. */
Str model_fresh_name(Model *m, const char *base);
Node *node_new(Graph *g, Str domain, Str op_type, int n_in, int n_out); /* not linked yet; slots empty */
void node_resize_inputs(Node *n, int n_in);
void node_link(Graph *g, Node *before, Node *n); /* before == NULL: at the end */
void node_unlink(Node *n);                       /* input slots must be empty */
void node_set_input(Node *n, int i, Value *v);   /* keeps use lists */
/* Of the nodes in its bodies, too, as far as they read something. */
void node_empty_inputs(Node *n);
void node_set_output(Node *n, int i, Value *v);
void graph_set_output(Graph *g, size_t i, Value *v);
/* Lists v, which has init, among the initializers. */
void graph_add_init(Graph *g, Value *v);
void graph_compact(Graph *g); /* drops stale entries of inits */
/* Something in g changed: a body is part of its owner's attribute, and so on outwards. */
void graph_touch(Graph *g);
void graph_renumber(Graph *g);
/* Puts the nodes in a topological order (stable); fails with the node's name on a cycle. */
void graph_sort(Graph *g);

/* Checks every invariant above. NULL if they hold, else what is broken (in the model's arena). */
const char *model_check(Model *m);

#endif
