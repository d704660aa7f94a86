#include "eval/scope.h"

#include "eval/constant.h"

/* What evaluating bodies may cost: nodes evaluated (and bodies entered), and bytes that they read and give.
 */
enum { MOST_NODES = 1 << 16, MOST_BYTES = 1 << 26, DEEPEST = 32 };

/* Every value of a body holds its latest constant. */
typedef struct Scope {
  Arena *arena;
  Map values; /* Value -> Tensor */
  int64_t nodes;
  uint64_t bytes;
  int depth;
} Scope;

/* Of a body that is being evaluated, or from outside it. */
static Tensor *value_now(const Scope *s, Value *v) {
  Tensor *t = map_get(&s->values, map_key(v));
  return t ? t : constant_or_list(v);
}

static bool run_node(Scope *s, const Node *n) {
  NEEDS(n->op && !node_has(n, OP_RANDOM) && !node_has(n, OP_EFFECT) && !node_is(n, OP_DequantizeLinear));
  NEEDS(++s->nodes <= MOST_NODES);
  Tensor **in = NEW_ARRAY(s->arena, Tensor *, n->n_in), **out = NEW_ARRAY(s->arena, Tensor *, n->n_out);
  for (int i = 0; i < n->n_in; i++)
    if (node_in(n, i)) {
      NEEDS(in[i] = value_now(s, node_in(n, i)));
      NEEDS((s->bytes += in[i]->nbytes) <= MOST_BYTES);
    }
  Eval e = {.arena = s->arena,
            .node = n,
            .n_in = n->n_in,
            .n_out = n->n_out,
            .in = in,
            .out = out,
            .max_bytes = MOST_BYTES,
            .scope = s};
  NEEDS(eval_node(&e));
  for (int i = 0; i < n->n_out; i++) {
    NEEDS((s->bytes += out[i]->nbytes) <= MOST_BYTES);
    if (n->out[i]) map_put(&s->values, map_key(n->out[i]), out[i]);
  }
  return true;
}

bool scope_body(Eval *e, const Graph *body, size_t n_in, Tensor *const *in, Tensor **out) {
  Scope *s = e->scope;
  NEEDS(body && body->inputs.n == n_in && s->depth < DEEPEST && ++s->nodes <= MOST_NODES);
  for (size_t i = 0; i < n_in; i++) {
    NEEDS(in[i]);
    map_put(&s->values, map_key(body->inputs.at[i]), in[i]);
  }
  s->depth++;
  for (const Node *n = body->first; n; n = n->next) NEEDS(run_node(s, n));
  s->depth--;
  for (size_t i = 0; i < body->outputs.n; i++) NEEDS(out[i] = value_now(s, body->outputs.at[i]));
  return true;
}

bool scope_run(Eval *e, EvalFn *fn) {
  NEEDS(!e->dry);
  if (e->scope) return fn(e);
  Eval inner = *e;
  Scope s = {.arena = arena_child(e->arena)};
  map_init(&s.values, s.arena);
  inner.arena = s.arena;
  inner.scope = &s;
  bool ok = fn(&inner);
  for (int i = 0; i < e->n_out && ok; i++)
    ok = out_as_it_is(e, i, inner.out[i] ? tensor_kept(e->arena, inner.out[i]) : NULL);
  arena_free(s.arena);
  return ok;
}
