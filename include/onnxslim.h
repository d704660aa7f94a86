/* onnxslim: makes an ONNX model smaller and faster without changing what it computes.
 *
 *   #include <onnxslim.h>
 *   #include <stdio.h>
 *
 *   int main(int argc, char **argv) {
 *     onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
 *     if (argc != 3 || onnxslim_optimize_file(cx, argv[1], argv[2], NULL, NULL) != ONNXSLIM_OK)
 *       fprintf(stderr, "%s\n", onnxslim_error(cx));
 *     onnxslim_context_free(cx);
 *   }
 *
 * Simple first, then options, inspection, advanced. Handles are opaque. A function returns ONNXSLIM_OK or a
 * status; onnxslim_error() then has one line with the position. Strings are UTF-8; strings and arrays inside
 * a returned object live as long as the object. A context and what was made from it belong to one thread at a
 * time; different contexts are independent. The library installs no signal handlers, prints nothing and never
 * exits.
 */
#ifndef ONNXSLIM_H
#define ONNXSLIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ONNXSLIM_API __attribute__((visibility("default")))
#else
#define ONNXSLIM_API
#endif

#define ONNXSLIM_VERSION "1.0.0"

typedef enum onnxslim_status {
  ONNXSLIM_OK = 0,
  ONNXSLIM_ERR_USAGE = 1,       /* invalid argument, unknown option, pass or dim name */
  ONNXSLIM_ERR_MODEL = 2,       /* not a valid ONNX model; the message says where */
  ONNXSLIM_ERR_VERIFY = 3,      /* outputs differ by more than the tolerance */
  ONNXSLIM_ERR_IO = 4,          /* cannot read or write a file */
  ONNXSLIM_ERR_MEMORY = 5,      /* an allocation failed */
  ONNXSLIM_ERR_CANCELLED = 6,   /* the progress callback asked to stop */
  ONNXSLIM_ERR_LIMIT = 7,       /* a cap was hit (rewrites, nesting, size) */
  ONNXSLIM_ERR_UNAVAILABLE = 8, /* ONNX Runtime is needed and was not found */
  ONNXSLIM_ERR_INTERNAL = 9     /* an invariant broke: a bug in the library; nothing was written */
} onnxslim_status;

/* --- simple -------------------------------------------------------------------------------------------- */

typedef struct onnxslim_context onnxslim_context;
typedef struct onnxslim_options onnxslim_options;
typedef struct onnxslim_model onnxslim_model;
typedef struct onnxslim_report onnxslim_report;

/* Memory: alloc returns NULL when there is none left; free accepts NULL. Both are called on the calling
 * thread. */
typedef struct onnxslim_allocator {
  void *(*alloc)(void *user, size_t size);
  void (*free)(void *user, void *block);
  void *user;
} onnxslim_allocator;

typedef enum onnxslim_log_level {
  ONNXSLIM_LOG_WARNING,
  ONNXSLIM_LOG_INFO,
  ONNXSLIM_LOG_DEBUG
} onnxslim_log_level;

/* Any member may be NULL. Callbacks run on the calling thread and must return normally. */
typedef struct onnxslim_callbacks {
  void (*log)(void *user, onnxslim_log_level level, const char *line);
  /* done of total units of a phase: bytes of "read" and "write", entries of a queue that grows of "optimize",
   * runs of "verify" and "bench"; total 0: unknown. onnxslim_progress() knows more. Non-zero cancels. */
  int (*progress)(void *user, const char *phase, uint64_t done, uint64_t total);
  void *user;
  /* What the options "dump-before" and "dump-after" ask for: the model in ONNX text syntax. */
  void (*dump)(void *user, const char *title, const char *text);
} onnxslim_callbacks;

/* NULL arguments: malloc/free, no callbacks. NULL only if there is no memory. */
ONNXSLIM_API onnxslim_context *onnxslim_context_new(const onnxslim_allocator *alloc,
                                                    const onnxslim_callbacks *calls);
ONNXSLIM_API void onnxslim_context_free(onnxslim_context *cx);

/* What a running call is at; for a progress callback that shows more than its arguments. */
typedef struct onnxslim_progress_t {
  const char *pass, *rule; /* of the phase "optimize", tried last; until the callback returns. NULL: none */
  uint64_t rewrites;       /* made since the call began */
} onnxslim_progress_t;
ONNXSLIM_API onnxslim_progress_t onnxslim_progress(const onnxslim_context *cx);

