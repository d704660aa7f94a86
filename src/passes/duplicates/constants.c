/* Constants of equal content: initializers, those that are not computed yet among them, and Constant nodes.
 */
#include "passes/duplicates/duplicates.h"

#include <string.h>

/* --- equal content
 * ------------------------------------------------------------------------------------------ */

/* What was found out about a tensor, or two: it holds as long as they do. */
typedef struct Finding {
  const Tensor *a, *b;
  uint64_t hash; /* of a; 1 or 0 if a and b are equal or not */
  struct Finding *next;
} Finding;

static Finding *find(Rewriter *rw, const Tensor *a, const Tensor *b, bool *found) {
  Map *table = rw_table(rw);
  uint64_t key = hash_u64(map_key(a), map_key(b));
  for (Finding *f = map_get(table, key); f; f = f->next)
    if (f->a == a && f->b == b) return *found = true, f;
  Finding *f = NEW(rw_arena(rw), Finding);
  *f = (Finding){a, b, 0, map_get(table, key)};
  map_put(table, key, f);
  return *found = false, f;
}

/* Of elements that need not be computed with all the others. */
static uint64_t sample_hash(Rewriter *rw, Tensor *t, bool only_first) {
  uint64_t hash;
  bool found = false;
  Finding *f = t->store == TS_DEFERRED && !only_first ? find(rw, t, NULL, &found) : NULL;
  if (found) return f->hash;
  if (!tensor_sample_hash(rw_scratch(rw), t, only_first, &hash)) hash = map_key(t);
  if (f) f->hash = hash;
  return hash;
}

typedef struct Against {
  const uint8_t *at;
  size_t left;
} Against;

static bool matches(void *arg, const void *bytes, size_t n) {
  Against *a = arg;
  if (n > a->left || memcmp(a->at, bytes, n) != 0) return false;
  a->at += n;
  a->left -= n;
  return true;
}

/* Of the same dtype and dims, one of them deferred. One tensor at most is in memory as a whole. */
static bool same_when_computed(Rewriter *rw, Tensor *a, Tensor *b) {
  if (a == b) return true;
  bool found;
  Finding *f = find(rw, a, b, &found);
  if (found) return f->hash;
  Tensor *whole = a->store == TS_DEFERRED ? b : a, *streamed = a->store == TS_DEFERRED ? a : b;
  Arena *arena = arena_child(rw_scratch(rw));
  const void *bytes = tensor_bytes(arena, whole);
  Against against = {bytes, (size_t)whole->nbytes};
  f->hash = bytes && tensor_stream(arena, streamed, 0, tensor_rows(arena, streamed),
                                   &(StreamTo){matches, NULL, &against});
  arena_free(arena);
  return f->hash;
}

