/* Attention, FlexAttention, RotaryEmbedding. */
#include "eval/scope.h"
#include "eval/window.h"

/* --- heads ---------------------------------------------------------------------------------------------- */

/* [batch, heads, length, size], or [batch, length, heads * size] */
typedef struct Heads {
  int64_t batch, heads, length, size;
  bool packed;
} Heads;

static bool heads_init(const Eval *e, const Tensor *t, const char *attribute, Heads *h) {
  int64_t heads = 0;
  if (node_attr(e->node, attribute)) NEEDS(attr_int(e->node, attribute, &heads));
  h->packed = t->rank == 3;
  if (!h->packed) {
    *h = (Heads){t->dim[0], t->dim[1], t->dim[2], t->dim[3], false};
    return heads == 0 || heads == h->heads;
  }
  NEEDS(heads > 0 && t->dim[2] % heads == 0);
  *h = (Heads){t->dim[0], heads, t->dim[1], t->dim[2] / heads, true};
  return true;
}

/* Where the elements of a position begin. */
static int64_t head_row(const Heads *h, int64_t b, int64_t head, int64_t i) {
  return (h->packed ? (b * h->length + i) * h->heads + head : (b * h->heads + head) * h->length + i) *
         h->size;
}

/* --- Attention ------------------------------------------------------------------------------------------ */

enum { QUERY, KEY, VALUE, MASK, PAST_KEY, PAST_VALUE, LENGTHS };

typedef struct Attention {
  Heads q, k, v; /* k and v: as given, then with the past in front, never packed */
  int64_t past, total;
  const double *query, *key, *value;
  double scale, cap;
  bool causal;
  int64_t left, right; /* window; -1: no bound */
  const double *mask;  /* added; its strides by batch, head, query, and how many keys it has */
  int64_t mask_stride[3], mask_keys;
  const int64_t *lengths; /* keys that count, by batch, or NULL */
} Attention;

static bool has_shape(const Tensor *t, ElemType dtype, int64_t a, int64_t b, int64_t c, int64_t d) {
  return t->dtype == dtype && t->rank == 4 && t->dim[0] == a && t->dim[1] == b && (c < 0 || t->dim[2] == c) &&
         t->dim[3] == d;
}

static bool attention_shapes(const Eval *e, Attention *a) {
  const Tensor *t[3] = {in_tensor(e, QUERY), in_tensor(e, KEY), in_tensor(e, VALUE)};
  const Tensor *pk = in_tensor(e, PAST_KEY), *pv = in_tensor(e, PAST_VALUE);
  for (int i = 0; i < 3; i++) {
    NEEDS(t[i] && (t[i]->rank == 3 || t[i]->rank == 4) && t[i]->rank == t[0]->rank);
    NEEDS(elem_is_computed_float(t[i]->dtype));
  }
  NEEDS(t[0]->dtype == t[1]->dtype && heads_init(e, t[0], "q_num_heads", &a->q));
  NEEDS(heads_init(e, t[1], "kv_num_heads", &a->k) && heads_init(e, t[2], "kv_num_heads", &a->v));
  NEEDS(a->q.batch == a->k.batch && a->q.batch == a->v.batch && a->q.size == a->k.size && a->q.size > 0);
  NEEDS(a->k.heads == a->v.heads && a->k.length == a->v.length && a->k.heads > 0);
  NEEDS(a->q.heads % a->k.heads == 0 && !pk == !pv);
  if (pk) {
    a->past = pk->rank == 4 ? pk->dim[2] : 0;
    NEEDS(has_shape(pk, t[1]->dtype, a->k.batch, a->k.heads, -1, a->k.size));
    NEEDS(has_shape(pv, t[2]->dtype, a->v.batch, a->v.heads, a->past, a->v.size));
  }
  a->total = a->past + a->k.length;
  int64_t rows, work;
  return !__builtin_mul_overflow(a->q.batch * a->q.heads, a->q.length, &rows) &&
         !__builtin_mul_overflow(rows, a->total, &work) && affordable(e, (uint64_t)work) &&
         !__builtin_mul_overflow(work, a->q.size + a->v.size, &work) && work <= MAX_WORK;
}

/* The past, then what is new, by head. */
static const double *with_past(Eval *e, int now, int past, Heads *h, int64_t total) {
  const double *v = in_doubles(e, now), *old = in_tensor(e, past) ? in_doubles(e, past) : NULL;
  double *r = doubles_new(e, h->batch * h->heads * total * h->size), *to = r;
  int64_t before = total - h->length;
  if (!v || !r || (in_tensor(e, past) && !old)) return NULL;
  for (int64_t b = 0; b < h->batch; b++)
    for (int64_t k = 0; k < h->heads; k++) {
      for (int64_t i = 0; i < before * h->size; i++) *to++ = *old++;
      for (int64_t i = 0; i < h->length; i++, to += h->size)
        memcpy(to, v + head_row(h, b, k, i), (size_t)h->size * sizeof *to);
    }
  h->length = total;
  h->packed = false;
  return r;
}

