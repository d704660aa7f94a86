#include "target/target.h"

#include <string.h>

#define INPUT(i) (1u << (i))
#define TAKES(op) [OP_##op] = {.listed = true},
#define TAKES_IF(op, inputs, holds)                                                                          \
  [OP_##op] = {.listed = true, .constants = (inputs), .condition = (holds), .otherwise = REFUSED},
#define TAKES_SINCE(op, opset, inputs) [OP_##op] = {.listed = true, .oldest = (opset), .constants = (inputs)},
#define RIGHT_IF(op, holds) [OP_##op] = {.listed = true, .condition = (holds), .otherwise = RISKY},
#define REFUSES(op) [OP_##op] = {.listed = true, .refused = true},

static const TargetRow tflite_rows[OP_COUNT_] = {
#include "target/tflite.def"
};
static const TargetRow coreml_rows[OP_COUNT_] = {
#include "target/coreml.def"
};
static const TargetRow ort_rows[OP_COUNT_] = {
#include "target/ort.def"
};

static bool tflite_takes(ElemType t) {
  return t == DT_FLOAT || t == DT_FLOAT16 || t == DT_INT8 || t == DT_UINT8 || t == DT_INT16 ||
         t == DT_UINT16 || t == DT_INT32 || t == DT_UINT32 || t == DT_INT64 || t == DT_BOOL || t == DT_STRING;
}

static bool coreml_takes(ElemType t) {
  return t == DT_FLOAT || t == DT_FLOAT16 || t == DT_DOUBLE || t == DT_INT32 || t == DT_INT64 || t == DT_BOOL;
}

/* Two-dimensional convolutions only; other bounds, one and three dimensions stay two operators (tried). */
static const char *tflite_fuses(const ConvActivation *a) {
  if (rank_of(a->node->out[0]) != 4) return NULL;
  if (node_is(a->node, OP_Relu)) return "CONV_2D with RELU";
  bool relu6 = node_is(a->node, OP_Clip) && a->param[0] == 0 && a->param[1] == 6;
  return relu6 ? "CONV_2D with RELU6" : NULL;
}

static const Target targets[] = {
    {.name = "ort",
     .through = "ONNX Runtime 1.32",
     .newest_opset = ONNX_NEWEST_OPSET,
     .kernels = true,
     .contrib = true,
     .row = ort_rows,
     .unlisted = TAKEN},
    {.name = "tflite",
     .through = "onnx2tf 2.6.9",
     .newest_opset = ONNX_NEWEST_OPSET,
     .static_shapes = true,
     .takes_type = tflite_takes,
     .row = tflite_rows,
     .unlisted = UNTRIED,
     .refusal = "it becomes a custom operator, which no runtime has",
     .on = {&pass_einsum_to_matmul, &pass_fuse_hardswish},
     .off = {&pass_fuse_rmsnorm, &pass_fuse_attention, &pass_fuse_rotary},
     .fuses = tflite_fuses},
    {.name = "coreml",
     .through = "onnx2coreml 1.1.0",
     .newest_opset = ONNX_NEWEST_OPSET,
     .static_shapes = true,
     .no_scalar_inputs = true,
     .max_rank = 5,
     .takes_type = coreml_takes,
     .row = coreml_rows,
     .unlisted = REFUSED,
     .refusal = "the converter has no lowering for it",
     .on = {&pass_einsum_to_matmul},
     .off = {&pass_fuse_rmsnorm, &pass_fuse_attention, &pass_fuse_rotary},
     .skip = {"reduce-stack", "reduce-stack-rounding"}}, /* Sum and Mean */
};

const Target *target_find(const char *name) {
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (strcmp(targets[i].name, name) == 0) return &targets[i];
  return NULL;
}

static bool lists(const Pass *const *at, const Pass *p) {
  while (*at && *at != p) at++;
  return *at != NULL;
}

int target_switches(const Target *t, const Pass *p) {
  return !t ? 0 : lists(t->on, p) ? 1 : lists(t->off, p) ? -1 : 0;
}
