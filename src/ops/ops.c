#include "ops/ops.h"

#include <string.h>

/* In the order of OpId, which is the order of (domain, name): op_find() searches by bisection. */
static const OpDef defs[OP_COUNT_] = {
#define OP(id, domain, min_in, max_in, min_out, max_out, versions, kernel, facts)                            \
  [OP_##id] = {OP_##id, #id, domain, min_in, max_in, min_out, max_out, versions, kernel, facts},
#include "ops/ops.def"
#undef OP
};

/* The newest version of each domain whose definitions ops.def has. */
static const struct {
  const char *domain;
  int version;
} newest[] = {{"", ONNX_NEWEST_OPSET},
              {"ai.onnx.ml", 5},
              {"ai.onnx.preview", 1},
              {"ai.onnx.preview.training", 1},
              {"com.microsoft", 1}};

const OpDef *op_def(OpId id) {
  return id > OP_NONE && id < OP_COUNT_ ? &defs[id] : NULL;
}

OpId op_mirror(OpId id) {
  switch (id) {
#define OP(id, domain, min_in, max_in, min_out, max_out, versions, kernel, facts)
#define MIRROR(f, g)                                                                                         \
  case OP_##f: return OP_##g;                                                                                \
  case OP_##g: return OP_##f;
#include "ops/ops.def"
#undef OP
  default: return OP_NONE;
  }
}

int op_since(const OpDef *op, int version) {
  int since = 0;
  for (const int16_t *v = op->since; *v && *v <= version; v++) since = *v;
  return since;
}

static const OpDef *search(const char *domain, const char *name) {
  int low = OP_NONE + 1, high = OP_COUNT_;
  while (low < high) {
    int mid = low + (high - low) / 2;
    int order = strcmp(domain, defs[mid].domain);
    if (!order) order = strcmp(name, defs[mid].name);
    if (!order) return &defs[mid];
    if (order < 0)
      high = mid;
    else
      low = mid + 1;
  }
  return NULL;
}

bool op_fits(const OpDef *op, const Node *n) {
  if (n->n_in < op->min_in || (op->max_in >= 0 && n->n_in > op->max_in)) return false;
  if (n->n_out < op->min_out || (op->max_out >= 0 && n->n_out > op->max_out)) return false;
  if (op->facts & OP_CONTROL) return true; /* Loop and Scan may leave out their first inputs */
  for (int i = 0; i < op->min_in; i++)
    if (!node_in(n, i)) return false;
  return true;
}

/* Until opset 7 the binary operators broadcast by attribute, and PRelu's slope stood for channels: none of
 * their facts hold there. */
static bool is_legacy(const OpDef *op, int since) {
  return !*op->domain && since < 7 && op_since(op, 7) == 7 && (op->facts & OP_ELEMENTWISE) && op->max_in == 2;
}

int op_newest_version(const char *domain) {
  for (size_t i = 0; i < sizeof newest / sizeof *newest; i++)
    if (strcmp(domain, newest[i].domain) == 0) return newest[i].version;
  return 0;
}

const OpDef *op_find(const char *domain, const char *name, int version) {
  if (strcmp(domain, "ai.onnx") == 0) domain = "";
  const OpDef *op = search(domain, name);
  if (!op || version > op_newest_version(domain)) return NULL;
  int since = op_since(op, version);
  return since && !is_legacy(op, since) ? op : NULL;
}

int op_version(const Model *m, const char *domain, int version) {
  int known = op_newest_version(domain);
  return m->newer_is_known && known && known < version ? known : version;
}

const OpDef *op_of_node(const Node *n) {
  if (n->callee || n->overload || n->opset <= 0) return NULL;
  for (size_t i = 0; i < n->attrs.n; i++)
    if (n->attrs.at[i].ref || !attr_type_is_read(n->attrs.at[i].type)) return NULL;
  int version = op_version(n->graph->model, n->domain->s, n->opset);
  const OpDef *op = op_find(n->domain->s, n->op_type->s, version);
  return op && op_fits(op, n) ? op : NULL;
}

/* IR versions with the first opset that needs them. */
static const struct {
  int opset, ir;
} ir_versions[] = {{1, 3},  {9, 4},   {10, 5},  {11, 6},  {12, 7},  {15, 8},
                   {19, 9}, {21, 10}, {23, 11}, {24, 12}, {25, 13}, {28, 14}};

int opset_ir_version(int opset) {
  int ir = 0;
  for (size_t i = 0; i < sizeof ir_versions / sizeof *ir_versions; i++)
    if (ir_versions[i].opset <= opset) ir = ir_versions[i].ir;
  return ir;
}
