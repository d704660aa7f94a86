/* What happens to a model between reading and writing: phases, rules, phases. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "onnx/codec.h"
#include "options.h"
#include "passes/passes.h"
#include "report.h"
#include "rewrite/explain.h"
#include "target/target.h"

/* Enabled passes in pipeline order; returns how many. */
size_t enabled_passes(const onnxslim_options *o, const Pass *passes[PASS_COUNT]);

/* Reads a file; options may be NULL. */
Model *pipeline_read(Ctx *cx, const char *path, const onnxslim_options *o);

/* NULL: none was asked for. */
const Target *pipeline_target(const onnxslim_options *o);

/* The options ask for sizes of dims. */
bool pipeline_freezes(const onnxslim_options *o);
/* freeze_dynamic_shapes: fails if no option gives a size. */
Frozen pipeline_freeze(Model *m, const onnxslim_options *o);

/* What changes the interface: freeze_dynamic_shapes, inputs, outputs; and keep. report may be NULL. */
void pipeline_prepare(Model *m, const onnxslim_options *o, onnxslim_report *report);

/* opset: to be called after pipeline_prepare(); pipeline_run() does it again. True if it got any further.
 * report may be NULL. */
bool pipeline_lift(Model *m, const onnxslim_options *o, onnxslim_report *report);

/* How one run differs from what the options say. */
typedef struct RunLimits {
  const Pass *only;      /* as if asked for by name; NULL: the enabled passes */
  uint64_t max_rewrites; /* UINT64_MAX: as the options say */
  bool remarks;          /* collect those that fired in any case */
} RunLimits;

/* The rules. The result lives in the model's arena. report may be NULL. */
RunResult *pipeline_run(Model *m, const onnxslim_options *o, const RunLimits *limits,
                        onnxslim_report *report);

/* All rules there are, and why those that the options do not enable are off. */
const RuleState *pipeline_rules(Arena *a, const onnxslim_options *o, size_t *n);
/* What refuses at the nodes that pipeline_run() has left. */
Refusals pipeline_explain(Model *m, const onnxslim_options *o, const RuleState *rules, size_t n_rules);

/* What the target, if there is one, says of the result. */
void pipeline_judge(Model *m, const onnxslim_options *o, onnxslim_report *report);

/* --dtype, on the optimized model. */
void pipeline_convert(Model *m, const onnxslim_options *o, onnxslim_report *report);
/* Wrong value_info goes, infer-shapes, and a last check of the graph: fails with ONNXSLIM_ERR_INTERNAL rather
 * than write a broken one. */
void pipeline_finish(Model *m, const onnxslim_options *o, onnxslim_report *report);

WriteOptions write_options(const onnxslim_options *o);

#endif
