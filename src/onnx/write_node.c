/* Node -> NodeProto and Attr -> AttributeProto. Only fields that changed are encoded; the others, unknown
 * ones among them, are copied from the original message. */
#include "onnx/write.h"
#include "ops/ops.h"

/* --- attributes ---------------------------------------------------------------------------------------- */

bool attr_clean(const Writer *w, const Attr *a) {
  if (!a->raw.p) return false;
  if (a->ref) return true;
  if (a->type == ATTR_TENSOR) return tensor_clean(w, a->v.tensor, true);
  if (a->type != ATTR_GRAPH && a->type != ATTR_GRAPHS) return true;
  for (size_t i = 0; i < a->v.graphs.n; i++)
    if (!graph_clean(w, a->v.graphs.at[i])) return false;
  return true;
}

/* The fields that hold a's value. */
static void put_value(Writer *w, const Attr *a) {
  Gather *g = &w->out;
  switch (a->type) {
  case ATTR_FLOAT: put_fixed32(g, Attribute_f, a->v.f); break;
  case ATTR_INT: put_varint(g, Attribute_i, (uint64_t)a->v.i); break;
  case ATTR_STRING: put_bytes(g, Attribute_s, a->v.s); break;
  case ATTR_TENSOR: put_tensor(w, Attribute_t, a->v.tensor, NULL, true); break;
  case ATTR_FLOATS:
    for (size_t i = 0; i < a->v.floats.n; i++) put_fixed32(g, Attribute_floats, a->v.floats.at[i]);
    break;
  case ATTR_INTS:
    for (size_t i = 0; i < a->v.ints.n; i++) put_varint(g, Attribute_ints, (uint64_t)a->v.ints.at[i]);
    break;
  case ATTR_STRINGS:
    for (size_t i = 0; i < a->v.strings.n; i++) put_bytes(g, Attribute_strings, a->v.strings.at[i]);
    break;
  case ATTR_GRAPH:
  case ATTR_GRAPHS:
    for (size_t i = 0; i < a->v.graphs.n; i++)
      put_graph(w, a->type == ATTR_GRAPH ? Attribute_g : Attribute_graphs, a->v.graphs.at[i]);
    break;
  default: break; /* the other types exist with their original bytes only */
  }
}

/* An attribute with a changed tensor or body: the value is replaced where it stood. */
static void put_attr_again(Writer *w, const Attr *a) {
  uint32_t value = a->type == ATTR_TENSOR  ? Attribute_t
                   : a->type == ATTR_GRAPH ? Attribute_g
                                           : Attribute_graphs;
  bool done = false;
  for (Wire f = wire_top(&w->doc, Msg_Attribute, a->raw); wire_next(&f);) {
    if (f.tag != value) {
      put_span(&w->out, wire_field(&f));
    } else if (!done) {
      put_value(w, a);
      done = true;
    }
  }
}

void put_attr(Writer *w, const Attr *a) {
  if (attr_clean(w, a)) {
    put_bytes(&w->out, Node_attribute, a->raw);
    return;
  }
  Open o = put_begin(&w->out, Node_attribute);
  if (a->raw.p) {
    put_attr_again(w, a);
  } else {
    put_bytes(&w->out, Attribute_name, str_span(a->name));
    if (!a->ref) put_value(w, a);
    put_varint(&w->out, Attribute_type, (uint64_t)a->type);
    if (a->ref) put_bytes(&w->out, Attribute_ref_attr_name, str_span(a->ref));
  }
  put_end(&w->out, o);
}

/* --- nodes --------------------------------------------------------------------------------------------- */

static bool attrs_clean(const Writer *w, const Node *n) {
  for (size_t i = 0; i < n->attrs.n; i++)
    if (!attr_clean(w, &n->attrs.at[i])) return false;
  return true;
}

bool node_clean(const Writer *w, const Node *n) {
  return n->raw.p && !n->dirty && attrs_clean(w, n);
}

static void put_inputs(Writer *w, const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    put_bytes(&w->out, Node_input, n->in[i].value ? str_span(n->in[i].value->name) : SPAN_NONE);
}

/* Optional outputs that are left out at the end are not written. */
static int outputs_written(const Node *n) {
  int count = n->n_out;
  if (!n->op || n->callee || n->op->max_out < 0 || n->op->facts & OP_COUNTS_OUTPUTS) return count;
  while (count > n->op->min_out && !n->out[count - 1]) count--;
  return count;
}

static void put_outputs(Writer *w, const Node *n) {
  for (int i = 0; i < outputs_written(n); i++)
    put_bytes(&w->out, Node_output, n->out[i] ? str_span(n->out[i]->name) : SPAN_NONE);
}

/* Writes what the field with this tag stands for, all occurrences of it at once. */
static void put_part(Writer *w, const Node *n, uint32_t tag) {
  switch (tag) {
  case Node_input: put_inputs(w, n); break;
  case Node_output: put_outputs(w, n); break;
  case Node_name:
    if (n->name) put_bytes(&w->out, tag, str_span(n->name));
    break;
  case Node_op_type: put_bytes(&w->out, tag, str_span(n->op_type)); break;
  case Node_attribute:
    for (size_t i = 0; i < n->attrs.n; i++) put_attr(w, &n->attrs.at[i]);
    break;
  case Node_domain:
    if (n->domain->len) put_bytes(&w->out, tag, str_span(n->domain));
    break;
  default:
    if (n->overload) put_bytes(&w->out, tag, str_span(n->overload));
  }
}

static const uint32_t parts[] = {Node_input,     Node_output, Node_name,    Node_op_type,
                                 Node_attribute, Node_domain, Node_overload};
static const unsigned part_flag[] = {DIRTY_INPUTS, DIRTY_OUTPUTS, DIRTY_NAME, DIRTY_OP,
                                     DIRTY_ATTRS,  DIRTY_OP,      DIRTY_OP};
enum { N_PARTS = sizeof parts / sizeof *parts };

void put_node(Writer *w, uint32_t tag, const Node *n) {
  if (node_clean(w, n)) {
    put_bytes(&w->out, tag, n->raw);
    return;
  }
  unsigned dirty = n->raw.p ? n->dirty | (attrs_clean(w, n) ? 0u : (unsigned)DIRTY_ATTRS) : ~0u;
  unsigned done = 0; /* bit i: parts[i] is written */
  Open o = put_begin(&w->out, tag);
  for (Wire f = wire_top(&w->doc, Msg_Node, n->raw); n->raw.p && wire_next(&f);) {
    int i = 0;
    while (i < N_PARTS && parts[i] != f.tag) i++;
    if (i == N_PARTS || !(dirty & part_flag[i])) {
      put_span(&w->out, wire_field(&f));
    } else if (!(done & 1u << i)) {
      put_part(w, n, f.tag);
      done |= 1u << i;
    }
  }
  for (int i = 0; i < N_PARTS; i++)
    if ((dirty & part_flag[i]) && !(done & 1u << i)) put_part(w, n, parts[i]);
  put_end(&w->out, o);
}
