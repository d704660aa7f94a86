#include "options.h"

#include "base/str.h"
#include "base/suggest.h"
#include "passes/passes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const onnxslim_option_info_t infos[OPT_COUNT_] = {
#define OPTION(id, name, type, argument, standard, implied, group, doc)                                      \
  {name, argument, doc, ONNXSLIM_##type, standard, implied, group},
#include "options.def"
#undef OPTION
};

const onnxslim_option_info_t *onnxslim_option_info(size_t i) {
  return i < OPT_COUNT_ ? &infos[i] : NULL;
}

/* --- names ------------------------------------------------------------------------------------------------
 */

static void try_options(Suggest *s) {
  for (size_t i = 0; i < OPT_COUNT_; i++) suggest_try(s, infos[i].name);
}

static void try_passes(Suggest *s) {
  for (size_t i = 0; i < PASS_COUNT; i++) suggest_try(s, all_passes[i]->name);
}

static void try_rules(Suggest *s) {
  for (size_t i = 0; i < PASS_COUNT; i++)
    for (size_t k = 0; k < all_passes[i]->n_rules; k++) suggest_try(s, all_passes[i]->rules[k].name);
}

const char *onnxslim_suggest(const char *kind, const char *word) {
  Suggest s = {.word = word};
  if (strcmp(kind, "option") == 0) try_options(&s);
  if (strcmp(kind, "pass") == 0) try_passes(&s);
  if (strcmp(kind, "rule") == 0) try_rules(&s);
  return s.best;
}

static bool is_pass(const char *name) {
  for (size_t i = 0; i < PASS_COUNT; i++)
    if (strcmp(all_passes[i]->name, name) == 0) return true;
  return false;
}

bool rule_exists(const char *name) {
  for (size_t i = 0; i < PASS_COUNT; i++)
    for (size_t k = 0; k < all_passes[i]->n_rules; k++)
      if (strcmp(all_passes[i]->rules[k].name, name) == 0) return true;
  return false;
}

/* The pass or rule that an option means by this name: "swish" is fuse_swish to the option fuse. */
static const char *need_pass(onnxslim_options *o, const onnxslim_option_info_t *info, const char *name) {
  bool or_rule = info->type == ONNXSLIM_RULES;
  if (is_pass(name) || (or_rule && rule_exists(name))) return name;
  const char *full = arena_printf(o->arena, "%s_%s", info->name, name);
  if (is_pass(full)) return full;
  Suggest s = {.word = name};
  try_passes(&s);
  if (or_rule) try_rules(&s);
  char hint[128];
  fail(o->cx, ONNXSLIM_ERR_USAGE, "there is no %s '%s'%s", or_rule ? "pass or rule" : "pass", name,
       suggest_text(&s, hint, sizeof hint));
}

/* --- values -----------------------------------------------------------------------------------------------
 */

static _Noreturn void bad_value(onnxslim_options *o, const onnxslim_option_info_t *info, const char *value,
                                const char *wanted) {
  fail(o->cx, ONNXSLIM_ERR_USAGE, "option '%s': '%s' is not %s", info->name, value, wanted);
}

/* A whole number >= 0 and what follows it. */
static bool read_number(const char *text, uint64_t *v, const char **end) {
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  char *stop;
  unsigned long long n = strtoull(text, &stop, 10);
  if (errno) return false;
  *v = n;
  *end = stop;
  return true;
}

static bool read_int64(const char *text, int64_t *v) {
  uint64_t n;
  const char *end;
  if (!read_number(text, &n, &end) || *end || n > INT64_MAX) return false;
  *v = (int64_t)n;
  return true;
}

static bool read_bytes(const char *text, uint64_t *v) {
  const char *end;
  if (!read_number(text, v, &end)) return false;
  unsigned shift = 0;
  switch (*end) {
  case 'k':
  case 'K': shift = 10; break;
  case 'M': shift = 20; break;
  case 'G': shift = 30; break;
  default: return *end == 0;
  }
  if (end[1] || *v > UINT64_MAX >> shift) return false;
  *v <<= shift;
  return true;
}

static void add_names(onnxslim_options *o, const onnxslim_option_info_t *info, OptionValue *v,
                      const char *text) {
  for (const char *item; (item = list_next(o->arena, &text));) {
    if (!*item) bad_value(o, info, item, "a name");
    if (info->type == ONNXSLIM_PASSES || info->type == ONNXSLIM_RULES) item = need_pass(o, info, item);
    vec_push(o->arena, &v->names, item);
  }
}

