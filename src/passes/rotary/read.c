/* Reading a rotation from its last node upwards. */
#include "passes/rotary/rotary.h"

static Node *producer(Value *v, OpId op) {
  return v && node_is(v->producer, op) && v->producer->graph == v->graph ? v->producer : NULL;
}

static const int64_t WIDEST = INT64_MAX / 2; /* twice of it, and a sum of two, are still numbers */

static bool width(Value *v, int64_t *n) {
  Shape s = v ? shape_of(v) : SHAPE_UNKNOWN;
  return s.rank >= 1 && sym_const(s.dim[s.rank - 1], n) && *n > 0 && *n <= WIDEST;
}

static bool is_last(int64_t axis, int rank) {
  return axis == -1 || axis == rank - 1;
}

static bool on_last_axis(const Node *n, int rank) {
  int64_t axis;
  return attr_int(n, "axis", &axis) && is_last(axis, rank);
}

/* --- parts of the last axis ----------------------------------------------------------------------------- */

static bool slice_part(const Node *n, int64_t whole, int64_t *from, int64_t *step) {
  const int64_t *start, *axis, *by;
  size_t count;
  int rank = rank_of(node_in(n, 0));
  if (!node_in(n, 1) || !value_ints(node_in(n, 1), &start, &count) || count != 1) return false;
  if (!node_in(n, 3) || !value_ints(node_in(n, 3), &axis, &count) || count != 1 || !is_last(axis[0], rank))
    return false;
  *step = 1;
  if (node_in(n, 4)) {
    if (!value_ints(node_in(n, 4), &by, &count) || count != 1 || by[0] < 1) return false;
    *step = by[0];
  }
  *from = start[0] < 0 ? start[0] + whole : start[0];
  return *from >= 0 && *from < whole;
}

static bool split_part(const Value *v, int rank, int64_t *from) {
  const Node *n = v->producer;
  int64_t size;
  *from = 0;
  if (!on_last_axis(n, rank)) return false;
  for (int i = 0; i < v->index; i++) {
    if (!width(node_out(n, i), &size) || __builtin_add_overflow(*from, size, from)) return false;
  }
  return true;
}

/* One of each pair of neighbours: Gather from [..., pairs, 2]. */
static Value *gather_part(const Node *n, int64_t *from) {
  Node *reshape = producer(node_in(n, 0), OP_Reshape);
  int64_t two, pairs, whole;
  int rank = rank_of(node_in(n, 0));
  if (!reshape || !on_last_axis(n, rank) || !node_in(n, 1) || !constant_int(node_in(n, 1), from)) return NULL;
  if (*from < 0) *from += 2;
  Value *x = node_in(reshape, 0);
  bool paired = rank_of(node_in(n, 1)) == 0 && width(node_in(n, 0), &two) && two == 2 && *from >= 0 &&
                *from < 2 && width(n->out[0], &pairs) && width(x, &whole) && whole == 2 * pairs &&
                rank_of(x) == rank - 1;
  for (int i = 0; i < rank - 2 && paired; i++)
    paired = sym_equal(shape_of(x).dim[i], shape_of(node_in(n, 0)).dim[i]);
  return paired ? x : NULL;
}

/* What of which value does v hold, through Slice, Split and Gather on the last axis? False if its width is
 * not known. */
static bool part_read(Value *v, Part *p) {
  *p = (Part){.root = v, .step = 1};
  if (!width(v, &p->count)) return false;
  for (;;) {
    Node *n = p->root->producer;
    if (!n || !n->op || n->graph != v->graph || !node_in(n, 0)) return true;
    Value *x = node_in(n, 0);
    int64_t whole, from = 0, step = 1;
    if (!width(x, &whole)) return true;
    switch (n->op->id) {
    case OP_Slice:
      if (!slice_part(n, whole, &from, &step)) return true;
      break;
    case OP_Split:
      if (!split_part(p->root, rank_of(x), &from)) return true;
      break;
    case OP_Gather:
      x = gather_part(n, &from);
      step = 2;
      if (!x) return true;
      break;
    default: return true;
    }
    p->root = x;
    if (__builtin_mul_overflow(p->from, step, &p->from) || __builtin_add_overflow(p->from, from, &p->from) ||
        __builtin_mul_overflow(p->step, step, &p->step) || p->from > WIDEST)
      return false;
  }
}

