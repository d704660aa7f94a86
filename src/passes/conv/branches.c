/* Branches that add up (RepVGG, MobileOne): Convs of one input, BatchNormalization of it, or the input
 * itself. A Conv with a smaller kernel is one with zeros around it; a factor per channel is a kernel of one
 * tap with the factors on its diagonal.
 */
#include "eval/window.h"
#include "passes/conv/conv.h"

/* How a Conv's window moves over its input. */
typedef struct Window {
  int n;
  int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL], begin[MAX_SPATIAL],
      end[MAX_SPATIAL];
} Window;

static bool window_of(const Conv *c, Window *w) {
  int64_t pads[2 * MAX_SPATIAL] = {0};
  w->n = c->w->rank - 2;
  if (w->n > MAX_SPATIAL) return false;
  if (!frame_attr(c->node, "strides", w->n, 1, 1, w->stride) ||
      !frame_attr(c->node, "dilations", w->n, 1, 1, w->dilation))
    return false;
  bool one_tap = true;
  for (int i = 0; i < w->n; i++) one_tap = (w->kernel[i] = c->w->dim[2 + i]) == 1 && one_tap;
  if (attr_string_is(c->node, "auto_pad", "NOTSET")) {
    if (!frame_attr(c->node, "pads", 2 * w->n, 0, 0, pads)) return false;
  } else if (!attr_string_is(c->node, "auto_pad", "VALID") &&
             !one_tap) /* SAME_*: how much depends on the input */
    return false;
  for (int i = 0; i < w->n; i++) w->begin[i] = pads[i], w->end[i] = pads[w->n + i];
  return true;
}

/* The window of one tap that the input itself goes through. */
static void window_of_input(int n, Window *w) {
  *w = (Window){.n = n};
  for (int i = 0; i < n; i++) w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
}

/* Do b's taps coincide, at every position, with taps of a? before and after: how many of a's stand around
 * them. */
static bool lies_in(const Window *a, const Window *b, int64_t *before, int64_t *after) {
  for (int i = 0; i < a->n; i++) {
    int64_t first = a->begin[i] - b->begin[i], last = a->end[i] - b->end[i], d = a->dilation[i];
    if (a->stride[i] != b->stride[i] || (b->kernel[i] > 1 && b->dilation[i] != d) || first < 0 || first % d)
      return false;
    before[i] = first / d;
    after[i] = a->kernel[i] - b->kernel[i] - before[i];
    if (after[i] < 0 || __builtin_mul_overflow(after[i], d, &d) || last != d) return false;
  }
  return true;
}

/* The "other" of the two summands. */
typedef struct Branch {
  Conv conv; /* .node NULL: BatchNormalization or the input */
  const Node *bn;
  Window window;
} Branch;

static bool branch_read(const Match *m, Conv *c, Window *w, Branch *b) {
  *b = (Branch){.bn = match_node(m, "bn")};
  if (!conv_read(match_node(m, "conv"), c) || !window_of(c, w)) return false;
  if (match_node(m, "other"))
    return conv_read(match_node(m, "other"), &b->conv) && window_of(&b->conv, &b->window);
  window_of_input(w->n, &b->window);
  return true;
}

static bool vector_or_none(Value *v, int64_t n) {
  const Tensor *t = v ? constant_of(v) : NULL;
  return !v || (t && t->rank == 1 && t->dim[0] == n);
}

bool branch_weights(const Match *m) {
  Conv c, other;
  if (!conv_read(match_node(m, "conv"), &c) || !vector_or_none(match_value(m, "B"), c.out)) return false;
  if (!match_node(m, "other"))
    return c.in == c.out && (!match_node(m, "bn") || bn_has_channels(match_node(m, "bn"), c.in));
  return conv_read(match_node(m, "other"), &other) && c.group == other.group && c.in == other.in &&
         c.out == other.out && c.w->rank == other.w->rank && vector_or_none(match_value(m, "C"), c.out);
}

