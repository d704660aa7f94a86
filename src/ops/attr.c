#include "ops/ops.h"

#include <string.h>

typedef struct AttrDefault {
  OpId op;
  int since;
  const char *name;
  AttrType type; /* ATTR_UNDEFINED: no default from here on */
  int64_t i;
  float f;
  const char *s;
  const int64_t *ints;
  size_t n;
} AttrDefault;

/* In the order of OpId; attr_default() searches by bisection. */
static const AttrDefault defaults[] = {
#define LIST(...)                                                                                            \
  .ints = (const int64_t[]){__VA_ARGS__}, .n = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)
#define ATTR_INT(op, name, since, v) {OP_##op, since, #name, ATTR_INT, .i = v},
#define ATTR_FLOAT(op, name, since, v) {OP_##op, since, #name, ATTR_FLOAT, .f = v},
#define ATTR_STRING(op, name, since, v) {OP_##op, since, #name, ATTR_STRING, .s = v},
#define ATTR_INTS(op, name, since, ...) {OP_##op, since, #name, ATTR_INTS, __VA_ARGS__},
#define ATTR_NONE(op, name, since) {OP_##op, since, #name, ATTR_UNDEFINED, .i = 0},
#include "ops/attrs.def"
#undef LIST
#undef ATTR_INT
#undef ATTR_FLOAT
#undef ATTR_STRING
#undef ATTR_INTS
#undef ATTR_NONE
};
enum { N_DEFAULTS = sizeof defaults / sizeof *defaults };

static const AttrDefault *attr_default(const Node *n, const char *name) {
  if (!n->op) return NULL;
  size_t low = 0, high = N_DEFAULTS;
  while (low < high) {
    size_t mid = (low + high) / 2;
    if (defaults[mid].op < n->op->id)
      low = mid + 1;
    else
      high = mid;
  }
  const AttrDefault *found = NULL;
  for (; low < N_DEFAULTS && defaults[low].op == n->op->id; low++)
    if (defaults[low].since <= n->opset && strcmp(defaults[low].name, name) == 0) found = &defaults[low];
  return found && found->type != ATTR_UNDEFINED ? found : NULL;
}

/* The attribute as written, else its default in the same form. */
static bool resolve(const Node *n, const char *name, Attr *out) {
  const Attr *a = node_attr(n, name);
  if (a) {
    *out = *a;
    return true;
  }
  const AttrDefault *d = attr_default(n, name);
  if (!d) return false;
  *out = (Attr){.type = d->type};
  switch (d->type) {
  case ATTR_INT: out->v.i = d->i; break;
  case ATTR_FLOAT: out->v.f = d->f; break;
  case ATTR_STRING: out->v.s = (Span){(const uint8_t *)d->s, strlen(d->s)}; break;
  default: out->v.ints.at = d->ints; out->v.ints.n = d->n;
  }
  return true;
}

static bool resolve_as(const Node *n, const char *name, AttrType type, Attr *out) {
  return resolve(n, name, out) && out->type == type && !out->ref;
}

bool attr_int(const Node *n, const char *name, int64_t *out) {
  Attr a;
  if (!resolve_as(n, name, ATTR_INT, &a)) return false;
  *out = a.v.i;
  return true;
}

Graph *attr_graph(const Node *n, const char *name) {
  const Attr *a = node_attr(n, name);
  return a && !a->ref && a->type == ATTR_GRAPH && a->v.graphs.n == 1 ? a->v.graphs.at[0] : NULL;
}

bool attr_float(const Node *n, const char *name, float *out) {
  Attr a;
  if (!resolve_as(n, name, ATTR_FLOAT, &a)) return false;
  *out = a.v.f;
  return true;
}

bool attr_ints(const Node *n, const char *name, const int64_t **at, size_t *count) {
  Attr a;
  if (!resolve_as(n, name, ATTR_INTS, &a)) return false;
  *at = a.v.ints.at;
  *count = a.v.ints.n;
  return true;
}

bool attr_string(const Node *n, const char *name, Span *out) {
  Attr a;
  if (!resolve_as(n, name, ATTR_STRING, &a)) return false;
  *out = a.v.s;
  return true;
}

static bool span_equal(Span a, Span b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool attr_string_is(const Node *n, const char *name, const char *text) {
  Span s;
  return attr_string(n, name, &s) && span_equal(s, (Span){(const uint8_t *)text, strlen(text)});
}

/* --- comparison ---------------------------------------------------------------------------------------- */

static bool list_equal(const void *a, size_t n_a, const void *b, size_t n_b, size_t elem) {
  return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * elem) == 0);
}

