/* fuse_attention
 *
 * Before:    Softmax(Q * K^T * scale + mask) * V as exporters write it: the scale before, behind or split
 *            over both sides of the product; masks added, or filled in with -inf; soft capping; heads made
 *            by Reshape and Transpose, taken out of a fused projection by Split or Gather, repeated for
 *            grouped queries, merged with the batch; the result's heads put side by side again
 * After:     Attention(q, k, v, mask), on [batch, length, columns] where that leaves fewer nodes
 * Formula:   the operator's own definition
 * When not:  the opset is below 23, or has an Attention without a kernel; batch and lengths may be 0 (no
 *            kernel takes them); a row may be masked altogether (0 there, NaN here); masked scores are
 *            filled with a finite number (which would be added there); the scale is not positive; double or
 *            bfloat16 (no kernel); the scores or weights have other readers; a guard replaces NaN behind
 *            Softmax (a NaN may come from the inputs)
 * Exactness: rounding
 *
 * Reading is in passes/attention/: core.c, operand.c, bias.c. Masks become what ONNX Runtime's kernel takes:
 * of rank 2 to 4, and written out for all queries and keys.
 */
#include "passes/attention/bias.h"
#include "passes/attention/core.h"

#include <math.h>
#include <string.h>

typedef struct Plan {
  Core core;
  bool flat;
  Form q, k, v;
  double scale;
  bool causal;
  Value *kept; /* constant bool mask */
  RowsKept rows;
  Value *turned, *joined; /* the result behind the Transpose and the Reshape of its heads; NULL: none */
} Plan;

static Dim dim_of(const Operand *o, Role role) {
  Shape s = shape_of(o->start);
  return o->role_at[role] < 0 ? NULL : s.dim[o->role_at[role]];
}

/* --- guards --------------------------------------------------------------------------------------------- */

static const char *rank_refusal(const Core *c) {
  const char *why = "the mask has more axes than the scores";
  if (c->kept && rank_of(c->kept) > c->rank) return why;
  for (int i = 0; i < c->n_biases; i++)
    if (rank_of(c->bias[i]) > c->rank) return why;
  return NULL;
}

static const char *type_refusal(const Core *c) {
  ElemType t = dtype_of(c->scores);
  if (t != DT_FLOAT && t != DT_FLOAT16) return "there is no kernel of Attention for this element type";
  if (dtype_of(c->v.start) != t) return "V is of another type than the scores";
  for (int i = 0; i < c->n_biases; i++)
    if (dtype_of(c->bias[i]) != t) return "the mask is of another type than the scores";
  if (c->precision != t && c->precision != DT_FLOAT) return "Softmax is computed in an unusual type";
  return NULL;
}

static const char *shape_refusal(const Core *c) {
  Dim batch = dim_of(&c->q, BATCH), queries = dim_of(&c->q, LENGTH), keys = dim_of(&c->k, LENGTH);
  if (!sym_equal(batch, dim_of(&c->k, BATCH)) || !sym_equal(batch, dim_of(&c->v, BATCH)))
    return "the batch sizes of Q, K and V are not known to be equal";
  if (!sym_equal(keys, dim_of(&c->v, LENGTH))) return "the lengths of K and V are not known to be equal";
  if (!sym_equal(dim_of(&c->q, DEPTH), dim_of(&c->k, DEPTH)))
    return "the depths of Q and K are not known to be equal";
  if (!sym_nonzero(batch) || !sym_nonzero(queries) || !sym_nonzero(keys))
    return "batch or lengths may be 0, which no kernel of Attention takes";
  SymTable *syms = c->scores->graph->model->syms;
  Dim scores = shape_size(syms, shape_of(c->scores)), weights = shape_size(syms, shape_of(c->weights));
  if (!scores || !weights || !sym_equal(scores, weights)) return "the mask makes the scores larger";
  return NULL;
}

static Node *only_reader(const Value *v, OpId op) {
  const Use *u = v->uses;
  bool one = v->n_uses == 1 && !v->n_outputs && !v->keep && u->index == 0 && u->node->graph == v->graph;
  return one && node_is(u->node, op) ? u->node : NULL;
}

