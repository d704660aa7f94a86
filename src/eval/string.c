/* StringConcat, StringSplit, StringNormalizer. */
#include "eval/kernel.h"

static bool same_text(Span a, Span b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static Span joined(Arena *arena, Span a, Span b) {
  uint8_t *p = arena_alloc(arena, a.n + b.n);
  if (a.n) memcpy(p, a.p, a.n);
  if (b.n) memcpy(p + a.n, b.p, b.n);
  return (Span){p, a.n + b.n};
}

bool eval_string_concat(Eval *e) {
  const Tensor *a = in_tensor(e, 0), *b = in_tensor(e, 1);
  int64_t dim[MAX_RANK];
  NEEDS(a && b && a->dtype == DT_STRING && b->dtype == DT_STRING && a->rank <= MAX_RANK);
  int rank = a->rank;
  memcpy(dim, a->dim, (size_t)rank * sizeof *dim);
  NEEDS(dims_broadcast(&rank, dim, b->rank, b->dim));
  Span *out = out_new(e, 0, DT_STRING, rank, dim);
  const Span *x = in_data(e, 0), *y = in_data(e, 1);
  NEEDS(out && x && y);
  Loop l;
  loop_broadcast(&l, rank, dim, 2, (const Tensor *const *)e->in);
  uint64_t bytes = 0, limit = e->max_bytes ? e->max_bytes : EVAL_MAX_BYTES;
  for (loop_start(&l); loop_run(&l); loop_next(&l))
    for (int64_t i = 0; i < l.n; i++, out++) {
      Span s = x[l.at[0] + i * l.by[0]], t = y[l.at[1] + i * l.by[1]];
      NEEDS((bytes += s.n + t.n) <= limit);
      *out = joined(e->arena, s, t);
    }
  return true;
}

/* --- StringSplit ---------------------------------------------------------------------------------------- */

typedef struct Splitter {
  Span delimiter; /* empty: runs of spaces, none at either end */
  int64_t most;   /* cuts; -1: as many as there are */
} Splitter;

/* Other white space, also beyond ASCII, may or may not count. */
static bool only_spaces(Span s) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] >= 0x80 || (s.p[i] < ' ')) return false;
  return true;
}

static bool starts_with(Span s, Span part) {
  return s.n >= part.n && memcmp(s.p, part.p, part.n) == 0;
}

/* Cuts the next part off the front of *rest; the last one is all of it. False if there is none. */
static bool next_part(const Splitter *s, Span *rest, int64_t cuts, Span *part) {
  bool spaces = s->delimiter.n == 0;
  while (spaces && rest->n && *rest->p == ' ') rest->p++, rest->n--;
  if (!rest->p || (spaces && !rest->n)) return false;
  size_t at = 0, width = spaces ? 1 : s->delimiter.n;
  bool whole = s->most >= 0 && cuts >= s->most;
  while (at < rest->n && (whole || !(spaces ? rest->p[at] == ' '
                                            : starts_with((Span){rest->p + at, rest->n - at}, s->delimiter))))
    at++;
  *part = (Span){rest->p, at};
  *rest = at == rest->n ? (Span){NULL, 0} : (Span){rest->p + at + width, rest->n - at - width};
  return true;
}

static int64_t parts_of(const Splitter *s, Span text, Span *part) {
  static const uint8_t nothing[1];
  Span rest = text.p ? text : (Span){nothing, 0}, p;
  int64_t n = 0;
  while (next_part(s, &rest, n, &p)) {
    if (part) part[n] = p;
    n++;
  }
  return n;
}