/* One line about the last failure in this context, with its position; "" if there was none. */
ONNXSLIM_API const char *onnxslim_error(const onnxslim_context *cx);
ONNXSLIM_API const char *onnxslim_version(void);

/* Reads `in`, optimizes it, writes `out` (which may be `in`; NULL: only report). "-" is standard input or
 * output. options and report may be NULL. *report must be freed with onnxslim_report_free(); it is NULL on
 * failure, except that ONNXSLIM_ERR_VERIFY (option "verify") comes with the report that says by how much. On
 * failure `out` is as it was before. */
ONNXSLIM_API onnxslim_status onnxslim_optimize_file(onnxslim_context *cx, const char *in, const char *out,
                                                    const onnxslim_options *options,
                                                    onnxslim_report **report);

/* --- options ------------------------------------------------------------------------------------------- */

typedef enum onnxslim_option_type {
  ONNXSLIM_SWITCH, /* "1" (or NULL) or "0" */
  ONNXSLIM_NUMBER, /* a whole number >= 0 */
  ONNXSLIM_BYTES,  /* the same, with k, M or G for powers of 1024 */
  ONNXSLIM_TEXT,   /* anything */
  ONNXSLIM_CHOICE, /* one of the words in `argument`, which stand between '|' */
  ONNXSLIM_NAMES,  /* names or patterns with * and ?, separated by commas; "\\," is a comma in a name */
  ONNXSLIM_PASSES, /* names of passes, separated by commas */
  ONNXSLIM_RULES,  /* names of passes or rules, separated by commas */
  ONNXSLIM_DIMS,   /* DIM=N, separated by commas */
  ONNXSLIM_SHAPE   /* NAME:D,D,...; a D that stays as declared is ? */
} onnxslim_option_type;

typedef struct onnxslim_option_info_t {
  const char *name;     /* "freeze" */
  const char *argument; /* "DIM=N,..."; NULL for switches ("1" or "0") */
  const char *doc;      /* one line */
  onnxslim_option_type type;
  const char *standard; /* what holds if the option is not set, as text; NULL: nothing */
  const char *implied;  /* what a NULL value means; NULL: a value is needed (switches: "1") */
  const char *group;    /* heading in a list of options */
} onnxslim_option_info_t;
/* i from 0; NULL past the end. */
ONNXSLIM_API const onnxslim_option_info_t *onnxslim_option_info(size_t i);

/* Options are set by name, as text; a repeated list option adds to it. The list with types, defaults and one
 * line each: onnxslim_option_info(). An unknown option, pass or rule, or a value of another type, is
 * ONNXSLIM_ERR_USAGE; names of dims, inputs and values are checked against the model when it is optimized.
 * NULL only without memory. */
ONNXSLIM_API onnxslim_options *onnxslim_options_new(onnxslim_context *cx);
ONNXSLIM_API onnxslim_status onnxslim_options_set(onnxslim_options *o, const char *name, const char *value);
ONNXSLIM_API void onnxslim_options_free(onnxslim_options *o);

typedef struct onnxslim_pass_info_t {
  const char *name; /* "fuse_conv_batchnorm" */
  const char *doc;  /* one line */
  int bitwise;      /* 1: every rule of it is bit-exact; 0: some round */
  int by_default;
} onnxslim_pass_info_t;
/* Describes pass i, from 0, in pipeline order. Returns 0 past the end. */
ONNXSLIM_API int onnxslim_pass_info(size_t i, onnxslim_pass_info_t *info);

typedef struct onnxslim_rule_info_t {
  const char *pass, *name;
  const char *doc;             /* one line; NULL: match and replace say it */
  const char *match, *replace; /* NULL for rules that are no patterns */
  int bitwise;
} onnxslim_rule_info_t;
/* Describes rule i of all passes, from 0, in the order they are tried. Returns 0 past the end. */
ONNXSLIM_API int onnxslim_rule_info(size_t i, onnxslim_rule_info_t *info);
/* All passes with their rules; freed with onnxslim_buffer_free(). NULL only without memory. */
ONNXSLIM_API char *onnxslim_passes_json(onnxslim_context *cx);

/* The known word (of an option, pass or rule; `kind` "option", "pass" or "rule") closest to a misspelt one;
 * NULL if none is near. */