/* What puts the result's heads side by side again, as far as it is there. */
static void read_result(Plan *p) {
  const int64_t *perm, back[] = {0, 2, 1, 3};
  size_t n;
  Node *t = only_reader(p->core.result, OP_Transpose);
  if (!t || !attr_ints(t, "perm", &perm, &n) || n != 4 || memcmp(perm, back, sizeof back) != 0) return;
  p->turned = t->out[0];
  Node *reshape = only_reader(p->turned, OP_Reshape);
  if (reshape) p->joined = reshape->out[0];
}

/* Side by side, if that leaves fewer nodes: it saves a Reshape and a Transpose of each operand that comes so,
 * and of the result if it is wanted so. */
static void choose(Plan *p) {
  const Core *c = &p->core;
  read_result(p);
  int saved = (p->joined != NULL) + (p->turned != NULL) - 1;
  saved += !c->q.flat.apart + !c->k.flat.apart + !c->v.flat.apart;
  p->flat = c->q.flat.v && c->k.flat.v && c->v.flat.v && saved > 0;
  p->q = p->flat ? c->q.flat : c->q.whole;
  p->k = p->flat ? c->k.flat : c->k.whole;
  p->v = p->flat ? c->v.flat : c->v.whole;
}

static const char *form_refusal(Plan *p) {
  choose(p);
  if (p->k.heads != p->v.heads) return "K and V have different numbers of heads";
  if (p->q.heads % p->k.heads) return "the heads of K do not divide those of Q";
  p->scale = p->core.scale * p->q.scale * p->k.scale;
  if (!(p->scale > 0) || !isnormal((float)p->scale)) return "the scale is not a positive normal number";
  if (p->core.cap != 0 && (!(p->core.cap > 0) || !isnormal((float)p->core.cap)))
    return "the soft cap is not a positive normal number";
  if (dtype_of(p->core.scores) == DT_FLOAT16 && p->scale > 1)
    return "in float16 a scale above 1 may overflow in front of the product";
  return NULL;
}

static const char *mask_refusal(Plan *p) {
  const Core *c = &p->core;
  Shape scores = shape_of(c->scores);
  if (c->kept && mask_is_causal(c->kept, c->inverted, scores))
    p->causal = true;
  else if (c->kept && c->n_biases)
    return "there are two masks, one of them filled in";
  else if (c->kept && !mask_keeps_rows(c->kept, c->inverted))
    return "a row may be masked altogether: Softmax gives NaN there, Attention 0";
  else
    p->kept = c->kept;
  p->rows = ROWS_KEPT;
  if (!c->n_biases) return NULL;
  if (!c->kept && c->n_biases == 1 && mask_is_causal(c->bias[0], false, scores))
    return p->causal = true, NULL;
  p->rows = bias_rows(c->bias, c->n_biases);
  if (p->rows == ROWS_UNKNOWN)
    return "a row of the mask may be -inf altogether: Softmax gives NaN there, Attention 0";
  if (c->kept && mask_keeps_rows(c->bias[0], false) && c->n_biases == 1 && constant_of(c->bias[0]))
    return "there are two constant masks"; /* each keeps some key of a row, but perhaps not the same */
  return NULL;
}

/* --- the mask ------------------------------------------------------------------------------------------- */

static Value *expanded(Rewriter *rw, Value *v, int rank, const int64_t *dim) {
  Value *in[] = {v, rw_const_ints(rw, dim, (size_t)rank)};
  return rw_node(rw, OP_Expand, 2, in)->out[0];
}

/* The mask with queries and keys as its last axes, of rank 2 to 4. NULL if their sizes would have to be
 * computed. */
