/* Adagrad, Adam, Momentum: one step of training. Inputs R, T, then n tensors of each kind (X, G, and the
 * states); outputs the new X, then the new states. */
#include "eval/kernel.h"

typedef struct Step {
  OpId op;
  double rate, count; /* R, T */
  double alpha, beta, norm, norm_post, epsilon, decay;
  bool nesterov;
} Step;

static bool read_float(const Node *n, const char *name, double *out) {
  float f;
  NEEDS(attr_float(n, name, &f));
  *out = (double)f;
  return true;
}

static bool step_init(Eval *e, Step *s) {
  const Node *n = e->node;
  s->op = n->op->id;
  NEEDS(in_number(e, 0, &s->rate) && in_number(e, 1, &s->count) &&
        read_float(n, "norm_coefficient", &s->norm));
  if (s->op == OP_Adagrad)
    return read_float(n, "epsilon", &s->epsilon) && read_float(n, "decay_factor", &s->decay);
  NEEDS(read_float(n, "alpha", &s->alpha) && read_float(n, "beta", &s->beta));
  if (s->op == OP_Adam)
    return read_float(n, "epsilon", &s->epsilon) && read_float(n, "norm_coefficient_post", &s->norm_post);
  s->nesterov = attr_string_is(n, "mode", "nesterov");
  return s->nesterov || attr_string_is(n, "mode", "standard");
}

/* One element: *x and its states (a and, for Adam, b) move along the gradient. */
static void step_element(const Step *s, double gradient, double *x, double *a, double *b) {
  double g = s->norm * *x + gradient;
  if (s->op == OP_Adagrad) {
    *a += g * g;
    *x -= s->rate / (1 + s->count * s->decay) * g / (sqrt(*a) + s->epsilon);
  } else if (s->op == OP_Adam) {
    double rate = s->rate;
    if (s->count > 0) rate *= sqrt(1 - pow(s->beta, s->count)) / (1 - pow(s->alpha, s->count));
    *a = s->alpha * *a + (1 - s->alpha) * g;
    *b = s->beta * *b + (1 - s->beta) * g * g;
    *x = (1 - s->norm_post) * (*x - rate * *a / (sqrt(*b) + s->epsilon));
  } else {
    *a = s->alpha * *a + (s->count > 0 ? s->beta : 1) * g;
    *x -= s->rate * (s->nesterov ? g + s->alpha * *a : *a);
  }
}

bool eval_optimizer(Eval *e) {
  Step s = {0};
  NEEDS(step_init(e, &s));
  int kinds = s.op == OP_Adam ? 4 : 3, n = (e->n_in - 2) / kinds;
  NEEDS(n > 0 && e->n_in == 2 + kinds * n && e->n_out == (kinds - 1) * n);
  for (int i = 0; i < n; i++) {
    const Tensor *t = in_tensor(e, 2 + i);
    double *now[3] = {0}; /* X and the states */
    const double *gradient = in_doubles(e, 2 + n + i);
    for (int k = 0; k < kinds; k++) {
      const Tensor *u = in_tensor(e, 2 + k * n + i);
      NEEDS(u && u->dtype == t->dtype && dims_same(u, t));
      const double *v = in_doubles(e, 2 + k * n + i);
      if (k == 1) continue;
      double *copy = now[k ? k - 1 : 0] = doubles_new(e, (int64_t)t->count);
      NEEDS(v && copy);
      memcpy(copy, v, (size_t)t->count * sizeof *copy);
    }
    NEEDS(gradient);
    for (uint64_t k = 0; k < t->count; k++)
      step_element(&s, gradient[k], &now[0][k], &now[1][k], now[2] ? &now[2][k] : NULL);
    for (int k = 0; k < kinds - 1; k++) NEEDS(out_doubles(e, k * n + i, t->dtype, t->rank, t->dim, now[k]));
  }
  return true;
}