ONNXSLIM_API const char *onnxslim_suggest(const char *kind, const char *word);

/* --- models in memory ---------------------------------------------------------------------------------- */

/* path "-": standard input. */
ONNXSLIM_API onnxslim_status onnxslim_load(onnxslim_context *cx, const char *path, onnxslim_model **model);
/* The same with the options that concern reading ("outside-data"). */
ONNXSLIM_API onnxslim_status onnxslim_load_with(onnxslim_context *cx, const char *path,
                                                const onnxslim_options *options, onnxslim_model **model);
/* The bytes must stay as they are until onnxslim_model_free(). dir: folder of external data files, or NULL.
 */
ONNXSLIM_API onnxslim_status onnxslim_load_bytes(onnxslim_context *cx, const void *bytes, size_t size,
                                                 const char *dir, onnxslim_model **model);
/* From now on `name` stands for these bytes wherever a function of this context reads a path
 * (onnxslim_optimize_file(), onnxslim_verify(), onnxslim_attribution(), ...). They must stay as they are
 * until the context is freed. dir: folder of external data files, or NULL. */
ONNXSLIM_API onnxslim_status onnxslim_lend(onnxslim_context *cx, const char *name, const void *bytes,
                                           size_t size, const char *dir);
/* Optimizes in memory; the model can be saved or optimized again. After a failure it can only
 * be freed. The option "verify" compares with the model as it was loaded; ONNXSLIM_ERR_VERIFY comes with the
 * report. */
ONNXSLIM_API onnxslim_status onnxslim_optimize(onnxslim_model *model, const onnxslim_options *options,
                                               onnxslim_report **report);
/* Writes beside `path` first, then renames; "-" is standard output. */
ONNXSLIM_API onnxslim_status onnxslim_save(onnxslim_model *model, const char *path,
                                           const onnxslim_options *options);
/* *bytes must be freed with onnxslim_buffer_free(). ONNXSLIM_ERR_LIMIT if it would be 2 GiB or more. */
ONNXSLIM_API onnxslim_status onnxslim_save_bytes(onnxslim_model *model, const onnxslim_options *options,
                                                 uint8_t **bytes, size_t *size);
ONNXSLIM_API void onnxslim_model_free(onnxslim_model *model);
ONNXSLIM_API void onnxslim_buffer_free(onnxslim_context *cx, void *buffer);

/* --- inspection ---------------------------------------------------------------------------------------- */

typedef struct onnxslim_op_count {
  const char *domain, *op_type; /* "" is ai.onnx */
  uint64_t before, after;       /* nodes, those of bodies and functions and Constant nodes counted */
} onnxslim_op_count;

typedef struct onnxslim_pass_stat {
  const char *name;
  uint64_t tried, fired, missed; /* rule attempts; rewrites; refusals by a guard */
  int64_t nodes, bytes;          /* change of the node count and of the constants' bytes by this pass */
  double seconds;
} onnxslim_pass_stat;

typedef struct onnxslim_rule_stat {
  const char *pass, *rule;
  uint64_t tried, fired, missed;
  double seconds;
  int64_t nodes, bytes;
} onnxslim_rule_stat;

typedef struct onnxslim_remark {
  int fired; /* 1: rewritten, 0: refused */
  const char *pass, *rule;
  const char *node; /* "Conv '/conv1/Conv'" */
  const char *text; /* the reason, or what became of it */
  /* Of rewrites: the nodes that went and those that came, by the names of their first outputs as they were
   * when the rules began, or when the node was made. */
  const char *const *removed, *const *made;
  size_t n_removed, n_made;
} onnxslim_remark;

/* An axis of an input or output that got a size (freeze_dynamic_shapes). */
typedef struct onnxslim_frozen_axis {
  const char *value;
  int is_input, axis;
  const char *dim; /* the name it had, or NULL */
  int64_t size;
} onnxslim_frozen_axis;

/* One output of two models, for one seed, at one of ONNX Runtime's optimization levels. */
typedef struct onnxslim_difference {
  const char *output;
  const char *level; /* "default" or "off" */
  uint64_t seed;
  int ok, bitwise;     /* within the tolerance; the same bits */
  double max_diff;     /* largest |a - b| */
  double max_rel_diff; /* max_diff / largest |a| */
  double max_ulp;   /* of float16 and bfloat16: max_diff in units in the last place of the largest; else 0 */
  double tolerance; /* what max_diff may be: 1e-5 * max(1, largest); 4 ulp of float16; 0 of integers */
  double largest;   /* largest |a| */
  double self_diff; /* of the original between the two levels */
} onnxslim_difference;

