/* Phases: what is asked for by name before the rules run (freeze, extract, keep, lift) and after
 * (infer_shapes). They edit the interface or the opset, which rules must not, and fail with
 * ONNXSLIM_ERR_USAGE if a name does not exist.
 */
#ifndef PASSES_PHASES_H
#define PASSES_PHASES_H

#include "base/suggest.h"
#include "ir/ir.h"

/* A dim by its name. */
typedef struct NamedSize {
  const char *name;
  int64_t size;
} NamedSize;

/* The dims of an input by their places; -1: as declared. */
typedef struct NamedDims {
  const char *name;
  int rank;
  int64_t *dim;
} NamedDims;

/* What gets a size: dims by name, dims of inputs by place, and with `all` every dim of an input that still
 * has none. */
typedef struct FreezeOptions {
  const NamedSize *dims;
  size_t n_dims;
  const NamedDims *shapes;
  size_t n_shapes;
  bool all;
  int64_t all_size;
} FreezeOptions;

/* An axis of an input or output of the main graph that had no size before. */
typedef struct FrozenAxis {
  const Value *value;
  int axis;
  Str dim;     /* NULL: it had no name */
  bool proven; /* not asked for: inference found the size of this output */
  int64_t size;
} FrozenAxis;

typedef struct Frozen {
  Vec(FrozenAxis) axes; /* inputs first, in order */
} Frozen;

/* --freeze, --freeze-all, --input-shape. A named dim that gets a size gets it wherever inputs and outputs of
 * the main graph use the name. Elsewhere (value_info, bodies) the name is a hint: it gets the size where
 * inference proves it, and a value_info entry that inference does not prove is dropped. The axes are written
 * into the model's metadata (freeze/note.h). The result lives in the model's arena. */
Frozen freeze_dynamic_shapes(Model *m, const FreezeOptions *o);

/* Nodes of a domain that the model imports in a version newer than we know; of the first such domain. */
typedef struct NewerOpset {
  const char *domain;
  int version, known;
  size_t nodes; /* of all such domains; 0: none */
} NewerOpset;

/* Looks for them; with --assume-unchanged their operators are from here on what they were in the newest known
 * version. */
NewerOpset phase_newer_opset(Model *m, bool assume);

/* --inputs, --outputs: the part of the main graph between these values (n 0: as they are). New inputs must
 * have a known type. Fails if an output needs an input that is not listed. What the outputs do not need is
 * removed. */
void phase_extract(Model *m, const char *const *inputs, size_t n_inputs, const char *const *outputs,
                   size_t n_outputs);

/* --keep: marks values whose name, or whose producer's name, matches; in bodies and functions too. */
void phase_keep(Model *m, const char *const *patterns, size_t n);

/* What became of --opset. */
typedef struct LiftNote {
  const char *node, *text; /* a conversion */
} LiftNote;

typedef struct Lift {
  int from, to;
  const char *why;  /* it went no further; NULL if it did as asked */
  const char *node; /* which held it back; NULL: none */
  Vec(LiftNote) notes;
} Lift;

/* --opset: lifts the model to opset `target` or leaves it as it is; 0: to the newest at which no operator
 * loses the kernel that ONNX Runtime has for it. The result lives in the model's arena. Fails if that is
 * lower. */
Lift *phase_lift(Model *m, int target);

/* --infer-shapes: every value of a graph gets the value_info entry that inference can prove. */
void phase_infer_shapes(Model *m);

/* What a phase did, or did not and why, for the remarks. */
typedef struct PhaseNote {
  bool fired;
  const char *node, *text;
} PhaseNote;

typedef Vec(PhaseNote) PhaseNotes;

/* --inline-functions: calls of local functions are replaced by what the functions hold, and functions that
 * nobody calls go. One note per call, in the model's arena. */
PhaseNotes phase_inline_functions(Model *m);

/* Drops the value_info entries that contradict inference; nothing was concluded from them. A wrong output
 * declaration stays. One note each, in the model's arena. */
PhaseNotes phase_drop_wrong_infos(Model *m);

/* --dtype: float32 becomes float16 everywhere, or the other way round (`to` is what they become). One note,
 * in the model's arena. Fails for models with functions and where a type is not known. */
PhaseNotes phase_convert(Model *m, ElemType to);

/* Shows s the names of the values that g declares. */
void suggest_values(Suggest *s, const Graph *g);

#endif