static bool same_part(const Part *a, const Part *b) {
  return a->root == b->root && a->from == b->from && a->step == b->step && a->count == b->count;
}

/* The part whose pairs have their first elements in a and their second ones in b. */
static bool join_pairs(const Part *a, const Part *b, Part *both, bool *interleaved) {
  if (a->root != b->root || a->step != b->step || a->count != b->count) return false;
  *both = (Part){a->root, a->from, 1, 2 * a->count};
  *interleaved = a->step == 2;
  return b->from == a->from + (*interleaved ? 1 : a->count) && a->step <= 2;
}

/* --- pairs side by side --------------------------------------------------------------------------------- */

static Value *unsqueezed_last(Value *v) {
  Node *n = producer(v, OP_Unsqueeze);
  const int64_t *axis;
  size_t count;
  if (!n || !node_in(n, 1) || !value_ints(node_in(n, 1), &axis, &count) || count != 1) return NULL;
  return is_last(axis[0], rank_of(v)) ? node_in(n, 0) : NULL;
}

/* v holds a's elements and then b's, or one of each in turn. *further: what follows them, perhaps NULL. */
static bool read_pairs(Value *v, Value **a, Value **b, bool *interleaved, Value **further) {
  Node *reshape = producer(v, OP_Reshape);
  Node *concat = producer(reshape ? node_in(reshape, 0) : v, OP_Concat);
  *interleaved = reshape != NULL;
  if (!concat || (concat->n_in != 2 && (reshape || concat->n_in != 3))) return false;
  if (!on_last_axis(concat, rank_of(concat->out[0]))) return false;
  *a = node_in(concat, 0);
  *b = node_in(concat, 1);
  *further = node_in(concat, 2);
  if (!reshape) return *a && *b;
  int64_t pairs, whole;
  *a = unsqueezed_last(*a);
  *b = unsqueezed_last(*b);
  Shape s = shape_of(v);
  if (!*a || !*b || !width(*a, &pairs) || !width(v, &whole) || whole != 2 * pairs) return false;
  Shape of = shape_of(*a);
  if (s.rank != of.rank) return false;
  for (int i = 0; i < s.rank - 1; i++)
    if (!sym_equal(s.dim[i], of.dim[i])) return false;
  return true;
}

/* --- x * cos + turned(x) * sin -------------------------------------------------------------------------- */

static Value *negated(Value *v) {
  double c;
  Node *n = producer(v, OP_Neg);
  if (n) return node_in(n, 0);
  n = producer(v, OP_Mul);
  for (int i = 0; n && i < 2; i++)
    if (node_in(n, i) && constant_scalar(node_in(n, i), &c) && c == -1 &&
        constant_of(node_in(n, i))->rank <= 1)
      return node_in(n, 1 - i);
  return NULL;
}

/* v = turned(x): (-b, a) for each pair (a, b). */
static bool read_turned(Value *v, Rotation *r) {
  Value *first, *second, *further;
  bool by_pairs, interleaved;
  Part a, b;
  if (!read_pairs(v, &first, &second, &interleaved, &further) || further) return false;
  first = negated(first);
  return first && part_read(first, &b) && part_read(second, &a) && join_pairs(&a, &b, &r->x, &by_pairs) &&
         by_pairs == interleaved && (r->interleaved = interleaved, true);
}

