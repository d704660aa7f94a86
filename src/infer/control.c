/* If, Loop and Scan, sequences and optionals. */
#include "infer/facts_t.h"
#include "infer/family.h"

/* --- bodies --------------------------------------------------------------------------------------------- */

static const struct Facts *body_out(const Graph *g, size_t i) {
  return g && i < g->outputs.n ? facts_ready(g->outputs.at[i]) : NULL;
}

/* Sequences or optionals of tensors of one element type. */
static bool same_container(const Type *a, const Type *b) {
  if (a->kind != b->kind || (a->kind != TYPE_SEQUENCE && a->kind != TYPE_OPTIONAL)) return false;
  const Type *x = a->inner, *y = b->inner;
  return x && y && x->kind == TYPE_TENSOR && y->kind == TYPE_TENSOR && x->elem == y->elem;
}

/* What two types have in common. Dims that vary from one iteration to the next are not comparable: with
 * `constants` only numbers are kept. */
static Type type_merge(const Infer *f, const Type *a, const Type *b, bool constants) {
  if (same_container(a, b)) return type_unshaped(f, a);
  if (a->kind != TYPE_TENSOR || b->kind != TYPE_TENSOR) return TYPE_NOTHING;
  Type r = {TYPE_TENSOR, a->elem == b->elem ? a->elem : DT_UNDEFINED, SHAPE_UNKNOWN, NULL};
  if (a->shape.rank < 0 || a->shape.rank != b->shape.rank) return r;
  Dim *dim = dims_new(f, (size_t)a->shape.rank);
  for (int i = 0; i < a->shape.rank; i++) {
    Dim d = a->shape.dim[i];
    bool same = sym_equal(d, b->shape.dim[i]) && (!constants || sym_const(d, NULL));
    dim[i] = same ? d : sym_fresh(f->syms);
  }
  r.shape = (Shape){a->shape.rank, dim};
  return r;
}

/* If: the branch that a known condition takes, else what both agree on. */
void infer_if(Infer *f) {
  const Graph *yes = attr_graph(f->node, "then_branch"), *no = attr_graph(f->node, "else_branch");
  Dim condition = in_element(f, 0);
  if (sym_is(condition, 1))
    no = yes;
  else if (sym_is(condition, 0))
    yes = no;
  for (int o = 0; o < f->node->n_out; o++) {
    const struct Facts *a = body_out(yes, (size_t)o), *b = body_out(no, (size_t)o);
    if (!a || !b) continue;
    f->out[o] = a == b ? a->type : type_merge(f, &a->type, &b->type, false);
    if (!a->value || !b->value || !f->out[o].elem || !shape_equal(a->type.shape, b->type.shape)) continue;
    Small s = {.dtype = f->out[o].elem, .n = a->value->n};
    Dim *at = dims_new(f, s.n);
    for (size_t i = 0; i < s.n; i++) at[i] = a->value->at[i] == b->value->at[i] ? a->value->at[i] : NULL;
    s.at = at;
    out_elements(f, o, &s);
  }
}

/* A loop's carried value: the initial one, if there is no iteration, or the body's last. */
static void carried(Infer *f, int o, int initial, const struct Facts *last) {
  if (last) f->out[o] = type_merge(f, in_type(f, initial), &last->type, true);
}

/* What a body yields once per iteration, stacked along one more axis. */
static void stacked(Infer *f, int o, const struct Facts *each) {
  if (!each || each->type.kind != TYPE_TENSOR) return;
  int rank = each->type.shape.rank;
  out_tensor(f, o, each->type.elem, SHAPE_UNKNOWN);
  if (rank >= 0 && rank < MAX_RANK) out_dims(f, o, each->type.elem, rank + 1, dims_new(f, (size_t)rank + 1));
}

/* Loop(M, cond, carried ...): body outputs condition, carried ..., scanned ... */
void infer_loop(Infer *f) {
  const Graph *g = attr_graph(f->node, "body");
  int n = f->node->n_in - 2;
  for (int o = 0; o < f->node->n_out; o++) {
    const struct Facts *each = body_out(g, (size_t)o + 1);
    if (o < n)
      carried(f, o, o + 2, each);
    else
      stacked(f, o, each);
  }
}

/* Scan (from 9 on): state ..., scanned inputs ...; Scan-8 has a batch axis and is not followed. */
void infer_scan(Infer *f) {
  const Graph *g = attr_graph(f->node, "body");
  int64_t scanned;
  if (since(f) < 9 || !attr_int(f->node, "num_scan_inputs", &scanned) || scanned < 0) return;
  for (int o = 0; o < f->node->n_out; o++) {
    const struct Facts *each = body_out(g, (size_t)o);
    if (o < f->node->n_in - scanned)
      carried(f, o, o, each);
    else
      stacked(f, o, each);
  }
}

/* --- sequences ------------------------------------------------------------------------------------------ */

static void out_sequence(Infer *f, ElemType t) {
  Type *inner = NEW(f->arena, Type);
  *inner = (Type){TYPE_TENSOR, t, SHAPE_UNKNOWN, NULL};
  if (f->node->n_out > 0) f->out[0] = (Type){TYPE_SEQUENCE, DT_UNDEFINED, SHAPE_UNKNOWN, inner};
}

/* Element type of the sequence at input 0. */
static ElemType sequence_elem(const Infer *f) {
  const Type *t = in_type(f, 0);
  return t->kind == TYPE_SEQUENCE && t->inner && t->inner->kind == TYPE_TENSOR ? t->inner->elem
                                                                               : DT_UNDEFINED;
}

/* SequenceConstruct, SplitToSequence */
void infer_to_sequence(Infer *f) {
  out_sequence(f, in_dtype(f, 0));
}
void infer_sequence_empty(Infer *f) {
  out_sequence(f, (ElemType)attr_int_or(f, "dtype", DT_FLOAT));
}
/* SequenceInsert, SequenceErase */
void infer_sequence_same(Infer *f) {
  out_sequence(f, sequence_elem(f));
}
/* SequenceAt, ConcatFromSequence */
void infer_from_sequence(Infer *f) {
  out_tensor(f, 0, sequence_elem(f), SHAPE_UNKNOWN);
}
/* SequenceLength */
void infer_sequence_length(Infer *f) {
  out_scalar(f, 0, DT_INT64);
}

/* OptionalHasElement */
void infer_has_element(Infer *f) {
  out_scalar(f, 0, DT_BOOL);
}
/* OptionalGetElement: a tensor or sequence stands for itself. */
void infer_get_element(Infer *f) {
  const Type *t = in_type(f, 0);
  if (f->node->n_out > 0) f->out[0] = t->kind != TYPE_OPTIONAL ? *t : t->inner ? *t->inner : TYPE_NOTHING;
}