typedef struct onnxslim_verification {
  int passed, bitwise; /* every output, seed and level */
  uint64_t seeds;
  double max_diff, max_rel_diff, max_ulp, largest, self_diff; /* the largest of all rows */
  const char *failure;                                        /* NULL, or one line */
  const char *runtime;                                        /* version of ONNX Runtime */
  const char *runtime_path;
  const onnxslim_difference *rows;
  size_t n_rows;
} onnxslim_verification;

typedef struct onnxslim_finding {
  const char *verdict; /* "refused"; "risky": taken, but it may compute something else; "untried" */
  const char *where;   /* "Einsum '/attention/Einsum'", "input 'x'", "the model" */
  const char *reason;
} onnxslim_finding;

/* A convolution and its activation, two nodes that the converter makes one. */
typedef struct onnxslim_fused_pair {
  const char *conv, *activation; /* "Conv '/conv1/Conv'" */
  const char *becomes;
} onnxslim_fused_pair;

/* What a target ("tflite") says of a model as it is. */
typedef struct onnxslim_target_check {
  const char *target, *through; /* the tool whose limits are meant: "onnx2tf 2.6.9" */
  uint64_t refused, risky, untried;
  const onnxslim_finding *findings;
  size_t n_findings;
  const onnxslim_fused_pair *pairs;
  size_t n_pairs;
} onnxslim_target_check;

struct onnxslim_report {
  uint64_t nodes_before, nodes_after;
  uint64_t bytes_before, bytes_after; /* the model with its external data */
  uint64_t rewrites;
  double seconds_read, seconds_optimize, seconds_write;
  const onnxslim_op_count *ops; /* sorted by domain and name */
  size_t n_ops;
  const onnxslim_pass_stat *passes; /* in pipeline order */
  size_t n_passes;
  const onnxslim_rule_stat *rules;
  size_t n_rules;
  const onnxslim_remark *remarks; /* only with option "remarks" */
  size_t n_remarks;
  const char *input, *output; /* paths as given; NULL if there was none */
  double seconds_verify;
  const onnxslim_verification *verification; /* only with option "verify" */
  const onnxslim_frozen_axis *frozen;
  size_t n_frozen;
  int64_t opset_before, opset_after;   /* of ai.onnx; 0 without option "opset" */
  const char *opset_reason;            /* why it was not lifted, or no further (NULL: as asked) */
  const onnxslim_target_check *target; /* of the result; only with option "target" */
};
ONNXSLIM_API void onnxslim_report_free(onnxslim_report *report);
/* Everything in it (with "history": docs/report.md); freed with onnxslim_buffer_free(). NULL: no memory. */
ONNXSLIM_API char *onnxslim_report_json(const onnxslim_report *report);

/* ONNX text syntax, as the onnx package's parser reads it; freed with onnxslim_buffer_free(). Of large
 * tensors only type and dims are shown, unless the option "full" is set (options may be NULL). */
ONNXSLIM_API onnxslim_status onnxslim_model_text(onnxslim_model *model, const onnxslim_options *options,
                                                 char **text);

typedef struct onnxslim_value_info_t {
  const char *name;
  const char *type; /* "float[batch,3,224,224]" */
} onnxslim_value_info_t;

typedef struct onnxslim_opset {
  const char *domain; /* "" is ai.onnx */
  int64_t version;
} onnxslim_opset;

/* A dim without a size. */
typedef struct onnxslim_dim {
  const char *name; /* NULL: it has none */
  const char *axes; /* where it stands: "x[0], y[0]" */
  int64_t assumed;  /* the size it is taken to have in the numbers of memory, that which --verify begins with;
                       -1: none, as it is only an output's */
} onnxslim_dim;

/* The initializers of one element type. */
typedef struct onnxslim_dtype_size {
  const char *dtype; /* "float" */
  uint64_t tensors, elements, bytes;
} onnxslim_dtype_size;

typedef struct onnxslim_tensor_size {
  const char *name;
  const char *type; /* "float[batch,12,seq,64]" */
  const char *node; /* "MatMul '/attention/MatMul'": what computes it; NULL of initializers */
  const char *size; /* bytes as a number, or as far as it is known: "3072*batch*seq" */
  uint64_t bytes;
} onnxslim_tensor_size;

