/* The text of rules, parsed: a tree of operators and captures. */
#ifndef REWRITE_PATTERN_H
#define REWRITE_PATTERN_H

#include "ops/ops.h"

enum { MAX_PATTERN_ATTRS = 16, MAX_CAPTURES = 16, MAX_PATTERN_ARGS = 12, MAX_COMMUTES = 6 };

typedef enum PatKind { PAT_OP, PAT_VALUE, PAT_ANY } PatKind;

/* An attribute as the text has it. */
typedef struct PatAttr {
  const char *name;
  AttrType type; /* FLOAT, INT, STRING, FLOATS, INTS */
  int64_t i;
  float f;
  const char *s;
  const int64_t *ints;
  const float *floats;
  size_t n;
} PatAttr;

typedef struct Pat {
  PatKind kind;
  int slot; /* capture slot: of a node (PAT_OP, -1 if not captured) or of a value (PAT_VALUE) */
  bool constant, optional;       /* name#, name? */
  bool shared, rest;             /* Op&, "..." */
  const char *domain, *names[4]; /* PAT_OP: the alternatives */
  int n_names;
  int commute;         /* bit of this node in the orientation mask, -1 if its order is fixed */
  const PatAttr *attr; /* what a node has to have, or what is made of it has */
  int n_attrs;
  int like; /* replacement: node whose attributes it takes over, -1 if none */
  const struct Pat *arg[MAX_PATTERN_ARGS];
  int n_args;
} Pat;

typedef struct Pattern {
  const Pat *root;
  int n_values, n_nodes, n_commutes, depth;
  const char *value_name[MAX_CAPTURES], *node_name[MAX_CAPTURES];
} Pattern;

/* Parses rule text; fails with ONNXSLIM_ERR_USAGE and the column. With `of` (the parsed match) the text is a
 * replacement: every captured name must be known there, and slots are shared with it. */
const Pattern *pattern_parse(Arena *a, const char *text, const Pattern *of);

#endif
