#include "passes/einsum/contract.h"

/* --- one operand --------------------------------------------------------------------------------------- */

static void count_node(Build *b, const Value *in) {
  bool folds = constant_of((Value *)in) && in->n_uses <= 1 && !in->n_outputs && !in->keep;
  b->nodes += !folds;
}

/* A node over v with axes, as an attribute before opset 13 and as an input from there on. */
static Node *with_axes(Build *b, OpId op, Value *v, const int64_t *axes, int n) {
  Value *in[] = {v, b->opset >= 13 ? rw_const_ints(b->rw, axes, (size_t)n) : NULL};
  count_node(b, v);
  Node *node = rw_node(b->rw, op, 2, in);
  if (b->opset < 13) rw_attr_ints(b->rw, node, "axes", axes, (size_t)n);
  return node;
}

/* Sums the axes that `keep` does not have. */
static void sum_out(Build *b, Operand *o, const Labels *keep) {
  int64_t axes[MAX_RANK];
  int n = 0, left = 0;
  for (int i = 0; i < o->axes.n; i++)
    if (label_in(keep, o->axes.at[i]))
      o->axes.at[left++] = o->axes.at[i];
    else
      axes[n++] = i;
  if (!n) return;
  Node *sum = with_axes(b, OP_ReduceSum, o->v, axes, n);
  rw_attr_int(b->rw, sum, "keepdims", 0);
  o->v = sum->out[0];
  o->axes.n = left;
}

/* How an operand comes to stand in an order of axes. */
typedef struct Turn {
  Value *from; /* what is transposed: the operand, or what a Transpose that nobody else reads makes it of */
  int64_t perm[MAX_RANK], lacks[MAX_RANK]; /* axes of `order` that it has to get, with size 1 */
  int n, n_lacks;
  bool moves;     /* is a Transpose left? */
  int transposes; /* more than before */
} Turn;

/* A Transpose of a Transpose is one, or none. */
static void compose(Turn *t) {
  const Node *n = t->from->producer;
  const int64_t *p;
  size_t count;
  if (!node_is(n, OP_Transpose) || !node_in(n, 0) || !node_is_inner(n)) return;
  if (!attr_ints(n, "perm", &p, &count) || (int)count != t->n) return;
  t->from = node_in(n, 0);
  t->moves = false;
  for (int i = 0; i < t->n; i++) {
    t->perm[i] = p[t->perm[i]];
    t->moves = t->moves || t->perm[i] != i;
  }
  t->transposes = t->moves ? 0 : -1;
}

/* Axes that o lacks in front of its own broadcast by themselves. */
static Turn turn_to(const Operand *o, const Labels *order) {
  Turn t = {.from = o->v};
  int front = 0;
  for (int i = 0; i < order->n; i++) {
    int at = label_index(&o->axes, order->at[i]);
    if (at >= 0) {
      t.moves = t.moves || at != t.n;
      t.perm[t.n++] = at;
    } else if (!t.n)
      front++;
    else
      t.lacks[t.n_lacks++] = i - front;
  }
  t.transposes = t.moves;
  if (t.moves) compose(&t);
  return t;
}

static int arrange_cost(const Operand *o, const Labels *order) {
  if (constant_of(o->v)) return 0;
  Turn t = turn_to(o, order);
  return t.transposes + (t.n_lacks > 0);
}

/* Puts o's axes in the order, axes of 1 for those it lacks. */
static void arrange(Build *b, Operand *o, const Labels *order) {
  Turn t = turn_to(o, order);
  if (t.transposes > 0)
    count_node(b, o->v);
  else
    b->nodes += t.transposes;
  o->v = t.from;
  if (t.moves) {
    Node *turn = rw_node(b->rw, OP_Transpose, 1, &o->v);
    rw_attr_ints(b->rw, turn, "perm", t.perm, (size_t)t.n);
    o->v = turn->out[0];
  }
  if (t.n_lacks) o->v = with_axes(b, OP_Unsqueeze, o->v, t.lacks, t.n_lacks)->out[0];
  o->axes = *order;
}

