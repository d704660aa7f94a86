/* Normalisations, dropout, quantisation: shapes of the first input with a few outputs beside it. */
#include "infer/family.h"

/* BatchNormalization: in training mode also running mean and variance (and saved ones before 14), all [C]. */
void infer_batch_norm(Infer *f) {
  out_same(f, 0, 0);
  for (int o = 1; o < f->node->n_out; o++) out_tensor(f, o, in_dtype(f, 3), in_shape(f, 3));
}

/* LayerNormalization: mean and inverse deviation with the normalised axes as 1, in the type of the stash. */
void infer_layer_norm(Infer *f) {
  Shape in = in_shape(f, 0);
  int axis;
  ElemType stash = (ElemType)attr_int_or(f, "stash_type", DT_FLOAT);
  out_same(f, 0, 0);
  for (int o = 1; o < 3; o++) {
    out_tensor(f, o, stash, SHAPE_UNKNOWN);
    if (in.rank < 0 || !axis_in(attr_int_or(f, "axis", -1), in.rank, &axis)) continue;
    Dim *dim = dims_of(f, in, 0);
    for (int i = axis; i < in.rank; i++) dim[i] = num(f, 1);
    out_dims(f, o, stash, in.rank, dim);
  }
}

/* Dropout: the mask is bool from 10 on. */
void infer_dropout(Infer *f) {
  out_same(f, 0, 0);
  out_tensor(f, 1, since(f) >= 10 ? DT_BOOL : in_dtype(f, 0), in_shape(f, 0));
}

/* QuantizeLinear: type of the zero point, or output_dtype, or uint8. */
void infer_quantize(Infer *f) {
  int64_t stated = attr_int_or(f, "output_dtype", DT_UNDEFINED);
  ElemType t = has_in(f, 2) ? in_dtype(f, 2) : stated > 0 && stated < DT_COUNT_ ? (ElemType)stated : DT_UINT8;
  out_tensor(f, 0, t, in_shape(f, 0));
}

/* DequantizeLinear: float before 19, then the scale's type or output_dtype. */
void infer_dequantize(Infer *f) {
  int64_t stated = attr_int_or(f, "output_dtype", DT_UNDEFINED);
  ElemType t = since(f) < 19                      ? DT_FLOAT
               : stated > 0 && stated < DT_COUNT_ ? (ElemType)stated
                                                  : in_dtype(f, 1);
  out_tensor(f, 0, t, in_shape(f, 0));
}

/* DynamicQuantizeLinear: uint8, scale, zero point. */
void infer_dynamic_quantize(Infer *f) {
  out_tensor(f, 0, DT_UINT8, in_shape(f, 0));
  out_scalar(f, 1, DT_FLOAT);
  out_scalar(f, 2, DT_UINT8);
}

/* NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss: a scalar, or the target's shape without reduction; the
 * second output of the latter has the input's. */
void infer_loss(Infer *f) {
  bool each = attr_string_is(f->node, "reduction", "none");
  out_tensor(f, 0, in_dtype(f, 0), each ? in_shape(f, 1) : (Shape){0, NULL});
  out_tensor(f, 1, in_dtype(f, 0), in_shape(f, 0));
}
