/* Operators whose result has other axes than their operand. */
#include "passes/transposes/spread.h"

/* Rank of input 0, or what p says if it is its permutation. */
static int rank_in(const Spread *s, int slot, const Perm *p) {
  return slot == 0 ? p->n : rank_of(node_in(s->node, 0));
}

static Axes axes_set(const int64_t *at, int n) {
  Axes set = 0;
  for (int i = 0; i < n; i++) set |= AXIS(at[i]);
  return set;
}

static int axes_list(Axes set, int64_t *at) {
  int n = 0;
  for (int i = 0; i < MAX_AXES; i++)
    if (set & AXIS(i)) at[n++] = i;
  return n;
}

static int axes_count(Axes set) {
  return __builtin_popcountll(set);
}

static const char ranks_disagree[] = "its axes are not those of the transposed tensor";

/* The operand's axes `gone` are not in the result (keep: they stay with size 1). */
static const char *loses_axes(Spread *s, int slot, const Perm *p, Axes gone, int rank, bool keep) {
  if (p->n + (slot == 0 || keep ? 0 : axes_count(gone)) != rank) return ranks_disagree;
  s->in[0] = slot == 0 || keep ? *p : perm_with(p, gone, rank);
  s->out[0] = keep ? s->in[0] : perm_without(&s->in[0], gone);
  return NULL;
}

/* --- Reduce* ---------------------------------------------------------------------------------------------
 */

static bool is_arg(const Node *n) {
  return node_is(n, OP_ArgMax) || node_is(n, OP_ArgMin);
}

/* The reduced axes. False: they are not known. */
static bool reduced(const Node *n, int rank, Axes *axes) {
  int64_t at[MAX_AXES], noop = 0;
  int count, axis;
  if (is_arg(n)) {
    if (!node_axis(n, rank, &axis)) return false;
    *axes = AXIS(axis);
    return true;
  }
  if (!node_axes(n, 1, rank, at, &count)) return false;
  attr_int(n, "noop_with_empty_axes", &noop);
  *axes = count > 0 ? axes_set(at, count) : noop ? 0 : AXIS(rank) - 1;
  return true;
}

static bool are_last(Axes axes, int rank) {
  Axes all = AXIS(rank) - 1;
  Axes rest = all & ~axes;
  return (rest & (rest + 1)) == 0; /* the others are the first ones */
}

static const char *reduce(Spread *s, int slot, const Perm *p) {
  Node *n = s->node;
  int64_t keep = 1;
  Axes axes;
  int rank = rank_in(s, slot, p);
  attr_int(n, "keepdims", &keep);
  if (rank < 0 || rank > MAX_AXES) return "the rank of its operand is not known";
  if (!reduced(n, rank, &axes)) return "its axes are not known";
  loses_axes(s, slot, p, axes, rank, keep);
  if (axes == AXIS(rank) - 1) s->out[0] = PERM_NONE;
  if (is_arg(n)) return NULL;
  if (!elem_is_int(dtype_of(node_in(n, 0)))) {
    if (!s->may_round) return "its additions may come in another order, which rounds";
    /* Runtimes know layer normalization by its reduction of the last axes, and are fastest there. */
    if (are_last(axes, rank) && !are_last(perm_axes(&s->in[0], axes), rank))
      return "it reduces the last axes, which would move";
  }
  return NULL;
}

static void reduce_axes(Rewriter *rw, const Spread *s, Value **in) {
  int64_t at[MAX_AXES];
  Axes axes;
  if (is_arg(s->node) || !in[1] || !reduced(s->node, s->in[0].n, &axes)) return;
  in[1] = rw_const_ints(rw, at, (size_t)axes_list(perm_axes(&s->in[0], axes), at));
}

static void reduce_attr(Rewriter *rw, const Spread *s, Node *copy) {
  int64_t at[MAX_AXES];
  Axes axes;
  if (!reduced(s->node, s->in[0].n, &axes)) return;
  int n = axes_list(perm_axes(&s->in[0], axes), at);
  if (is_arg(s->node))
    rw_attr_int(rw, copy, "axis", at[0]);
  else if (node_attr(copy, "axes"))
    rw_attr_ints(rw, copy, "axes", at, (size_t)n);
}

const Family spread_reduce = {reduce, reduce_axes, reduce_attr};

