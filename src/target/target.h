/* Targets: what a model is made for. A profile switches passes, and says of every operator whether the target
 * takes it. The tables are tflite.def, coreml.def and ort.def; where their rows come from is said there. */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include "passes/conv/activation.h"
#include "passes/passes.h"

typedef enum Verdict {
  UNTRIED, /* nobody has tried: perhaps */
  TAKEN,
  RISKY, /* it is taken, and may compute something else */
  REFUSED
} Verdict;

/* Why the target does not take this node as it is; NULL: it does. */
typedef const char *Condition(const Node *n);

typedef struct TargetRow {
  bool listed;
  bool refused;
  unsigned constants; /* inputs that must be constant, by bit */
  int oldest;         /* the opset from which on its definition is taken; 0: all */
  Condition *condition;
  Verdict otherwise; /* if the condition finds a reason: REFUSED or RISKY */
} TargetRow;

typedef struct Target {
  const char *name;
  const char *through; /* the tool that the table speaks of */
  int newest_opset;    /* of ai.onnx */
  bool static_shapes;  /* every dim of an input must have a size */
  bool no_scalar_inputs;
  bool kernels;                 /* what is not listed needs a kernel in ONNX Runtime */
  bool contrib;                 /* it has operators of com.microsoft */
  int max_rank;                 /* of any value; 0: no limit */
  bool (*takes_type)(ElemType); /* of any value; NULL: all */
  const TargetRow *row;         /* by OpId */
  Verdict unlisted;             /* of an operator without a row */
  const char *refusal;          /* of an operator that is refused */
  const Pass *on[4], *off[4];   /* passes that run as if asked for by name; that do not run. NULL ends */
  const char *skip[4];          /* rules that do not run: they make what the target refuses. NULL ends */
  /* What a convolution with this activation becomes; NULL: they stay two operators. May be NULL. */
  const char *(*fuses)(const ConvActivation *a);
} Target;

/* NULL if there is none of that name. */
const Target *target_find(const char *name);
/* What the profile says of a pass: 1 on, -1 off, 0 nothing. t may be NULL. */
int target_switches(const Target *t, const Pass *p);

/* --- check.c ------------------------------------------------------------------------------------------- */

/* Something that the target does not take, or of which nobody knows whether it does. */
typedef struct Finding {
  Verdict verdict;
  const char *where; /* "Einsum 'name'", "input 'x'" */
  const char *reason;
} Finding;

/* A convolution and an activation that become one operator. */
typedef struct FusedPair {
  const char *conv, *activation;
  const char *becomes;
} FusedPair;

typedef struct TargetCheck {
  const Target *target;
  Vec(Finding) findings; /* the model, its inputs, then nodes in order */
  size_t refused, risky, untried;
  Vec(FusedPair) pairs; /* that the converter fuses */
} TargetCheck;

/* Judges the model as it is. The result lives in the model's arena. */
TargetCheck target_check(Model *m, const Target *t);
/* Fails with ONNXSLIM_ERR_USAGE, naming the dims, if the target needs sizes that the inputs do not have. */
void target_need_sizes(Model *m, const Target *t);

/* --- conditions.c: those of the tables ------------------------------------------------------------------ */

Condition alpha_is_1, axis_is_last, branches_are_constant, fmod_is_0, gelu_is_exact, has_one_output,
    has_two_terms, is_float, is_no_double, is_not_cubic, is_plain_pool, scale_is_a_number;

#endif
