/* fold_constants
 *
 * Before:    y = Op(constants); (x + c) + d, (x * c) / d and the like
 * After:     y, an initializer (large ones deferred: computed while the output is written); x + e, x * e
 * When not:  the operator is random or has effects or bodies; a DequantizeLinear whose result something
 *            computes with (Law 5); the evaluator does not know the operator; the file would grow by
 *            more than --max-growth over the constants that go away (Law 4); --keep names it
 * Exactness: bitwise for data movement, integers and correctly rounded arithmetic; rounding for the rest
 *            (Exp, MatMul, ...); chains with constants: bitwise for integers, rounding for floats
 *
 * Chains with constants are in constants/.
 */
#include "passes/constants/constants.h"

/* Initializers only: a Constant node's output becomes one. */
static Outcome lift_constant(Rewriter *rw, Node *node) {
  Value *v = node_out(node, 0);
  TRY(v);
  TRY(rw_may_add_initializers(node->graph)); /* else Constant is the normal form */
  NEED(!v->n_outputs, "its value is a graph output");
  NEED(!v->keep, "'%s' is kept (--keep)", v->name->s);
  Tensor *t = value_literal(v);
  if (!t) t = constant_of(v);
  NEED(t, "its attribute is of a kind initializers do not have");
  rw_make_constant(rw, v, t);
  rw_note(rw, "now an initializer");
  return FIRED;
}

uint64_t constant_bytes_freed(const Node *n) {
  uint64_t freed = 0;
  for (int i = 0; i < n->n_in; i++) {
    const Value *v = node_in(n, i);
    if (!v || !v->init || v->n_outputs || v->keep || value_overridable(v)) continue;
    uint32_t here = 0;
    bool first = true;
    for (int k = 0; k < n->n_in; k++)
      if (node_in(n, k) == v) {
        here++;
        if (k < i) first = false;
      }
    if (first && here == v->n_uses) freed += v->init->nbytes;
  }
  return freed;
}

/* Nodes over initializers that hold what t is. NULL if that can't be: an optional of nothing has a type. */
static Value *held(Rewriter *rw, Tensor *t) {
  if (t->store == TS_OPTIONAL && !t->count) return NULL;
  if (t->store != TS_SEQUENCE && t->store != TS_OPTIONAL) return rw_const(rw, t, NULL);
  Value **in = NEW_ARRAY(rw_scratch(rw), Value *, t->count);
  for (uint64_t i = 0; i < t->count; i++)
    if (!(in[i] = held(rw, t->items[i]))) return NULL;
  OpId op = t->store == TS_OPTIONAL ? OP_Optional : t->count ? OP_SequenceConstruct : OP_SequenceEmpty;
  Node *n = rw_node(rw, op, (int)t->count, in);
  if (op == OP_SequenceEmpty) rw_attr_int(rw, n, "dtype", t->dtype);
  return n->out[0];
}

/* The output v of a node becomes a constant, or what holds a sequence of constants. */
static bool make_constant(Rewriter *rw, Value *v, Tensor *t) {
  if (t->store != TS_SEQUENCE && t->store != TS_OPTIONAL) {
    rw_make_constant(rw, v, t);
    return true;
  }
  Value *now = held(rw, t);
  if (!now || !rw_can_replace(rw, v, now, NULL)) return false;
  rw_replace(rw, v, now);
  return true;
}

static Outcome fold(Rewriter *rw, Node *node, bool exact) {
  TRY(!node_has(node, OP_HOLDS) && !node_has(node, OP_RANDOM) && !node_has(node, OP_EFFECT));
  uint64_t bytes = 0;
  bool used = false;
  for (int i = 0; i < node->n_out; i++) {
    Value *v = node->out[i];
    if (!value_in_use(v)) continue;
    Tensor *t = constant_or_list(v);
    if (!t) {
      for (int k = 0; k < node->n_in; k++) TRY(!node_in(node, k) || constant_or_list(node_in(node, k)));
      TRY(node->n_in && exact && !node_has(node, OP_CONTROL)); /* one remark is enough */
      NEED(!node_is(node, OP_DequantizeLinear), "quantization is a barrier");
      NEED(t, "it can't be evaluated");
    }
    TRY(constant_is_exact(v) == exact);
    NEED(!v->keep, "'%s' is kept (--keep)", v->name->s);
    bytes += t->nbytes;
    used = true;
  }
  TRY(used);
  NEED(bytes <= rw_max_fold(rw), "it would be a constant of %llu bytes (--max-fold %llu)",
       (unsigned long long)bytes, (unsigned long long)rw_max_fold(rw));
  uint64_t freed = constant_bytes_freed(node);
  NEED(bytes <= freed || bytes - freed <= rw_max_growth(rw),
       "the file would grow by %llu bytes (--max-growth %llu)", (unsigned long long)(bytes - freed),
       (unsigned long long)rw_max_growth(rw));
  for (int i = 0; i < node->n_out; i++)
    if (value_in_use(node->out[i]))
      NEED(make_constant(rw, node->out[i], constant_or_list(node->out[i])),
           "it is an optional without element");
  rw_note(rw, "evaluated (%llu bytes)", (unsigned long long)bytes);
  return FIRED;
}

static Outcome fold_exact(Rewriter *rw, Node *node) {
  return fold(rw, node, true);
}

static Outcome fold_rounding(Rewriter *rw, Node *node) {
  return fold(rw, node, false);
}

static const Rule rules[] = {
    {.name = "constant-to-initializer",
     .doc = "Constant => initializer",
     .apply = lift_constant,
     .roots = {OP_Constant}},
    {.name = "fold", .doc = "Op(constants) => constant, exact operators", .apply = fold_exact},
    {.name = "fold-rounding",
     .doc = "Op(constants) => constant, operators that round",
     .exact = ROUNDING,
     .apply = fold_rounding},
    {.name = "reassociate",
     .doc = "(x + c) + d => x + e, (x * c) * d => x * e, of integers",
     .apply = reassociate_exact,
     .roots = {OP_Add, OP_Sub, OP_Mul}},
    {.name = "reassociate-rounding",
     .doc = "(x + c) - d => x + e, (x * c) / d => x * e, of floats",
     .exact = ROUNDING,
     .apply = reassociate_rounding,
     .roots = {OP_Add, OP_Sub, OP_Mul, OP_Div}},
    {.name = "reassociate-matmul",
     .doc = "MatMul(MatMul(x, A), B) => MatMul(x, A B)",
     .exact = ROUNDING,
     .apply = reassociate_matmul,
     .roots = {OP_MatMul}},
};

const Pass pass_fold_constants = {"fold_constants",
                                  "evaluates what depends on constants only, and merges chains of constants",
                                  PASS_RULES(rules)};