static void add_sizes(onnxslim_options *o, const onnxslim_option_info_t *info, OptionValue *v,
                      const char *text) {
  for (const char *item; (item = list_next(o->arena, &text));) {
    const char *equals = strrchr(item, '=');
    NamedSize s;
    if (!equals || equals == item || !read_int64(equals + 1, &s.size))
      bad_value(o, info, item, "DIM=N with N >= 0");
    char *name = arena_copy(o->arena, item, (size_t)(equals - item) + 1);
    name[equals - item] = 0;
    s.name = name;
    vec_push(o->arena, &v->sizes, s);
  }
}

/* The last colon ends the name: names like "input:0" are common. */
static void add_shape(onnxslim_options *o, const onnxslim_option_info_t *info, OptionValue *v,
                      const char *text) {
  const char *wanted = "NAME:D,D,... with D >= 0 or ?";
  const char *colon = strrchr(text, ':');
  if (!colon || colon == text) bad_value(o, info, text, wanted);
  char *name = arena_copy(o->arena, text, (size_t)(colon - text) + 1);
  name[colon - text] = 0;
  NamedDims s = {.name = name, .dim = NEW_ARRAY(o->arena, int64_t, strlen(colon))};
  const char *rest = colon[1] ? colon + 1 : NULL; /* "x:" is a scalar */
  for (const char *item; (item = list_next(o->arena, &rest)); s.rank++) {
    bool open = strcmp(item, "?") == 0 || strcmp(item, "-1") == 0;
    if (open)
      s.dim[s.rank] = -1;
    else if (!read_int64(item, &s.dim[s.rank]))
      bad_value(o, info, text, wanted);
  }
  vec_push(o->arena, &v->shapes, s);
}

static bool is_choice(const char *choices, const char *word) {
  size_t n = strlen(word);
  for (const char *p = choices;; p++) {
    size_t len = strcspn(p, "|");
    if (len == n && memcmp(p, word, n) == 0) return true;
    p += len;
    if (!*p) return false;
  }
}

static void set_value(onnxslim_options *o, OptionId id, const char *value) {
  const onnxslim_option_info_t *info = &infos[id];
  OptionValue *v = &o->value[id];
  const char *end;
  switch (info->type) {
  case ONNXSLIM_SWITCH:
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0) bad_value(o, info, value, "0 or 1");
    v->number = value[0] == '1';
    break;
  case ONNXSLIM_NUMBER:
    if (!read_number(value, &v->number, &end) || *end) bad_value(o, info, value, "a whole number");
    break;
  case ONNXSLIM_BYTES:
    if (!read_bytes(value, &v->number)) bad_value(o, info, value, "a number of bytes (with k, M or G)");
    break;
  case ONNXSLIM_CHOICE:
    if (!is_choice(info->argument, value)) bad_value(o, info, value, info->argument);
    /* fall through */
  case ONNXSLIM_TEXT: v->text = arena_copy(o->arena, value, strlen(value) + 1); break;
  case ONNXSLIM_NAMES:
  case ONNXSLIM_PASSES:
  case ONNXSLIM_RULES: add_names(o, info, v, value); break;
  case ONNXSLIM_DIMS: add_sizes(o, info, v, value); break;
  case ONNXSLIM_SHAPE: add_shape(o, info, v, value); break;
  }
}

void option_set(onnxslim_options *o, const char *name, const char *value) {
  for (size_t i = 0; i < OPT_COUNT_; i++) {
    if (strcmp(infos[i].name, name) != 0) continue;
    if (!value) value = infos[i].type == ONNXSLIM_SWITCH ? "1" : infos[i].implied;
    if (!value) fail(o->cx, ONNXSLIM_ERR_USAGE, "option '%s' needs a value: %s", name, infos[i].argument);
    set_value(o, (OptionId)i, value);
    o->value[i].set = true;
    return;
  }
  Suggest s = {.word = name};
  try_options(&s);
  char hint[128];
  fail(o->cx, ONNXSLIM_ERR_USAGE, "there is no option '%s'%s", name, suggest_text(&s, hint, sizeof hint));
}

onnxslim_options *options_new(Arena *a) {
  onnxslim_options *o = NEW(a, onnxslim_options);
  o->cx = arena_ctx(a);
  o->arena = a;
  for (size_t i = 0; i < OPT_COUNT_; i++)
    if (infos[i].standard) set_value(o, (OptionId)i, infos[i].standard);
  return o;
}

bool option_lists(const onnxslim_options *o, OptionId id, const char *name) {
  const OptionValue *v = &o->value[id];
  for (size_t i = 0; i < v->names.n; i++)
    if (strcmp(v->names.at[i], name) == 0) return true;
  return false;
}
