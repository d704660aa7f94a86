/* Arithmetic on a choice between two numbers is another choice: how masks of bools become summands.
 *
 * Before:    Cast(b) op c, Where(b, p, q) op c, op Where(b, p, q), with b of bools and numbers c, p, q
 * After:     Where(b, 1 op c, 0 op c), Where(b, p op c, q op c), Where(b, op p, op q)
 * When not:  the choice has other readers; c has more axes than b; runtimes have no Where of the type
 * Exactness: bitwise (operators that round correctly, on the same numbers)
 */
#include "passes/attention/rules.h"

typedef struct Choice {
  Value *condition;
  Tensor *yes, *no;
} Choice;

static bool selects(ElemType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_INT32 || t == DT_INT64;
}

static Tensor *number(Value *v, int rank) {
  Tensor *t = v ? constant_of(v) : NULL;
  return t && t->count == 1 && t->rank <= rank ? t : NULL;
}

static Tensor *number_of_type(Model *m, double v, ElemType t) {
  return tx_cast(m, tensor_float(m->arena, (float)v), t);
}

/* v as a choice between two numbers that nobody else reads. */
static bool read_choice(Value *v, Choice *c) {
  Node *n = v && v->index == 0 ? v->producer : NULL;
  int rank = v ? rank_of(v) : -1;
  Model *m = n ? n->graph->model : NULL;
  if (!n || rank < 0 || !selects(dtype_of(v)) || !node_is_inner(n) || !node_in(n, 0)) return false;
  c->condition = node_in(n, 0);
  if (node_is(n, OP_Cast)) {
    if (dtype_of(c->condition) != DT_BOOL || constant_of(c->condition)) return false;
    c->yes = number_of_type(m, 1, dtype_of(v));
    c->no = number_of_type(m, 0, dtype_of(v));
  } else {
    if (!node_is(n, OP_Where) || n->n_in != 3 || rank_of(c->condition) != rank) return false;
    c->yes = number(node_in(n, 1), rank);
    c->no = number(node_in(n, 2), rank);
  }
  return c->yes && c->no;
}

/* node's result with `choice` in slot i. */
static Tensor *applied(Model *m, const Node *node, int i, Tensor *choice) {
  Tensor *in[2] = {choice, NULL};
  if (node->n_in == 2) in[i] = choice, in[1 - i] = constant_of(node_in(node, 1 - i));
  Tensor *t = tensor_apply(m, node, node->n_in, in, 0);
  return t ? tx_reshape(m, t, 0, NULL) : NULL;
}

Outcome choose_result(Rewriter *rw, Node *node) {
  Model *m = rw_model(rw);
  Choice c;
  TRY(node_out(node, 0) && (node->n_in == 1 || node->n_in == 2) && selects(dtype_of(node->out[0])));
  int i = node->n_in == 2 && node_in(node, 0) && constant_of(node_in(node, 0)) ? 1 : 0;
  TRY(node_in(node, i) && read_choice(node_in(node, i), &c));
  if (node->n_in == 2) TRY(node_in(node, 1 - i) && constant_of(node_in(node, 1 - i)));
  NEED(node->n_in == 1 || number(node_in(node, 1 - i), rank_of(c.condition)),
       "the other operand is not one number, or has more axes");
  Tensor *yes = applied(m, node, i, c.yes), *no = applied(m, node, i, c.no);
  NEED(yes && no, "the numbers can't be computed");
  NEED(node->opset >= 9, "Where is there from opset 9 on");
  Value *in[] = {c.condition, rw_const(rw, yes, NULL), rw_const(rw, no, NULL)};
  Value *y = rw_node(rw, OP_Where, 3, in)->out[0];
  const char *why;
  NEED(rw_can_replace(rw, node->out[0], y, &why), "%s", why);
  rw_replace(rw, node->out[0], y);
  return FIRED;
}
