/* Options by name, as the library reads them. The list is options.def. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/vec.h"
#include "passes/phases.h"

typedef enum OptionId {
#define OPTION(id, name, type, argument, standard, implied, group, doc) OPT_##id,
#include "options.def"
#undef OPTION
  OPT_COUNT_
} OptionId;

typedef struct OptionValue {
  bool set;
  uint64_t number;         /* SWITCH, NUMBER, BYTES */
  const char *text;        /* TEXT, CHOICE */
  Vec(const char *) names; /* NAMES, PASSES, RULES */
  Vec(NamedSize) sizes;    /* DIMS */
  Vec(NamedDims) shapes;   /* SHAPE */
} OptionValue;

struct UserRules; /* user_rules.h */

struct onnxslim_options {
  Ctx *cx;
  struct UserRules *rules; /* NULL: none */
  Arena *arena;
  OptionValue value[OPT_COUNT_];
};

/* Fails with ONNXSLIM_ERR_USAGE. */
void option_set(onnxslim_options *o, const char *name, const char *value);

/* Is it a rule of the library? */
bool rule_exists(const char *name);

/* Options with every default in its place. */
onnxslim_options *options_new(Arena *a);

static inline uint64_t option_number(const onnxslim_options *o, OptionId id) {
  return o->value[id].number;
}
static inline bool option_on(const onnxslim_options *o, OptionId id) {
  return o->value[id].number != 0;
}
static inline const char *option_text(const onnxslim_options *o, OptionId id) {
  return o->value[id].text;
}
/* Is `name` in the list? */
bool option_lists(const onnxslim_options *o, OptionId id, const char *name);

#endif
