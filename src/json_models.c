/* What models are and how they differ, as JSON. */
#include "json.h"

typedef onnxslim_op_count Op;
static const Field op_fields[] = {FIELD(Op, domain, TEXT), FIELD(Op, op_type, TEXT),
                                  FIELD(Op, before, UINT64), FIELD(Op, after, UINT64)};

void put_ops(Json *j, const onnxslim_op_count *rows, size_t n) {
  PUT_ROWS(j, "ops", op_fields, rows, n);
}

/* --- one model
 * ----------------------------------------------------------------------------------------------------------
 */

static const Field kind_fields[] = {
    FIELD(Op, domain, TEXT), FIELD(Op, op_type, TEXT), {"count", UINT64, offsetof(Op, before)}};

typedef onnxslim_value_info_t ValueInfo;
static const Field value_fields[] = {FIELD(ValueInfo, name, TEXT), FIELD(ValueInfo, type, TEXT)};

typedef onnxslim_opset Opset;
static const Field opset_fields[] = {FIELD(Opset, domain, TEXT), FIELD(Opset, version, INT64)};

typedef onnxslim_summary Summary;
static const Field summary_fields[] = {FIELD(Summary, graph_name, TEXT),
                                       FIELD(Summary, ir_version, INT64),
                                       FIELD(Summary, nodes, UINT64),
                                       FIELD(Summary, bodies, UINT64),
                                       FIELD(Summary, functions, UINT64),
                                       FIELD(Summary, initializers, UINT64),
                                       FIELD(Summary, initializer_bytes, UINT64),
                                       FIELD(Summary, parameters, UINT64),
                                       FIELD(Summary, bytes, UINT64),
                                       FIELD(Summary, external_bytes, UINT64)};

static const Field header_fields[] = {
    FIELD(Summary, producer_name, TEXT), FIELD(Summary, producer_version, TEXT),
    FIELD(Summary, model_domain, TEXT), FIELD(Summary, model_version, INT64)};
static const Field memory_fields[] = {FIELD(Summary, activation_bytes, UINT64),
                                      FIELD(Summary, peak_bytes, UINT64), FIELD(Summary, peak_node, TEXT),
                                      FIELD(Summary, activations, UINT64), FIELD(Summary, unknown, UINT64)};

typedef onnxslim_dim DimRow;
static const Field dim_fields[] = {FIELD(DimRow, name, TEXT), FIELD(DimRow, axes, TEXT),
                                   FIELD(DimRow, assumed, INT64)};

typedef onnxslim_dtype_size DtypeSize;
static const Field dtype_fields[] = {FIELD(DtypeSize, dtype, TEXT), FIELD(DtypeSize, tensors, UINT64),
                                     FIELD(DtypeSize, elements, UINT64), FIELD(DtypeSize, bytes, UINT64)};

typedef onnxslim_tensor_size TensorSize;
static const Field tensor_fields[] = {FIELD(TensorSize, name, TEXT), FIELD(TensorSize, type, TEXT),
                                      FIELD(TensorSize, node, TEXT), FIELD(TensorSize, size, TEXT),
                                      FIELD(TensorSize, bytes, UINT64)};

static void put_summary(Json *j, const void *object) {
  const Summary *s = object;
  PUT_FIELDS(j, summary_fields, s);
  PUT_ROWS(j, "opsets", opset_fields, s->opsets, s->n_opsets);
  PUT_ROWS(j, "inputs", value_fields, s->inputs, s->n_inputs);
  PUT_ROWS(j, "outputs", value_fields, s->outputs, s->n_outputs);
  PUT_ROWS(j, "ops", kind_fields, s->ops, s->n_ops);
  PUT_FIELDS(j, header_fields, s);
  PUT_ROWS(j, "dims", dim_fields, s->dims, s->n_dims);
  PUT_ROWS(j, "dtypes", dtype_fields, s->dtypes, s->n_dtypes);
  open_group(j, "memory", "{");
  PUT_FIELDS(j, memory_fields, s);
  PUT_ROWS(j, "largest_initializers", tensor_fields, s->largest_initializers, s->n_largest_initializers);
  PUT_ROWS(j, "largest_activations", tensor_fields, s->largest_activations, s->n_largest_activations);
  close_group(j, "}");
}

char *onnxslim_summary_json(const onnxslim_summary *summary) {
  return json_text(summary, put_summary);
}

/* --- what stayed
 * ----------------------------------------------------------------------------------------------------------
 */

typedef onnxslim_refusal Refusal;
static const Field refusal_fields[] = {
    FIELD(Refusal, pass, TEXT), FIELD(Refusal, rule, TEXT),     FIELD(Refusal, pattern, TEXT),
    FIELD(Refusal, node, TEXT), FIELD(Refusal, value, TEXT),    FIELD(Refusal, reason, TEXT),
    FIELD(Refusal, off, FLAG),  FIELD(Refusal, guards, UINT64), FIELD(Refusal, all_asked, FLAG)};

typedef onnxslim_remaining Remaining;
static const Field remaining_fields[] = {FIELD(Remaining, node, TEXT), FIELD(Remaining, op, TEXT),
                                         FIELD(Remaining, value, TEXT), FIELD(Remaining, graph, TEXT)};
static const Field index_fields[] = {{"index", SIZE, 0}};

typedef onnxslim_removed Removed;
static const Field removed_fields[] = {FIELD(Removed, node, TEXT), FIELD(Removed, value, TEXT),
                                       FIELD(Removed, pass, TEXT), FIELD(Removed, rule, TEXT),
                                       FIELD(Removed, at, TEXT),   FIELD(Removed, text, TEXT)};