/* The parts along a new last axis, filled up with empty strings; and how many each text has. */
bool eval_string_split(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  Splitter s = {{NULL, 0}, -1};
  int64_t dim[MAX_RANK], most = 0;
  NEEDS(t && t->dtype == DT_STRING && t->rank < MAX_RANK && e->n_out <= 2);
  if (node_attr(e->node, "delimiter")) NEEDS(attr_string(e->node, "delimiter", &s.delimiter));
  if (node_attr(e->node, "maxsplit")) NEEDS(attr_int(e->node, "maxsplit", &s.most) && s.most >= 0);
  const Span *text = in_data(e, 0);
  NEEDS(text);
  for (uint64_t i = 0; i < t->count; i++) {
    if (!s.delimiter.n) {
      NEEDS(only_spaces(text[i]));
      NEEDS(s.most < 0 || !text[i].n || text[i].p[text[i].n - 1] != ' '); /* does the last part keep them? */
    }
    int64_t n = parts_of(&s, text[i], NULL);
    if (n > most) most = n;
  }
  memcpy(dim, t->dim, (size_t)t->rank * sizeof *dim);
  dim[t->rank] = most;
  Span *out = out_new(e, 0, DT_STRING, t->rank + 1, dim);
  int64_t *count = out_used(e, 1) ? out_new(e, 1, DT_INT64, t->rank, t->dim) : NULL;
  NEEDS(out && (count || !out_used(e, 1)));
  for (uint64_t i = 0; i < t->count; i++, out += most) {
    int64_t n = parts_of(&s, text[i], out);
    if (count) count[i] = n;
  }
  return true;
}

/* --- StringNormalizer ----------------------------------------------------------------------------------- */

static uint8_t cased(uint8_t c, bool upper) {
  if (upper) return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static Span with_case(Arena *arena, Span s, bool upper) {
  uint8_t *p = arena_alloc(arena, s.n);
  for (size_t i = 0; i < s.n; i++) p[i] = cased(s.p[i], upper);
  return (Span){p, s.n};
}

static bool same_letters(Span a, Span b) {
  NEEDS(a.n == b.n);
  for (size_t i = 0; i < a.n; i++) NEEDS(cased(a.p[i], false) == cased(b.p[i], false));
  return true;
}

/* Is it one of the words? Runtimes differ on texts of several words. */
static bool is_stopword(const Attr *words, Span s, bool sensitive) {
  for (size_t i = 0; words && i < words->v.strings.n; i++) {
    Span w = words->v.strings.at[i];
    if (sensitive ? same_text(w, s) : same_letters(w, s)) return true;
  }
  return false;
}

/* Drops stop words and changes the case, of ASCII alone: beyond it is the locale's affair. */
bool eval_string_normalizer(Eval *e) {
  const Tensor *t = in_tensor(e, 0);
  const Attr *words = node_attr(e->node, "stopwords");
  int64_t sensitive, n = 0;
  NEEDS(t && t->dtype == DT_STRING && (t->rank == 1 || (t->rank == 2 && t->dim[0] == 1)) && t->count);
  NEEDS(attr_int(e->node, "is_case_sensitive", &sensitive) &&
        (!words || (words->type == ATTR_STRINGS && !words->ref)));
  bool upper = attr_string_is(e->node, "case_change_action", "UPPER"),
       lower = attr_string_is(e->node, "case_change_action", "LOWER");
  NEEDS(upper || lower || attr_string_is(e->node, "case_change_action", "NONE"));
  const Span *text = in_data(e, 0);
  Span *kept = NEW_ARRAY(e->scratch, Span, t->count + 1);
  NEEDS(text);
  for (uint64_t i = 0; i < t->count; i++) {
    NEEDS(text[i].n && only_spaces(text[i]));
    NEEDS(!words || !memchr(text[i].p, ' ', text[i].n));
    bool stop = is_stopword(words, text[i], sensitive != 0);
    if (!sensitive && !upper && !lower)
      NEEDS(stop == is_stopword(words, text[i], true)); /* unchanged case: compared how? */
    if (!stop) kept[n++] = upper || lower ? with_case(e->arena, text[i], upper) : text[i];
  }
  if (n == 0) kept[n++] = (Span){NULL, 0}; /* never nothing */
  int64_t dim[2] = {t->rank == 2 ? 1 : n, n};
  Span *out = out_new(e, 0, DT_STRING, t->rank, dim);
  NEEDS(out);
  memcpy(out, kept, (size_t)n * sizeof *out);
  return true;
}