/* --- Squeeze, Unsqueeze ----------------------------------------------------------------------------------
 */

static bool squeezed(const Node *n, int rank, Axes *axes) {
  int64_t at[MAX_AXES];
  int count;
  if (!node_axes(n, 1, rank, at, &count)) return false;
  *axes = count > 0 ? axes_set(at, count) : 0;
  if (count >= 0) return true;
  Shape s = shape_of(node_in(n, 0)); /* all axes of size 1 */
  for (int i = 0; i < s.rank; i++) {
    if (!sym_const(s.dim[i], NULL)) return false;
    if (sym_is(s.dim[i], 1)) *axes |= AXIS(i);
  }
  return s.rank >= 0;
}

static const char *squeeze(Spread *s, int slot, const Perm *p) {
  Axes axes;
  int rank = rank_in(s, slot, p);
  if (rank < 0 || rank > MAX_AXES) return "the rank of its operand is not known";
  if (!squeezed(s->node, rank, &axes)) return "its axes are not known";
  return loses_axes(s, slot, p, axes, rank, false);
}

static void squeeze_axes(Rewriter *rw, const Spread *s, Value **in) {
  int64_t at[MAX_AXES];
  Axes axes;
  if (!in[1] || !squeezed(s->node, s->in[0].n, &axes)) return;
  in[1] = rw_const_ints(rw, at, (size_t)axes_list(perm_axes(&s->in[0], axes), at));
}

static void squeeze_attr(Rewriter *rw, const Spread *s, Node *copy) {
  int64_t at[MAX_AXES];
  Axes axes;
  if (!node_attr(copy, "axes") || !squeezed(s->node, s->in[0].n, &axes)) return;
  rw_attr_ints(rw, copy, "axes", at, (size_t)axes_list(perm_axes(&s->in[0], axes), at));
}

const Family spread_squeeze = {squeeze, squeeze_axes, squeeze_attr};

/* The new axes of an Unsqueeze, counted in its result. */
static bool unsqueezed(const Node *n, int *rank, Axes *axes) {
  int64_t at[MAX_AXES];
  int count;
  *rank = rank_of(n->out[0]);
  if (*rank < 0 || *rank > MAX_AXES || !node_axes(n, 1, *rank, at, &count) || count < 0) return false;
  *axes = axes_set(at, count);
  return true;
}

static const char *unsqueeze(Spread *s, int slot, const Perm *p) {
  int rank;
  Axes axes;
  if (!unsqueezed(s->node, &rank, &axes)) return "its axes are not known";
  if (p->n + (slot == 0 ? axes_count(axes) : 0) != rank) return ranks_disagree;
  s->out[0] = slot == 0 ? perm_with(p, axes, rank) : *p;
  s->in[0] = slot == 0 ? *p : perm_without(p, axes);
  return NULL;
}

static void unsqueeze_axes(Rewriter *rw, const Spread *s, Value **in) {
  int64_t at[MAX_AXES];
  int rank;
  Axes axes;
  if (!in[1] || !unsqueezed(s->node, &rank, &axes)) return;
  in[1] = rw_const_ints(rw, at, (size_t)axes_list(perm_axes(&s->out[0], axes), at));
}

static void unsqueeze_attr(Rewriter *rw, const Spread *s, Node *copy) {
  int64_t at[MAX_AXES];
  int rank;
  Axes axes;
  if (!node_attr(copy, "axes") || !unsqueezed(s->node, &rank, &axes)) return;
  rw_attr_ints(rw, copy, "axes", at, (size_t)axes_list(perm_axes(&s->out[0], axes), at));
}

const Family spread_unsqueeze = {unsqueeze, unsqueeze_axes, unsqueeze_attr};

/* --- Gather ----------------------------------------------------------------------------------------------
 */

static const char *gather(Spread *s, int slot, const Perm *p) {
  Node *n = s->node;
  int axis, indices = node_in(n, 1) ? rank_of(node_in(n, 1)) : -1, rank = rank_in(s, slot, p);
  if (indices < 0 || indices > 1) return "its indices are no scalar or vector";
  if (rank < 0 || rank > MAX_AXES || !node_axis(n, rank, &axis)) return "its axis is not known";
  return loses_axes(s, slot, p, AXIS(axis), rank, indices == 1);
}

