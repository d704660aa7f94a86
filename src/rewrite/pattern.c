#include "rewrite/pattern.h"

#include <ctype.h>
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

/* Behind the operator's name: flags, capture, "(" arguments ")". */
static const Pat *parse_op(Parser *ps, const char *first, int depth) {
  if (depth > 16) bad(ps, "nested too deeply");
  if (depth > ps->out->depth) ps->out->depth = depth;
  Pat *pat = NEW(ps->arena, Pat);
  *pat = (Pat){.kind = PAT_OP, .slot = -1, .commute = -1};
  parse_op_names(ps, pat, first);
  pat->shared = take(ps, "&");
  if (take(ps, ":"))
    pat->slot = slot_of(ps, ps->out->node_name, &ps->out->n_nodes, word(ps, "a capture name was expected"));
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
    if (*look && strchr("(:&|", *look)) return parse_op(ps, name, depth);
  }
  Pat *pat = NEW(ps->arena, Pat);
  *pat = (Pat){.kind = strcmp(name, "_") == 0 ? PAT_ANY : PAT_VALUE, .slot = -1, .commute = -1};
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