typedef struct onnxslim_summary {
  int64_t ir_version;
  const onnxslim_opset *opsets;
  size_t n_opsets;
  const char *graph_name;
  const onnxslim_value_info_t *inputs, *outputs; /* inputs that are initializers too are not listed */
  size_t n_inputs, n_outputs;
  const onnxslim_op_count *ops; /* before and after are the same */
  size_t n_ops;
  uint64_t nodes, bodies, functions;
  uint64_t initializers, initializer_bytes,
      parameters;                 /* parameters: elements of floating-point initializers */
  uint64_t bytes, external_bytes; /* of the file; of its external data */
  const char *producer_name, *producer_version, *model_domain; /* "" if the model does not say */
  int64_t model_version;
  const onnxslim_dim *dims; /* of inputs and outputs */
  size_t n_dims;
  const onnxslim_dtype_size *dtypes; /* the largest first */
  size_t n_dtypes;
  /* Memory of the values that nodes of the main graph compute, each by itself (no buffer is used twice),
   * from its node to its last reader; inputs, initializers and constants are not in it. */
  uint64_t activation_bytes, peak_bytes; /* of all; of those that live at the same time at most */
  const char *peak_node;                 /* where that is; NULL: there are none */
  uint64_t activations, unknown;         /* values; those of unknown size, which are not counted */
  const onnxslim_tensor_size *largest_initializers, *largest_activations;
  size_t n_largest_initializers, n_largest_activations;
} onnxslim_summary;
ONNXSLIM_API onnxslim_status onnxslim_inspect(onnxslim_model *model, onnxslim_summary **summary);
/* The same; if the options give dims a size ("freeze", "freeze-all", "input-shape"), the model has it from
 * then on. options may be NULL. */
ONNXSLIM_API onnxslim_status onnxslim_inspect_with(onnxslim_model *model, const onnxslim_options *options,
                                                   onnxslim_summary **summary);
ONNXSLIM_API void onnxslim_summary_free(onnxslim_summary *summary);
ONNXSLIM_API char *onnxslim_summary_json(const onnxslim_summary *summary);

/* One output of a node; a node without outputs has one row, too. */
typedef struct onnxslim_node_row {
  uint64_t node; /* number of the node, from 0; those of bodies and functions follow */
  const char *name, *domain, *op_type;
  const char *output; /* NULL: it has none */
  const char *type;   /* what is proven of it: "float[batch,3,224,224]", "?" */
} onnxslim_node_row;

typedef struct onnxslim_node_list {
  const onnxslim_node_row *rows;
  size_t n_rows;
} onnxslim_node_list;
ONNXSLIM_API onnxslim_status onnxslim_nodes(onnxslim_model *model, onnxslim_node_list **list);
ONNXSLIM_API void onnxslim_node_list_free(onnxslim_node_list *list);
ONNXSLIM_API char *onnxslim_node_list_json(const onnxslim_node_list *list);

/* --- what stayed ---------------------------------------------------------------------------------------- */

/* A rule whose nodes are all there, and which was refused. */
typedef struct onnxslim_refusal {
  const char *pass, *rule;
  const char *pattern; /* "Add(MatMul(a, b), c)", or what the rule says of itself */
  const char *node;    /* "Add '/fc/Add'": the last node of the match */
  const char *value;   /* its first output */
  const char *reason;  /* of the first guard that refuses; if none does, why the rule is off */
  int off;             /* 1: the rule is not enabled */
  uint64_t guards;     /* how many refuse or can't be asked, as a value that they are about is not constant */
  int all_asked;       /* 0: the others of its guards could not be asked, or the rule stops at the first */
  const char *const *nodes; /* all nodes of the match as far as they are known, the last one first */
  size_t n_nodes;
} onnxslim_refusal;

/* A node of the optimized model. */
typedef struct onnxslim_remaining {
  const char *node, *op, *value; /* "Conv '/conv1/Conv'", "Conv", its first output */
  const char *graph;             /* as in onnxslim_node_fate */
  const size_t *refusals;        /* indices of those that it would be part of */
  size_t n_refusals;
} onnxslim_remaining;

/* A node that was asked for and is no more. */
typedef struct onnxslim_removed {
  const char *node, *value;
  const char *pass, *rule, *at, *text; /* the rewrite that it went with, as in onnxslim_remark */
} onnxslim_removed;