bool branch_one_float_type(const Match *m) {
  const Node *n[] = {match_node(m, "conv"), match_node(m, "other"), match_node(m, "bn")};
  ElemType t = dtype_of(match_value(m, "W"));
  for (int k = 0; k < 3; k++)
    for (int i = 1; n[k] && i < n[k]->n_in; i++)
      if (node_in(n[k], i) && dtype_of(node_in(n[k], i)) != t) return false;
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

bool branch_same_window(const Match *m) {
  Conv c;
  Window w;
  Branch b;
  int64_t before[MAX_SPATIAL], after[MAX_SPATIAL];
  return branch_read(m, &c, &w, &b) && lies_in(&w, &b.window, before, after);
}

/* One tap for each input channel: s on the diagonal of each group, in the shape of weights with kernel 1.
 * Rows of n + 1 numbers that begin with s and are cut to n in length, end to end, have s one place further on
 * in every row. */
static Tensor *diagonal(Model *m, const Conv *c, Tensor *s) {
  int64_t n = c->w->dim[1], rows = c->group, none[3] = {0}, wider[3] = {0, 0, n};
  s = tx_pad(m, tx_reshape(m, s, 3, (int64_t[]){rows, n, 1}), none, wider);
  s = tx_slice(m, tx_reshape(m, s, 2, (int64_t[]){rows, n * (n + 1)}), 1, 0, n * n);
  int64_t *dim = NEW_ARRAY(m->arena, int64_t, c->w->rank);
  dim[0] = rows * n;
  dim[1] = n;
  for (int i = 2; i < c->w->rank; i++) dim[i] = 1;
  return tx_reshape(m, s, c->w->rank, dim);
}

/* exp(0), n times. */
static Tensor *ones(Model *m, int64_t n) {
  return tx_unary(m, OP_Exp, tensor_alloc(m->arena, DT_DOUBLE, 1, &n, NULL));
}

/* The other summand as weights (not padded yet) and bias, in wide types. NULL weights: after rw_missed(). */
static Tensor *branch_as_weights(Rewriter *rw, const Conv *c, const Branch *b, Affine *a) {
  Model *m = rw_model(rw);
  ElemType wide = c->w->dtype == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  *a = (Affine){0};
  if (b->conv.node) {
    Value *bias = node_in(b->conv.node, 2);
    a->shift = bias ? tx_cast(m, constant_of(bias), DT_DOUBLE) : NULL;
    return tx_cast(m, b->conv.w, wide);
  }
  if (b->bn && !affine_of(m, b->bn, 1, a)) {
    rw_missed(rw, b->bn, "its constants can't be computed");
    return NULL;
  }
  if (!scale_is_normal(rw, a, c->w->dtype)) return NULL;
  Tensor *scale = a->scale ? a->scale : ones(m, c->in);
  a->scale = NULL;
  Tensor *kernel = diagonal(m, c, tx_cast(m, scale, wide));
  if (!kernel) rw_missed(rw, c->node, "weights can't be computed");
  return kernel;
}

Value *branch_merge(Rewriter *rw, const Match *match) {
  Model *m = rw_model(rw);
  Conv c;
  Window window;
  Branch b;
  Affine a;
  int64_t before[MAX_SPATIAL + 2] = {0}, after[MAX_SPATIAL + 2] = {0};
  if (!branch_read(match, &c, &window, &b) || !lies_in(&window, &b.window, before + 2, after + 2))
    return NULL;
  Tensor *v = branch_as_weights(rw, &c, &b, &a);
  if (!v && (b.bn || !b.conv.node)) return NULL;
  Tensor *w = tx_binary(m, OP_Add, tx_cast(m, c.w, v ? v->dtype : c.w->dtype), tx_pad(m, v, before, after));
  if (!w) {
    rw_missed(rw, c.node, "weights can't be computed");
    return NULL;
  }
  Value *bias = node_in(c.node, 2);
  Tensor *sum = affine_bias(m, bias ? constant_of(bias) : NULL, &a);
  const Node *gone[3] = {c.node, match->root, b.bn ? b.bn : b.conv.node};
  const Value *named = bias ? bias : b.bn ? node_in(b.bn, 2) : b.conv.node ? node_in(b.conv.node, 2) : NULL;
  Value *y = conv_rebuild(rw, &c, match_value(match, "x"), w, sum, named ? named->name->s : NULL,
                          gone[2] ? 3 : 2, gone);
  Value *z = match_value(match, "z");
  return y && z ? rw_node(rw, OP_Add, 2, (Value *[]){y, z})->out[0] : y;
}
