/* What happens to a model between reading and writing: phases, rules, phases. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "onnx/codec.h"
#include "options.h"
#include "passes/passes.h"
#include "report.h"

/* Enabled passes in pipeline order; returns how many. */
size_t enabled_passes(const onnxslim_options *o, const Pass *passes[PASS_COUNT]);

/* Reads a file; options may be NULL. */
Model *pipeline_read(Ctx *cx, const char *path, const onnxslim_options *o);

/* What changes the interface: freeze, input-shape, inputs, outputs; and keep. */
void pipeline_prepare(Model *m, const onnxslim_options *o);

/* How one run differs from what the options say. */
typedef struct RunLimits {
  const Pass *only;      /* NULL: the enabled passes */
  uint64_t max_rewrites; /* UINT64_MAX: as the options say */
  bool remarks;          /* collect those that fired in any case */
} RunLimits;

/* The rules. The result lives in the model's arena. report may be NULL. */
RunResult *pipeline_run(Model *m, const onnxslim_options *o, const RunLimits *limits,
                        onnxslim_report *report);

/* infer-shapes, and a last check of the graph: fails with ONNXSLIM_ERR_INTERNAL rather than write a broken
 * one. */
void pipeline_finish(Model *m, const onnxslim_options *o);

WriteOptions write_options(const onnxslim_options *o);

#endif