static bool read_sum(Node *add, Rotation *r) {
  for (int i = 0; i < 8; i++) {
    Node *plain = producer(node_in(add, i & 1), OP_Mul),
         *turned = producer(node_in(add, 1 - (i & 1)), OP_Mul);
    int x = i >> 1 & 1, t = i >> 2 & 1;
    Part whole;
    if (!plain || !turned || !node_in(plain, x) || !node_in(turned, t)) continue;
    if (!read_turned(node_in(turned, t), r) || !part_read(node_in(plain, x), &whole)) continue;
    if (!same_part(&whole, &r->x)) continue;
    r->source = node_in(plain, x);
    r->cos = node_in(plain, 1 - x);
    r->sin = node_in(turned, 1 - t);
    r->doubled = true;
    r->result = add->out[0];
    return r->cos && r->sin;
  }
  return false;
}

/* --- (a * cos - b * sin, a * sin + b * cos) ------------------------------------------------------------- */

/* One operand of the product is the part: the other. */
static Value *factor_of_part(Node *mul, const Part *part) {
  Part p;
  for (int i = 0; i < 2 && mul; i++)
    if (node_in(mul, i) && part_read(node_in(mul, i), &p) && same_part(&p, part)) return node_in(mul, 1 - i);
  return NULL;
}

static bool read_imaginary(Value *v, const Part *a, const Part *b, const Rotation *r) {
  Node *add = producer(v, OP_Add);
  for (int i = 0; i < 2 && add; i++) {
    Node *left = producer(node_in(add, i), OP_Mul), *right = producer(node_in(add, 1 - i), OP_Mul);
    if (factor_of_part(left, a) == r->sin && factor_of_part(right, b) == r->cos) return true;
  }
  return false;
}

static bool read_halves(Node *n, Rotation *r, Value **further) {
  Value *real, *imaginary;
  bool interleaved;
  if (!read_pairs(n->out[0], &real, &imaginary, &interleaved, further)) return false;
  Node *sub = producer(real, OP_Sub);
  Node *left = sub ? producer(node_in(sub, 0), OP_Mul) : NULL;
  Node *right = sub ? producer(node_in(sub, 1), OP_Mul) : NULL;
  for (int i = 0; i < 4 && left && right; i++) {
    Part a, b;
    Value *first = node_in(left, i & 1), *second = node_in(right, i >> 1);
    if (!first || !second || !part_read(first, &a) || !part_read(second, &b)) continue;
    if (!join_pairs(&a, &b, &r->x, &r->interleaved) || r->interleaved != interleaved) continue;
    r->cos = node_in(left, 1 - (i & 1));
    r->sin = node_in(right, 1 - (i >> 1));
    r->result = n->out[0];
    if (r->cos && r->sin && read_imaginary(imaginary, &a, &b, r)) return true;
  }
  return false;
}

/* --- the elements that stay ----------------------------------------------------------------------------- */

static bool is_rest(Value *v, const Part *x) {
  Part rest;
  int64_t whole;
  return v && part_read(v, &rest) && rest.root == x->root && rest.step == 1 && x->from == 0 &&
         rest.from == x->count && width(x->root, &whole) && whole - rest.from == rest.count;
}

/* The first elements are rotated and the others follow as they are: then the whole is the source. */
static bool take_rest(Rotation *r) {
  const Use *u = r->result->uses;
  if (r->result->n_uses != 1 || r->result->n_outputs || r->result->keep || u->index != 0) return false;
  Node *concat = u->node;
  if (!node_is(concat, OP_Concat) || concat->n_in != 2 || concat->graph != r->result->graph) return false;
  if (!on_last_axis(concat, rank_of(r->result)) || !is_rest(node_in(concat, 1), &r->x)) return false;
  r->result = concat->out[0];
  return true;
}

bool rotation_read(Node *n, Rotation *r) {
  *r = (Rotation){0};
  Value *further = NULL;
  int64_t whole;
  if (!node_out(n, 0)) return false;
  if (!(node_is(n, OP_Add) ? read_sum(n, r) : read_halves(n, r, &further))) return false;
  bool is_whole = r->x.from == 0 && width(r->x.root, &whole) && whole == r->x.count;
  if (further ? is_rest(further, &r->x) : is_whole || take_rest(r)) r->source = r->x.root;
  return r->source && (!further || r->source == r->x.root);
}
