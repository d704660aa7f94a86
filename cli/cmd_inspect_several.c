/* onnxslim inspect A B C...: one column for each model */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ABREAST = MAX_COLUMNS - 1 }; /* models in one table */

typedef struct Models {
  const Cli *cli;
  onnxslim_summary **at;
  char **path;
  int n;
} Models;

/* --- rows
 * ------------------------------------------------------------------------------------------------------- */

static void row(Table *t, const Models *m, const char *what, uint64_t (*number)(const onnxslim_summary *),
                bool bytes) {
  table_row(t);
  table_cell(t, PLAIN, "%s", what);
  for (int i = 0; i < m->n; i++)
    if (bytes)
      table_bytes(t, number(m->at[i]));
    else
      table_number(t, number(m->at[i]));
}

#define NUMBER(name)                                                                                         \
  static uint64_t get_##name(const onnxslim_summary *s) {                                                    \
    return s->name;                                                                                          \
  }
NUMBER(bytes)
NUMBER(external_bytes)
NUMBER(nodes)
NUMBER(bodies)
NUMBER(functions)
NUMBER(initializers)
NUMBER(initializer_bytes)
NUMBER(parameters)
NUMBER(peak_bytes)
NUMBER(activation_bytes)
#undef NUMBER

static bool any(const Models *m, uint64_t (*number)(const onnxslim_summary *)) {
  for (int i = 0; i < m->n; i++)
    if (number(m->at[i])) return true;
  return false;
}

static void add_sizes(Table *t, const Models *m) {
  row(t, m, "file", get_bytes, true);
  if (any(m, get_external_bytes)) row(t, m, "external data", get_external_bytes, true);
  row(t, m, "nodes", get_nodes, false);
  if (any(m, get_bodies)) row(t, m, "bodies", get_bodies, false);
  if (any(m, get_functions)) row(t, m, "functions", get_functions, false);
  row(t, m, "initializers", get_initializers, false);
  row(t, m, "their bytes", get_initializer_bytes, true);
  row(t, m, "parameters", get_parameters, false);
  row(t, m, "computed values, at most", get_peak_bytes, true);
  row(t, m, "computed values, all", get_activation_bytes, true);
}

static void add_versions(Table *t, const Models *m) {
  table_row(t);
  table_cell(t, PLAIN, "IR version");
  for (int i = 0; i < m->n; i++) table_cell(t, PLAIN, "%" PRId64, m->at[i]->ir_version);
  table_row(t);
  table_cell(t, PLAIN, "producer");
  for (int i = 0; i < m->n; i++) {
    const onnxslim_summary *s = m->at[i];
    table_cell(t, PLAIN, "%.40s %.20s", s->producer_name, s->producer_version);
  }
}

/* --- rows that some models have
 * ------------------------------------------------------------------------------------------------------- */

/* Name and number of entry i of a list; NULL at its end. */
typedef const char *ListFn(const onnxslim_summary *s, size_t i, char *name, uint64_t *number);
enum { NAME_ROOM = 160 };

static const char *opset_at(const onnxslim_summary *s, size_t i, char *name, uint64_t *number) {
  if (i >= s->n_opsets) return NULL;
  *number = (uint64_t)s->opsets[i].version;
  snprintf(name, NAME_ROOM, "opset %s", *s->opsets[i].domain ? s->opsets[i].domain : "ai.onnx");
  return name;
}

static const char *dtype_at(const onnxslim_summary *s, size_t i, char *name, uint64_t *number) {
  if (i >= s->n_dtypes) return NULL;
  *number = s->dtypes[i].bytes;
  snprintf(name, NAME_ROOM, "initializers of %s", s->dtypes[i].dtype);
  return name;
}

static const char *op_at(const onnxslim_summary *s, size_t i, char *name, uint64_t *number) {
  if (i >= s->n_ops) return NULL;
  *number = s->ops[i].before;
  snprintf(name, NAME_ROOM, "%s%s%s", s->ops[i].domain, *s->ops[i].domain ? "::" : "", s->ops[i].op_type);
  return name;
}

static uint64_t find(const onnxslim_summary *s, ListFn *list, const char *wanted) {
  char name[NAME_ROOM];
  uint64_t number = 0;
  for (size_t i = 0; list(s, i, name, &number); i++)
    if (strcmp(name, wanted) == 0) return number;
  return 0;
}

