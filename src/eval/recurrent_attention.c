/* LinearAttention and CausalConvWithState: sequence operators whose past is one tensor. */
#include "eval/window.h"

/* --- LinearAttention ------------------------------------------------------------------------------------ */

enum { QUERY, KEY, VALUE, PAST, DECAY, BETA };

typedef struct Recurrence {
  int64_t batch, steps, q_heads, kv_heads, k_size, v_size;
  bool gated, corrects;
  int64_t decays, betas; /* per step: of all heads together */
  const double *query, *key, *value, *decay, *beta;
  double scale;
} Recurrence;

static bool sequence_of(const Tensor *t, const Tensor *like, int64_t *width) {
  NEEDS(t && t->rank == 3 && elem_is_computed_float(t->dtype) && t->dim[0] == like->dim[0] &&
        t->dim[1] == like->dim[1]);
  *width = t->dim[2];
  return true;
}

static bool recurrence_init(const Eval *e, Recurrence *r) {
  const Tensor *q = in_tensor(e, QUERY), *past = in_tensor(e, PAST);
  int64_t q_width, k_width, v_width, work;
  float scale;
  NEEDS(q && q->rank == 3 && sequence_of(q, q, &q_width) && sequence_of(in_tensor(e, KEY), q, &k_width));
  NEEDS(sequence_of(in_tensor(e, VALUE), q, &v_width));
  NEEDS(attr_int(e->node, "q_num_heads", &r->q_heads) && attr_int(e->node, "kv_num_heads", &r->kv_heads));
  NEEDS(r->kv_heads > 0 && r->q_heads > 0 && r->q_heads % r->kv_heads == 0 && q_width % r->q_heads == 0);
  NEEDS(k_width % r->kv_heads == 0 && v_width % r->kv_heads == 0);
  r->batch = q->dim[0], r->steps = q->dim[1];
  r->k_size = k_width / r->kv_heads, r->v_size = v_width / r->kv_heads;
  NEEDS(q_width / r->q_heads == r->k_size && r->k_size > 0);
  r->gated = attr_string_is(e->node, "update_rule", "gated") ||
             attr_string_is(e->node, "update_rule", "gated_delta");
  r->corrects = attr_string_is(e->node, "update_rule", "delta") ||
                attr_string_is(e->node, "update_rule", "gated_delta");
  NEEDS(r->gated || r->corrects || attr_string_is(e->node, "update_rule", "linear"));
  if (r->gated)
    NEEDS(sequence_of(in_tensor(e, DECAY), q, &r->decays) &&
          (r->decays == r->kv_heads || r->decays == k_width));
  if (r->corrects)
    NEEDS(sequence_of(in_tensor(e, BETA), q, &r->betas) && (r->betas == r->kv_heads || r->betas == 1));
  NEEDS(!past ||
        (past->rank == 4 && past->dim[0] == r->batch && past->dim[1] == r->kv_heads &&
         past->dim[2] == r->k_size && past->dim[3] == r->v_size && elem_is_computed_float(past->dtype)));
  NEEDS(attr_float(e->node, "scale", &scale));
  r->scale = scale == 0 ? 1 / sqrt((double)r->k_size) : (double)scale;
  return !__builtin_mul_overflow(r->batch * r->steps * r->q_heads, r->k_size * r->v_size, &work) &&
         work <= MAX_WORK;
}

/* One step of one head: the state (k_size rows) decays, takes up key and value, and is read by its queries.
 */
static void recur(const Recurrence *r, int64_t row, int64_t head, double *state, double *v, double *out) {
  int64_t dk = r->k_size, dv = r->v_size, group = r->q_heads / r->kv_heads;
  const double *k = r->key + (row * r->kv_heads + head) * dk;
  memcpy(v, r->value + (row * r->kv_heads + head) * dv, (size_t)dv * sizeof *v);
  for (int64_t i = 0; i < dk && r->gated; i++) {
    double decay = r->decay[row * r->decays + (r->decays == r->kv_heads ? head : head * dk + i)];
    for (int64_t j = 0; j < dv; j++) state[i * dv + j] *= exp(decay);
  }
  for (int64_t j = 0; j < dv && r->corrects; j++) {
    for (int64_t i = 0; i < dk; i++) v[j] -= state[i * dv + j] * k[i];
    v[j] *= r->beta[row * r->betas + (r->betas == 1 ? 0 : head)];
  }
  for (int64_t i = 0; i < dk; i++)
    for (int64_t j = 0; j < dv; j++) state[i * dv + j] += k[i] * v[j];
  for (int64_t q = head * group; q < (head + 1) * group; q++)
    for (int64_t i = 0; i < dk; i++)
      for (int64_t j = 0; j < dv; j++)
        out[(row * r->q_heads + q) * dv + j] +=
            r->scale * r->query[(row * r->q_heads + q) * dk + i] * state[i * dv + j];
}

