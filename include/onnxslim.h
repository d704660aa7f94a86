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
 * Simple first, then options, inspection, advanced. Handles are opaque. A function returns ONNXSLIM_OK or a status;
 * onnxslim_error() then has one line with the position. Strings are UTF-8; strings and arrays inside a returned
 * object live as long as the object. A context and what was made from it belong to one thread at a time; different
 * contexts are independent. The library installs no signal handlers, prints nothing and never exits.
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

#define ONNXSLIM_VERSION "0.1.0"

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

/* Memory: alloc returns NULL when there is none left; free accepts NULL. Called from worker threads too only if
 * the "threads" option is above 1. */
typedef struct onnxslim_allocator {
  void *(*alloc)(void *user, size_t size);
  void (*free)(void *user, void *block);
  void *user;
} onnxslim_allocator;

typedef enum onnxslim_log_level { ONNXSLIM_LOG_WARNING, ONNXSLIM_LOG_INFO, ONNXSLIM_LOG_DEBUG } onnxslim_log_level;

/* Any member may be NULL. Callbacks run on the calling thread and must return normally. */
typedef struct onnxslim_callbacks {
  void (*log)(void *user, onnxslim_log_level level, const char *line);
  /* done of total units of a phase ("read", "optimize", "write", "verify"); total 0: unknown. Non-zero cancels. */
  int (*progress)(void *user, const char *phase, uint64_t done, uint64_t total);
  void *user;
} onnxslim_callbacks;

/* NULL arguments: malloc/free, no callbacks. NULL only if there is no memory. */
ONNXSLIM_API onnxslim_context *onnxslim_context_new(const onnxslim_allocator *alloc,
                                                    const onnxslim_callbacks *calls);
ONNXSLIM_API void onnxslim_context_free(onnxslim_context *cx);

/* One line about the last failure in this context, with its position; "" if there was none. */
ONNXSLIM_API const char *onnxslim_error(const onnxslim_context *cx);
ONNXSLIM_API const char *onnxslim_version(void);

/* Reads `in`, optimizes it, writes `out` (which may be `in`; NULL: only report). options and report may be NULL.
 * *report must be freed with onnxslim_report_free(). On failure `out` is as it was before. */
ONNXSLIM_API onnxslim_status onnxslim_optimize_file(onnxslim_context *cx, const char *in, const char *out,
                                                    const onnxslim_options *options, onnxslim_report **report);

/* --- options ------------------------------------------------------------------------------------------- */

/* Options are set by name, as text; a repeated list option adds to it. The list with types, defaults and one line
 * each: onnxslim_option_info(). */
ONNXSLIM_API onnxslim_options *onnxslim_options_new(onnxslim_context *cx);
ONNXSLIM_API onnxslim_status onnxslim_options_set(onnxslim_options *o, const char *name, const char *value);
ONNXSLIM_API void onnxslim_options_free(onnxslim_options *o);

typedef struct onnxslim_option_info_t {
  const char *name;     /* "freeze" */
  const char *argument; /* "DIM=N,..."; NULL for switches ("1" or "0") */
  const char *doc;      /* one line */
} onnxslim_option_info_t;
/* i from 0; NULL past the end. */
ONNXSLIM_API const onnxslim_option_info_t *onnxslim_option_info(size_t i);

typedef struct onnxslim_pass_info_t {
  const char *name;  /* "fuse_conv_batchnorm" */
  const char *doc;   /* one line */
  int bitwise;       /* 1: every rule of it is bit-exact; 0: some round */
  int by_default;
} onnxslim_pass_info_t;
ONNXSLIM_API const onnxslim_pass_info_t *onnxslim_pass_info(size_t i);

/* --- models in memory ---------------------------------------------------------------------------------- */

ONNXSLIM_API onnxslim_status onnxslim_load(onnxslim_context *cx, const char *path, onnxslim_model **model);
/* The bytes must stay as they are until onnxslim_model_free(). dir: folder of external data files, or NULL. */
ONNXSLIM_API onnxslim_status onnxslim_load_bytes(onnxslim_context *cx, const void *bytes, size_t size,
                                                 const char *dir, onnxslim_model **model);
ONNXSLIM_API onnxslim_status onnxslim_optimize(onnxslim_model *model, const onnxslim_options *options,
                                               onnxslim_report **report);
ONNXSLIM_API onnxslim_status onnxslim_save(onnxslim_model *model, const char *path,
                                           const onnxslim_options *options);
/* *bytes must be freed with onnxslim_buffer_free(). */
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
} onnxslim_rule_stat;

typedef struct onnxslim_remark {
  int fired;                     /* 1: rewritten, 0: refused */
  const char *pass, *rule;
  const char *node;              /* "Conv '/conv1/Conv'" */
  const char *text;              /* the reason, or what became of it */
} onnxslim_remark;

struct onnxslim_report {
  uint64_t nodes_before, nodes_after;
  uint64_t bytes_before, bytes_after; /* the model with its external data */
  uint64_t rewrites;
  double seconds_read, seconds_optimize, seconds_write;
  const onnxslim_op_count *ops;       /* sorted by domain and name */
  size_t n_ops;
  const onnxslim_pass_stat *passes;   /* in pipeline order */
  size_t n_passes;
  const onnxslim_rule_stat *rules;
  size_t n_rules;
  const onnxslim_remark *remarks;     /* only with option "remarks" */
  size_t n_remarks;
};
ONNXSLIM_API void onnxslim_report_free(onnxslim_report *report);

/* ONNX text syntax, as the onnx package's parser reads it; freed with onnxslim_buffer_free(). */
ONNXSLIM_API onnxslim_status onnxslim_model_text(onnxslim_model *model, char **text);

#ifdef __cplusplus
}
#endif
#endif
