/* eval_tool < list of model paths: writes what constant_of() says of each model's outputs to PATH.out.
 *
 * Per output a line "DTYPE EXACT RANK DIM... BYTES" and the packed bytes (strings: each length as int64, then
 * its bytes), or "none". Not part of the library; built by test_eval.py. */
#include "eval/constant.h"
#include "models_tool.h"

static bool put(void *file, const void *bytes, size_t n) {
  return fwrite(bytes, 1, n, file) == n;
}

static void put_strings(FILE *out, const Tensor *t) {
  for (uint64_t i = 0; i < t->count; i++) {
    int64_t n = (int64_t)t->strings[i].n;
    put(out, &n, sizeof n);
    put(out, t->strings[i].p, t->strings[i].n);
  }
}

static void put_output(FILE *out, Model *m, Value *v) {
  Tensor *t = constant_of(v);
  if (!t) {
    fprintf(out, "none\n");
    return;
  }
  fprintf(out, "%d %d %d", (int)t->dtype, constant_is_exact(v), t->rank);
  for (int i = 0; i < t->rank; i++) fprintf(out, " %lld", (long long)t->dim[i]);
  uint64_t bytes = t->store == TS_STRINGS ? t->nbytes + t->count * 8 : t->nbytes;
  fprintf(out, " %llu\n", (unsigned long long)bytes);
  if (t->store == TS_STRINGS)
    put_strings(out, t);
  else if (!tensor_stream(m->arena, t, 0, tensor_rows(m->arena, t), &(StreamTo){put, NULL, out}))
    fprintf(out, "stream failed\n");
}

static void run(void *arg) {
  Job *job = arg;
  Model *m = model_read_file(job->cx, job->path);
  for (size_t i = 0; i < m->graph->outputs.n; i++) put_output(job->out, m, m->graph->outputs.at[i]);
  model_free(m);
}

int main(void) {
  return each_model(".out", run);
}