bool eval_linear_attention(Eval *e) {
  Recurrence r = {0};
  NEEDS(recurrence_init(e, &r));
  const Tensor *q = e->in[QUERY], *past = in_tensor(e, PAST);
  int64_t dim[3] = {r.batch, r.steps, r.q_heads * r.v_size},
          kept[4] = {r.batch, r.kv_heads, r.k_size, r.v_size};
  int64_t each = r.k_size * r.v_size, states = r.batch * r.kv_heads * each;
  r.query = in_doubles(e, QUERY), r.key = in_doubles(e, KEY), r.value = in_doubles(e, VALUE);
  r.decay = r.gated ? in_doubles(e, DECAY) : NULL;
  r.beta = r.corrects ? in_doubles(e, BETA) : NULL;
  const double *old = past ? in_doubles(e, PAST) : NULL;
  double *state = doubles_new(e, states), *v = doubles_new(e, r.v_size),
         *out = doubles_new(e, r.batch * r.steps * dim[2]);
  NEEDS(r.query && r.key && r.value && (r.decay || !r.gated) && (r.beta || !r.corrects) && (old || !past));
  NEEDS(state && v && out);
  if (old) memcpy(state, old, (size_t)states * sizeof *state);
  for (int64_t row = 0; row < r.batch * r.steps; row++)
    for (int64_t h = 0; h < r.kv_heads; h++)
      recur(&r, row, h, state + (row / r.steps * r.kv_heads + h) * each, v, out);
  return out_doubles(e, 0, q->dtype, 3, dim, out) &&
         (!out_used(e, 1) || out_doubles(e, 1, past ? past->dtype : q->dtype, 4, kept, state));
}

/* --- CausalConvWithState -------------------------------------------------------------------------------- */

/* One filter per channel over the past (zeros if there is none) and the input; the last elements are the new
 * past. */
bool eval_causal_conv(Eval *e) {
  const Tensor *x = in_tensor(e, 0), *w = in_tensor(e, 1), *bias = in_tensor(e, 2), *past = in_tensor(e, 3);
  bool silu = attr_string_is(e->node, "activation", "silu") || attr_string_is(e->node, "activation", "swish");
  NEEDS(x && w && x->rank == 3 && w->rank == 3 && elem_is_computed_float(x->dtype) && w->dtype == x->dtype);
  NEEDS(w->dim[0] == x->dim[1] && w->dim[1] == 1 && w->dim[2] >= 1);
  NEEDS(silu || attr_string_is(e->node, "activation", "none"));
  int64_t channels = x->dim[1], length = x->dim[2], taps = w->dim[2], kept = taps - 1, all = kept + length,
          work;
  int64_t lines = x->dim[0] * channels, state[3] = {x->dim[0], channels, kept};
  NEEDS(!bias || (bias->rank == 1 && bias->dim[0] == channels && bias->dtype == x->dtype));
  NEEDS(!past || (past->rank == 3 && past->dtype == x->dtype && memcmp(past->dim, state, sizeof state) == 0));
  NEEDS(!__builtin_mul_overflow(lines * length, taps, &work) && work <= MAX_WORK);
  const double *v = in_doubles(e, 0), *k = in_doubles(e, 1), *b = bias ? in_doubles(e, 2) : NULL,
               *old = past ? in_doubles(e, 3) : NULL;
  double *line = doubles_new(e, all), *r = doubles_new(e, lines * length),
         *now = doubles_new(e, lines * kept);
  NEEDS(v && k && (b || !bias) && (old || !past) && line && r && now);
  for (int64_t i = 0; i < lines; i++) {
    if (old) memcpy(line, old + i * kept, (size_t)kept * sizeof *line);
    memcpy(line + kept, v + i * length, (size_t)length * sizeof *line);
    for (int64_t t = 0; t < length; t++) {
      double sum = b ? b[i % channels] : 0;
      for (int64_t j = 0; j < taps; j++) sum += line[t + j] * k[i % channels * taps + j];
      r[i * length + t] = silu ? sum / (1 + exp(-sum)) : sum;
    }
    memcpy(now + i * kept, line + length, (size_t)kept * sizeof *now);
  }
  return out_doubles(e, 0, x->dtype, 3, x->dim, r) &&
         (!out_used(e, 1) || out_doubles(e, 1, x->dtype, 3, state, now));
}