bool reduce_to(Build *b, Operand *o, const Labels *out) {
  sum_out(b, o, out);
  arrange(b, o, out);
  return true;
}

/* Makes `count` axes from the first one on a single axis. Axes in front of them are copied; one other size
 * may be open, if no axis but those that it stands for can be 0. */
static bool merge_axes(Build *b, Operand *o, int first, int count) {
  Shape s = shape_of(o->v);
  int64_t dim[MAX_RANK], k;
  int n = 0, open = -1;
  bool nonzero = true;
  if (first < 0 || first + count > s.rank) return b->why = "the rank of an operand is not known", false;
  for (; n < first; n++) {
    dim[n] = 0;
    nonzero = nonzero && sym_nonzero(s.dim[n]);
  }
  for (int i = first; i < s.rank; n++) {
    int end = i == first ? i + count : i + 1;
    bool known = true;
    for (dim[n] = 1; i < end; i++) {
      if (!sym_const(s.dim[i], &k))
        known = false;
      else if (!k || __builtin_mul_overflow(dim[n], k, &dim[n]))
        return b->why = "an axis to merge has 0 elements", false;
    }
    if (known) continue;
    if (open >= 0) return b->why = "the sizes of the axes to merge are not known", false;
    open = n;
    dim[n] = -1;
  }
  if (open >= 0 && !nonzero)
    return b->why = "the sizes of the axes to merge are not known, and others may be 0", false;
  Value *in[] = {o->v, rw_const_ints(b->rw, dim, (size_t)n)};
  count_node(b, o->v);
  o->v = rw_node(b->rw, OP_Reshape, 2, in)->out[0];
  return true;
}

/* --- two operands -------------------------------------------------------------------------------------- */

/* What becomes of each label of a product. */
typedef struct Roles {
  Labels summed;      /* in both, not in the result */
  Labels left, right; /* in one, and in the result */
} Roles;

static void read_roles(const Operand *a, const Operand *c, const Labels *out, Roles *r) {
  r->summed.n = r->left.n = r->right.n = 0;
  for (int i = 0; i < a->axes.n; i++)
    if (!label_in(out, a->axes.at[i])) label_add(&r->summed, a->axes.at[i]);
  for (int i = 0; i < out->n; i++) {
    bool in_a = label_in(&a->axes, out->at[i]), in_c = label_in(&c->axes, out->at[i]);
    if (in_a != in_c) label_add(in_a ? &r->left : &r->right, out->at[i]);
  }
}

/* MatMul would broadcast no axis that it sums. */
static bool sums_agree(const Operand *a, const Operand *c, const Labels *summed) {
  Shape sa = shape_of(a->v), sc = shape_of(c->v);
  if (sa.rank != a->axes.n || sc.rank != c->axes.n) return false;
  for (int i = 0; i < summed->n; i++)
    if (!sym_equal(sa.dim[label_index(&a->axes, summed->at[i])],
                   sc.dim[label_index(&c->axes, summed->at[i])]))
      return false;
  return true;
}

static Value *product(Build *b, OpId op, Value *x, Value *y) {
  Value *in[] = {x, y};
  b->nodes++;
  return rw_node(b->rw, op, 2, in)->out[0];
}

static Operand multiply(Build *b, Operand a, Operand c, const Labels *out, const Labels *summed) {
  Labels order = *out;
  for (int i = 0; i < summed->n; i++) label_add(&order, summed->at[i]);
  arrange(b, &a, &order);
  arrange(b, &c, &order);
  Operand result = {product(b, OP_Mul, a.v, c.v), order};
  sum_out(b, &result, out);
  return result;
}

/* One way to write a product as MatMul: [rest, m, summed] times [rest, summed, n] is [rest, m, n]. */
typedef struct Layout {
  Operand a, c;
  Labels a_order, c_order, result, summed;
  int cost;
} Layout;

