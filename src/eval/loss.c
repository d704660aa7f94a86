/* NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss. */
#include "eval/kernel.h"

typedef struct Loss {
  int64_t batch, classes, spots; /* scores are [batch, classes, spots], targets and losses [batch, spots] */
  const int64_t *target;
  const double *weight; /* by class, or NULL: 1 */
  int64_t ignored;
  bool ignores;
} Loss;

static bool loss_init(Eval *e, Loss *l) {
  const Tensor *x = in_tensor(e, 0), *t = in_tensor(e, 1), *w = in_tensor(e, 2);
  NEEDS(x && t && x->rank >= 2 && x->rank <= MAX_RANK && t->rank == x->rank - 1);
  NEEDS(elem_is_computed_float(x->dtype) && (!w || (w->dtype == x->dtype && w->rank == 1)));
  for (int i = 0; i < t->rank; i++) NEEDS(t->dim[i] == x->dim[i ? i + 1 : 0]);
  l->batch = x->dim[0], l->classes = x->dim[1], l->spots = dims_product(x->dim, 2, x->rank);
  NEEDS(!w || w->dim[0] == l->classes);
  l->ignores = node_attr(e->node, "ignore_index");
  NEEDS(!l->ignores || attr_int(e->node, "ignore_index", &l->ignored));
  return true;
}

/* The loss at every target, its weight in `weights`. */
static bool losses(const Loss *l, const double *log_prob, double *r, double *weights) {
  for (int64_t i = 0; i < l->batch * l->spots; i++) {
    int64_t class = l->target[i];
    r[i] = weights[i] = 0;
    if (l->ignores && class == l->ignored) continue;
    NEEDS(class >= 0 && class < l->classes);
    weights[i] = l->weight ? l->weight[class] : 1;
    r[i] = -log_prob[(i / l->spots * l->classes + class) * l->spots + i % l->spots] * weights[i];
  }
  return true;
}

/* Output 0: every loss, their sum, or their mean by weight. */
static bool reduced(Eval *e, double *r, const double *weights) {
  const Tensor *t = e->in[1];
  ElemType dtype = e->in[0]->dtype;
  if (attr_string_is(e->node, "reduction", "none")) return out_doubles(e, 0, dtype, t->rank, t->dim, r);
  bool mean = attr_string_is(e->node, "reduction", "mean");
  NEEDS(mean || attr_string_is(e->node, "reduction", "sum"));
  double sum = 0, weight = 0;
  for (uint64_t i = 0; i < t->count; i++) sum += r[i], weight += weights[i];
  if (mean) sum /= weight;
  return out_doubles(e, 0, dtype, 0, NULL, &sum);
}

static bool loss(Eval *e, Loss *l, const double *log_prob) {
  int64_t n = l->batch * l->spots;
  double *r = doubles_new(e, n), *weights = doubles_new(e, n);
  l->target = in_indices(e, 1);
  l->weight = in_tensor(e, 2) ? in_doubles(e, 2) : NULL;
  NEEDS(r && weights && l->target && (l->weight || !in_tensor(e, 2)));
  return losses(l, log_prob, r, weights) && reduced(e, r, weights);
}

bool eval_nll_loss(Eval *e) {
  Loss l = {0};
  NEEDS(loss_init(e, &l));
  const double *x = in_doubles(e, 0);
  NEEDS(x);
  return loss(e, &l, x);
}

/* Second output: the logarithms of the probabilities. */
bool eval_cross_entropy_loss(Eval *e) {
  Loss l = {0};
  const Tensor *t = in_tensor(e, 0);
  NEEDS(loss_init(e, &l));
  const double *x = in_doubles(e, 0);
  double *log_prob = doubles_new(e, (int64_t)t->count);
  NEEDS(x && log_prob);
  for (int64_t i = 0; i < l.batch * l.spots; i++) {
    int64_t at = i / l.spots * l.classes * l.spots + i % l.spots;
    double max = -INFINITY, sum = 0;
    for (int64_t c = 0; c < l.classes; c++) max = fmax(max, x[at + c * l.spots]);
    for (int64_t c = 0; c < l.classes; c++) sum += exp(x[at + c * l.spots] - max);
    for (int64_t c = 0; c < l.classes; c++) log_prob[at + c * l.spots] = x[at + c * l.spots] - max - log(sum);
  }
  NEEDS(!out_used(e, 1) || out_doubles(e, 1, t->dtype, t->rank, t->dim, log_prob));
  return loss(e, &l, log_prob);
}