/* Refusals of one rule for one reason, names in it left out. */
typedef struct onnxslim_reason {
  const char *pass, *rule, *reason;
  int off;
  uint64_t count, close; /* refusals; those with one thing in the way, a guard or that the rule is off */
  const char *example;   /* a node */
  int all_asked;         /* as in onnxslim_refusal, of all of them */
} onnxslim_reason;

typedef struct onnxslim_op_refusals {
  const char *domain, *op_type;
  uint64_t nodes, refused, close; /* that stayed; part of a refusal; of one with one thing in the way */
  uint64_t rules;                 /* that start at this operator */
} onnxslim_op_refusals;

/* A rule that starts at an operator that was asked for: its last node is one. */
typedef struct onnxslim_start {
  const char *op, *pass, *rule, *pattern;
  const char *off; /* why it is not enabled; NULL: it is */
} onnxslim_start;

typedef struct onnxslim_explanation {
  const char *asked; /* NULL: all nodes */
  uint64_t nodes_before, nodes_after, rewrites;
  const onnxslim_remaining *nodes;
  size_t n_nodes;
  const onnxslim_removed *removed;
  size_t n_removed;
  const onnxslim_refusal *refusals; /* those of nodes above */
  size_t n_refusals;
  const onnxslim_reason *reasons; /* the most frequent first */
  size_t n_reasons;
  const onnxslim_op_refusals *ops; /* the most frequent first */
  size_t n_ops;
  const onnxslim_start *starts;
  size_t n_starts;
} onnxslim_explanation;
/* Why nodes are still there: optimizes the model as onnxslim_optimize() does, then tries every rule at every
 * node once more and takes down what refuses. node: a node, by its name or that of an output, before or after
 * optimizing; NULL: all. */
ONNXSLIM_API onnxslim_status onnxslim_explain(onnxslim_model *model, const onnxslim_options *options,
                                              const char *node, onnxslim_explanation **result);
ONNXSLIM_API void onnxslim_explanation_free(onnxslim_explanation *result);
ONNXSLIM_API char *onnxslim_explanation_json(const onnxslim_explanation *result);

/* --- two models ---------------------------------------------------------------------------------------- */

/* A domain that one or both import. */
typedef struct onnxslim_opset_change {
  const char *domain;    /* "" is ai.onnx */
  int64_t before, after; /* 0: not imported */
} onnxslim_opset_change;

/* An input or output of the main graph, matched by name, then by place. */
typedef struct onnxslim_value_fate {
  const char *fate;           /* "kept", "changed" (name or type), "gone", "new" */
  const char *before, *after; /* names; NULL where there is none */
  const char *before_type, *after_type;
} onnxslim_value_fate;

typedef struct onnxslim_change {
  const char *what; /* "operator", "attribute axis", "body then_branch", "input 1", "output 1" */
  /* Values, with what they hold where they are constant ("w = float[64,3,7,7]"), attributes in ONNX text
   * syntax; NULL: there is none, or it is left out (an attribute then has its default). */
  const char *before, *after;
} onnxslim_change;

/* What became of a node. That a value has another name is no change. */
typedef struct onnxslim_node_fate {
  const char *fate;                       /* "kept", "changed", "gone", "new" */
  const char *graph;                      /* "" is the main one; "body then_branch of If 'x'", "function f" */
  const char *before, *after;             /* "Conv '/conv1/Conv'"; NULL where it is not */
  const char *before_op, *after_op;       /* "Conv", "com.microsoft::FusedConv" */
  const char *before_value, *after_value; /* names of the first output */
  const char *matched;                    /* by "name" (an output's or its own) or "structure"; NULL */
  const onnxslim_change *changes;
  size_t n_changes;
} onnxslim_node_fate;

typedef struct onnxslim_diff_t {
  const onnxslim_summary *before, *after;
  uint64_t kept, changed, gone, added; /* nodes, those of bodies and functions counted */
  const onnxslim_op_count *ops;
  size_t n_ops;
  const onnxslim_opset_change *opsets;
  size_t n_opsets;
  const onnxslim_value_fate *inputs, *outputs; /* inputs that are initializers too are not listed */
  size_t n_inputs, n_outputs;
  const onnxslim_node_fate *nodes; /* in the order of the second model; what is gone where it was */
  size_t n_nodes;
} onnxslim_diff_t;
/* What is different between any two models. Nodes are matched by the names of their outputs and, where these
 * differ, by structure. The models may be of two contexts; the result belongs to that of the first. */
