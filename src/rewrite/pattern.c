#include "rewrite/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Parser {
  Arena *arena;
  const char *text, *p;
  Pattern *out;
  const Pattern *of; /* replacement: the match whose captures it uses */
} Parser;

static _Noreturn void bad(const Parser *ps, const char *what) {
  fail(arena_ctx(ps->arena), ONNXSLIM_ERR_USAGE, "rule text \"%s\", column %d: %s", ps->text,
       (int)(ps->p - ps->text) + 1, what);
}

static void skip_space(Parser *ps) {
  while (isspace((unsigned char)*ps->p)) ps->p++;
}

static bool take(Parser *ps, const char *token) {
  skip_space(ps);
  size_t n = strlen(token);
  if (strncmp(ps->p, token, n) != 0) return false;
  ps->p += n;
  return true;
}

/* [A-Za-z_][A-Za-z0-9_.]* */
static const char *word(Parser *ps, const char *what) {
  skip_space(ps);
  const char *start = ps->p;
  while (isalnum((unsigned char)*ps->p) || *ps->p == '_' || (*ps->p == '.' && ps->p > start)) ps->p++;
  if (ps->p == start || isdigit((unsigned char)*start)) bad(ps, what);
  return arena_printf(ps->arena, "%.*s", (int)(ps->p - start), start);
}

static int slot_of(Parser *ps, const char **names, int *n, const char *name) {
  for (int i = 0; i < *n; i++)
    if (strcmp(names[i], name) == 0) return i;
  if (ps->of) bad(ps, "this name is not captured by the match");
  if (*n == MAX_CAPTURES) bad(ps, "too many captures");
  names[*n] = name;
  return (*n)++;
}

static const Pat *parse_arg(Parser *ps, int depth);

static void parse_op_names(Parser *ps, Pat *pat, const char *first) {
  pat->domain = "";
  if (take(ps, "::")) {
    pat->domain = first;
    first = word(ps, "an operator name was expected");
  }
  pat->names[pat->n_names++] = first;
  while (take(ps, "|")) {
    if (pat->n_names == 4) bad(ps, "more than four alternatives");
    pat->names[pat->n_names++] = word(ps, "an operator name was expected");
  }
}

static bool commutes(const Pat *pat) {
  for (int i = 0; i < pat->n_names; i++) {
    const OpDef *op = op_find(pat->domain, pat->names[i], ONNX_NEWEST_OPSET);
    if (!op || !(op->facts & OP_COMMUTES)) return false;
  }
  return pat->n_args == 2;
}

/* --- attributes: "<" name "=" value {"," name "=" value} ">"; in a replacement also "node..." -------------
 */

enum { MAX_LIST = 64 };

typedef struct Number {
  bool real;
  int64_t i;
  float f;
} Number;

static Number number(Parser *ps) {
  skip_space(ps);
  char *end, *int_end;
  errno = 0;
  Number v = {.f = strtof(ps->p, &end)};
  if (end == ps->p || errno == ERANGE) bad(ps, "a number was expected");
  errno = 0;
  v.i = strtoll(ps->p, &int_end, 10);
  v.real = int_end != end;
  if (!v.real && errno == ERANGE) bad(ps, "the number is too large");
  ps->p = end;
  return v;
}

static void list_value(Parser *ps, PatAttr *a) {
  int64_t ints[MAX_LIST];
  float floats[MAX_LIST];
  bool real = false;
  if (!take(ps, "]")) {
    do {
      if (a->n == MAX_LIST) bad(ps, "too many numbers");
      Number v = number(ps);
      real |= v.real;
      ints[a->n] = v.i;
      floats[a->n++] = v.f;
    } while (take(ps, ","));
    if (!take(ps, "]")) bad(ps, "']' or ',' was expected");
  }
  a->type = real ? ATTR_FLOATS : ATTR_INTS;
  if (real)
    a->floats = arena_copy(ps->arena, floats, a->n * sizeof *floats);
  else
    a->ints = arena_copy(ps->arena, ints, a->n * sizeof *ints);
}

static void attr_value(Parser *ps, PatAttr *a) {
  if (take(ps, "[")) {
    list_value(ps, a);
  } else if (take(ps, "\"")) {
    size_t n = strcspn(ps->p, "\"");
    if (!ps->p[n]) bad(ps, "the text has no end");
    a->type = ATTR_STRING;
    a->s = arena_printf(ps->arena, "%.*s", (int)n, ps->p);
    ps->p += n + 1;
  } else {
    Number v = number(ps);
    a->type = v.real ? ATTR_FLOAT : ATTR_INT;
    a->i = v.i;
    a->f = v.f;
  }
}

