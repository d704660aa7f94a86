/* Recurrent layers: X [seq, batch, input] with layout 0, [batch, seq, input] with layout 1. */
#include "infer/family.h"

/* RNN, GRU, LSTM: Y [seq, directions, batch, hidden] or [batch, seq, directions, hidden]; Y_h and Y_c
 * [directions, batch, hidden] or [batch, directions, hidden]. */
void infer_rnn(Infer *f) {
  Shape x = in_shape(f, 0), r = in_shape(f, 2);
  bool batch_first = attr_int_or(f, "layout", 0) != 0;
  int64_t hidden_size;
  Dim seq = NULL, batch = NULL, hidden = NULL;
  Dim directions = num(f, attr_string_is(f->node, "direction", "bidirectional") ? 2 : 1);
  if (x.rank == 3) {
    seq = x.dim[batch_first ? 1 : 0];
    batch = x.dim[batch_first ? 0 : 1];
  }
  if (attr_int(f->node, "hidden_size", &hidden_size))
    hidden = num(f, hidden_size);
  else if (r.rank == 3)
    hidden = r.dim[2];
  if (!seq) seq = sym_fresh(f->syms);
  if (!batch) batch = sym_fresh(f->syms);
  if (!hidden) hidden = sym_fresh(f->syms);
  Dim y[2][4] = {{seq, directions, batch, hidden}, {batch, seq, directions, hidden}};
  Dim last[2][3] = {{directions, batch, hidden}, {batch, directions, hidden}};
  out_dims(f, 0, in_dtype(f, 0), 4, y[batch_first]);
  out_dims(f, 1, in_dtype(f, 0), 3, last[batch_first]);
  out_dims(f, 2, in_dtype(f, 0), 3, last[batch_first]);
}