ONNXSLIM_API onnxslim_status onnxslim_diff(onnxslim_model *before, onnxslim_model *after,
                                           onnxslim_diff_t **result);
ONNXSLIM_API void onnxslim_diff_free(onnxslim_diff_t *result);
ONNXSLIM_API char *onnxslim_diff_json(const onnxslim_diff_t *result);

/* --- targets ------------------------------------------------------------------------------------------- */

/* Judges a model as it is by the option "target", which must be set. ONNXSLIM_OK also if it is refused: see
 * `refused`. */
ONNXSLIM_API onnxslim_status onnxslim_check_target(onnxslim_model *model, const onnxslim_options *options,
                                                   onnxslim_target_check **result);
ONNXSLIM_API void onnxslim_target_check_free(onnxslim_target_check *result);
ONNXSLIM_API char *onnxslim_target_check_json(const onnxslim_target_check *result);

/* --- experiments --------------------------------------------------------------------------------------- */

/* Runs both models in ONNX Runtime on the same generated inputs (options "verify": seeds, "ort", "threads",
 * "freeze", "input-shape"). ONNXSLIM_ERR_VERIFY if they differ: *result is filled in then too. *result may be
 * NULL. */
ONNXSLIM_API onnxslim_status onnxslim_verify(onnxslim_context *cx, const char *original,
                                             const char *optimized, const onnxslim_options *options,
                                             onnxslim_verification **result);
ONNXSLIM_API void onnxslim_verification_free(onnxslim_verification *result);
ONNXSLIM_API char *onnxslim_verification_json(const onnxslim_verification *result);

typedef struct onnxslim_timing {
  double median, low_quartile, high_quartile, fastest; /* seconds of a run */
  double open_seconds;                                 /* creating the session */
  const double *runs;
  size_t n_runs;
} onnxslim_timing;

typedef struct onnxslim_comparison {
  onnxslim_timing before, after;
  double speedup, speedup_low, speedup_high; /* before / after, and its 95 % interval */
  const char *inputs;                        /* "x float[1,3,224,224]" */
  const char *runtime, *runtime_path;
  int threads;
} onnxslim_comparison;
/* Times both models in ONNX Runtime, runs interleaved (options "warmup", "runs", "threads", "ort",
 * "ort-level", "freeze", "input-shape"). */
ONNXSLIM_API onnxslim_status onnxslim_bench(onnxslim_context *cx, const char *before, const char *after,
                                            const onnxslim_options *options, onnxslim_comparison **result);
ONNXSLIM_API void onnxslim_comparison_free(onnxslim_comparison *result);
ONNXSLIM_API char *onnxslim_comparison_json(const onnxslim_comparison *result);

typedef struct onnxslim_attribution_row {
  const char *pass;  /* "all" for the last one: the enabled passes together */
  const char *flags; /* what was added to the options for it ("--freeze-all=1"), or NULL */
  uint64_t pairs;    /* with a target: convolutions and activations that its converter makes one */
  uint64_t nodes_after, bytes_after, rewrites;
  int64_t nodes, bytes; /* change of the node count and of the file */
  double seconds;
} onnxslim_attribution_row;

typedef struct onnxslim_attribution_t {
  uint64_t nodes, bytes; /* of the input */
  const onnxslim_attribution_row *rows;
  size_t n_rows;
} onnxslim_attribution_t;
/* What each pass does alone on the model as it is, also those that otherwise run only if asked for; then the
 * enabled ones together. An isolated run (option "only") looks through constants and removes what its own
 * rewrites orphan, nothing else. The row of freeze_dynamic_shapes counts from the file as it is, those of the
 * others from the model with its dims frozen as the options say. */
ONNXSLIM_API onnxslim_status onnxslim_attribution(onnxslim_context *cx, const char *in,
                                                  const onnxslim_options *options,
                                                  onnxslim_attribution_t **result);
ONNXSLIM_API void onnxslim_attribution_free(onnxslim_attribution_t *result);
ONNXSLIM_API char *onnxslim_attribution_json(const onnxslim_attribution_t *result);