/* m and n are labels of the result; 0: the operand is a vector of the summed axis. */
static void lay_out(Layout *l, uint8_t m, uint8_t n, const Labels *out) {
  l->result.n = 0;
  for (int i = 0; i < out->n; i++)
    if (out->at[i] != m && out->at[i] != n) label_add(&l->result, out->at[i]);
  l->a_order = l->c_order = l->result;
  if (!m) l->a_order.n = 0;
  if (!n) l->c_order.n = 0;
  if (m) label_add(&l->a_order, m), label_add(&l->result, m);
  for (int i = 0; i < l->summed.n; i++)
    label_add(&l->a_order, l->summed.at[i]), label_add(&l->c_order, l->summed.at[i]);
  if (n) label_add(&l->c_order, n), label_add(&l->result, n);
  l->cost = arrange_cost(&l->a, &l->a_order) + arrange_cost(&l->c, &l->c_order);
  for (int i = 0; i < out->n; i++)
    if (l->result.at[i] != out->at[i]) {
      l->cost++;
      break;
    }
}

/* The labels that may be m or n: those of its own, or none if it is a vector. */
static int choices(const Operand *o, const Labels *own, const Labels *summed, uint8_t *at) {
  int n = 0;
  for (int i = own->n - 1; i >= 0; i--) at[n++] = own->at[i];
  if (!own->n && summed->n == 1 && o->axes.n == 1) at[n++] = 0;
  return n;
}

static void consider(Layout *best, const Operand *a, const Operand *c, const Labels *left,
                     const Labels *right, const Labels *summed, const Labels *out) {
  uint8_t m[MAX_RANK], n[MAX_RANK];
  int n_m = choices(a, left, summed, m), n_n = choices(c, right, summed, n);
  for (int i = 0; i < n_m; i++)
    for (int k = 0; k < n_n; k++) {
      Layout l = {.a = *a, .c = *c, .summed = *summed};
      lay_out(&l, m[i], n[k], out);
      if (l.cost < best->cost) *best = l;
    }
}

/* The same labels in the order in which they stand in `by`. */
static Labels ordered(const Labels *l, const Labels *by) {
  Labels r = {0};
  for (int i = 0; i < by->n; i++)
    if (label_in(l, by->at[i])) label_add(&r, by->at[i]);
  return r;
}

/* The cheapest way; false if there is none, as an operand has no axis of its own. */
static bool choose(const Operand *a, const Operand *c, const Roles *r, const Labels *out, Layout *best) {
  Labels as_a = ordered(&r->summed, &a->axes), as_c = ordered(&r->summed, &c->axes);
  best->cost = 1000;
  consider(best, a, c, &r->left, &r->right, &as_a, out);
  consider(best, c, a, &r->right, &r->left, &as_a, out);
  consider(best, a, c, &r->left, &r->right, &as_c, out);
  consider(best, c, a, &r->right, &r->left, &as_c, out);
  return best->cost < 1000;
}

static bool multiply_matrices(Build *b, Layout *l, const Labels *out, Operand *result) {
  int summed = l->summed.n;
  arrange(b, &l->a, &l->a_order);
  arrange(b, &l->c, &l->c_order);
  if (summed > 1) {
    int ra = rank_of(l->a.v), rc = rank_of(l->c.v);
    if (!merge_axes(b, &l->a, ra - summed, summed) || !merge_axes(b, &l->c, rc - summed - 1, summed))
      return false;
  }
  *result = (Operand){product(b, OP_MatMul, l->a.v, l->c.v), l->result};
  arrange(b, result, out);
  return true;
}

bool contract(Build *b, Operand a, Operand c, const Labels *out, Operand *result) {
  Roles r;
  Layout l;
  Labels kept_a = *out, kept_c = *out;
  for (int i = 0; i < c.axes.n; i++) label_add(&kept_a, c.axes.at[i]);
  for (int i = 0; i < a.axes.n; i++) label_add(&kept_c, a.axes.at[i]);
  sum_out(b, &a, &kept_a);
  sum_out(b, &c, &kept_c);
  read_roles(&a, &c, out, &r);
  if (!r.summed.n || !choose(&a, &c, &r, out, &l)) {
    *result = multiply(b, a, c, out, &r.summed);
    return true;
  }
  if (!sums_agree(&a, &c, &r.summed))
    return b->why = "a summed axis is not proven to be of one size in both operands", false;
  return multiply_matrices(b, &l, out, result);
}
