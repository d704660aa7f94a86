/* Names, types and tensors in ONNX text syntax. */
#include "onnx/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN = 16 }; /* elements of a tensor that are printed when it is not to be printed in full */

/* --- text ---------------------------------------------------------------------------------------------- */

void text_init(Text *t, Model *m, bool full) {
  *t = (Text){.full = full, .w = {.cx = m->cx, .m = m, .arena = arena_new(m->cx), .kept = ""}};
  t->w.doc = (WireDoc){m->cx, m->path ? m->path : "model", m->raw};
  gather_init(&t->w.out, t->w.arena, m->raw);
}

static void reserve(Text *t, size_t more) {
  if (t->cap - t->n > more) return;
  size_t cap = (t->cap + more) * 2;
  char *bigger = blob_new(t->w.arena, cap);
  if (t->n) memcpy(bigger, t->at, t->n);
  blob_free(t->w.arena, t->at);
  t->at = bigger;
  t->cap = cap;
}

const char *text_finish(Text *t) {
  reserve(t, 1);
  t->at[t->n] = 0;
  char *s = blob_new(t->w.m->arena, t->n + 1);
  memcpy(s, t->at, t->n + 1);
  arena_free(t->w.arena);
  return s;
}

void text_printf(Text *t, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) return;
  reserve(t, (size_t)n + 1);
  va_start(ap, fmt);
  vsnprintf(t->at + t->n, (size_t)n + 1, fmt, ap);
  va_end(ap);
  t->n += (size_t)n;
}

void text_newline(Text *t) {
  if (*t->note) text_printf(t, " # %s", t->note);
  t->note[0] = 0;
  text_printf(t, "\n%*s", t->indent, "");
}

void text_note(Text *t, const char *fmt, ...) {
  size_t n = strlen(t->note);
  if (n && n + 2 < sizeof t->note) n += (size_t)snprintf(t->note + n, sizeof t->note - n, ", ");
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(t->note + n, sizeof t->note - n, fmt, ap);
  va_end(ap);
  for (char *c = t->note; *c; c++)
    if ((unsigned char)*c < ' ') *c = ' ';
}

void text_quoted(Text *t, Span s) {
  reserve(t, 2 * s.n + 2);
  t->at[t->n++] = '"';
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] == '"' || s.p[i] == '\\') t->at[t->n++] = '\\';
    t->at[t->n++] = (char)s.p[i];
  }
  t->at[t->n++] = '"';
}

void text_id(Text *t, Span s) {
  bool plain = s.n > 0 && !(s.p[0] >= '0' && s.p[0] <= '9');
  for (size_t i = 0; i < s.n; i++) plain = plain && s.p[i] < 0x80 && (isalnum(s.p[i]) || s.p[i] == '_');
  if (plain)
    text_printf(t, "%.*s", (int)s.n, (const char *)s.p);
  else
    text_quoted(t, s);
}