static void gather_axis(Rewriter *rw, const Spread *s, Node *copy) {
  int axis;
  if (node_axis(s->node, s->in[0].n, &axis)) rw_attr_int(rw, copy, "axis", spread_to(s, axis));
}

const Family spread_gather = {gather, NULL, gather_axis};

/* --- Flatten ---------------------------------------------------------------------------------------------
 */

bool spread_keeps_order(const Perm *p, Shape s) {
  int last = -1;
  for (int i = 0; i < p->n; i++) {
    if (sym_is(s.dim[p->at[i]], 1)) continue;
    if (p->at[i] < last) return false;
    last = p->at[i];
  }
  return true;
}

static const char *flatten(Spread *s, int slot, const Perm *p) {
  Shape in = shape_of(node_in(s->node, 0));
  int64_t axis;
  if (slot != 0 || in.rank != p->n || !spread_keeps_order(p, in))
    return "it merges axes that would change their order";
  if (!attr_int(s->node, "axis", &axis) || axis < -in.rank || axis > in.rank)
    return "its axis is out of range";
  axis = axis < 0 ? axis + in.rank : axis;
  for (int i = 0; i < in.rank; i++)
    if ((i < axis) != (p->at[i] < axis) && !sym_is(in.dim[p->at[i]], 1)) return "an axis would change sides";
  s->in[0] = *p;
  return NULL;
}

const Family spread_flatten = {flatten, NULL, NULL};

/* --- Reshape ---------------------------------------------------------------------------------------------
 */

/* Runs of axes of size other than 1 of the operand and of the result that hold the same elements in the same
 * order. */
typedef struct Group {
  int in[2], out[2]; /* first and behind the last, in the lists without axes of size 1 */
} Group;

typedef struct Grouping {
  Shape in, out;
  int axis_in[MAX_AXES], axis_out[MAX_AXES]; /* axes of size other than 1 */
  int n_in, n_out, n;
  Group group[MAX_AXES + 1];
} Grouping;

static int wide_axes(Shape s, int *axis) {
  int n = 0;
  for (int i = 0; i < s.rank; i++)
    if (!sym_is(s.dim[i], 1)) axis[n++] = i;
  return n;
}

/* Grows the group by the next axis of the side whose product divides the other's (which only says where to
 * look: equal products prove the group). */
static bool grow(SymTable *t, Grouping *g, Group *x, Dim *a, Dim *b) {
  int64_t ka, kb;
  bool numbers = sym_const(*a, &ka) && sym_const(*b, &kb);
  bool left = numbers ? ka < kb : sym_quotient(t, *b, *a) != NULL;
  if (left && x->in[1] < g->n_in)
    *a = sym_mul(t, *a, g->in.dim[g->axis_in[x->in[1]++]]);
  else if (!left && x->out[1] < g->n_out && (numbers || sym_quotient(t, *a, *b) != NULL))
    *b = sym_mul(t, *b, g->out.dim[g->axis_out[x->out[1]++]]);
  else
    return false;
  return *a && *b;
}

static bool find_groups(SymTable *t, Grouping *g) {
  g->n_in = wide_axes(g->in, g->axis_in);
  g->n_out = wide_axes(g->out, g->axis_out);
  int i = 0, k = 0;
  while (i < g->n_in && k < g->n_out) {
    Group x = {{i, i + 1}, {k, k + 1}};
    Dim a = g->in.dim[g->axis_in[i]], b = g->out.dim[g->axis_out[k]];
    while (!sym_equal(a, b))
      if (!grow(t, g, &x, &a, &b)) return false;
    g->group[g->n++] = x;
    i = x.in[1];
    k = x.out[1];
  }
  return i == g->n_in && k == g->n_out;
}

/* The order of the groups if p permutes axes of one side (whose group members are side[0]..side[1] of
 * `axis`); false if it tears one apart. */
