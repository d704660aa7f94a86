/* infer_tool < list of model paths: writes what inference says of every value of a model's main graph to
 * PATH.facts.
 *
 * A line per value: name, dtype, dims and elements, with tabs between. Dims and elements are separated by
 * commas, numbers or formulas over dim names without blanks, "?" if nothing is known of them; "-" stands for
 * what is not known as a whole. Not part of the library; run by test_infer.py. */
#include "infer/facts.h"
#include "models_tool.h"

/* Formulas over anonymous symbols say nothing that can be checked. */
static void put_dim(FILE *out, Model *m, Dim d) {
  const char *text = sym_text(m->syms, d);
  if (strchr(text, '?')) text = "?";
  for (; *text; text++)
    if (*text != ' ') fputc(*text, out);
}

static void put_dims(FILE *out, Model *m, size_t n, const Dim *at) {
  for (size_t i = 0; i < n; i++) {
    if (i) fputc(',', out);
    put_dim(out, m, at[i]);
  }
}

static void put_value(FILE *out, Model *m, Value *v) {
  Shape s = shape_of(v);
  const Partial *p = value_of(v);
  fprintf(out, "%s\t%d\t", v->name->s, (int)dtype_of(v));
  if (s.rank < 0)
    fputc('-', out);
  else
    put_dims(out, m, (size_t)s.rank, s.dim);
  fputc('\t', out);
  if (!p)
    fputc('-', out);
  else
    put_dims(out, m, p->n, p->at);
  fputc('\n', out);
}

static void run(void *arg) {
  Job *job = arg;
  Model *m = model_read_file(job->cx, job->path);
  for (size_t i = 0; i < m->graph->inputs.n; i++) put_value(job->out, m, m->graph->inputs.at[i]);
  for (const Node *n = m->graph->first; n; n = n->next)
    for (int o = 0; o < n->n_out; o++)
      if (n->out[o]) put_value(job->out, m, n->out[o]);
  model_free(m);
}

int main(void) {
  return each_model(".facts", run);
}
