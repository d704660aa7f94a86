#include "describe.h"

#include "onnx/codec.h"

/* --- types
 * ----------------------------------------------------------------------------------------------------------
 */

static const char *dim_words(SymTable *syms, Dim d) {
  Str name = sym_name(d);
  return name ? name->s : syms ? sym_text(syms, d) : "?";
}

/* syms NULL: dims that are computed are "?". */
static const char *shape_words(Arena *a, SymTable *syms, Shape s) {
  if (s.rank < 0) return "";
  const char *text = "[";
  for (int i = 0; i < s.rank; i++) {
    int64_t size;
    const char *comma = i ? "," : "";
    if (sym_const(s.dim[i], &size))
      text = arena_printf(a, "%s%s%lld", text, comma, (long long)size);
    else
      text = arena_printf(a, "%s%s%s", text, comma, dim_words(syms, s.dim[i]));
  }
  return arena_printf(a, "%s]", text);
}

const char *type_words(Arena *a, const Type *t) {
  if (!t) return "?";
  switch (t->kind) {
  case TYPE_TENSOR: return arena_printf(a, "%s%s", elem_name(t->elem), shape_words(a, NULL, t->shape));
  case TYPE_SPARSE:
    return arena_printf(a, "sparse(%s%s)", elem_name(t->elem), shape_words(a, NULL, t->shape));
  case TYPE_SEQUENCE: return arena_printf(a, "seq(%s)", type_words(a, t->inner));
  case TYPE_OPTIONAL: return arena_printf(a, "optional(%s)", type_words(a, t->inner));
  case TYPE_MAP: return arena_printf(a, "map(%s,%s)", elem_name(t->elem), type_words(a, t->inner));
  case TYPE_OPAQUE: return "opaque";
  case TYPE_UNKNOWN: break;
  }
  return "?";
}

const char *tensor_words(Arena *a, SymTable *syms, const Type *t) {
  return arena_printf(a, "%s%s", elem_name(t->elem), shape_words(a, syms, t->shape));
}

const char *dims_words(Arena *a, const Tensor *t) {
  const char *dims = "";
  for (int i = 0; i < t->rank; i++)
    dims = arena_printf(a, "%s%s%lld", dims, i ? "," : "", (long long)t->dim[i]);
  return arena_printf(a, "%s[%s]", elem_name(t->dtype), dims);
}

/* --- nodes and values
 * ----------------------------------------------------------------------------------------------------------
 */

const char *op_words(Arena *a, const Node *n) {
  const char *domain = str_is(n->domain, "ai.onnx") ? "" : n->domain->s;
  const char *overload = n->overload && n->overload->len ? n->overload->s : "";
  return arena_printf(a, "%s%s%s%s%s", domain, *domain ? "::" : "", n->op_type->s, *overload ? ":" : "",
                      overload);
}

const char *node_words(Arena *a, const Node *n) {
  return copy_text(a, node_label(n));
}

Value *first_output(const Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) return n->out[i];
  return NULL;
}

const char *output_words(Arena *a, const Node *n) {
  const Value *v = first_output(n);
  return v ? copy_text(a, v->name->s) : NULL;
}

enum { ELEMENTS_SHOWN = 8 };

const char *operand_words(Arena *a, const Value *v) {
  if (!v) return NULL;
  const Tensor *t = value_literal(v);
  if (!t) return copy_text(a, v->name->s);
  bool shown = t->count <= ELEMENTS_SHOWN && !t->external_file && t->store != TS_DEFERRED;
  if (shown) return arena_printf(a, "%s = %s", v->name->s, tensor_text(v->graph->model, t));
  return arena_printf(a, "%s = %s", v->name->s, dims_words(a, t));
}

static const char *body_name(const Graph *g) {
  for (size_t i = 0; i < g->owner->attrs.n; i++) {
    const Attr *a = &g->owner->attrs.at[i];
    if (a->ref || (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS)) continue;
    for (size_t k = 0; k < a->v.graphs.n; k++)
      if (a->v.graphs.at[k] == g) return a->name->s;
  }
  return "";
}

const char *graph_words(Arena *a, const Graph *g) {
  if (g->function) {
    const Function *f = g->function;
    return arena_printf(a, "function %s%s%s", f->domain->s, f->domain->len ? "::" : "", f->name->s);
  }
  return g->owner ? arena_printf(a, "body %s of %s", body_name(g), node_label(g->owner)) : "";
}
