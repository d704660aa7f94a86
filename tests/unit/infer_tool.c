/* infer_tool MODEL: what inference says of every value, one line each:
 *
 *   name TAB dtype TAB [dims] TAB elements        "-" where nothing is known; names percent-escaped
 *
 * Dims are numbers or symbolic texts without blanks; fresh symbols are "?". tests/conformance/test_infer.py compares
 * them with what ONNX Runtime really computes. */
#include "infer/facts.h"
#include "onnx/codec.h"

#include <stdio.h>
#include <string.h>

static void print_dim(Model *m, Dim d) {
  const char *text = d ? sym_text(m->syms, d) : "?";
  bool fresh = strchr(text, '?') != NULL;
  for (; !fresh && *text; text++)
    if (*text != ' ') putchar(*text);
  if (fresh) putchar('?');
}

static void print_name(Str s) {
  for (uint32_t i = 0; i < s->len; i++) {
    unsigned char c = (unsigned char)s->s[i];
    if (c <= ' ' || c == '%' || c >= 127) printf("%%%02x", c);
    else putchar(c);
  }
}

static void print_value(Model *m, Value *v) {
  Shape s = shape_of(v);
  const Partial *p = value_of(v);
  print_name(v->name);
  printf("\t%s\t", dtype_of(v) ? elem_name(dtype_of(v)) : "-");
  if (s.rank < 0) putchar('-');
  else putchar('[');
  for (int i = 0; i < s.rank; i++) {
    if (i) putchar(',');
    print_dim(m, s.dim[i]);
  }
  if (s.rank >= 0) putchar(']');
  printf("\t");
  if (!p) putchar('-');
  for (size_t i = 0; p && i < p->n; i++) {
    if (i) putchar(',');
    print_dim(m, p->at[i]);
  }
  putchar('\n');
}

static void print_graph(Graph *g, void *arg) {
  Model *m = arg;
  if (g->outer || g->function) return; /* values of bodies have no one run-time shape */
  for (size_t i = 0; i < g->inputs.n; i++) print_value(m, g->inputs.at[i]);
  for (Node *n = g->first; n; n = n->next)
    for (int o = 0; o < n->n_out; o++)
      if (n->out[o]) print_value(m, n->out[o]);
}

typedef struct Run {
  Ctx *cx;
  const char *path;
  Model *m;
} Run;

static void run(void *arg) {
  Run *r = arg;
  r->m = model_read_file(r->cx, r->path);
  model_each_graph(r->m, print_graph, r->m);
}

int main(int argc, char **argv) {
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  int failed = 0;
  for (int i = 1; i < argc; i++) {
    Run r = {&cx, argv[i], NULL};
    printf("# %s\n", argv[i]);
    if (!ctx_protect(&cx, run, &r)) {
      fprintf(stderr, "%s: %s\n", argv[i], cx.message);
      failed = 1;
    }
    model_free(r.m);
  }
  return failed || argc < 2;
}
