/* Matrix products. */
#include "infer/family.h"

/* numpy's matmul: vectors get a dim of 1 that goes again, the leading dims broadcast. */
static void matmul(Infer *f, int ia, int ib, ElemType t) {
  Shape a = in_shape(f, ia), b = in_shape(f, ib);
  out_tensor(f, 0, t, SHAPE_UNKNOWN);
  if (a.rank < 1 || b.rank < 1) return;
  Shape lead_a = {a.rank > 2 ? a.rank - 2 : 0, a.dim}, lead_b = {b.rank > 2 ? b.rank - 2 : 0, b.dim};
  Shape lead = shape_broadcast(f->syms, f->arena, lead_a, lead_b);
  Dim inner_a = a.dim[a.rank - 1], inner_b = b.dim[b.rank > 1 ? b.rank - 2 : 0];
  if (lead.rank < 0 || sym_distinct(f->syms, inner_a, inner_b)) return;
  Dim *dim = dims_of(f, lead, 2);
  int rank = lead.rank;
  if (a.rank > 1) dim[rank++] = a.dim[a.rank - 2];
  if (b.rank > 1) dim[rank++] = b.dim[b.rank - 1];
  out_dims(f, 0, t, rank, dim);
}

void infer_matmul(Infer *f) {
  matmul(f, 0, 1, in_dtype(f, 0) ? in_dtype(f, 0) : in_dtype(f, 1));
}
void infer_matmul_integer(Infer *f) {
  matmul(f, 0, 1, DT_INT32);
}
/* QLinearMatMul: the type of the output's zero point. */
void infer_qlinear_matmul(Infer *f) {
  matmul(f, 0, 3, in_dtype(f, 7));
}

/* Gemm: [M, N] */
void infer_gemm(Infer *f) {
  Shape a = in_shape(f, 0), b = in_shape(f, 1);
  bool ta = attr_int_or(f, "transA", 0) != 0, tb = attr_int_or(f, "transB", 0) != 0;
  Dim dim[2] = {a.rank == 2 ? a.dim[ta ? 1 : 0] : NULL, b.rank == 2 ? b.dim[tb ? 0 : 1] : NULL};
  out_dims(f, 0, in_dtype(f, 0) ? in_dtype(f, 0) : in_dtype(f, 1), 2, dim);
}

/* --- Einsum --------------------------------------------------------------------------------------------- */

/* Labels are letters; a dim of 1 broadcasts against the others of its label. */
typedef struct Labels {
  Dim dim['z' + 1];
  int count['z' + 1];
  bool valid;
} Labels;

static bool is_letter(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void label_meet(const Infer *f, Labels *l, uint8_t c, Dim d) {
  Shape a = {1, &l->dim[c]}, b = {1, &d};
  if (l->count[c]++ == 0) {
    l->dim[c] = d;
    return;
  }
  Shape r = shape_broadcast(f->syms, f->arena, a, b);
  if (r.rank < 0)
    l->valid = false;
  else
    l->dim[c] = r.dim[0];
}

/* Reads the terms in front of "->"; *p ends at it or behind the text. */
static bool read_operands(const Infer *f, Span text, size_t *p, Labels *l) {
  int operand = 0, axis = 0;
  for (; *p < text.n && text.p[*p] != '-'; (*p)++) {
    uint8_t c = text.p[*p];
    if (c == ' ') continue;
    Shape s = in_shape(f, operand);
    if (c == ',') {
      if (s.rank != axis) return false;
      operand++;
      axis = 0;
    } else if (is_letter(c)) {
      if (axis >= s.rank) return false;
      label_meet(f, l, c, s.dim[axis++]);
    } else {
      return false; /* an ellipsis: not followed */
    }
  }
  return l->valid && in_shape(f, operand).rank == axis && operand == f->node->n_in - 1;
}

/* Einsum without ellipsis: the labels behind "->", else those that occur once, in alphabetical order. */
void infer_einsum(Infer *f) {
  Span text;
  Labels l = {.valid = true};
  size_t p = 0;
  Dim dim[MAX_RANK];
  int rank = 0;
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (!attr_string(f->node, "equation", &text) || !read_operands(f, text, &p, &l)) return;
  if (p < text.n) {
    if (p + 1 >= text.n || text.p[p + 1] != '>') return;
    for (p += 2; p < text.n; p++) {
      uint8_t c = text.p[p];
      if (c == ' ') continue;
      if (!is_letter(c) || !l.count[c] || rank == MAX_RANK) return;
      dim[rank++] = l.dim[c];
    }
  } else {
    for (int c = 'A'; c <= 'z'; c++)
      if (is_letter((uint8_t)c) && l.count[c] == 1 && rank < MAX_RANK) dim[rank++] = l.dim[c];
  }
  out_dims(f, 0, in_dtype(f, 0), rank, dim);
}

/* Det: [*, M, M] -> [*] */
void infer_det(Infer *f) {
  Shape in = in_shape(f, 0);
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank >= 2) out_dims(f, 0, in_dtype(f, 0), in.rank - 2, in.dim);
}