/* A mask of bools forbids where it is false; another is added. What it is too short for is forbidden. */
static bool attention_mask(Eval *e, Attention *a) {
  const Tensor *t = in_tensor(e, MASK);
  if (!t) return true;
  int64_t to[4] = {a->q.batch, a->q.heads, a->q.length, a->total}, packed[MAX_RANK];
  NEEDS(t->rank >= 1 && t->rank <= 4);
  int64_t keys = t->dim[t->rank - 1];
  NEEDS(keys <= a->total && (keys != 1 || a->total == 1)); /* one: broadcast or padded? */
  strides_of(t->rank, t->dim, packed);
  for (int i = 0; i < 3; i++) {
    int own = i - (4 - t->rank);
    NEEDS(own < 0 || t->dim[own] == 1 || t->dim[own] == to[i]);
    a->mask_stride[i] = own < 0 || t->dim[own] == 1 ? 0 : packed[own];
  }
  a->mask_keys = keys;
  if (t->dtype != DT_BOOL) {
    a->mask = in_doubles(e, MASK);
    return t->dtype == e->in[QUERY]->dtype && a->mask;
  }
  const uint8_t *allowed = in_data(e, MASK);
  double *mask = doubles_new(e, (int64_t)t->count);
  NEEDS(allowed && mask);
  for (uint64_t i = 0; i < t->count; i++) mask[i] = allowed[i] ? 0 : -INFINITY;
  a->mask = mask;
  return true;
}

static bool attention_init(Eval *e, Attention *a) {
  const Node *n = e->node;
  float f;
  int64_t causal, lengths;
  NEEDS(attr_int(n, "is_causal", &causal) && attr_float(n, "softcap", &f) && attention_shapes(e, a));
  a->causal = causal != 0, a->cap = (double)f, a->left = a->right = -1;
  a->scale = 1 / sqrt((double)a->q.size);
  if (node_attr(n, "scale")) {
    NEEDS(attr_float(n, "scale", &f) && f >= 0);
    a->scale = (double)f;
  }
  if (since(e) >= 25)
    NEEDS(attr_int(n, "left_window_size", &a->left) && attr_int(n, "right_window_size", &a->right));
  const Tensor *t = in_tensor(e, LENGTHS);
  if (t) a->lengths = in_indices(e, LENGTHS);
  NEEDS(!t || (a->lengths && t->rank == 1 && t->dim[0] == a->q.batch && !in_tensor(e, PAST_KEY)));
  for (lengths = 0; t && lengths < t->dim[0]; lengths++)
    NEEDS(a->lengths[lengths] >= 0 && a->lengths[lengths] <= a->total);
  a->query = in_doubles(e, QUERY);
  return a->query && attention_mask(e, a);
}

/* What is added to the score of key j for query i: -infinity where it may not look. */
static double attention_bias(const Attention *a, int64_t b, int64_t h, int64_t i, int64_t j) {
  int64_t at = i + (a->lengths ? a->lengths[b] - a->q.length : a->past);
  if ((a->causal && j > at) || (a->lengths && j >= a->lengths[b])) return -INFINITY;
  if ((a->left >= 0 && at - j > a->left) || (a->right >= 0 && j - at > a->right)) return -INFINITY;
  if (!a->mask) return 0;
  if (j >= a->mask_keys) return -INFINITY;
  return a->mask[b * a->mask_stride[0] + h * a->mask_stride[1] + i * a->mask_stride[2] + j];
}

/* Row of weights of one query; *shown is the row as output 3 has it in this mode. A row without any key is 0.
 */
static void attention_row(const Attention *a, int64_t b, int64_t h, int64_t i, int64_t mode, double *p,
                          double *shown) {
  const double *q = a->query + head_row(&a->q, b, h, i);
  int64_t kv = h / (a->q.heads / a->k.heads);
  double max = -INFINITY, sum = 0, most_bias = -INFINITY;
  for (int64_t j = 0; j < a->total; j++) {
    const double *k = a->key + head_row(&a->k, b, kv, j);
    double score = 0, bias = attention_bias(a, b, h, i, j);
    for (int64_t d = 0; d < a->q.size; d++) score += q[d] * k[d];
    score *= a->scale;
    if (mode == 0) shown[j] = score;
    if (a->cap > 0) score = a->cap * tanh(score / a->cap);
    if (mode == 1) shown[j] = score;
    p[j] = score + bias;
    if (mode == 2) shown[j] = p[j];
    max = fmax(max, p[j]);
    most_bias = fmax(most_bias, bias);
  }
  bool none = isinf(most_bias) && most_bias < 0;
  for (int64_t j = 0; j < a->total; j++) sum += p[j] = none ? 0 : exp(p[j] - max);
  for (int64_t j = 0; j < a->total && !none; j++) p[j] /= sum;
  if (mode == 3) memcpy(shown, p, (size_t)a->total * sizeof *p);
}