typedef onnxslim_reason Reason;
static const Field reason_fields[] = {FIELD(Reason, pass, TEXT),    FIELD(Reason, rule, TEXT),
                                      FIELD(Reason, reason, TEXT),  FIELD(Reason, off, FLAG),
                                      FIELD(Reason, count, UINT64), FIELD(Reason, close, UINT64),
                                      FIELD(Reason, example, TEXT), FIELD(Reason, all_asked, FLAG)};

typedef onnxslim_op_refusals OpRefusals;
static const Field op_refusal_fields[] = {
    FIELD(OpRefusals, domain, TEXT),    FIELD(OpRefusals, op_type, TEXT), FIELD(OpRefusals, nodes, UINT64),
    FIELD(OpRefusals, refused, UINT64), FIELD(OpRefusals, close, UINT64), FIELD(OpRefusals, rules, UINT64)};

typedef onnxslim_start Start;
static const Field start_fields[] = {FIELD(Start, op, TEXT), FIELD(Start, pass, TEXT),
                                     FIELD(Start, rule, TEXT), FIELD(Start, pattern, TEXT),
                                     FIELD(Start, off, TEXT)};

typedef onnxslim_explanation Explanation;
static const Field explanation_fields[] = {
    FIELD(Explanation, asked, TEXT), FIELD(Explanation, nodes_before, UINT64),
    FIELD(Explanation, nodes_after, UINT64), FIELD(Explanation, rewrites, UINT64)};

static void put_remaining(Json *j, const void *object) {
  const Remaining *r = object;
  PUT_FIELDS(j, remaining_fields, r);
  put_column(j, "refusals", index_fields, r->refusals, r->n_refusals, sizeof *r->refusals);
}

static void put_refusals(Json *j, const Refusal *rows, size_t n) {
  open_group(j, "refusals", "[");
  for (size_t i = 0; i < n; i++) {
    const Texts nodes = {"nodes", rows[i].nodes, rows[i].n_nodes};
    put_key(j, NULL);
    put_row_with(j, refusal_fields, COUNT(refusal_fields), &rows[i], &nodes, 1);
  }
  close_group(j, "]");
}

static void put_explanation(Json *j, const void *object) {
  const Explanation *x = object;
  PUT_FIELDS(j, explanation_fields, x);
  open_group(j, "nodes", "[");
  for (size_t i = 0; i < x->n_nodes; i++) put_object(j, NULL, put_remaining, &x->nodes[i]);
  close_group(j, "]");
  PUT_ROWS(j, "removed", removed_fields, x->removed, x->n_removed);
  put_refusals(j, x->refusals, x->n_refusals);
  PUT_ROWS(j, "reasons", reason_fields, x->reasons, x->n_reasons);
  PUT_ROWS(j, "ops", op_refusal_fields, x->ops, x->n_ops);
  PUT_ROWS(j, "starts", start_fields, x->starts, x->n_starts);
}

char *onnxslim_explanation_json(const onnxslim_explanation *result) {
  return json_text(result, put_explanation);
}

/* --- two models
 * ----------------------------------------------------------------------------------------------------------
 */

typedef onnxslim_opset_change OpsetChange;
static const Field opset_change_fields[] = {
    FIELD(OpsetChange, domain, TEXT), FIELD(OpsetChange, before, INT64), FIELD(OpsetChange, after, INT64)};

typedef onnxslim_value_fate ValueFate;
static const Field value_fate_fields[] = {FIELD(ValueFate, fate, TEXT), FIELD(ValueFate, before, TEXT),
                                          FIELD(ValueFate, after, TEXT), FIELD(ValueFate, before_type, TEXT),
                                          FIELD(ValueFate, after_type, TEXT)};

typedef onnxslim_change Change;
static const Field change_fields[] = {FIELD(Change, what, TEXT), FIELD(Change, before, TEXT),
                                      FIELD(Change, after, TEXT)};

typedef onnxslim_node_fate NodeFate;
static const Field node_fate_fields[] = {
    FIELD(NodeFate, fate, TEXT),         FIELD(NodeFate, graph, TEXT),       FIELD(NodeFate, before, TEXT),
    FIELD(NodeFate, after, TEXT),        FIELD(NodeFate, before_op, TEXT),   FIELD(NodeFate, after_op, TEXT),
    FIELD(NodeFate, before_value, TEXT), FIELD(NodeFate, after_value, TEXT), FIELD(NodeFate, matched, TEXT)};

typedef onnxslim_diff_t Diff;
static const Field diff_fields[] = {FIELD(Diff, kept, UINT64),
                                    FIELD(Diff, changed, UINT64),
                                    FIELD(Diff, gone, UINT64),
                                    {"new", UINT64, offsetof(Diff, added)}};

static void put_diff(Json *j, const void *object) {
  const Diff *d = object;
  PUT_FIELDS(j, diff_fields, d);
  put_object(j, "before", put_summary, d->before);
  put_object(j, "after", put_summary, d->after);
  put_ops(j, d->ops, d->n_ops);
  PUT_ROWS(j, "opsets", opset_change_fields, d->opsets, d->n_opsets);
  PUT_ROWS(j, "inputs", value_fate_fields, d->inputs, d->n_inputs);
  PUT_ROWS(j, "outputs", value_fate_fields, d->outputs, d->n_outputs);
  open_group(j, "nodes", "[");
  for (size_t i = 0; i < d->n_nodes; i++) {
    open_group(j, NULL, "{");
    PUT_FIELDS(j, node_fate_fields, &d->nodes[i]);
    PUT_ROWS(j, "changes", change_fields, d->nodes[i].changes, d->nodes[i].n_changes);
    close_group(j, "}");
  }
  close_group(j, "]");
}

char *onnxslim_diff_json(const onnxslim_diff_t *result) {
  return json_text(result, put_diff);
}
