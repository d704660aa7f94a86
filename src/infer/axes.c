#include "infer/axes.h"

#include "ops/ops.h"

bool node_axis(const Node *n, int rank, int *axis) {
  int64_t a;
  if (!attr_int(n, "axis", &a) || a < -rank || a >= rank) return false;
  *axis = (int)(a < 0 ? a + rank : a);
  return true;
}

bool node_axes(const Node *n, int i, int rank, int64_t *at, int *count) {
  const int64_t *list;
  size_t size;
  Value *v = node_in(n, i);
  *count = -1;
  if (v) {
    if (!value_ints(v, &list, &size)) return false;
  } else if (!attr_ints(n, "axes", &list, &size)) {
    return !node_attr(n, "axes");
  }
  if (rank < 0 || rank > MAX_RANK) return false;
  uint64_t seen = 0;
  for (size_t k = 0; k < size; k++) {
    int64_t a = list[k] < 0 ? list[k] + rank : list[k];
    if (a < 0 || a >= rank || seen >> a & 1) return false;
    seen |= (uint64_t)1 << a;
    at[k] = a;
  }
  *count = (int)size;
  return true;
}