static void attend(const Attention *a, int64_t mode, double *weights, double *scores, double *y) {
  Heads out = {a->q.batch, a->q.heads, a->q.length, a->v.size, a->q.packed};
  for (int64_t b = 0; b < out.batch; b++)
    for (int64_t h = 0; h < out.heads; h++)
      for (int64_t i = 0; i < out.length; i++, scores += a->total) {
        double *to = y + head_row(&out, b, h, i);
        attention_row(a, b, h, i, mode, weights, scores);
        for (int64_t j = 0; j < a->total; j++) {
          const double *v = a->value + head_row(&a->v, b, h / (a->q.heads / a->v.heads), j);
          for (int64_t d = 0; d < a->v.size && weights[j] != 0; d++) to[d] += weights[j] * v[d];
        }
      }
}

bool eval_attention(Eval *e) {
  Attention a = {0};
  int64_t mode;
  NEEDS(attention_init(e, &a) && attr_int(e->node, "qk_matmul_output_mode", &mode) && mode >= 0 && mode <= 3);
  NEEDS(a.key = with_past(e, KEY, PAST_KEY, &a.k, a.total));
  NEEDS(a.value = with_past(e, VALUE, PAST_VALUE, &a.v, a.total));
  int64_t rows = a.q.batch * a.q.heads * a.q.length;
  double *weights = doubles_new(e, a.total), *scores = doubles_new(e, rows * a.total),
         *y = doubles_new(e, rows * a.v.size);
  NEEDS(weights && scores && y);
  attend(&a, mode, weights, scores, y);
  ElemType dtype = e->in[QUERY]->dtype;
  int64_t key[4] = {a.k.batch, a.k.heads, a.total, a.k.size},
          value[4] = {a.v.batch, a.v.heads, a.total, a.v.size};
  int64_t score[4] = {a.q.batch, a.q.heads, a.q.length, a.total},
          out[4] = {a.q.batch, a.q.heads, a.q.length, a.v.size};
  if (a.q.packed) out[1] = a.q.length, out[2] = a.q.heads * a.v.size;
  return out_doubles(e, 0, dtype, a.q.packed ? 3 : 4, out, y) &&
         (!out_used(e, 1) || out_doubles(e, 1, dtype, 4, key, a.key)) &&
         (!out_used(e, 2) || out_doubles(e, 2, e->in[VALUE]->dtype, 4, value, a.value)) &&
         (!out_used(e, 3) || out_doubles(e, 3, dtype, 4, score, scores));
}

/* --- FlexAttention ----------------------------------------------------------------------------------------
 */

/* What the body in `attribute`, if there is one, makes of the scores or probabilities. */
static bool modified(Eval *e, const char *attribute, ElemType dtype, const int64_t *dim, double **v) {
  const Graph *body = attr_graph(e->node, attribute);
  if (!body) return !node_attr(e->node, attribute);
  NEEDS(body->outputs.n == 1);
  Tensor *given = NULL, *made = NULL;
  Eval io = {.arena = e->arena, .scratch = e->scratch, .node = e->node, .n_out = 1, .out = &given};
  NEEDS(out_doubles(&io, 0, dtype, 4, dim, *v) && scope_body(e, body, 1, &given, &made));
  NEEDS(!is_list(made) && made->dtype == dtype && dims_same(made, given));
  Eval back = {.arena = e->arena, .scratch = e->scratch, .node = e->node, .n_in = 1, .in = &made};
  const double *r = in_doubles(&back, 0);
  NEEDS(r);
  memcpy(*v, r, (size_t)made->count * sizeof **v);
  return true;
}

/* All rows of weights: scores, then (after the body of score_mod) their softmax, then prob_mod. */
static bool flex_weights(Eval *e, const Attention *a, ElemType dtype, const int64_t *dim, double *p) {
  int64_t rows = dim[0] * dim[1] * dim[2];
  for (int64_t r = 0; r < rows; r++) {
    int64_t b = r / dim[2] / dim[1], h = r / dim[2] % dim[1];
    const double *q = a->query + head_row(&a->q, b, h, r % dim[2]);
    for (int64_t j = 0; j < a->total; j++) {
      const double *k = a->key + head_row(&a->k, b, h / (a->q.heads / a->k.heads), j);
      for (int64_t d = 0; d < a->q.size; d++) p[r * a->total + j] += q[d] * k[d] * a->scale;
    }
  }
  NEEDS(modified(e, "score_mod", dtype, dim, &p));
  for (int64_t r = 0; r < rows; r++) {
    double max = -INFINITY, sum = 0, *row = p + r * a->total;
    for (int64_t j = 0; j < a->total; j++) max = fmax(max, row[j]);
    NEEDS(!isinf(max) || a->total == 0); /* no key at all: NaN or 0? */
    for (int64_t j = 0; j < a->total; j++) sum += row[j] = exp(row[j] - max);
    for (int64_t j = 0; j < a->total; j++) row[j] /= sum;
  }
  return modified(e, "prob_mod", dtype, dim, &p);
}

