/* RNN, GRU, LSTM with their standard activations. */
#include "eval/window.h"

enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };

/* One direction at a time: pointers are to its own weights. */
typedef struct Cells {
  OpId op;
  int64_t gates, steps, batch, inputs, hidden, directions;
  bool batch_first, linear_before_reset;
  const double *w, *r, *b, *p;
  double *gate, *recurrent; /* of one step: W x + its bias, R h + its bias */
} Cells;

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

/* What one step adds up before its activations. */
static void cell_products(const Cells *c, const double *x, const double *h) {
  int64_t rows = c->gates * c->hidden;
  for (int64_t i = 0; i < rows; i++) {
    double a = c->b ? c->b[i] : 0, b = c->b ? c->b[rows + i] : 0;
    for (int64_t k = 0; k < c->inputs; k++) a += c->w[i * c->inputs + k] * x[k];
    for (int64_t k = 0; k < c->hidden; k++) b += c->r[i * c->hidden + k] * h[k];
    c->gate[i] = a;
    c->recurrent[i] = b;
  }
}

/* Gates i, o, f, c. */
static void lstm_step(const Cells *c, double *h, double *state) {
  int64_t n = c->hidden;
  for (int64_t k = 0; k < n; k++) {
    double i = c->gate[k] + c->recurrent[k], o = c->gate[n + k] + c->recurrent[n + k],
           f = c->gate[2 * n + k] + c->recurrent[2 * n + k], g = c->gate[3 * n + k] + c->recurrent[3 * n + k];
    if (c->p) i += c->p[k] * state[k], f += c->p[2 * n + k] * state[k];
    state[k] = sigmoid(f) * state[k] + sigmoid(i) * tanh(g);
    if (c->p) o += c->p[n + k] * state[k];
    h[k] = sigmoid(o) * tanh(state[k]);
  }
}

/* Gates z, r, h. The reset applies to the state, or (linear_before_reset) to what R makes of it. */
static void gru_step(const Cells *c, double *h) {
  int64_t n = c->hidden;
  double *reset = c->recurrent + n, *candidate = c->recurrent + 2 * n;
  for (int64_t k = 0; k < n; k++) reset[k] = sigmoid(c->gate[n + k] + reset[k]);
  for (int64_t k = 0; k < n; k++) {
    if (c->linear_before_reset) {
      candidate[k] *= reset[k];
      continue;
    }
    candidate[k] = c->b ? c->b[5 * n + k] : 0;
    for (int64_t j = 0; j < n; j++) candidate[k] += c->r[(2 * n + k) * n + j] * reset[j] * h[j];
  }
  for (int64_t k = 0; k < n; k++) {
    double z = sigmoid(c->gate[k] + c->recurrent[k]);
    h[k] = (1 - z) * tanh(c->gate[2 * n + k] + candidate[k]) + z * h[k];
  }
}

static void cell_step(const Cells *c, const double *x, double *h, double *state) {
  cell_products(c, x, h);
  if (c->op == OP_LSTM) lstm_step(c, h, state);
  if (c->op == OP_GRU) gru_step(c, h);
  for (int64_t k = 0; k < c->hidden && c->op == OP_RNN; k++) h[k] = tanh(c->gate[k] + c->recurrent[k]);
}

/* --- shapes --------------------------------------------------------------------------------------------- */

static bool has_dims(const Tensor *t, ElemType dtype, int rank, int64_t a, int64_t b, int64_t c) {
  return !t || (t->dtype == dtype && t->rank == rank && t->dim[0] == a && t->dim[1] == b &&
                (rank < 3 || t->dim[2] == c));
}

static bool cells_init(const Eval *e, Cells *c) {
  const Node *n = e->node;
  const Tensor *x = in_tensor(e, X), *w = in_tensor(e, W), *r = in_tensor(e, R);
  int64_t layout = 0, linear = 0, forget = 0, work;
  c->op = n->op->id;
  c->gates = c->op == OP_LSTM ? 4 : c->op == OP_GRU ? 3 : 1;
  NEEDS(since(e) >= 7 && !node_attr(n, "activations") && !node_attr(n, "clip"));
  NEEDS(x && w && r && x->rank == 3 && w->rank == 3 && r->rank == 3 && elem_is_computed_float(x->dtype));
  if (since(e) >= 14) NEEDS(attr_int(n, "layout", &layout));
  if (c->op == OP_GRU) NEEDS(attr_int(n, "linear_before_reset", &linear));
  if (c->op == OP_LSTM) NEEDS(attr_int(n, "input_forget", &forget) && !forget);
  c->batch_first = layout != 0, c->linear_before_reset = linear != 0;
  c->steps = x->dim[layout ? 1 : 0], c->batch = x->dim[layout ? 0 : 1], c->inputs = x->dim[2];
  c->directions = w->dim[0], c->hidden = r->dim[2];
  int64_t d = c->directions, rows = c->gates * c->hidden, lead = layout ? c->batch : d,
          next = layout ? d : c->batch;
  bool both = attr_string_is(n, "direction", "bidirectional");
  NEEDS(d == (both ? 2 : 1) &&
        (both || attr_string_is(n, "direction", "forward") || attr_string_is(n, "direction", "reverse")));
  NEEDS(has_dims(w, x->dtype, 3, d, rows, c->inputs) && has_dims(r, x->dtype, 3, d, rows, c->hidden));
  NEEDS(has_dims(in_tensor(e, B), x->dtype, 2, d, 2 * rows, 0));
  NEEDS(has_dims(in_tensor(e, INITIAL_H), x->dtype, 3, lead, next, c->hidden));
  NEEDS(has_dims(in_tensor(e, INITIAL_C), x->dtype, 3, lead, next, c->hidden));
  NEEDS(has_dims(in_tensor(e, PEEPHOLES), x->dtype, 2, d, 3 * c->hidden, 0));
  const Tensor *lengths = in_tensor(e, LENGTHS);
  NEEDS(!lengths || (lengths->rank == 1 && lengths->dim[0] == c->batch));
  return !__builtin_mul_overflow(c->steps * c->batch * d, rows, &work) &&
         !__builtin_mul_overflow(work, c->inputs + 2 * c->hidden, &work) && work <= MAX_WORK;
}

