#include "onnx/wire.h"

#include <stdio.h>
#include <string.h>

typedef struct FieldInfo {
  MsgId msg;
  uint32_t number;
  const char *name;
  bool many;
} FieldInfo;

enum { ONE = 0, MANY = 1 };

static const FieldInfo fields[] = {
#define MESSAGE(name)
#define FIELD(msg, name, number, type, label, sub) {Msg_##msg, number, #name, label},
#include "onnx/schema.def"
#undef MESSAGE
#undef FIELD
};

static const FieldInfo *field_info(MsgId msg, uint32_t tag) {
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (fields[i].msg == msg && fields[i].number == tag >> 3) return &fields[i];
  return NULL;
}

/* --- positions ----------------------------------------------------------------------------------------- */

static void read_field(Wire *w);

/* How many fields of the same number stand before the current one. Counted only when a message is wanted.
 * These fields were read before, so this cannot fail; groups are walked through, as the current field may be
 * inside one. */
static size_t field_index(const Wire *w) {
  Wire scan = *w;
  size_t i = 0;
  scan.p = scan.start;
  while (scan.p < w->at) {
    read_field(&scan);
    if (scan.tag >> 3 == w->tag >> 3) i++;
  }
  return i;
}

typedef struct Text {
  char *at;
  size_t n, room;
} Text;

static void append_path(Text *t, const Wire *w) {
  if (w->up) append_path(t, w->up);
  if (!w->tag || t->n + 1 >= t->room) return;
  const FieldInfo *f = field_info(w->msg, w->tag);
  const char *dot = t->n ? "." : "";
  int n;
  if (!f)
    n = snprintf(t->at + t->n, t->room - t->n, "%sfield %u", dot, w->tag >> 3);
  else if (f->many)
    n = snprintf(t->at + t->n, t->room - t->n, "%s%s[%zu]", dot, f->name, field_index(w));
  else
    n = snprintf(t->at + t->n, t->room - t->n, "%s%s", dot, f->name);
  if (n > 0) t->n += (size_t)n;
  if (t->n > t->room) t->n = t->room;
}

void wire_error(const Wire *w, onnxslim_status code, const char *fmt, ...) {
  char path[320], text[640], offset[48] = "";
  Text t = {path, 0, sizeof path};
  path[0] = 0;
  append_path(&t, w);
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  const WireDoc *d = w->doc;
  const uint8_t *at = w->at ? w->at : w->start;
  /* Messages merged from several parts lie elsewhere: their enclosing cursor has the offset. */
  for (const Wire *u = w->up; u && !(at >= d->bytes.p && at <= d->bytes.p + d->bytes.n); u = u->up)
    at = u->at;
  if (at && at >= d->bytes.p && at <= d->bytes.p + d->bytes.n)
    snprintf(offset, sizeof offset, " at byte offset %zu", (size_t)(at - d->bytes.p));
  fail(d->cx, code, "%s: %s%s%s%s", d->name, path, *path ? ": " : "", text, offset);
}

/* --- reading ------------------------------------------------------------------------------------------- */

Wire wire_top(const WireDoc *doc, MsgId msg, Span bytes) {
  return (Wire){.doc = doc, .msg = msg, .start = bytes.p, .p = bytes.p, .end = span_end(bytes)};
}

Wire wire_sub(const Wire *up, MsgId msg, Span bytes) {
  Wire w = wire_top(up->doc, msg, bytes);
  w.up = up;
  w.depth = up->depth + 1;
  if (w.depth > WIRE_DEPTH) wire_fail(up, "messages are nested deeper than %d levels", WIRE_DEPTH);
  return w;
}

bool varint_get(const uint8_t **p, const uint8_t *end, uint64_t *v) {
  uint64_t x = 0;
  const uint8_t *q = *p;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (q == end) return false;
    uint8_t b = *q++;
    x |= (uint64_t)(b & 0x7f) << shift; /* bits above 64 are dropped, as protobuf does */
    if (b < 0x80) {
      *p = q;
      *v = x;
      return true;
    }
  }
  return false;
}

static uint64_t need_varint(Wire *w, const char *what) {
  uint64_t v = 0;
  if (w->p < w->end && *w->p < 0x80) return *w->p++;
  if (!varint_get(&w->p, w->end, &v)) wire_fail(w, "%s is cut off or too long", what);
  return v;
}

static uint64_t need_fixed(Wire *w, size_t n) {
  if ((size_t)(w->end - w->p) < n) wire_fail(w, "value is cut off");
  uint64_t v = 0;
  memcpy(&v, w->p, n);
  w->p += n;
  return v;
}

