/* Numbers about a run, in the public structs. */
#ifndef REPORT_H
#define REPORT_H

#include "object.h"
#include "passes/phases.h"
#include "rewrite/driver.h"
#include "target/target.h"

/* Nodes of all graphs by operator, sorted by domain and name, in `a`; counted as both before and after. */
onnxslim_op_count *count_ops(Arena *a, Model *m, size_t *n);

struct RunHistory;

/* What the API hands out, and what only onnxslim_report_json() looks at. */
typedef struct ReportObject {
  onnxslim_report shown;
  struct RunHistory *history; /* option "history"; else NULL */
} ReportObject;

static inline struct RunHistory *report_history(const onnxslim_report *r) {
  return ((const ReportObject *)r)->history;
}

/* Before report_run(). */
void report_frozen(onnxslim_report *r, const Frozen *frozen);
/* What became of --opset, with remarks if they are wanted. */
void report_lift(onnxslim_report *r, const Lift *lift, bool fired, bool missed);
/* Remarks of a phase; pass and rule are static. */
void report_notes(onnxslim_report *r, const char *pass, const char *rule, const PhaseNotes *notes, bool fired,
                  bool missed);
/* What the rules did, added to the report; of the remarks those of rules that fired and of those that were
 * refused. */
void report_run(onnxslim_report *r, const RunOptions *o, const RunResult *run, bool fired, bool missed);
/* Fills in c; its arrays and texts go into `a`. */
void check_fill(Arena *a, onnxslim_target_check *c, const TargetCheck *check);
/* Two such lists as one, each row with what the first says as before and the second as after. */
const onnxslim_op_count *merge_ops(Arena *a, const onnxslim_op_count *before, size_t n_before,
                                   const onnxslim_op_count *after, size_t n_after, size_t *n);
/* The operators of the optimized model, beside those of report->ops. */
void report_ops_after(onnxslim_report *r, Model *m);

/* What a model is, in numbers; arrays and texts go into `a`. */
void summarize(Arena *a, Model *m, onnxslim_summary *s);
/* For onnxslim_nodes(). */
onnxslim_node_list *list_nodes(Ctx *cx, Model *m);

#endif
