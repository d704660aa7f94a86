/* Einsum: the products of all operands, summed over the labels that the output lacks. */
#include "eval/window.h"

enum {
  MAX_OPERANDS = 8,
  N_LABELS = 52 + MAX_RANK
}; /* letters, then the axes of an ellipsis from the right */

typedef struct Einsum {
  int operands, n; /* labels in use: those of the output, then the others */
  int64_t dim[N_LABELS], stride[MAX_OPERANDS][N_LABELS];
  int out_rank;
  int seen[N_LABELS]; /* position among the labels in use, -1: none */
} Einsum;

/* The labels of one term; *ellipsis is how many axes its ellipsis stands for, given the rank (-1: any). */
static int term_labels(Span s, int rank, int *ellipsis, int *label) {
  int n = 0, letters = 0;
  bool dots = false;
  for (size_t i = 0; i < s.n; i++) letters += s.p[i] != ' ' && s.p[i] != '.';
  if (rank >= 0) *ellipsis = rank - letters;
  for (size_t i = 0; i < s.n; i++) {
    uint8_t c = s.p[i];
    if (c == ' ') continue;
    if (c == '.') {
      if (dots || i + 3 > s.n || s.p[i + 1] != '.' || s.p[i + 2] != '.' || *ellipsis < 0) return -1;
      for (int k = *ellipsis; k > 0; k--, n++)
        if (n < MAX_RANK) label[n] = 52 + k - 1;
      dots = true;
      i += 2;
      continue;
    }
    bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    if ((!lower && !upper) || n >= MAX_RANK) return -1;
    label[n++] = lower ? c - 'a' : c - 'A' + 26;
  }
  if (n > MAX_RANK || (rank >= 0 && n != rank)) return -1;
  return n;
}

static int place_of(Einsum *s, int label) {
  if (s->seen[label] < 0) {
    s->dim[s->n] = -1; /* not known yet */
    s->seen[label] = s->n++;
  }
  return s->seen[label];
}

/* Strides of operand k; dims of a label agree, or (within an ellipsis) broadcast. */
static bool add_operand(Einsum *s, int k, const Tensor *t, int n, const int *label) {
  int64_t packed[MAX_RANK];
  strides_of(t->rank, t->dim, packed);
  for (int i = 0; i < n; i++) {
    int at = place_of(s, label[i]);
    int64_t *d = &s->dim[at];
    bool spread = label[i] >= 52 && t->dim[i] == 1;
    if (*d < 0 || (label[i] >= 52 && *d == 1))
      *d = t->dim[i];
    else
      NEEDS(*d == t->dim[i] || spread);
    if (!spread) s->stride[k][at] += packed[i];
  }
  return true;
}

/* Without "->" the output has, in alphabetical order, the labels that occur once, after the ellipsis. */
static int implicit_output(const int *times, int ellipsis, int *label) {
  int n = 0;
  for (int k = ellipsis; k > 0; k--) label[n++] = 52 + k - 1;
  for (int pass = 0; pass < 2; pass++) /* upper case sorts first */
    for (int i = 0; i < 26; i++)
      if (times[pass ? i : i + 26] == 1) label[n++] = pass ? i : i + 26;
  return n;
}

static bool einsum_init(Eval *e, Einsum *s) {
  Span text, term[MAX_OPERANDS], output = {NULL, 0};
  int label[MAX_OPERANDS][MAX_RANK], n[MAX_OPERANDS], out[N_LABELS], times[N_LABELS] = {0}, widest = 0;
  NEEDS(attr_string(e->node, "equation", &text) && e->n_in >= 1 && e->n_in <= MAX_OPERANDS);
  size_t end = text.n, from = 0;
  for (size_t i = 0; i + 1 < text.n; i++)
    if (text.p[i] == '-' && text.p[i + 1] == '>') {
      end = i;
      output = (Span){text.p + i + 2, text.n - i - 2};
      break;
    }
  for (size_t i = 0; i <= end; i++) {
    if (i < end && text.p[i] != ',') continue;
    NEEDS(s->operands < e->n_in && e->in[s->operands]);
    term[s->operands++] = (Span){text.p + from, i - from};
    from = i + 1;
  }
  NEEDS(s->operands == e->n_in);
  for (int k = 0; k < s->operands; k++) {
    int ellipsis;
    NEEDS(e->in[k]->rank <= MAX_RANK &&
          (n[k] = term_labels(term[k], e->in[k]->rank, &ellipsis, label[k])) >= 0);
    for (int i = 0; i < n[k]; i++) times[label[k][i]]++;
    if (ellipsis > widest) widest = ellipsis;
  }
  for (int i = 0; i < N_LABELS; i++) s->seen[i] = -1;
  s->out_rank = end < text.n ? term_labels(output, -1, &widest, out) : implicit_output(times, widest, out);
  NEEDS(s->out_rank >= 0 && s->out_rank <= MAX_RANK);
  for (int i = 0; i < s->out_rank; i++) NEEDS(times[out[i]] > 0 && place_of(s, out[i]) == i); /* each once */
  for (int k = 0; k < s->operands; k++) NEEDS(add_operand(s, k, e->in[k], n[k], label[k]));
  return true;
}

#define SUM_PRODUCTS(T, in, r)                                                                               \
  for (int64_t o = 0; o < outer; o++)                                                                        \
    for (int64_t i = 0; i < inner; i++) {                                                                    \
      T product = 1;                                                                                         \
      for (int k = 0; k < s.operands; k++) {                                                                 \
        int64_t at = 0;                                                                                      \
        for (int a = 0; a < s.n; a++) at += index[a] * s.stride[k][a];                                       \
        product *= in[k][at];                                                                                \
      }                                                                                                      \
      r[o] += product;                                                                                       \
      index_next(s.n, s.dim, index);                                                                         \
    }

bool eval_einsum(Eval *e) {
  Einsum s = {0};
  NEEDS(in_tensor(e, 0) && elem_is_real(e->in[0]->dtype) && einsum_init(e, &s));
  ElemType dtype = e->in[0]->dtype;
  for (int k = 1; k < s.operands; k++) NEEDS(e->in[k]->dtype == dtype);
  if (e->dry) return out_new(e, 0, dtype, s.out_rank, s.dim);
  uint64_t count, work;
  NEEDS(tensor_count(s.n, s.dim, &count) && tensor_count(s.out_rank, s.dim, &work) && affordable(e, work));
  NEEDS(count <= (uint64_t)MAX_WORK / (uint64_t)s.operands);
  int64_t outer = dims_product(s.dim, 0, s.out_rank), inner = dims_product(s.dim, s.out_rank, s.n),
          index[N_LABELS] = {0};
  void *wide = doubles_new(e, outer);
  NEEDS(wide);
  if (elem_is_computed_float(dtype)) {
    const double *in[MAX_OPERANDS];
    double *r = wide;
    for (int k = 0; k < s.operands; k++) NEEDS(in[k] = in_doubles(e, k));
    SUM_PRODUCTS(double, in, r)
    return out_doubles(e, 0, dtype, s.out_rank, s.dim, r);
  }
  const uint64_t *in[MAX_OPERANDS];
  uint64_t *r = wide;
  for (int k = 0; k < s.operands; k++) NEEDS(in[k] = in_words(e, k));
  SUM_PRODUCTS(uint64_t, in, r)
  return out_words(e, 0, dtype, s.out_rank, s.dim, r);
}