static void parse_attrs(Parser *ps, Pat *pat) {
  PatAttr attrs[MAX_PATTERN_ATTRS] = {{0}};
  if (!take(ps, "<")) return;
  do {
    const char *name = word(ps, "the name of an attribute was expected");
    size_t n = strlen(name);
    bool like = n > 3 && strcmp(name + n - 3, "...") == 0; /* dots belong to words */
    if (like) {
      if (!ps->of) bad(ps, "only a replacement takes over attributes");
      name = arena_printf(ps->arena, "%.*s", (int)n - 3, name);
      pat->like = slot_of(ps, ps->out->node_name, &ps->out->n_nodes, name);
      continue;
    }
    if (pat->n_attrs == MAX_PATTERN_ATTRS) bad(ps, "too many attributes");
    if (!take(ps, "=")) bad(ps, "'=' was expected");
    attrs[pat->n_attrs].name = name;
    attr_value(ps, &attrs[pat->n_attrs++]);
  } while (take(ps, ","));
  if (!take(ps, ">")) bad(ps, "'>' or ',' was expected");
  pat->attr = arena_copy(ps->arena, attrs, (size_t)pat->n_attrs * sizeof *attrs);
}

/* Behind the operator's name: flags, capture, attributes, "(" arguments ")". */
static const Pat *parse_op(Parser *ps, const char *first, int depth) {
  if (depth > 16) bad(ps, "nested too deeply");
  if (depth > ps->out->depth) ps->out->depth = depth;
  Pat *pat = NEW(ps->arena, Pat);
  *pat = (Pat){.kind = PAT_OP, .slot = -1, .commute = -1, .like = -1};
  parse_op_names(ps, pat, first);
  pat->shared = take(ps, "&");
  if (take(ps, ":"))
    pat->slot = slot_of(ps, ps->out->node_name, &ps->out->n_nodes, word(ps, "a capture name was expected"));
  parse_attrs(ps, pat);
  if (!take(ps, "(")) bad(ps, "'(' was expected");
  if (!take(ps, ")")) {
    do {
      if (take(ps, "...")) {
        pat->rest = true;
        break;
      }
      if (pat->n_args == MAX_PATTERN_ARGS) bad(ps, "too many arguments");
      pat->arg[pat->n_args++] = parse_arg(ps, depth + 1);
    } while (take(ps, ","));
    if (!take(ps, ")")) bad(ps, "')' or ',' was expected");
  }
  if (!ps->of && commutes(pat)) {
    if (ps->out->n_commutes == MAX_COMMUTES) bad(ps, "too many commutative operators");
    pat->commute = ps->out->n_commutes++;
  }
  return pat;
}

static const Pat *parse_arg(Parser *ps, int depth) {
  const char *name = word(ps, "an operator or a name was expected");
  if (isupper((unsigned char)*name) || strncmp(ps->p, "::", 2) == 0) {
    const char *look = ps->p;
    while (isspace((unsigned char)*look)) look++;
    if (*look && strchr("(:&|<", *look)) return parse_op(ps, name, depth);
  }
  Pat *pat = NEW(ps->arena, Pat);
  *pat = (Pat){.kind = strcmp(name, "_") == 0 ? PAT_ANY : PAT_VALUE, .slot = -1, .commute = -1, .like = -1};
  if (pat->kind == PAT_ANY) return pat;
  pat->constant = take(ps, "#");
  pat->optional = take(ps, "?");
  pat->slot = slot_of(ps, ps->out->value_name, &ps->out->n_values, name);
  return pat;
}

const Pattern *pattern_parse(Arena *a, const char *text, const Pattern *of) {
  Pattern *out = NEW(a, Pattern);
  if (of) *out = *of;
  Parser ps = {.arena = a, .text = text, .p = text, .out = out, .of = of};
  out->root = parse_arg(&ps, 1);
  skip_space(&ps);
  if (*ps.p) bad(&ps, "text behind the pattern");
  if (!of && out->root->kind != PAT_OP) bad(&ps, "a match begins with an operator");
  return out;
}