/* NaN has no sign or payload in this syntax. */
static void text_double(Text *t, double v, int digits, bool is_float) {
  char s[40];
  if (isnan(v) || isinf(v)) {
    text_printf(t, "%s", isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
    return;
  }
  for (int p = 6; p <= digits; p++) {
    snprintf(s, sizeof s, "%.*g", p, v);
    if (is_float ? strtof(s, NULL) == (float)v : strtod(s, NULL) == v) break;
  }
  text_printf(t, "%s%s", s, strpbrk(s, ".e") ? "" : ".0");
}

void text_float(Text *t, float v) {
  text_double(t, (double)v, 9, true);
}

/* --- types --------------------------------------------------------------------------------------------- */

/* The last sub-message with that tag, merged; false if there is none. */
static bool member(Text *t, Wire w, uint32_t tag, MsgId msg, Wire *out) {
  while (wire_next(&w)) {
    if (w.tag != tag) continue;
    *out = wire_top(w.doc, msg, wire_merge(t->w.arena, &w));
    return true;
  }
  return false;
}

static void text_dim(Text *t, Wire w) {
  uint32_t kind = 0;
  int64_t value = 0;
  Span name = SPAN_NONE;
  while (wire_next(&w)) {
    if (w.tag == TensorShape_Dimension_dim_value)
      value = (int64_t)w.num;
    else if (w.tag == TensorShape_Dimension_dim_param)
      name = w.bytes;
    else
      continue;
    kind = w.tag;
  }
  if (kind == TensorShape_Dimension_dim_value)
    text_printf(t, "%lld", (long long)value);
  else if (kind && name.n)
    text_id(t, name);
  else
    text_printf(t, "?");
}

/* "float" is a scalar, "float[]" of unknown rank. */
static void text_tensor_type(Text *t, Wire w) {
  Wire shape;
  ElemType elem = DT_UNDEFINED;
  for (Wire f = w; wire_next(&f);)
    if (f.tag == Type_Tensor_elem_type) elem = (ElemType)(int32_t)f.num;
  text_printf(t, "%s", elem_name(elem));
  if (!member(t, w, Type_Tensor_shape, Msg_TensorShape, &shape)) {
    text_printf(t, "[]");
    return;
  }
  const char *sep = "[";
  while (wire_next(&shape)) {
    if (shape.tag != TensorShape_dim) continue;
    text_printf(t, "%s", sep);
    text_dim(t, wire_top(shape.doc, Msg_TensorShape_Dimension, shape.bytes));
    sep = ",";
  }
  if (*sep == ',') text_printf(t, "]");
}

void text_type(Text *t, Wire w) {
  uint32_t last = wire_last_type(&w);
  if (!last) return;
  Wire in = wire_top(w.doc, Msg_Type, wire_merge(t->w.arena, &w)), inner;
  switch (last) {
  case Type_tensor_type: text_tensor_type(t, in); return;
  case Type_sparse_tensor_type:
    text_printf(t, "sparse_tensor(");
    text_tensor_type(t, in);
    break;
  case Type_map_type: {
    ElemType key = DT_UNDEFINED;
    for (Wire f = in; wire_next(&f);)
      if (f.tag == Type_Map_key_type) key = (ElemType)(int32_t)f.num;
    text_printf(t, "map(%s, ", elem_name(key));
    if (member(t, in, Type_Map_value_type, Msg_Type, &inner)) text_type(t, inner);
    break;
  }
  case Type_opaque_type: text_printf(t, "opaque("); break;
  default:
    text_printf(t, last == Type_sequence_type ? "seq(" : "optional(");
    if (member(t, in, Type_Sequence_elem_type, Msg_Type, &inner)) text_type(t, inner);
  }
  text_printf(t, ")");
}

/* What the writer would write, flattened. */
static Span info_bytes(Text *t, const Value *v, Span raw) {
  Gather *g = &t->w.out;
  gather_init(g, t->w.arena, SPAN_NONE);
  put_info(&t->w, TAG(1, WIRE_BYTES), v, raw);
  uint8_t *p = arena_alloc(t->w.arena, (size_t)g->size);
  size_t n = 0;
  for (size_t i = 0; i < g->at.n; i++) {
    if (g->at.at[i].n) memcpy(p + n, g->at.at[i].p, g->at.at[i].n);
    n += g->at.at[i].n;
  }
  Wire field = wire_top(&t->w.doc, Msg_NONE, (Span){p, n});
  return wire_next(&field) ? field.bytes : SPAN_NONE;
}

void text_info(Text *t, const Value *v, Span raw) {
  Wire type;
  if (member(t, wire_top(&t->w.doc, Msg_ValueInfo, info_bytes(t, v, raw)), ValueInfo_type, Msg_Type, &type)) {
    text_type(t, type);
    text_printf(t, " ");
  }
  text_id(t, str_span(v->name));
}

/* --- tensors ------------------------------------------------------------------------------------------- */

/* The number of literals of a tensor and one of them. Small floats and packed elements are given by their
 * bits. */
static uint64_t n_literals(const Tensor *x) {
  if (x->dtype == DT_COMPLEX64 || x->dtype == DT_COMPLEX128) return 2 * x->count;
  return x->store != TS_STRINGS && elem_bits(x->dtype) < 8 ? x->nbytes : x->count;
}

static void text_literal(Text *t, const Tensor *x, uint64_t i) {
  int64_t n = 0;
  uint64_t u = 0;
  switch (x->dtype) {
  case DT_STRING: text_quoted(t, x->strings[i]); return;
  case DT_FLOAT:
  case DT_COMPLEX64: {
    float f;
    memcpy(&f, x->bytes + 4 * i, 4);
    text_float(t, f);
    return;
  }
  case DT_DOUBLE:
  case DT_COMPLEX128: {
    double d;
    memcpy(&d, x->bytes + 8 * i, 8);
    text_double(t, d, 17, false);
    return;
  }
  default: break;
  }
  int bits = elem_bits(x->dtype);
  if (elem_is_int(x->dtype) && elem_is_signed(x->dtype) && bits >= 8 && tensor_get_int(x, i, &n)) {
    text_printf(t, "%lld", (long long)n);
    return;
  }
  size_t width = bits < 8 ? 1 : (size_t)bits / 8;
  memcpy(&u, x->bytes + width * i, width);
  text_printf(t, "%llu", (unsigned long long)u);
}

static void text_external(Text *t, const Tensor *x) {
  text_printf(t, "[\"location\": ");
  text_quoted(t, str_span(x->external_file));
  text_printf(t, ", \"offset\": \"%llu\", \"length\": \"%llu\"]", (unsigned long long)x->external_offset,
              (unsigned long long)x->nbytes);
}

void text_tensor(Text *t, const Tensor *x, Str name) {
  text_printf(t, "%s", elem_name(x->dtype));
  for (int i = 0; i < x->rank; i++) text_printf(t, "%s%lld", i ? "," : "[", (long long)x->dim[i]);
  text_printf(t, x->rank ? "] " : " ");
  if (name) {
    text_id(t, str_span(name));
    text_printf(t, " = ");
  }
  uint64_t n = n_literals(x);
  if (x->external_file) {
    text_external(t, x);
  } else if (x->store == TS_DEFERRED || (!t->full && n > SHOWN)) {
    text_printf(t, "{}");
    text_note(t, "%llu elements", (unsigned long long)x->count);
  } else {
    text_printf(t, "{");
    for (uint64_t i = 0; i < n; i++) {
      if (i) text_printf(t, ", ");
      text_literal(t, x, i);
    }
    text_printf(t, "}");
  }
}