/* Reads a tag and, but for groups, its value. */
static void read_field(Wire *w) {
  w->at = w->p;
  w->tag = 0;
  uint64_t tag = need_varint(w, "field tag");
  if (tag > UINT32_MAX || tag >> 3 == 0) wire_fail(w, "invalid field tag %llu", (unsigned long long)tag);
  w->tag = (uint32_t)tag;
  switch (tag & 7) {
  case WIRE_VARINT: w->num = need_varint(w, "value"); return;
  case WIRE_FIXED64: w->num = need_fixed(w, 8); return;
  case WIRE_FIXED32: w->num = need_fixed(w, 4); return;
  case WIRE_GROUP:
  case WIRE_GROUP_END: return;
  case WIRE_BYTES: {
    uint64_t n = need_varint(w, "length");
    if (n > (uint64_t)(w->end - w->p))
      wire_fail(w, "length %llu goes past the end (%zu bytes are left)", (unsigned long long)n,
                (size_t)(w->end - w->p));
    w->bytes = (Span){w->p, (size_t)n};
    w->p += n;
    return;
  }
  default: wire_fail(w, "invalid wire type %u", (unsigned)(tag & 7));
  }
}

/* Skips to the end of the group whose start was just read. */
static void skip_group(Wire *w) {
  uint32_t open[WIRE_DEPTH];
  int depth = 0;
  const uint8_t *at = w->at;
  uint32_t tag = w->tag;
  open[depth++] = tag >> 3;
  while (depth) {
    if (w->p == w->end) wire_fail(w, "group is not closed");
    read_field(w);
    if ((w->tag & 7) == WIRE_GROUP) {
      if (depth + w->depth >= WIRE_DEPTH) wire_fail(w, "groups are nested deeper than %d levels", WIRE_DEPTH);
      open[depth++] = w->tag >> 3;
    } else if ((w->tag & 7) == WIRE_GROUP_END && open[--depth] != w->tag >> 3) {
      wire_fail(w, "group %u is closed as %u", open[depth], w->tag >> 3);
    }
  }
  w->at = at;
  w->tag = tag;
}

bool wire_next(Wire *w) {
  if (w->p == w->end) return false;
  read_field(w);
  if ((w->tag & 7) == WIRE_GROUP)
    skip_group(w);
  else if ((w->tag & 7) == WIRE_GROUP_END)
    wire_fail(w, "end of a group that was not opened");
  return true;
}

Span wire_find(const Wire *up, MsgId msg, Span message, uint32_t tag) {
  Span found = SPAN_NONE;
  for (Wire w = wire_sub(up, msg, message); wire_next(&w);)
    if (w.tag == tag) found = w.bytes;
  return found;
}

void wire_check(Wire w) {
  while (wire_next(&w)) {
    MsgId sub = wire_sub_msg(w.msg, w.tag);
    if (sub != Msg_NONE) wire_check(wire_sub(&w, sub, w.bytes));
  }
}

Span wire_merge(Arena *a, Wire *w) {
  uint32_t tag = w->tag;
  Wire scan = *w;
  size_t total = w->bytes.n, pieces = 1;
  while (wire_next(&scan)) {
    if (scan.tag != tag) continue;
    total += scan.bytes.n;
    pieces++;
  }
  if (pieces == 1) return w->bytes;
  uint8_t *p = blob_new(a, total);
  size_t n = 0;
  scan = *w;
  do {
    if (scan.tag != tag) continue;
    if (scan.bytes.n) memcpy(p + n, scan.bytes.p, scan.bytes.n);
    n += scan.bytes.n;
    *w = scan;
  } while (wire_next(&scan));
  return (Span){p, total};
}

MsgId wire_sub_msg(MsgId msg, uint32_t tag) {
  enum { NUMBERS = 32 };
  static const uint8_t subs[Msg_COUNT_][NUMBERS] = {
#define MESSAGE(name)
#define FIELD(msg, name, number, type, label, sub) [Msg_##msg][number] = Msg_##sub,
#include "onnx/schema.def"
#undef MESSAGE
#undef FIELD
  };
  return (tag & 7) == WIRE_BYTES && tag >> 3 < NUMBERS ? (MsgId)subs[msg][tag >> 3] : Msg_NONE;
}

bool wire_is_type(uint32_t tag) {
  switch (tag) {
  case Type_tensor_type:
  case Type_sequence_type:
  case Type_map_type:
  case Type_opaque_type:
  case Type_sparse_tensor_type:
  case Type_optional_type: return true;
  default: return false;
  }
}

uint32_t wire_last_type(Wire *w) {
  uint32_t last = 0;
  for (Wire f = *w; wire_next(&f);) {
    if (!wire_is_type(f.tag) || f.tag == last) continue;
    last = f.tag;
    *w = f;
  }
  return last;
}