static Value *fitted(Rewriter *rw, const Core *c, Value *mask) {
  Shape s = shape_of(mask), scores = shape_of(c->scores);
  int rank = s.rank < 2 ? 2 : s.rank;
  int64_t dim[4] = {1, 1, 1, 1};
  bool grows = s.rank < 2;
  for (int i = 1; i <= 2; i++) {
    Dim wanted = scores.dim[scores.rank - i];
    if (i <= s.rank && sym_equal(s.dim[s.rank - i], wanted)) continue;
    if (!sym_const(wanted, &dim[rank - i])) return NULL;
    grows = true;
  }
  if (grows) mask = expanded(rw, mask, rank, dim);
  if (c->rank == 3 && rank == 3 && !sym_is(s.dim[0], 1)) {
    Value *in[] = {mask, rw_const_ints(rw, (int64_t[]){1}, 1)};
    mask = rw_node(rw, OP_Unsqueeze, 2, in)->out[0];
  }
  return mask;
}

static Value *build_mask(Rewriter *rw, const Plan *p) {
  const Core *c = &p->core;
  if (p->kept) {
    Value *kept = c->inverted ? rw_node(rw, OP_Not, 1, &p->kept)->out[0] : p->kept;
    return fitted(rw, c, kept);
  }
  Value *sum = c->bias[0];
  if (c->n_biases == 2) sum = rw_node(rw, OP_Add, 2, c->bias)->out[0];
  return fitted(rw, c, p->rows == ROWS_LOWEST ? bias_raise(rw, sum) : sum);
}

/* --- building ------------------------------------------------------------------------------------------- */

static Value *reshaped(Rewriter *rw, Value *v, const int64_t *dim, int rank) {
  Value *in[] = {v, rw_const_ints(rw, dim, (size_t)rank)};
  return rw_node(rw, OP_Reshape, 2, in)->out[0];
}

/* The columns of a fused projection that an operand is; others ask for the same Split. */
static Value *columns(Rewriter *rw, const Operand *o, Node **split) {
  int64_t size[MAX_PARTS] = {0}, depth = o->flat.depth;
  Value *x = o->flat.v;
  if (o->flat.apart) return reshaped(rw, x, (int64_t[]){0, 0, o->flat.heads * depth}, 3);
  if (!o->piece.n) return x;
  for (int i = 0; i < o->piece.n; i++) size[i] = o->piece.heads[i] * depth;
  const int64_t *before;
  size_t n;
  bool same = *split && node_in(*split, 0) == x && value_ints(node_in(*split, 1), &before, &n) &&
              n == (size_t)o->piece.n && memcmp(before, size, n * sizeof *size) == 0;
  if (!same) {
    Value *in[] = {x, rw_const_ints(rw, size, (size_t)o->piece.n)};
    *split = rw_node_n(rw, OP_Split, 2, in, o->piece.n);
    rw_attr_int(rw, *split, "axis", 2);
  }
  return (*split)->out[o->piece.index];
}

static Value *rotated(Rewriter *rw, const Operand *o, const Form *f, Value *v) {
  Value *in[4] = {v};
  if (!o->rotary) return v;
  for (int i = 1; i < o->rotary->n_in; i++) in[i] = node_in(o->rotary, i);
  Node *n = rw_copy(rw, o->rotary, o->rotary->n_in, in);
  rw_attr_int(rw, n, "num_heads", f->heads);
  return n->out[0];
}

static Value *ordered(Rewriter *rw, const Operand *o) {
  int64_t perm[4];
  int n = 0;
  bool turns = false;
  for (int i = 0; i < PART; i++)
    if (o->whole_at[i] >= 0) {
      turns = turns || o->whole_at[i] != n;
      perm[n++] = o->whole_at[i];
    }
  if (!turns) return o->whole.v;
  Node *t = rw_node(rw, OP_Transpose, 1, &o->whole.v);
  rw_attr_ints(rw, t, "perm", perm, (size_t)n);
  return t->out[0];
}