typedef struct onnxslim_suspect {
  uint64_t rewrites; /* of the whole run */
  uint64_t number;   /* of the first rewrite after which the outputs differ; 0: they never do */
  const char *pass, *rule, *node, *text; /* of that rewrite */
  const char *failure;                   /* how the outputs differ */
  uint64_t checks;                       /* how many candidates were run */
  const char *reproducer;    /* option "reproducer": where the smallest model that shows it is; NULL: none */
  uint64_t reproducer_nodes; /* of that model */
} onnxslim_suspect;
/* Finds the rewrite that changes the outputs: a binary search over the number of rewrites, each candidate
 * compared with the original in ONNX Runtime. ONNXSLIM_ERR_VERIFY if there is one; the option "reproducer"
 * then writes the smallest part of the model in which its pass alone still changes the outputs. */
ONNXSLIM_API onnxslim_status onnxslim_bisect(onnxslim_context *cx, const char *in,
                                             const onnxslim_options *options, onnxslim_suspect **result);
ONNXSLIM_API void onnxslim_suspect_free(onnxslim_suspect *result);
ONNXSLIM_API char *onnxslim_suspect_json(const onnxslim_suspect *result);

/* --- rules of your own --------------------------------------------------------------------------------- */

/* What a rule has matched; exists only while its guard runs. */
typedef struct onnxslim_match onnxslim_match;

typedef struct onnxslim_rule_t {
  const char *name;            /* like "fuse-my-norm"; no rule of the library has it */
  const char *match, *replace; /* rule text (docs/rules.md): "Add(MatMul(a, b), c#)", "Gemm(a, b, c)" */
  const char *doc;             /* one line, or NULL */
  int bitwise;                 /* 1: the result has the same bits; 0: it may round (off with "exact") */
  /* Decides on a match: non-zero rewrites. NULL: always. Runs on the calling thread, must return normally and
   * call only the onnxslim_match_...() functions. */
  int (*guard)(void *user, onnxslim_match *match);
  void *user;
} onnxslim_rule_t;

/* Adds a rule, which is tried before those of the library, as one of the pass "user"; rules added earlier go
 * first. The texts are copied. ONNXSLIM_ERR_USAGE: the text cannot be read, or the name is taken. */
ONNXSLIM_API onnxslim_status onnxslim_options_add_rule(onnxslim_options *o, const onnxslim_rule_t *rule);

/* What is known of a value that a capture of the match stands for. */
typedef struct onnxslim_match_value_t {
  const char *name;
  int dtype;                    /* TensorProto.DataType; 0: unknown */
  int rank;                     /* -1: unknown */
  const int64_t *dims;          /* -1: not a known number */
  const char *const *dim_names; /* NULL where a dim is no name */
  int constant;                 /* see onnxslim_match_constant() */
  uint32_t uses;                /* how often nodes read it */
} onnxslim_match_value_t;
/* 0: there is no such capture, or it is an input that was left out. */
ONNXSLIM_API int onnxslim_match_value(onnxslim_match *match, const char *capture,
                                      onnxslim_match_value_t *value);
/* The packed little-endian elements of a constant; NULL if it is none, or one of strings. */
ONNXSLIM_API const void *onnxslim_match_constant(onnxslim_match *match, const char *capture, size_t *size);

typedef struct onnxslim_match_node_t {
  const char *name, *domain, *op_type;
  int opset; /* the version of the domain that is in force */
} onnxslim_match_node_t;
/* A node that is captured ("Conv:conv(...)"); "" is the last one, which the match ends with. 0: there is
 * none. */
ONNXSLIM_API int onnxslim_match_node(onnxslim_match *match, const char *capture, onnxslim_match_node_t *node);

typedef struct onnxslim_attribute {
  int type; /* AttributeProto.AttributeType: 1 float, 2 int, 3 string, 6 floats, 7 ints */
  int64_t i;
  float f;
  const char *s; /* size bytes, then a NUL */
  const int64_t *ints;
  const float *floats;
  size_t size; /* of s, ints or floats */
} onnxslim_attribute;
/* An attribute of such a node as written, or its default. 0: it has neither, or it is of another type. */
ONNXSLIM_API int onnxslim_match_attribute(onnxslim_match *match, const char *capture, const char *name,
                                          onnxslim_attribute *attribute);
/* Why the guard refuses, for the remarks. */
ONNXSLIM_API void onnxslim_match_refuse(onnxslim_match *match, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