/* Input i if it is there; false if its elements can't be had. */
static bool optional_doubles(Eval *e, int i, const double **at) {
  *at = in_tensor(e, i) ? in_doubles(e, i) : NULL;
  return *at || !in_tensor(e, i);
}

/* --- running -------------------------------------------------------------------------------------------- */

typedef struct Run {
  const double *x;
  const int64_t *lengths; /* by batch, or NULL */
  double *y, *h, *state;  /* all steps; the last of each direction and batch */
} Run;

static int64_t state_at(const Cells *c, int64_t d, int64_t b) {
  return (c->batch_first ? b * c->directions + d : d * c->batch + b) * c->hidden;
}

/* One sequence; what lies behind its length stays 0. */
static void run_sequence(const Cells *c, const Run *r, int64_t d, int64_t b, bool reverse) {
  int64_t length = r->lengths ? r->lengths[b] : c->steps;
  double *h = r->h + state_at(c, d, b), *state = r->state + state_at(c, d, b);
  for (int64_t k = 0; k < length; k++) {
    int64_t t = reverse ? length - 1 - k : k;
    int64_t at = c->batch_first ? b * c->steps + t : t * c->batch + b;
    int64_t to = c->batch_first ? at * c->directions + d : (t * c->directions + d) * c->batch + b;
    cell_step(c, r->x + at * c->inputs, h, state);
    memcpy(r->y + to * c->hidden, h, (size_t)c->hidden * sizeof *h);
  }
}

static bool run_init(Eval *e, const Cells *c, Run *r) {
  int64_t states = c->directions * c->batch * c->hidden;
  const double *h, *state;
  r->x = in_doubles(e, X);
  r->y = doubles_new(e, c->steps * states);
  r->h = doubles_new(e, states);
  r->state = doubles_new(e, states);
  NEEDS(r->x && r->y && r->h && r->state && optional_doubles(e, INITIAL_H, &h) &&
        optional_doubles(e, INITIAL_C, &state));
  if (h) memcpy(r->h, h, (size_t)states * sizeof *h);
  if (state) memcpy(r->state, state, (size_t)states * sizeof *state);
  r->lengths = in_tensor(e, LENGTHS) ? in_indices(e, LENGTHS) : NULL;
  NEEDS(r->lengths || !in_tensor(e, LENGTHS));
  for (int64_t b = 0; b < c->batch && r->lengths; b++) NEEDS(r->lengths[b] > 0 && r->lengths[b] <= c->steps);
  return true;
}

bool eval_rnn(Eval *e) {
  Cells c = {0};
  Run r = {0};
  const double *b, *p;
  NEEDS(cells_init(e, &c) && run_init(e, &c, &r));
  const double *w = in_doubles(e, W), *k = in_doubles(e, R);
  NEEDS(w && k && optional_doubles(e, B, &b) && optional_doubles(e, PEEPHOLES, &p));
  int64_t rows = c.gates * c.hidden, d = c.directions;
  c.gate = doubles_new(e, rows);
  c.recurrent = doubles_new(e, rows);
  NEEDS(c.gate && c.recurrent);
  for (int64_t i = 0; i < d; i++) {
    c.w = w + i * rows * c.inputs, c.r = k + i * rows * c.hidden;
    c.b = b ? b + i * 2 * rows : NULL, c.p = p ? p + i * 3 * c.hidden : NULL;
    bool reverse = i == 1 || attr_string_is(e->node, "direction", "reverse");
    for (int64_t s = 0; s < c.batch; s++) run_sequence(&c, &r, i, s, reverse);
  }
  int64_t all[4] = {c.steps, d, c.batch, c.hidden}, last[3] = {d, c.batch, c.hidden};
  if (c.batch_first) all[0] = c.batch, all[1] = c.steps, all[2] = d, last[0] = c.batch, last[1] = d;
  ElemType dtype = e->in[X]->dtype;
  return (!out_used(e, 0) || out_doubles(e, 0, dtype, 4, all, r.y)) &&
         (!out_used(e, 1) || out_doubles(e, 1, dtype, 3, last, r.h)) &&
         (!out_used(e, 2) || out_doubles(e, 2, dtype, 3, last, r.state));
}
