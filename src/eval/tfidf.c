/* TfIdfVectorizer: how often each n-gram of a pool occurs in a row, with up to max_skip_count elements
 * skipped between neighbours. */
#include "eval/window.h"

typedef struct Pool {
  const int64_t *word;  /* of integers */
  const Span *text;     /* or of strings */
  size_t n;             /* elements of the pool */
  const int64_t *start; /* where the n-grams of each length begin */
  size_t lengths;
  const int64_t *column; /* of each n-gram in the output */
  size_t grams;
  const float *weight; /* of each n-gram; NULL: 1 */
  int64_t shortest, longest, skips, columns;
  bool counts, weighs; /* mode TF or TFIDF; IDF or TFIDF */
} Pool;

static bool pool_elements(const Node *n, Pool *p) {
  const Attr *words = node_attr(n, "pool_int64s"), *texts = node_attr(n, "pool_strings");
  NEEDS(!words != !texts);
  if (words) return attr_ints(n, "pool_int64s", &p->word, &p->n);
  NEEDS(texts->type == ATTR_STRINGS && !texts->ref);
  p->text = texts->v.strings.at;
  p->n = texts->v.strings.n;
  return true;
}

static bool pool_init(const Eval *e, Pool *p) {
  const Node *n = e->node;
  const Attr *weights = node_attr(n, "weights");
  bool tf = attr_string_is(n, "mode", "TF"), idf = attr_string_is(n, "mode", "IDF"),
       both = attr_string_is(n, "mode", "TFIDF");
  NEEDS((tf || idf || both) && pool_elements(n, p));
  NEEDS(attr_ints(n, "ngram_counts", &p->start, &p->lengths) &&
        attr_ints(n, "ngram_indexes", &p->column, &p->grams));
  NEEDS(attr_int(n, "min_gram_length", &p->shortest) && attr_int(n, "max_gram_length", &p->longest));
  NEEDS(attr_int(n, "max_skip_count", &p->skips) && p->shortest >= 1 && p->longest >= p->shortest &&
        p->skips >= 0 && p->skips < 1 << 20);
  p->counts = !idf, p->weighs = !tf;
  for (size_t i = 0; i < p->grams; i++) {
    NEEDS(p->column[i] >= 0 && p->column[i] < 1 << 24);
    if (p->column[i] >= p->columns) p->columns = p->column[i] + 1;
  }
  if (!weights || !p->weighs) return true;
  NEEDS(weights->type == ATTR_FLOATS && !weights->ref && weights->v.floats.n == p->grams);
  p->weight = weights->v.floats.at;
  for (size_t i = 0; i < p->grams; i++)
    NEEDS(p->column[i] == (int64_t)i); /* else: weight of the n-gram, or of the column? */
  return true;
}

typedef struct Row {
  const int64_t *word;
  const Span *text;
  int64_t n;
} Row;

static bool same_element(const Pool *p, size_t i, const Row *r, int64_t k) {
  if (p->word) return p->word[i] == r->word[k];
  return p->text[i].n == r->text[k].n &&
         (p->text[i].n == 0 || memcmp(p->text[i].p, r->text[k].p, p->text[i].n) == 0);
}

/* How often the `length` elements of the pool at `from` are in the row. */
static int64_t occurrences(const Pool *p, size_t from, int64_t length, const Row *r) {
  int64_t found = 0;
  for (int64_t step = 1; step <= (length == 1 ? 1 : p->skips + 1); step++)
    for (int64_t at = 0; at + step * (length - 1) < r->n; at++) {
      int64_t k = 0;
      while (k < length && same_element(p, from + (size_t)k, r, at + k * step)) k++;
      found += k == length;
    }
  return found;
}

/* Counts of one row into its columns. */
static bool count_row(const Pool *p, const Row *r, double *out) {
  size_t gram = 0;
  for (size_t k = 0; k < p->lengths; k++) {
    int64_t from = p->start[k], to = k + 1 < p->lengths ? p->start[k + 1] : (int64_t)p->n,
            length = (int64_t)k + 1;
    NEEDS(from >= 0 && from <= to && to <= (int64_t)p->n && (to - from) % length == 0);
    for (; from < to; from += length, gram++) {
      NEEDS(gram < p->grams);
      if (length < p->shortest || length > p->longest) continue;
      int64_t found = occurrences(p, (size_t)from, length, r);
      double weight = p->weight ? (double)p->weight[gram] : 1;
      out[p->column[gram]] += weight * (double)(p->counts ? found : found > 0);
    }
  }
  return gram == p->grams;
}

/* Equal n-grams would count as one or as two. */
static bool pool_is_distinct(const Pool *p) {
  for (size_t k = 0; k < p->lengths; k++) {
    size_t length = k + 1, from = (size_t)p->start[k],
           to = k + 1 < p->lengths ? (size_t)p->start[k + 1] : p->n;
    for (size_t i = from; i + length <= to; i += length) {
      Row r = {p->word ? p->word + i : NULL, p->text ? p->text + i : NULL, (int64_t)length};
      for (size_t j = i + length; j + length <= to; j += length) {
        size_t same = 0;
        while (same < length && same_element(p, j + same, &r, (int64_t)same)) same++;
        NEEDS(same < length);
      }
    }
  }
  return true;
}

bool eval_tf_idf(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  Pool p = {0};
  NEEDS(t && (t->rank == 1 || t->rank == 2) && pool_init(e, &p) &&
        (t->dtype == DT_STRING) == (p.text != NULL));
  int64_t rows = t->rank == 2 ? t->dim[0] : 1, n = t->dim[t->rank - 1], work, dim[2] = {rows, p.columns};
  NEEDS(p.n <= 1 << 12 &&
        !__builtin_mul_overflow((int64_t)t->count * (p.skips + 1), (int64_t)p.n + 1, &work) &&
        work <= MAX_WORK);
  const int64_t *word = p.text ? NULL : in_indices(e, 0);
  const Span *text = p.text ? in_data(e, 0) : NULL;
  double *r = doubles_new(e, rows * p.columns);
  NEEDS((word || text) && r && rows > 0);
  for (int64_t i = 0; i < rows; i++) {
    Row row = {word ? word + i * n : NULL, text ? text + i * n : NULL, n};
    NEEDS(count_row(&p, &row, r + i * p.columns));
  }
  return pool_is_distinct(&p) && out_doubles(e, 0, DT_FLOAT, t->rank, t->rank == 2 ? dim : dim + 1, r);
}
