/* Multidirectional broadcasting of symbolic shapes. */
#include "infer/family.h"

/* Dim of the result where a meets b, each equal or 1. *valid is cleared if they contradict each other.
 *
 * A dim that is surely not 1 (0 included) decides: the other one is equal to it or 1. Where both may be 1
 * nothing is known of the result but that it is one of the two, unless both are 1 together. */
static Dim broadcast_dim(SymTable *t, Dim a, Dim b, bool *valid) {
  Dim one = sym_int(t, 1);
  if (sym_equal(a, b) || sym_is(b, 1)) return a;
  if (sym_is(a, 1)) return b;
  bool a_decides = sym_distinct(t, a, one), b_decides = sym_distinct(t, b, one);
  if (a_decides && b_decides) {
    if (sym_distinct(t, a, b)) *valid = false;
    return dim_meet(a, b);
  }
  if (a_decides || b_decides) return a_decides ? a : b;
  Dim equal = sym_capped(a, b);
  return equal ? equal : sym_fresh(t);
}

Shape shape_broadcast(SymTable *t, Arena *arena, Shape a, Shape b) {
  if (a.rank < 0 || b.rank < 0) return SHAPE_UNKNOWN;
  if (a.rank < b.rank) {
    Shape swap = a;
    a = b;
    b = swap;
  }
  Dim *dim = NEW_ARRAY(arena, Dim, a.rank);
  bool valid = true;
  for (int i = 0; i < a.rank; i++) {
    int j = i - (a.rank - b.rank);
    dim[i] = j < 0 ? a.dim[i] : broadcast_dim(t, a.dim[i], b.dim[j], &valid);
  }
  return valid ? (Shape){a.rank, dim} : SHAPE_UNKNOWN;
}

bool shape_broadcasts_to(Shape s, Shape to) {
  if (s.rank == 0) return true;
  if (s.rank < 0 || to.rank < s.rank) return false;
  for (int i = 0; i < s.rank; i++) {
    Dim d = s.dim[i];
    if (!sym_is(d, 1) && !sym_equal(d, to.dim[to.rank - s.rank + i])) return false;
  }
  return true;
}

Shape in_broadcast(const Infer *f, int first, int last) {
  Shape s = in_shape(f, first);
  for (int i = first + 1; i <= last; i++) s = shape_broadcast(f->syms, f->arena, s, in_shape(f, i));
  return s;
}
