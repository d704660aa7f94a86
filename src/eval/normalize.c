/* Softmax and relatives; LayerNormalization and RMSNormalization; BatchNormalization (inference),
 * InstanceNormalization and GroupNormalization; global pools. */
#include "eval/kernel.h"

/* --- Softmax, LogSoftmax, Hardmax ----------------------------------------------------------------------- */

static void softmax_line(OpId op, const double *v, double *r, int64_t n, int64_t stride) {
  double max = -INFINITY, sum = 0;
  int64_t best = 0;
  for (int64_t i = 0; i < n; i++)
    if (!(v[i * stride] <= max)) max = v[i * stride], best = i;
  for (int64_t i = 0; i < n; i++) sum += exp(v[i * stride] - max);
  for (int64_t i = 0; i < n; i++) {
    double x = v[i * stride] - max;
    r[i * stride] = op == OP_Softmax      ? exp(x) / sum
                    : op == OP_LogSoftmax ? x - log(sum)
                                          : (double)(i == best);
  }
}

/* Until opset 13 over everything from the axis on. */
bool eval_softmax(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t axis;
  NEEDS(t && elem_is_computed_float(t->dtype) && attr_int(e->node, "axis", &axis));
  bool flat = since(e) < 13;
  if (axis < 0) axis += t->rank;
  NEEDS(axis >= 0 && axis < t->rank + (flat && axis == t->rank));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0);
  NEEDS(v);
  int64_t n = flat ? dims_product(t->dim, (int)axis, t->rank) : t->dim[axis];
  int64_t inner = flat ? 1 : dims_product(t->dim, (int)axis + 1, t->rank),
          outer = dims_product(t->dim, 0, (int)axis);
  double *r = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *r);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner && n; i++)
      softmax_line(e->node->op->id, v + o * n * inner + i, r + o * n * inner + i, n, inner);
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

/* --- LayerNormalization, RMSNormalization --------------------------------------------------------------- */

/* Scale (and bias) broadcast into the normalised dims. */
static bool scale_and_bias(Eval *e, int params, Loop *l) {
  const Tensor *t = e->in[0], *param[2] = {in_tensor(e, 1), in_tensor(e, 2)};
  for (int k = 0; k < params; k++) {
    int64_t dim[MAX_RANK];
    int rank = t->rank;
    memcpy(dim, t->dim, (size_t)rank * sizeof *dim);
    NEEDS(param[k]->dtype == t->dtype && dims_broadcast(&rank, dim, param[k]->rank, param[k]->dim));
    NEEDS(rank == t->rank && memcmp(dim, t->dim, (size_t)rank * sizeof *dim) == 0);
  }
  loop_broadcast(l, t->rank, t->dim, params, param);
  return true;
}

/* One row: (x - mean) / sqrt(mean of squares + epsilon) */
static void normalize_row(const double *v, double *r, int64_t n, double epsilon, const double *mean,
                          double *inverse) {
  double variance = 0;
  for (int64_t i = 0; i < n; i++) variance += (v[i] - *mean) * (v[i] - *mean);
  *inverse = 1 / sqrt(variance / (double)n + epsilon);
  for (int64_t i = 0; i < n; i++) r[i] = (v[i] - *mean) * *inverse;
}

bool eval_layer_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  bool centres = node_is(e->node, OP_LayerNormalization);
  int axis, params = in_tensor(e, 2) && centres ? 2 : 1;
  float epsilon;
  int64_t stash, dim[MAX_RANK];
  NEEDS(t && in_tensor(e, 1) && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype));
  NEEDS(attr_axis(e, t->rank, &axis) && attr_float(e->node, "epsilon", &epsilon));
  NEEDS(attr_int(e->node, "stash_type", &stash) && stash == DT_FLOAT);
  Loop l;
  NEEDS(scale_and_bias(e, params, &l));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0), *scale = in_doubles(e, 1), *bias = params > 1 ? in_doubles(e, 2) : NULL;
  int64_t outer = dims_product(t->dim, 0, axis), n = dims_product(t->dim, axis, t->rank);
  double *r = doubles_new(e, (int64_t)t->count), *means = doubles_new(e, outer),
         *inverse = doubles_new(e, outer);
  NEEDS(v && scale && (bias || params == 1) && r && means && inverse);
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < n && centres; i++) means[o] += v[o * n + i] / (double)n;
    normalize_row(v + o * n, r + o * n, n, (double)epsilon, &means[o], &inverse[o]);
  }
  double *x = r;
  for (loop_start(&l); loop_run(&l); loop_next(&l))
    for (int64_t i = 0; i < l.n; i++, x++) {
      *x *= scale[l.at[0] + i * l.by[0]];
      if (bias) *x += bias[l.at[1] + i * l.by[1]];
    }
  for (int i = 0; i < t->rank; i++) dim[i] = i < axis ? t->dim[i] : 1;
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r) &&
         (!out_used(e, 1) || out_doubles(e, 1, DT_FLOAT, t->rank, dim, means)) &&
         (!out_used(e, 2) || out_doubles(e, 2, DT_FLOAT, t->rank, dim, inverse));
}