static bool same_form(const Tensor *a, const Tensor *b) {
  if (a->dtype != b->dtype || a->rank != b->rank || a->nbytes != b->nbytes) return false;
  return !a->rank || memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

/* Large external data that stays in its file is the same only if it is the same piece of that file: then a
 * run takes the time of the graph, not of the weights. */
static bool stays_unread(const Rewriter *rw, const Tensor *t) {
  return rw_leaves_external(rw) && t->external_file && t->nbytes > DEFER_ABOVE;
}

static bool same_content(Rewriter *rw, Tensor *a, Tensor *b) {
  if (stays_unread(rw, a) || stays_unread(rw, b)) return a->bytes == b->bytes && tensor_same(a, b);
  if (a->store != TS_DEFERRED && b->store != TS_DEFERRED) return tensor_same(a, b);
  return same_form(a, b) && a->store != TS_STRINGS && b->store != TS_STRINGS && same_when_computed(rw, a, b);
}

/* --- initializers ----------------------------------------------------------------------------------------
 */

typedef struct SeenInit {
  Value *value;
  struct SeenInit *next;
} SeenInit;

/* Initializers with something in common: dtype and dims, or the first elements, too. Only those with a rival
 * are looked at any further. */
typedef struct Group {
  size_t n, deferred;
} Group;

static bool may_go(const Value *v) {
  return v->is_initializer && v->init && v->n_uses && !v->n_outputs && !v->keep && !value_overridable(v);
}

static bool merge_initializer(Rewriter *rw, Value *drop, Value *keep) {
  if (!may_go(drop) || !rw_can_replace(rw, drop, keep, NULL)) return false;
  rw_replace(rw, drop, keep);
  return true;
}

static uint64_t form_hash(const Tensor *t) {
  uint64_t h = hash_u64((uint64_t)t->dtype, t->nbytes);
  return hash_bytes(h, t->dim, (size_t)t->rank * sizeof *t->dim);
}

/* Equal for equal tensors; the bytes right behind what was read of the model. */
static uint64_t first_hash(Rewriter *rw, Tensor *t) {
  if (stays_unread(rw, t)) return hash_u64(form_hash(t), map_key(t->bytes));
  return t->store == TS_STRINGS ? tensor_hash(t) : sample_hash(rw, t, true);
}

/* Equal for equal content, among tensors of this group. */
static uint64_t content_hash(Rewriter *rw, Tensor *t, const Group *group) {
  if (stays_unread(rw, t)) return hash_u64(form_hash(t), map_key(t->bytes));
  return group->deferred && t->store != TS_STRINGS ? sample_hash(rw, t, false) : tensor_hash(t);
}

static Group *group_join(Rewriter *rw, Map *groups, uint64_t key, const Tensor *t) {
  Group *group = map_get(groups, key);
  if (!group) {
    group = NEW(rw_scratch(rw), Group);
    map_put(groups, key, group);
  }
  group->n++;
  group->deferred += t->store == TS_DEFERRED;
  return group;
}

/* By index of the initializer; NULL for those that can have no equal. */
static Group **group_all(Rewriter *rw, const Graph *g) {
  Map forms, firsts;
  map_init(&forms, rw_scratch(rw));
  map_init(&firsts, rw_scratch(rw));
  Group **of = NEW_ARRAY(rw_scratch(rw), Group *, g->inits.n);
  for (size_t i = 0; i < g->inits.n; i++) {
    const Value *v = g->inits.at[i];
    if (v->is_initializer && v->init && !value_overridable(v))
      of[i] = group_join(rw, &forms, form_hash(v->init), v->init);
  }
  for (size_t i = 0; i < g->inits.n; i++) {
    Tensor *t = g->inits.at[i]->init;
    if (of[i]) of[i] = of[i]->n > 1 ? group_join(rw, &firsts, first_hash(rw, t), t) : NULL;
  }
  for (size_t i = 0; i < g->inits.n; i++)
    if (of[i] && of[i]->n < 2) of[i] = NULL;
  return of;
}

size_t duplicates_initializers(Rewriter *rw, Graph *g) {
  Map seen;
  map_init(&seen, rw_scratch(rw));
  Group **group = group_all(rw, g);
  size_t merged = 0;
  for (size_t i = 0; i < g->inits.n; i++) {
    if (!group[i]) continue;
    Value *v = g->inits.at[i];
    uint64_t key = content_hash(rw, v->init, group[i]);
    SeenInit *chain = map_get(&seen, key), *s = chain;
    while (s && !same_content(rw, s->value->init, v->init)) s = s->next;
    if (!s) {
      s = NEW(rw_scratch(rw), SeenInit);
      *s = (SeenInit){v, chain};
      map_put(&seen, key, s);
    } else if (merge_initializer(rw, v, s->value)) {
      merged++;
    } else if (merge_initializer(rw, s->value, v)) {
      s->value = v;
      merged++;
    }
  }
  if (merged) rw_note(rw, "%zu merged", merged);
  return merged;
}

/* --- Constant nodes ----------------------------------------------------------------------------------------
 */

typedef struct SeenConstant {
  Value *value; /* an initializer or the output of a Constant node */
  struct SeenConstant *next;
} SeenConstant;

static Tensor *content_of(Value *v) {
  Tensor *t = value_literal(v);
  return t ? t : constant_of(v); /* Constant has attributes that hold no tensor */
}

static void list_constant(Rewriter *rw, Value *v, const Tensor *t) {
  SeenConstant *s = NEW(rw_arena(rw), SeenConstant);
  *s = (SeenConstant){v, map_get(rw_table(rw), tensor_hash(t))};
  map_put(rw_table(rw), tensor_hash(t), s);
}

static void list_initializers(Graph *g, void *arg) {
  for (size_t i = 0; i < g->inits.n; i++) {
    Value *v = g->inits.at[i];
    if (v->is_initializer && v->init && !value_overridable(v)) list_constant(arg, v, v->init);
  }
}

/* Can node read v, which holds the same? */
static bool stands_before(const Node *node, const Value *v) {
  if (!v->producer) return v->is_initializer && value_visible(v, node->graph);
  return !v->producer->dead && duplicates_sees(node, v->producer);
}

/* The second of two Constant nodes, or one beside an initializer. */
Outcome duplicates_constant_node(Rewriter *rw, Node *node) {
  Value *v = node_out(node, 0);
  const Tensor *t = v ? content_of(v) : NULL;
  TRY(t);
  const uint64_t filled = 0; /* the key that says that initializers are listed */
  if (!map_get(rw_table(rw), filled)) {
    model_each_graph(rw_model(rw), list_initializers, rw);
    map_put(rw_table(rw), filled, NEW(rw_arena(rw), SeenConstant));
  }
  bool listed = false;
  for (SeenConstant *s = map_get(rw_table(rw), tensor_hash(t)); s; s = s->next) {
    if (s->value == v) listed = true;
    if (!s->value || s->value == v || !stands_before(node, s->value)) continue;
    const Tensor *same = content_of(s->value);
    const char *why;
    if (!same || !tensor_same(same, t)) continue;
    NEED(rw_can_replace(rw, v, s->value, &why), "%s", why);
    rw_replace(rw, v, s->value);
    rw_note(rw, "the same as '%s'", s->value->name->s);
    return FIRED;
  }
  if (!listed) list_constant(rw, v, t);
  return NO_MATCH;
}
