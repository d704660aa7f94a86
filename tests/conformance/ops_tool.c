/* ops_tool < list of model paths: writes what operator every node of a model's main graph is taken for to
 * PATH.ops.
 *
 * A line per node: its operator's name, the version whose definition holds for it (0: the operator is
 * unknown), and its attributes with defaults as `name=value`, with tabs between. Not part of the library; run
 * by test_ops_table.py. */
#include "models_tool.h"
#include "ops/ops.h"

#include <inttypes.h>

static const struct {
  OpId op;
  const char *name;
} attributes[] = {
#define LIST(...) 0
#define ATTR_INT(op, name, since, v) {OP_##op, #name},
#define ATTR_FLOAT ATTR_INT
#define ATTR_STRING ATTR_INT
#define ATTR_INTS ATTR_INT
#define ATTR_NONE(op, name, since) {OP_##op, #name},
#include "ops/attrs.def"
};

static void put_attribute(FILE *out, const Node *n, const char *name) {
  int64_t i;
  float f;
  Span s;
  const int64_t *at;
  size_t count;
  if (attr_int(n, name, &i)) fprintf(out, "\t%s=%" PRId64, name, i);
  if (attr_float(n, name, &f)) fprintf(out, "\t%s=%a", name, (double)f);
  if (attr_string(n, name, &s)) fprintf(out, "\t%s=%.*s", name, (int)s.n, (const char *)s.p);
  if (!attr_ints(n, name, &at, &count)) return;
  fprintf(out, "\t%s=", name);
  for (size_t k = 0; k < count; k++) fprintf(out, "%s%" PRId64, k ? "," : "", at[k]);
}

static void put_node(FILE *out, const Node *n) {
  fprintf(out, "%s\t%d", n->op_type->s, n->op ? op_since(n->op, n->opset) : 0);
  for (size_t i = 0; n->op && i < sizeof attributes / sizeof *attributes; i++)
    if (attributes[i].op == n->op->id) put_attribute(out, n, attributes[i].name);
  fputc('\n', out);
}

static void run(void *arg) {
  Job *job = arg;
  Model *m = model_read_file(job->cx, job->path);
  for (const Node *n = m->graph->first; n; n = n->next) put_node(job->out, n);
  model_free(m);
}

int main(void) {
  return each_model(".ops", run);
}
