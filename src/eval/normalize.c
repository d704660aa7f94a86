/* Softmax and relatives, LayerNormalization, BatchNormalization (inference), InstanceNormalization, global
 * pools. */
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

/* --- LayerNormalization --------------------------------------------------------------------------------- */

/* Scale and bias broadcast into the normalised dims. */
bool eval_layer_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0), *param[2] = {in_tensor(e, 1), in_tensor(e, 2)};
  int axis;
  float epsilon;
  int64_t stash, dim[MAX_RANK];
  NEEDS(t && param[0] && t->rank <= MAX_RANK && elem_is_computed_float(t->dtype) &&
        attr_axis(e, t->rank, &axis));
  NEEDS(attr_float(e->node, "epsilon", &epsilon) && attr_int(e->node, "stash_type", &stash) &&
        stash == DT_FLOAT);
  Loop l;
  int params = param[1] ? 2 : 1;
  for (int k = 0; k < params; k++) {
    int rank = t->rank;
    memcpy(dim, t->dim, (size_t)rank * sizeof *dim);
    NEEDS(param[k]->dtype == t->dtype && dims_broadcast(&rank, dim, param[k]->rank, param[k]->dim));
    NEEDS(rank == t->rank && memcmp(dim, t->dim, (size_t)rank * sizeof *dim) == 0);
  }
  loop_broadcast(&l, t->rank, t->dim, params, param);
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  const double *v = in_doubles(e, 0), *scale = in_doubles(e, 1), *bias = params > 1 ? in_doubles(e, 2) : NULL;
  NEEDS(v && scale && (bias || params == 1));
  int64_t outer = dims_product(t->dim, 0, axis), n = dims_product(t->dim, axis, t->rank);
  double *r = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *r);
  double *means = NEW_ARRAY(e->scratch, double, outer), *inverse = NEW_ARRAY(e->scratch, double, outer);
  for (int64_t o = 0; o < outer; o++) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++) mean += v[o * n + i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) variance += (v[o * n + i] - mean) * (v[o * n + i] - mean);
    means[o] = mean;
    inverse[o] = 1 / sqrt(variance / (double)n + (double)epsilon);
    for (int64_t i = 0; i < n; i++) r[o * n + i] = (v[o * n + i] - mean) * inverse[o];
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
  NEEDS(t && t->rank >= 2 && e->n_out == 1 && elem_is_computed_float(t->dtype) && since(e) >= 7);
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

bool eval_instance_norm(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  float epsilon;
  NEEDS(t && t->rank >= 3 && elem_is_computed_float(t->dtype) && attr_float(e->node, "epsilon", &epsilon));
  if (e->dry) return out_new(e, 0, t->dtype, t->rank, t->dim);
  int64_t channels = t->dim[1], n = dims_product(t->dim, 2, t->rank);
  const double *v = in_doubles(e, 0), *scale = per_channel(e, 1, channels),
               *bias = per_channel(e, 2, channels);
  NEEDS(v && scale && bias);
  double *r = blob_new(e->scratch, ((size_t)t->count + 1) * sizeof *r);
  for (int64_t o = 0; o < t->dim[0] * channels; o++) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++) mean += v[o * n + i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) variance += (v[o * n + i] - mean) * (v[o * n + i] - mean);
    double factor = scale[o % channels] / sqrt(variance / (double)n + (double)epsilon);
    for (int64_t i = 0; i < n; i++) r[o * n + i] = (v[o * n + i] - mean) * factor + bias[o % channels];
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
