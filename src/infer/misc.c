/* Random tensors, signal windows, strings, attention. */
#include "infer/family.h"

static ElemType elem_attr(const Infer *f, const char *name, ElemType other) {
  int64_t t = attr_int_or(f, name, other);
  return t > 0 && t < DT_COUNT_ ? (ElemType)t : DT_UNDEFINED;
}

/* RandomNormal, RandomUniform: shape and type are attributes. */
void infer_random(Infer *f) {
  const int64_t *shape;
  size_t n;
  ElemType t = elem_attr(f, "dtype", DT_FLOAT);
  out_tensor(f, 0, t, SHAPE_UNKNOWN);
  if (!attr_ints(f->node, "shape", &shape, &n) || n > MAX_RANK) return;
  Dim dim[MAX_RANK];
  for (size_t i = 0; i < n; i++) dim[i] = num(f, shape[i]);
  out_dims(f, 0, t, (int)n, dim);
}

/* RandomNormalLike, RandomUniformLike, Bernoulli */
void infer_random_like(Infer *f) {
  out_tensor(f, 0, elem_attr(f, "dtype", in_dtype(f, 0)), in_shape(f, 0));
}

/* Multinomial: [batch, sample_size] */
void infer_multinomial(Infer *f) {
  Shape in = in_shape(f, 0);
  Dim dim[2] = {in.rank == 2 ? in.dim[0] : NULL, num(f, attr_int_or(f, "sample_size", 1))};
  out_dims(f, 0, elem_attr(f, "dtype", DT_INT32), 2, dim);
}

/* HannWindow, HammingWindow, BlackmanWindow: [size] */
void infer_signal_window(Infer *f) {
  Dim size = in_element(f, 0);
  out_dims(f, 0, elem_attr(f, "output_datatype", DT_FLOAT), 1, &size);
}

/* MelWeightMatrix(num_mel_bins, dft_length, ...): [dft_length/2 + 1, num_mel_bins] */
void infer_mel(Infer *f) {
  Dim half = sym_floordiv(f->syms, in_element(f, 1), num(f, 2));
  Dim dim[2] = {sym_add(f->syms, half, num(f, 1)), in_element(f, 0)};
  out_dims(f, 0, elem_attr(f, "output_datatype", DT_FLOAT), 2, dim);
}

/* DFT: the input's dims with 2 for the last (complex), if the length is not changed. */
void infer_dft(Infer *f) {
  Shape in = in_shape(f, 0);
  out_tensor(f, 0, in_dtype(f, 0), SHAPE_UNKNOWN);
  if (in.rank < 2) return;
  bool plain = !has_in(f, 1) && !attr_int_or(f, "onesided", 0);
  Dim *dim = plain ? dims_of(f, in, 0) : dims_new(f, (size_t)in.rank);
  if (plain) dim[in.rank - 1] = num(f, 2);
  out_dims(f, 0, in_dtype(f, 0), in.rank, dim);
}

/* STFT: [batch, frames, bins, 2] */
void infer_stft(Infer *f) {
  Shape in = in_shape(f, 0);
  Dim dim[4] = {in.rank > 0 ? in.dim[0] : NULL, NULL, NULL, num(f, 2)};
  out_dims(f, 0, in_dtype(f, 0), 4, dim);
}

/* --- strings -------------------------------------------------------------------------------------------- */

void infer_string_concat(Infer *f) {
  out_tensor(f, 0, DT_STRING, in_broadcast(f, 0, 1));
}
/* StringNormalizer: stopwords go, so the number is not known. */
void infer_string_normalizer(Infer *f) {
  Shape in = in_shape(f, 0);
  out_tensor(f, 0, DT_STRING, SHAPE_UNKNOWN);
  if (in.rank < 1) return;
  Dim *dim = dims_of(f, in, 0);
  dim[in.rank - 1] = NULL;
  out_dims(f, 0, DT_STRING, in.rank, dim);
}
/* StringSplit: [..., most parts] and the number of parts. */
void infer_string_split(Infer *f) {
  Shape in = in_shape(f, 0);
  out_tensor(f, 0, DT_STRING, SHAPE_UNKNOWN);
  out_tensor(f, 1, DT_INT64, in);
  if (in.rank >= 0) out_dims(f, 0, DT_STRING, in.rank + 1, dims_of(f, in, 1));
}
/* TfIdfVectorizer: [..., size of the vocabulary] */
void infer_tf_idf(Infer *f) {
  Shape in = in_shape(f, 0);
  out_tensor(f, 0, DT_FLOAT, SHAPE_UNKNOWN);
  if (in.rank < 1) return;
  Dim *dim = dims_of(f, in, 0);
  dim[in.rank - 1] = NULL;
  out_dims(f, 0, DT_FLOAT, in.rank, dim);
}

/* --- attention ------------------------------------------------------------------------------------------ */

/* Attention(Q, K, V, ...): Q [batch, heads, length, size] or [batch, length, heads*size]; the output's last
 * dim comes from V. The present keys and values and the scores have rank 4. */
void infer_attention(Infer *f) {
  Shape q = in_shape(f, 0), v = in_shape(f, 2);
  ElemType t = in_dtype(f, 0);
  int64_t q_heads, kv_heads;
  out_tensor(f, 0, t, SHAPE_UNKNOWN);
  if (q.rank == 4) {
    Dim dim[4] = {q.dim[0], q.dim[1], q.dim[2], v.rank == 4 ? v.dim[3] : NULL};
    out_dims(f, 0, t, 4, dim);
  } else if (q.rank == 3) {
    Dim width = NULL;
    bool heads = attr_int(f->node, "q_num_heads", &q_heads) && attr_int(f->node, "kv_num_heads", &kv_heads);
    if (heads && v.rank == 3)
      width = sym_mul(f->syms, sym_floordiv(f->syms, v.dim[2], num(f, kv_heads)), num(f, q_heads));
    Dim dim[3] = {q.dim[0], q.dim[1], width};
    out_dims(f, 0, t, 3, dim);
  }
  out_dims(f, 1, in_dtype(f, 1), 4, dims_new(f, 4));
  out_dims(f, 2, in_dtype(f, 2), 4, dims_new(f, 4));
  out_dims(f, 3, t, 4, dims_new(f, 4));
}