/* One row for every name that any model has, in the order in which they are met. */
static void add_list(Table *t, const Models *m, ListFn *list, bool bytes) {
  char name[NAME_ROOM];
  uint64_t number;
  for (int k = 0; k < m->n; k++)
    for (size_t i = 0; list(m->at[k], i, name, &number); i++) {
      bool before = false;
      for (int other = 0; other < k && !before; other++) before = find(m->at[other], list, name) > 0;
      if (before) continue;
      table_row(t);
      table_cell(t, PLAIN, "%s", name);
      for (int other = 0; other < m->n; other++) {
        uint64_t v = find(m->at[other], list, name);
        if (!v)
          table_cell(t, DIM, "-");
        else if (bytes)
          table_bytes(t, v);
        else
          table_number(t, v);
      }
    }
}

/* --- the table
 * ------------------------------------------------------------------------------------------------------- */

/* The end of the path that tells it from the others. */
static const char *short_path(const Models *m, int i) {
  const char *slash = strrchr(m->path[i], '/');
  const char *name = slash ? slash + 1 : m->path[i];
  for (int k = 0; k < m->n; k++) {
    const char *other = strrchr(m->path[k], '/');
    if (k != i && strcmp(other ? other + 1 : m->path[k], name) == 0) return m->path[i];
  }
  return name;
}

static void print_models(const Models *m) {
  char align[MAX_COLUMNS + 1] = "l";
  for (int i = 0; i < m->n; i++) align[i + 1] = 'r';
  Table t = {.cli = m->cli, .align = align};
  table_row(&t);
  table_cell(&t, PLAIN, "%s", "");
  for (int i = 0; i < m->n; i++) table_cell(&t, BOLD, "%s", short_path(m, i));
  add_versions(&t, m);
  add_list(&t, m, opset_at, false);
  add_sizes(&t, m);
  add_list(&t, m, dtype_at, true);
  add_list(&t, m, op_at, false);
  table_print(&t);
}

/* The JSON of all of them, as a list in their order. */
static int write_all(Cli *c, const Models *m) {
  bool to_stdout = strcmp(c->json, "-") == 0, ok = true;
  FILE *f = to_stdout ? stdout : fopen(c->json, "w");
  for (int i = 0; f && i < m->n && ok; i++) {
    char *json = onnxslim_summary_json(m->at[i]);
    ok = json && fprintf(f, "%s%s", i ? ",\n" : "[\n", json) >= 0;
    onnxslim_buffer_free(c->cx, json);
  }
  if (f) ok = fputs("]\n", f) >= 0 && ok;
  if (to_stdout) ok = fflush(f) == 0 && ok;
  if (f && !to_stdout) ok = fclose(f) == 0 && ok;
  ok = ok && f;
  if (!ok) error_line(c, "cannot write '%s': %s", c->json, strerror(errno));
  return ok ? EXIT_DONE : EXIT_IO;
}

static onnxslim_status inspect_path(Cli *c, const char *path, onnxslim_summary **summary) {
  onnxslim_model *model;
  onnxslim_status status = onnxslim_load_with(c->cx, path, c->options, &model);
  if (status == ONNXSLIM_OK) status = onnxslim_inspect_with(model, c->options, summary);
  onnxslim_model_free(model);
  return status;
}

int inspect_several(Cli *c) {
  if (c->transposes || c->target) {
    error_line(c, "--%s judges one model at a time", c->transposes ? "transposes" : "target");
    return EXIT_USAGE;
  }
  Models all = {.cli = c, .path = c->path, .n = c->n_paths};
  all.at = calloc((size_t)c->n_paths, sizeof *all.at);
  if (!all.at) return report_error(c, ONNXSLIM_ERR_MEMORY);
  onnxslim_status status = ONNXSLIM_OK;
  for (int i = 0; i < all.n && status == ONNXSLIM_OK; i++) status = inspect_path(c, c->path[i], &all.at[i]);
  int code = status == ONNXSLIM_OK ? EXIT_DONE : report_error(c, status);
  for (int i = 0; i < all.n && code == EXIT_DONE && !c->quiet; i += ABREAST) {
    Models some = {c, all.at + i, all.path + i, all.n - i < ABREAST ? all.n - i : ABREAST};
    if (i) fputc('\n', c->out);
    print_models(&some);
  }
  if (code == EXIT_DONE && c->json) code = write_all(c, &all);
  for (int i = 0; i < all.n; i++) onnxslim_summary_free(all.at[i]);
  free(all.at);
  return code;
}