static bool attr_equal(const Attr *a, const Attr *b) {
  if (a->type != b->type || !a->ref != !b->ref) return false;
  if (a->ref) return a->ref == b->ref || strcmp(a->ref->s, b->ref->s) == 0; /* perhaps of two models */
  switch (a->type) {
  case ATTR_INT: return a->v.i == b->v.i;
  case ATTR_FLOAT: return list_equal(&a->v.f, 1, &b->v.f, 1, sizeof a->v.f);
  case ATTR_STRING: return span_equal(a->v.s, b->v.s);
  case ATTR_TENSOR: return a->v.tensor && b->v.tensor && tensor_same(a->v.tensor, b->v.tensor);
  case ATTR_INTS: return list_equal(a->v.ints.at, a->v.ints.n, b->v.ints.at, b->v.ints.n, sizeof(int64_t));
  case ATTR_FLOATS:
    return list_equal(a->v.floats.at, a->v.floats.n, b->v.floats.at, b->v.floats.n, sizeof(float));
  case ATTR_STRINGS:
    if (a->v.strings.n != b->v.strings.n) return false;
    for (size_t i = 0; i < a->v.strings.n; i++)
      if (!span_equal(a->v.strings.at[i], b->v.strings.at[i])) return false;
    return true;
  case ATTR_GRAPH:
  case ATTR_GRAPHS: /* the same bodies, not alike ones */
    return list_equal(a->v.graphs.at, a->v.graphs.n, b->v.graphs.at, b->v.graphs.n, sizeof(Graph *));
  default: return a->raw.p && b->raw.p && span_equal(a->raw, b->raw);
  }
}

bool attr_same(const Node *a, const Node *b, const char *name) {
  Attr x, y;
  bool has = resolve(a, name, &x);
  return has == resolve(b, name, &y) && (!has || attr_equal(&x, &y));
}

/* Has b each attribute of a? */
static bool covers(const Node *a, const Node *b) {
  for (size_t i = 0; i < a->attrs.n; i++) {
    Attr other;
    if (!resolve(b, a->attrs.at[i].name->s, &other) || !attr_equal(&a->attrs.at[i], &other)) return false;
  }
  return true;
}

bool attrs_equal(const Node *a, const Node *b) {
  return covers(a, b) && covers(b, a);
}

static uint64_t attr_hash(const Attr *a) {
  uint64_t h = hash_u64(hash_bytes(0, a->name->s, a->name->len), (uint64_t)a->type);
  if (a->ref) return hash_bytes(h, a->ref->s, a->ref->len);
  switch (a->type) {
  case ATTR_INT: return hash_u64(h, (uint64_t)a->v.i);
  case ATTR_FLOAT: return hash_bytes(h, &a->v.f, sizeof a->v.f);
  case ATTR_STRING: return hash_bytes(h, a->v.s.p, a->v.s.n);
  case ATTR_TENSOR: return a->v.tensor ? hash_u64(h, tensor_hash(a->v.tensor)) : h;
  case ATTR_INTS: return hash_bytes(h, a->v.ints.at, a->v.ints.n * sizeof(int64_t));
  case ATTR_FLOATS: return hash_bytes(h, a->v.floats.at, a->v.floats.n * sizeof(float));
  case ATTR_STRINGS:
    for (size_t i = 0; i < a->v.strings.n; i++) h = hash_bytes(h, a->v.strings.at[i].p, a->v.strings.at[i].n);
    return h;
  case ATTR_GRAPH:
  case ATTR_GRAPHS:
    for (size_t i = 0; i < a->v.graphs.n; i++) h = hash_u64(h, map_key(a->v.graphs.at[i]));
    return h;
  default: return h;
  }
}

uint64_t attrs_hash(const Node *n) {
  const Node bare = {.op = n->op, .opset = n->opset}; /* has the defaults only */
  uint64_t sum = 0;                                   /* of what differs from them, in any order */
  for (size_t i = 0; i < n->attrs.n; i++) {
    const Attr *a = &n->attrs.at[i];
    Attr preset;
    if (resolve(&bare, a->name->s, &preset) && attr_equal(a, &preset)) continue;
    sum += attr_hash(a);
  }
  return sum;
}