/* --- BatchNormalization, InstanceNormalization ---------------------------------------------------------- */

/* One double per channel. */
static const double *per_channel(Eval *e, int i, int64_t channels) {
  const Tensor *t = in_tensor(e, i);
  return t && t->rank == 1 && t->dim[0] == channels ? in_doubles(e, i) : NULL;
}

/* Only as in inference: no training_mode (or is_test until opset 7), one output, spatial. */
bool eval_batch_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t mode = 0, spatial = 1;
  float epsilon;
  NEEDS(t && t->rank >= 2 && e->n_out == 1 && elem_is_computed_float(t->dtype) && since(e) >= 6);
  if (since(e) < 7) NEEDS(attr_int(e->node, "is_test", &mode) && mode);
  mode = 0;
  NEEDS(attr_float(e->node, "epsilon", &epsilon));
  if (since(e) >= 14) NEEDS(attr_int(e->node, "training_mode", &mode) && !mode);
  if (since(e) < 9) NEEDS(attr_int(e->node, "spatial", &spatial) && spatial);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  int64_t channels = t->dim[1], inner = dims_product(t->dim, 2, t->rank);
  const double *v = in_doubles(e, 0), *scale = per_channel(e, 1, channels),
               *bias = per_channel(e, 2, channels), *mean = per_channel(e, 3, channels),
               *variance = per_channel(e, 4, channels);
  NEEDS(v && scale && bias && mean && variance);
  double *r = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *r);
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t c = (int64_t)i / inner % channels;
    r[i] = (v[i] - mean[c]) / sqrt(variance[c] + (double)epsilon) * scale[c] + bias[c];
  }
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

/* InstanceNormalization, where every channel is a group, and GroupNormalization. The latter's scale and bias
 * were by group until opset 21. */
bool eval_instance_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  float epsilon;
  NEEDS(t && t->rank >= 3 && elem_is_computed_float(t->dtype) && attr_float(e->node, "epsilon", &epsilon));
  int64_t channels = t->dim[1], groups = channels, stash = DT_FLOAT;
  bool grouped = node_is(e->node, OP_GroupNormalization), by_group = grouped && since(e) < 21;
  if (grouped) NEEDS(attr_int(e->node, "num_groups", &groups) && groups >= 1 && channels % groups == 0);
  if (grouped && !by_group) NEEDS(attr_int(e->node, "stash_type", &stash) && stash == DT_FLOAT);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  int64_t inner = dims_product(t->dim, 2, t->rank), params = by_group ? groups : channels;
  const double *v = in_doubles(e, 0), *scale = per_channel(e, 1, params), *bias = per_channel(e, 2, params);
  double *r = doubles_new(e, (int64_t)t->count);
  NEEDS(v && scale && bias && r && groups);
  int64_t n = channels / groups * inner;
  for (int64_t o = 0; o < t->dim[0] * groups; o++) {
    double mean = 0, inverse;
    for (int64_t i = 0; i < n; i++) mean += v[o * n + i] / (double)n;
    normalize_row(v + o * n, r + o * n, n, (double)epsilon, &mean, &inverse);
  }
  for (int64_t i = 0; i < (int64_t)t->count; i++) {
    int64_t channel = i / inner % channels, k = by_group ? channel / (channels / groups) : channel;
    r[i] = r[i] * scale[k] + bias[k];
  }
  return out_doubles(e, 0, t->dtype, t->rank, t->dim, r);
}

/* --- GlobalAveragePool, GlobalMaxPool ------------------------------------------------------------------- */

bool eval_global_pool(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  int64_t dim[MAX_RANK];
  NEEDS(t && t->rank >= 2 && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype));
  for (int i = 0; i < t->rank; i++) dim[i] = i < 2 ? t->dim[i] : 1;
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, dim);
  int64_t n = dims_product(t->dim, 2, t->rank), outer = dims_product(t->dim, 0, 2);
  const double *v = in_doubles(e, 0);
  NEEDS(v && n > 0);
  bool max = node_is(e->node, OP_GlobalMaxPool);
  double *r = NEW_ARRAY(e->scratch, double, outer);
  for (int64_t o = 0; o < outer; o++) {
    double acc = max ? -INFINITY : 0;
    for (int64_t i = 0; i < n; i++) {
      double x = v[o * n + i];
      if (!max)
        acc += x;
      else if (isnan(x) || x > acc)
        acc = isnan(acc) ? acc : x;
    }
    r[o] = max ? acc : acc / (double)n;
  }
  return out_doubles(e, 0, t->dtype, t->rank, dim, r);
}
