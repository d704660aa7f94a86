/* If, Loop, Scan, SequenceMap. */
#include "eval/scope.h"

static Tensor *scalar(Eval *e, ElemType dtype, int64_t v, const Value *like) {
  bool vector = like && like->declared.kind == TYPE_TENSOR && like->declared.shape.rank == 1;
  return tensor_ints(e->arena, dtype, vector, &v, 1);
}

/* A single bool. */
static bool truth(const Tensor *t, bool *out) {
  int64_t v;
  NEEDS(t && t->dtype == DT_BOOL && t->count == 1 && !is_list(t) && tensor_get_int(t, 0, &v));
  *out = v != 0;
  return true;
}

/* --- If ------------------------------------------------------------------------------------------------- */

static bool run_if(Eval *e) {
  bool yes;
  NEEDS(truth(in_tensor(e, 0), &yes));
  const Graph *branch = attr_graph(e->node, yes ? "then_branch" : "else_branch");
  NEEDS(branch && branch->outputs.n == (size_t)e->n_out);
  Tensor **out = NEW_ARRAY(e->arena, Tensor *, e->n_out);
  NEEDS(scope_body(e, branch, 0, NULL, out));
  for (int i = 0; i < e->n_out; i++) NEEDS(out_as_it_is(e, i, out[i]));
  return true;
}

bool eval_if(Eval *e) {
  return scope_run(e, run_if);
}

/* --- what a body yields each time ------------------------------------------------------------------------
 */

/* Values of the body's outputs from `first` on, one list for each. */
typedef struct Yields {
  size_t first, n;
  Vec(Tensor *) * of;
} Yields;

static Yields yields_new(Eval *e, const Graph *body, size_t first) {
  Yields y = {first, body->outputs.n - first, NULL};
  y.of = arena_array(e->arena, y.n, sizeof *y.of);
  return y;
}

static void yields_add(Eval *e, Yields *y, Tensor *const *out) {
  for (size_t i = 0; i < y->n; i++) vec_push(e->arena, &y->of[i], out[y->first + i]);
}

/* --- Loop ------------------------------------------------------------------------------------------------
 */

/* Body: (iteration, condition, carried ...) -> (condition, carried ..., scanned ...) */
static bool run_loop(Eval *e) {
  const Graph *body = attr_graph(e->node, "body");
  int64_t most = INT64_MAX;
  bool go = true;
  if (in_tensor(e, 0)) NEEDS(in_int(e, 0, &most));
  if (in_tensor(e, 1)) NEEDS(truth(e->in[1], &go));
  NEEDS(e->n_in >= 2 && body && body->inputs.n == (size_t)e->n_in && body->outputs.n == (size_t)e->n_out + 1);
  size_t carried = body->inputs.n - 2;
  NEEDS(carried <= (size_t)e->n_out);
  Yields scanned = yields_new(e, body, 1 + carried);
  Tensor **in = NEW_ARRAY(e->arena, Tensor *, body->inputs.n),
         **out = NEW_ARRAY(e->arena, Tensor *, body->outputs.n);
  for (size_t i = 0; i < carried; i++) NEEDS(in[2 + i] = e->in[2 + i]);
  for (int64_t i = 0; i < most && go; i++) {
    in[0] = scalar(e, DT_INT64, i, body->inputs.at[0]);
    in[1] = scalar(e, DT_BOOL, go, body->inputs.at[1]);
    NEEDS(scope_body(e, body, body->inputs.n, in, out) && truth(out[0], &go));
    memcpy(in + 2, out + 1, carried * sizeof *in);
    yields_add(e, &scanned, out);
  }
  for (size_t i = 0; i < carried; i++) NEEDS(out_as_it_is(e, (int)i, in[2 + i]));
  for (size_t i = 0; i < scanned.n; i++)
    NEEDS(out_as_it_is(e, (int)(carried + i), tensor_joined(e, scanned.of[i].n, scanned.of[i].at, 0, true)));
  return true;
}

bool eval_loop(Eval *e) {
  return scope_run(e, run_loop);
}

/* --- Scan ------------------------------------------------------------------------------------------------
 */

/* Element i of a list of axes or directions; 0 without it. */
static bool listed(const Node *n, const char *attribute, size_t count, size_t i, int64_t *out) {
  const int64_t *at;
  size_t k;
  *out = 0;
  if (!node_attr(n, attribute)) return true;
  NEEDS(attr_ints(n, attribute, &at, &k) && k == count);
  *out = at[i];
  return true;
}

