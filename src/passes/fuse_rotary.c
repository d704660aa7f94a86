/* fuse_rotary
 *
 * Before:    x * cos + turned(x) * sin, turned(x) = Concat(-x2, x1) of x's halves, or (-b, a) for pairs of
 *            neighbours; or the rotated parts by themselves, x1 * cos - x2 * sin and x1 * sin + x2 * cos.
 *            Parts are taken by Slice, Split or Gather. Elements behind those that are rotated may follow as
 *            they are. Heads stand before or behind the positions
 * After:     RotaryEmbedding(x, cos, sin), each angle once
 * Formula:   the operator's own definition
 * When not:  the opset is below 23; cos and sin are not known to be the same for both elements of a pair, to
 *            be as many as there are positions, or to be the same for all heads; they would have to be
 *            repeated for a batch of unknown size; double or bfloat16 (no kernel)
 * Exactness: rounding
 *
 * A Gather of angles by position stays in front of the operator: with an input for positions it would not
 * count negative ones from the end.
 */
#include "passes/rotary/rotary.h"

typedef struct Layout {
  Shape x;
  int length;                    /* the axis of positions */
  int64_t heads, depth, columns; /* of all heads together */
} Layout;

/* Heads in front of the positions if the angles fit that way, else behind. */
static const char *layout_of(const Rotation *r, Layout *l) {
  l->x = shape_of(r->source);
  const char *why = "x is not of rank 3 or 4";
  if (l->x.rank < 3 || l->x.rank > 4 || !sym_const(l->x.dim[l->x.rank - 1], &l->depth)) return why;
  l->heads = 1;
  for (l->length = l->x.rank - 2; l->length > 0; l->length--) {
    const char *refusal = cache_refusal(r, r->cos, l->x, l->length);
    if (!refusal) refusal = cache_refusal(r, r->sin, l->x, l->length);
    if (!refusal) break;
    if (l->length == l->x.rank - 2) why = refusal;
  }
  if (!l->length) return why;
  bool inside = l->x.rank == 4 && l->length == 1;
  if (inside && !sym_const(l->x.dim[2], &l->heads)) return "the number of heads is not known";
  if (__builtin_mul_overflow(l->heads, l->depth, &l->columns)) return "its heads are too large";
  return NULL;
}

static Value *reshaped(Rewriter *rw, Value *v, const int64_t *dim, size_t n) {
  Value *in[] = {v, rw_const_ints(rw, dim, n)};
  return rw_node(rw, OP_Reshape, 2, in)->out[0];
}

/* [batch, positions, heads, depth] with the heads side by side, from where it came from if it did. */
static Value *side_by_side(Rewriter *rw, Value *x, const Layout *l) {
  Node *reshape = x->producer;
  Value *from = node_is(reshape, OP_Reshape) ? node_in(reshape, 0) : NULL;
  Shape s = from ? shape_of(from) : SHAPE_UNKNOWN;
  int64_t columns;
  bool same = s.rank == 3 && sym_equal(s.dim[0], l->x.dim[0]) && sym_equal(s.dim[1], l->x.dim[1]) &&
              sym_const(s.dim[2], &columns) && columns == l->columns;
  return same ? from : reshaped(rw, x, (int64_t[]){0, 0, l->columns}, 3);
}

static Value *build(Rewriter *rw, const Rotation *r, const Layout *l) {
  bool inside = l->x.rank == 4 && l->length == 1;
  Value *in[] = {inside ? side_by_side(rw, r->source, l) : r->source,
                 cache_build(rw, r, r->cos, l->x, l->length), cache_build(rw, r, r->sin, l->x, l->length)};
  Node *n = rw_node(rw, OP_RotaryEmbedding, 3, in);
  if (r->interleaved) rw_attr_int(rw, n, "interleaved", 1);
  if (r->x.count != l->depth) rw_attr_int(rw, n, "rotary_embedding_dim", r->x.count);
  if (inside || l->x.rank == 3) rw_attr_int(rw, n, "num_heads", l->heads);
  return inside ? reshaped(rw, n->out[0], (int64_t[]){0, 0, l->heads, l->depth}, 4) : n->out[0];
}

static Outcome fuse(Rewriter *rw, Node *node) {
  Rotation r;
  Layout l;
  TRY(rotation_read(node, &r));
  rw_saw_from(rw, node, 1, &r.x.root);
  NEED(node->opset >= 23, "RotaryEmbedding needs opset 23, this is %d", node->opset);
  ElemType t = dtype_of(r.source);
  NEED(t == DT_FLOAT || t == DT_FLOAT16, "there is no kernel of RotaryEmbedding for %s", elem_name(t));
  const char *why = layout_of(&r, &l);
  NEED(!why, "%s", why);
  Value *now = build(rw, &r, &l);
  NEED(rw_can_replace(rw, r.result, now, &why), "%s", why);
  rw_replace(rw, r.result, now);
  rw_note(rw, "%lld of %lld elements%s", (long long)r.x.count, (long long)l.depth,
          r.interleaved ? ", neighbours in pairs" : "");
  return FIRED;
}

static const Rule rules[] = {
    {.name = "rotary",
     .doc = "x * cos + Concat(-x2, x1) * sin => RotaryEmbedding(x, cos, sin)",
     .exact = ROUNDING,
     .apply = fuse,
     .roots = {OP_Add, OP_Concat, OP_Reshape}},
};

const Pass pass_fuse_rotary = {"fuse_rotary", "recognises rotary embeddings in their parts (opset 23)",
                               PASS_RULES(rules), .makes = OP_RotaryEmbedding};