static Node *build(Rewriter *rw, const Plan *p) {
  const Core *c = &p->core;
  const Operand *o[] = {&c->q, &c->k, &c->v};
  const Form *f[] = {&p->q, &p->k, &p->v};
  Value *in[4] = {NULL};
  Node *split = NULL;
  for (int i = 0; i < 3; i++)
    in[i] = p->flat ? rotated(rw, o[i], f[i], columns(rw, o[i], &split)) : ordered(rw, o[i]);
  bool masked = p->kept || (c->n_biases && !(p->causal && !c->kept));
  if (masked && !(in[3] = build_mask(rw, p))) return NULL;
  Node *n = rw_node(rw, OP_Attention, 4, in);
  rw_attr_float(rw, n, "scale", (float)p->scale);
  if (p->causal) rw_attr_int(rw, n, "is_causal", 1);
  if (c->cap != 0) rw_attr_float(rw, n, "softcap", (float)c->cap);
  if (c->precision != dtype_of(c->scores)) rw_attr_int(rw, n, "softmax_precision", c->precision);
  if (rank_of(in[0]) == 3) {
    rw_attr_int(rw, n, "q_num_heads", p->q.heads);
    rw_attr_int(rw, n, "kv_num_heads", p->k.heads);
  }
  return n;
}

/* Puts [batch, length, columns] in the place of the core's result: where its heads are side by side again, or
 * as near as it comes. */
static Value *replaced(Rewriter *rw, const Plan *p, Value **result) {
  if (!p->flat) return p->core.result;
  if (p->joined && shape_equal(shape_of(p->joined), shape_of(*result))) return p->joined;
  *result = reshaped(rw, *result, (int64_t[]){0, 0, p->q.heads, p->v.depth}, 4);
  if (p->turned) return p->turned;
  Node *t = rw_node(rw, OP_Transpose, 1, result);
  rw_attr_ints(rw, t, "perm", (int64_t[]){0, 2, 1, 3}, 4);
  *result = t->out[0];
  return p->core.result;
}

/* From Q and K on, or from what Softmax is taken of if that is as far as it went. */
static void saw_core(Rewriter *rw, const Node *root, const Core *c) {
  const Node *product = c->scores ? c->scores->producer : NULL;
  Value *from[] = {product ? node_in(product, 0) : c->weights, product ? node_in(product, 1) : NULL};
  rw_saw_from(rw, root, 2, from);
  if (c->result && c->result->producer != root) rw_saw(rw, c->result->producer);
}

static Outcome fuse(Rewriter *rw, Node *node) {
  Plan p = {0};
  const char *why;
  bool is_core = core_read(node, &p.core);
  saw_core(rw, node, &p.core);
  if (!is_core) {
    TRY(p.core.why);
    NEED(false, "%s", p.core.why);
  }
  NEED(node->opset >= 23, "Attention needs opset 23, this is %d", node->opset);
  NEED(op_has_kernel(op_def(OP_Attention), node->opset),
       "ONNX Runtime has no kernel for the Attention of opset %d and takes it apart", node->opset);
  why = rank_refusal(&p.core);
  if (!why) why = type_refusal(&p.core);
  if (!why) why = shape_refusal(&p.core);
  if (!why) why = form_refusal(&p);
  if (!why) why = mask_refusal(&p);
  NEED(!why, "%s", why);
  Node *attention = build(rw, &p);
  NEED(attention, "the mask broadcasts over queries or keys whose number is not known");
  Value *result = attention->out[0], *old = replaced(rw, &p, &result);
  NEED(rw_can_replace(rw, old, result, &why), "%s", why);
  rw_replace(rw, old, result);
  rw_note(rw, "%lld heads, scale %g%s%s", (long long)p.q.heads, p.scale, p.causal ? ", causal" : "",
          node_in(attention, 3) ? ", masked" : "");
  return FIRED;
}

static const Rule rules[] = {
    {.name = "attention",
     .doc = "Softmax(Q * K^T * scale + mask) * V => Attention(Q, K, V, mask)",
     .exact = ROUNDING,
     .apply = fuse,
     .roots = {OP_MatMul}},
};

const Pass pass_fuse_attention = {"fuse_attention", "recognises attention in its parts (opset 23)",
                                  PASS_RULES(rules), .makes = OP_Attention};