/* The slice of scanned input i that step k of n reads. */
static Tensor *scan_slice(Eval *e, Tensor *t, size_t scanned, size_t i, int64_t k, int64_t *n) {
  int64_t axis, backwards;
  if (!t || is_list(t) || !listed(e->node, "scan_input_axes", scanned, i, &axis) || !index_ok(&axis, t->rank))
    return NULL;
  if (!listed(e->node, "scan_input_directions", scanned, i, &backwards)) return NULL;
  if (*n < 0) *n = t->dim[axis];
  if (*n != t->dim[axis]) return NULL;
  return k < *n ? tensor_part(e, t, (int)axis, backwards ? *n - 1 - k : k, 1, true) : t;
}

/* What was yielded, stacked along the output's axis, in its direction. */
static Tensor *scan_output(Eval *e, const Yields *y, size_t i) {
  int64_t axis, backwards;
  if (!listed(e->node, "scan_output_axes", y->n, i, &axis)) return NULL;
  if (!listed(e->node, "scan_output_directions", y->n, i, &backwards)) return NULL;
  size_t n = y->of[i].n;
  for (size_t k = 0; backwards && k < n / 2; k++) {
    Tensor *t = y->of[i].at[k];
    y->of[i].at[k] = y->of[i].at[n - 1 - k];
    y->of[i].at[n - 1 - k] = t;
  }
  return tensor_joined(e, n, y->of[i].at, axis, true);
}

/* Body: (state ..., slice ...) -> (state ..., yielded ...). Before opset 9 there was a batch axis, too. */
static bool run_scan(Eval *e) {
  const Graph *body = attr_graph(e->node, "body");
  int64_t scanned, n = -1;
  NEEDS(since(e) >= 9 && body && attr_int(e->node, "num_scan_inputs", &scanned) && scanned >= 1 &&
        scanned <= e->n_in);
  size_t states = (size_t)(e->n_in - scanned);
  NEEDS(body->inputs.n == (size_t)e->n_in && body->outputs.n == (size_t)e->n_out &&
        states <= body->outputs.n);
  Yields yielded = yields_new(e, body, states);
  Tensor **in = NEW_ARRAY(e->arena, Tensor *, e->n_in), **out = NEW_ARRAY(e->arena, Tensor *, e->n_out);
  for (size_t i = 0; i < states; i++) NEEDS(in[i] = e->in[i]);
  for (int64_t k = 0; n < 0 || k < n; k++) {
    for (size_t i = 0; i < (size_t)scanned; i++)
      NEEDS(in[states + i] = scan_slice(e, e->in[states + i], (size_t)scanned, i, k, &n));
    if (k >= n) break; /* nothing to scan */
    NEEDS(scope_body(e, body, (size_t)e->n_in, in, out));
    memcpy(in, out, states * sizeof *in);
    yields_add(e, &yielded, out);
  }
  for (size_t i = 0; i < states; i++) NEEDS(out_as_it_is(e, (int)i, in[i]));
  for (size_t i = 0; i < yielded.n; i++)
    NEEDS(out_as_it_is(e, (int)(states + i), scan_output(e, &yielded, i)));
  return true;
}

bool eval_scan(Eval *e) {
  return scope_run(e, run_scan);
}

/* --- SequenceMap -----------------------------------------------------------------------------------------
 */

/* The body for each element of the first input; of other sequences the same element, of a tensor all of it.
 */
static bool run_sequence_map(Eval *e) {
  const Graph *body = attr_graph(e->node, "body");
  NEEDS(body && e->n_in >= 1 && in_tensor(e, 0) && e->in[0]->store == TS_SEQUENCE &&
        body->outputs.n == (size_t)e->n_out);
  Yields yielded = yields_new(e, body, 0);
  Tensor **in = NEW_ARRAY(e->arena, Tensor *, e->n_in), **out = NEW_ARRAY(e->arena, Tensor *, e->n_out);
  uint64_t n = e->in[0]->count;
  for (uint64_t k = 0; k < n; k++) {
    for (int i = 0; i < e->n_in; i++) {
      Tensor *t = e->in[i];
      NEEDS(t && (t->store != TS_SEQUENCE || t->count == n));
      in[i] = t->store == TS_SEQUENCE ? t->items[k] : t;
    }
    NEEDS(scope_body(e, body, (size_t)e->n_in, in, out));
    yields_add(e, &yielded, out);
  }
  NEEDS(n > 0); /* else the element types are not known */
  for (size_t i = 0; i < yielded.n; i++) {
    ElemType dtype = yielded.of[i].at[0]->dtype;
    for (size_t k = 0; k < n; k++)
      NEEDS(!is_list(yielded.of[i].at[k]) && yielded.of[i].at[k]->dtype == dtype);
    NEEDS(out_as_it_is(e, (int)i, list_new(e->arena, TS_SEQUENCE, dtype, (size_t)n, yielded.of[i].at)));
  }
  return true;
}

bool eval_sequence_map(Eval *e) {
  return scope_run(e, run_sequence_map);
}