static bool run_flex_attention(Eval *e) {
  Attention a = {.left = -1, .right = -1};
  int64_t precision;
  float scale;
  NEEDS(e->n_in == 3 && attention_shapes(e, &a) && e->in[QUERY]->rank == 4);
  ElemType dtype = e->in[QUERY]->dtype, inner = dtype == DT_DOUBLE ? DT_DOUBLE : DT_FLOAT;
  if (node_attr(e->node, "softmax_precision")) {
    NEEDS(attr_int(e->node, "softmax_precision", &precision));
    inner = (ElemType)precision;
  }
  a.scale = 1 / sqrt((double)a.q.size);
  if (node_attr(e->node, "scale")) {
    NEEDS(attr_float(e->node, "scale", &scale));
    a.scale = (double)scale;
  }
  NEEDS(elem_is_computed_float(inner));
  a.query = in_doubles(e, QUERY);
  a.key = in_doubles(e, KEY);
  a.value = in_doubles(e, VALUE);
  NEEDS(a.query && a.key && a.value);
  int64_t dim[4] = {a.q.batch, a.q.heads, a.q.length, a.total},
          out[4] = {a.q.batch, a.q.heads, a.q.length, a.v.size};
  int64_t rows = dim[0] * dim[1] * dim[2];
  double *p = doubles_new(e, rows * a.total), *y = doubles_new(e, rows * a.v.size);
  NEEDS(p && y && flex_weights(e, &a, inner, dim, p));
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < a.total; j++) {
      const double *v =
          a.value + head_row(&a.v, r / dim[2] / dim[1], r / dim[2] % dim[1] / (a.q.heads / a.v.heads), j);
      for (int64_t d = 0; d < a.v.size; d++) y[r * a.v.size + d] += p[r * a.total + j] * v[d];
    }
  return out_doubles(e, 0, dtype, 4, out, y);
}

bool eval_flex_attention(Eval *e) {
  return scope_run(e, run_flex_attention);
}

/* --- RotaryEmbedding ------------------------------------------------------------------------------------ */

/* Pairs of the first `rotated` elements of every head turn by the angles of their position. */
bool eval_rotary_embedding(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *c = in_tensor(e, 1), *s = in_tensor(e, 2), *ids = in_tensor(e, 3);
  Heads h;
  int64_t interleaved, rotated;
  NEEDS(t && c && s && (t->rank == 3 || t->rank == 4) && elem_is_computed_float(t->dtype));
  NEEDS(c->dtype == t->dtype && s->dtype == t->dtype && dims_same(c, s) && heads_init(e, t, "num_heads", &h));
  NEEDS(attr_int(e->node, "interleaved", &interleaved) &&
        attr_int(e->node, "rotary_embedding_dim", &rotated));
  if (rotated == 0) rotated = h.size;
  int64_t half = rotated / 2;
  NEEDS(rotated > 0 && rotated <= h.size && rotated % 2 == 0 && c->rank == (ids ? 2 : 3) &&
        c->dim[c->rank - 1] == half);
  NEEDS(ids ? ids->rank == 2 && ids->dim[0] == h.batch && ids->dim[1] == h.length
            : c->dim[0] == h.batch && c->dim[1] == h.length);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0), *cosine = in_doubles(e, 1), *sine = in_doubles(e, 2);
  const int64_t *position = ids ? in_indices(e, 3) : NULL;
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(v && cosine && sine && r && (position || !ids));
  memcpy(r, v, (size_t)t->count * sizeof *r);
  for (int64_t row = 0; row < h.batch * h.length; row++) {
    int64_t at = position ? position[row] : row;
    NEEDS(at >= 0 && (!ids || at < c->dim[0]));
    for (int64_t k = 0; k < h.heads; k++) {
      int64_t from = head_row(&h, row / h.length, k, row % h.length);
      for (int64_t i = 0; i < half; i++) {
        int64_t a = from + (interleaved ? 2 * i : i), b = from + (interleaved ? 2 * i + 1 : half + i);
        double x = cosine[at * half + i], y = sine[at * half + i];
        r[a] = x * v[a] - y * v[b];
        r[b] = y * v[a] + x * v[b];
      }
    }
  }
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}