static bool group_order(const Grouping *g, bool input, const Perm *p, int *order) {
  int8_t group[MAX_AXES], place[MAX_AXES];
  for (int i = 0; i < p->n; i++) group[i] = -1;
  for (int k = 0; k < g->n; k++) {
    const int *side = input ? g->group[k].in : g->group[k].out;
    for (int i = side[0]; i < side[1]; i++) {
      int axis = input ? g->axis_in[i] : g->axis_out[i];
      group[axis] = (int8_t)k;
      place[axis] = (int8_t)(side[1] - 1 - i); /* members that follow */
    }
  }
  int n = 0, last = -1;
  for (int i = 0; i < p->n; i++) {
    int axis = p->at[i];
    if (group[axis] < 0) continue;
    bool goes_on = last >= 0 && place[last] > 0;
    if (goes_on ? group[axis] != group[last] || place[axis] != place[last] - 1
                : place[axis] != (input ? g->group[group[axis]].in[1] - g->group[group[axis]].in[0]
                                        : g->group[group[axis]].out[1] - g->group[group[axis]].out[0]) -
                                     1)
      return false;
    if (!goes_on) order[n++] = group[axis];
    last = axis;
  }
  return n == g->n;
}

/* Axes of size 1 stay where they are, the groups' axes go round them in the given order. */
static Perm perm_of_groups(const Grouping *g, bool input, const int *order) {
  Shape s = input ? g->in : g->out;
  const int *axis = input ? g->axis_in : g->axis_out;
  int8_t wide[MAX_AXES];
  int n = 0, next = 0;
  for (int k = 0; k < g->n; k++) {
    const int *side = input ? g->group[order[k]].in : g->group[order[k]].out;
    for (int i = side[0]; i < side[1]; i++) wide[n++] = (int8_t)axis[i];
  }
  Perm p = {.n = s.rank};
  for (int i = 0; i < s.rank; i++) p.at[i] = sym_is(s.dim[i], 1) ? (int8_t)i : wide[next++];
  return p;
}

static Shape permuted(Arena *a, Shape s, const Perm *p) {
  if (!p->n) return s;
  Dim *dim = NEW_ARRAY(a, Dim, s.rank);
  for (int i = 0; i < s.rank; i++) dim[i] = s.dim[p->at[i]];
  return (Shape){s.rank, dim};
}

bool spread_target(Shape in, Shape out, int64_t *at) {
  int open = -1;
  bool nonzero = true;
  for (int i = 0; i < out.rank; i++) {
    if (sym_const(out.dim[i], &at[i])) {
      if (at[i] <= 0) return false;
      continue;
    }
    if (i < in.rank && sym_equal(in.dim[i], out.dim[i])) {
      at[i] = 0;
      nonzero = nonzero && sym_nonzero(in.dim[i]);
    } else if (open < 0) {
      at[open = i] = -1;
    } else {
      return false;
    }
  }
  return open < 0 || nonzero;
}

static const char *reshape(Spread *s, int slot, const Perm *p) {
  Node *n = s->node;
  Grouping g = {.in = shape_of(node_in(n, 0)), .out = shape_of(n->out[0])};
  int order[MAX_AXES];
  int64_t target[MAX_AXES];
  if (n->opset < 5 || !node_in(n, 1)) return "its target is an attribute";
  if (g.in.rank < 0 || g.out.rank < 0 || g.in.rank > MAX_AXES || g.out.rank > MAX_AXES)
    return "the ranks it works on are not known";
  if (!find_groups(n->graph->model->syms, &g)) return "its dims do not group";
  if (p->n != (slot == 0 ? g.in.rank : g.out.rank)) return "the ranks do not fit";
  if (!group_order(&g, slot == 0, p, order)) return "it merges or splits axes that would move apart";
  s->in[0] = slot == 0 ? *p : perm_of_groups(&g, true, order);
  s->out[0] = slot == 0 ? perm_of_groups(&g, false, order) : *p;
  Arena *a = n->graph->model->arena;
  if (!spread_target(permuted(a, g.in, &s->in[0]), permuted(a, g.out, &s->out[0]), target))
    return "its target shape would have to be computed";
  return NULL;
}

static void reshape_target(Rewriter *rw, const Spread *s, Value **in) {
  int64_t target[MAX_AXES];
  Shape from = shape_of(node_in(s->node, 0)), to = shape_of(s->node->out[0]);
  spread_target(permuted(rw_scratch(rw), from, &s->in[0]), permuted(rw_scratch(rw), to, &s->out[0]), target);
  in[1] = rw_const_ints(rw, target, (size_t)to.rank);
}

static void reshape_attr(Rewriter *rw, const Spread *s, Node *copy) {
  (void)s;
  rw_attr_remove(rw, copy, "allowzero");
}

const Family spread_reshape = {reshape, reshape_target, reshape_attr};
