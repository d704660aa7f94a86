#include "eval/list.h"

static EvalFn *const functions[OP_COUNT_] = {
#define EVAL(op, fn) [OP_##op] = fn,
#include "eval/eval.def"
#undef EVAL
};

static const bool takes_lists[OP_COUNT_] = {
#define EVAL(op, fn)
#define EVAL_LISTS(op, fn) [OP_##op] = true,
#include "eval/eval.def"
#undef EVAL
};

bool eval_takes_lists(const Node *n) {
  return n->op && takes_lists[n->op->id];
}

bool eval_supported(const Node *n) {
  return n->op && functions[n->op->id];
}

/* From a kernel's view to a tensor's: small elements are packed, the bytes of strings counted. */
static void finish(Eval *e, Tensor *t) {
  int bits = elem_bits(t->dtype);
  if (t->dtype == DT_STRING) {
    t->nbytes = 0;
    for (uint64_t i = 0; i < t->count; i++) t->nbytes += t->strings[i].n;
  } else if (bits < 8 && t->store == TS_OWNED) {
    uint8_t *packed = arena_alloc(e->arena, (size_t)t->nbytes);
    unsigned per_byte = 8u / (unsigned)bits, mask = (1u << bits) - 1;
    for (uint64_t i = 0; i < t->count; i++)
      packed[i / per_byte] |= (uint8_t)((t->bytes[i] & mask) << (i % per_byte * (unsigned)bits));
    t->bytes = packed;
  }
}

/* Loops go over the other axes of an empty tensor: they must end, too. */
static bool bounded(const Tensor *t) {
  enum { MOST = 1 << 24 };
  int64_t n = 1;
  for (int i = 0; i < t->rank && t->count == 0; i++) {
    if (t->dim[i] == 0) continue;
    if (t->dim[i] > MOST / n) return false;
    n *= t->dim[i];
  }
  return t->rank <= MAX_RANK;
}

static bool run(Eval *e, bool dry) {
  if (!eval_supported(e->node)) return false;
  for (int i = 0; i < e->n_in; i++)
    if (e->in[i] && (!bounded(e->in[i]) || (is_list(e->in[i]) && !eval_takes_lists(e->node)))) return false;
  Eval r = *e;
  r.dry = dry;
  r.scratch = e->scratch ? e->scratch : arena_child(e->arena);
  r.out = NEW_ARRAY(e->arena, Tensor *, e->n_out + 1);
  bool ok = functions[e->node->op->id](&r) || dry;
  for (int i = 0; i < e->n_out && ok; i++) ok = r.out[i];
  for (int i = 0; i < e->n_out && ok && !dry && !r.as_it_is; i++) finish(&r, r.out[i]);
  if (ok && e->n_out) memcpy(e->out, r.out, (size_t)e->n_out * sizeof *e->out);
  if (!e->scratch) arena_free(r.scratch);
  return ok;
}

bool eval_node(Eval *e) {
  return run(e, false);
}

bool eval_shapes(Eval *e) {
  return run(e, true);
}

bool eval_is_exact(const Node *n, ElemType dtype) {
  if (node_has(n, OP_MOVES_DATA) || node_has(n, OP_EXACT)) return true;
  bool integer = elem_is_int(dtype) || dtype == DT_BOOL;
  if (node_is(n, OP_ScatterElements) || node_is(n, OP_ScatterND)) /* without reduction they move data */
    return integer || !node_attr(n, "reduction") || attr_string_is(n, "reduction", "none");
  return integer && node_has(n, OP_INT_EXACT);
}
