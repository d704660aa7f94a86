/* TensorProto -> Tensor. raw_data, external data and packed lists of fixed-width numbers stay where they are;
 * lists of varints, and lists in pieces, are decoded. No page of raw_data is touched. */
#include "onnx/read.h"

#include <string.h>

enum { OPEN_FILES = 32 }; /* external files whose descriptors are kept for copying */

/* One typed field (float_data, int32_data, ...), whose list may be packed, unpacked or both. */
typedef struct Typed {
  uint32_t tag; /* of the unpacked form */
  size_t width; /* bytes of a fixed-width number, 0: varints */
  size_t pieces;
  uint64_t n; /* numbers */
  Span last;  /* the last packed piece */
} Typed;

typedef struct Parts {
  Str name;
  ElemType dtype;
  int rank;
  int64_t dim[MAX_RANK];
  bool too_many_dims, segment, has_raw, external;
  Span raw;
  uint64_t n_strings;
  Str location;
  Span offset, length;
  Typed typed; /* the field that belongs to the element type */
} Parts;

static Typed typed_field(ElemType t) {
  switch (t) {
  case DT_FLOAT:
  case DT_COMPLEX64: return (Typed){.tag = TAG(4, WIRE_FIXED32), .width = 4};
  case DT_DOUBLE:
  case DT_COMPLEX128: return (Typed){.tag = TAG(10, WIRE_FIXED64), .width = 8};
  case DT_INT64: return (Typed){.tag = Tensor_int64_data};
  case DT_UINT32:
  case DT_UINT64: return (Typed){.tag = Tensor_uint64_data};
  default: return (Typed){.tag = Tensor_int32_data};
  }
}

static const char *name_of(const Parts *p) {
  return p->name ? p->name->s : "";
}

/* --- first walk: everything but the typed list -----------------------------------------------------------
 */

static void add_dim(Parts *p, uint64_t v) {
  if (p->rank == MAX_RANK)
    p->too_many_dims = true;
  else
    p->dim[p->rank++] = (int64_t)v;
}

static void read_external_entry(Reader *r, Wire w, Parts *p) {
  Span key = SPAN_NONE, value = SPAN_NONE;
  while (wire_next(&w)) {
    if (w.tag == StringStringEntry_key)
      key = w.bytes;
    else if (w.tag == StringStringEntry_value)
      value = w.bytes;
  }
  if (span_is(key, "location"))
    p->location = read_str(r, value);
  else if (span_is(key, "offset"))
    p->offset = value;
  else if (span_is(key, "length"))
    p->length = value;
}

static void read_parts(Reader *r, Wire w, Parts *p) {
  while (wire_next(&w)) {
    switch (w.tag) {
    case Tensor_dims: add_dim(p, w.num); break;
    case PACKED(Tensor_dims):
      for (const uint8_t *at = w.bytes.p, *end = span_end(w.bytes); at < end;) {
        uint64_t v;
        if (!varint_get(&at, end, &v)) wire_fail(&w, "malformed list of dims");
        add_dim(p, v);
      }
      break;
    case Tensor_data_type: p->dtype = (ElemType)(int32_t)w.num; break;
    case Tensor_segment: p->segment = true; break;
    case Tensor_string_data: p->n_strings++; break;
    case Tensor_name: p->name = read_str(r, w.bytes); break;
    case Tensor_raw_data:
      p->raw = w.bytes;
      p->has_raw = true;
      break;
    case Tensor_external_data: read_external_entry(r, wire_sub(&w, Msg_StringStringEntry, w.bytes), p); break;
    case Tensor_data_location: p->external = (int32_t)w.num == 1; break;
    default: break;
    }
  }
}

/* --- typed lists --------------------------------------------------------------------------------------- */

static uint64_t count_varints(const Wire *w) {
  uint64_t n = 0;
  for (size_t i = 0; i < w->bytes.n; i++) n += w->bytes.p[i] < 0x80;
  if (w->bytes.n && w->bytes.p[w->bytes.n - 1] >= 0x80) wire_fail(w, "the last number is cut off");
  return n;
}

static void count_typed(Wire w, Typed *t) {
  while (wire_next(&w)) {
    if (w.tag == t->tag) {
      t->pieces++;
      t->n++;
      t->last = SPAN_NONE;
    } else if (w.tag == PACKED(t->tag)) {
      if (t->width && w.bytes.n % t->width)
        wire_fail(&w, "%zu bytes are no list of %zu-byte numbers", w.bytes.n, t->width);
      t->pieces++;
      t->n += t->width ? w.bytes.n / t->width : count_varints(&w);
      t->last = w.bytes;
    }
  }
}

/* Copies the numbers of all pieces, cut to `width` bytes each, in order. There is room: they were counted. */
static void gather_typed(Wire w, const Typed *t, size_t width, uint8_t *out) {
  while (wire_next(&w)) {
    if (w.tag == t->tag) {
      memcpy(out, &w.num, width);
      out += width;
    } else if (w.tag == PACKED(t->tag) && t->width) {
      if (w.bytes.n) memcpy(out, w.bytes.p, w.bytes.n);
      out += w.bytes.n;
    } else if (w.tag == PACKED(t->tag)) {
      for (const uint8_t *at = w.bytes.p, *end = span_end(w.bytes); at < end; out += width) {
        uint64_t v;
        if (!varint_get(&at, end, &v)) wire_fail(&w, "a number is longer than ten bytes");
        memcpy(out, &v, width);
      }
    }
  }
}

static Tensor *typed_tensor(Reader *r, Wire w, Parts *p, uint64_t count, uint64_t nbytes) {
  Typed *t = &p->typed;
  count_typed(w, t);
  /* Elements below a byte come as packed bytes, complex ones as two numbers. */
  unsigned bits = (unsigned)elem_bits(p->dtype);
  size_t width = t->width ? t->width : bits < 8 ? 1 : bits / 8;
  if (t->n != nbytes / width)
    wire_fail(&w, "tensor '%s' has %llu elements of type %s, but holds %llu numbers", name_of(p),
              (unsigned long long)count, elem_name(p->dtype), (unsigned long long)t->n);
  if (t->width && t->pieces == 1 && t->last.p)
    return tensor_new(r->m->arena, p->dtype, p->rank, p->dim, TS_SPAN, t->last.p);
  void *out;
  Tensor *tensor = tensor_alloc(r->m->arena, p->dtype, p->rank, p->dim, &out);
  gather_typed(w, t, width, out);
  return tensor;
}

static Tensor *string_tensor(Reader *r, Wire w, Parts *p, uint64_t count) {
  if (count != p->n_strings)
    wire_fail(&w, "tensor '%s' has %llu elements, but holds %llu strings", name_of(p),
              (unsigned long long)count, (unsigned long long)p->n_strings);
  Tensor *t = tensor_new(r->m->arena, DT_STRING, p->rank, p->dim, TS_STRINGS, NULL);
  Span *s = NEW_ARRAY(r->m->arena, Span, count);
  t->strings = s;
  while (wire_next(&w)) {
    if (w.tag != Tensor_string_data) continue;
    *s++ = w.bytes;
    t->nbytes += w.bytes.n;
  }
  return t;
}

/* --- external data ------------------------------------------------------------------------------------- */

static uint64_t read_number(const Wire *w, const Parts *p, Span s, const char *what, uint64_t absent) {
  uint64_t v = 0;
  if (!s.p) return absent;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10u, &v) ||
        __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
      wire_fail(w, "tensor '%s': the %s of its external data is no number", name_of(p), what);
  }
  if (!s.n) wire_fail(w, "tensor '%s': the %s of its external data is empty", name_of(p), what);
  return v;
}

static File *external_file(Reader *r, const Wire *w, const Parts *p) {
  Model *m = r->m;
  if (!p->location || !p->location->len || strlen(p->location->s) != p->location->len)
    wire_fail(w, "tensor '%s': its external data has no valid location", name_of(p));
  File *f = map_get(&r->externals, map_key(p->location));
  if (f) return f;
  if (!m->dir)
    wire_error(w, ONNXSLIM_ERR_IO,
               "tensor '%s' is in the external file '%s', and the model comes without a folder", name_of(p),
               p->location->s);
  const char *why;
  f = file_map_beside(m->arena, m->dir, p->location->s, r->anywhere, &why);
  if (!f)
    wire_error(w, ONNXSLIM_ERR_IO, "tensor '%s': external file '%s' %s", name_of(p), p->location->s, why);
  if (m->files.n >= OPEN_FILES) file_close(f);
  vec_push(m->arena, &m->files, f);
  map_put(&r->externals, map_key(p->location), f);
  return f;
}

static Tensor *external_tensor(Reader *r, const Wire *w, Parts *p, uint64_t nbytes) {
  if (p->dtype == DT_STRING) wire_fail(w, "tensor '%s': strings cannot be external data", name_of(p));
  File *f = external_file(r, w, p);
  uint64_t offset = read_number(w, p, p->offset, "offset", 0);
  uint64_t length = read_number(w, p, p->length, "length", nbytes);
  if (length != nbytes)
    wire_fail(w, "tensor '%s' needs %llu bytes, its external data has %llu", name_of(p),
              (unsigned long long)nbytes, (unsigned long long)length);
  if (offset > f->bytes.n || length > f->bytes.n - offset)
    wire_fail(w, "tensor '%s' needs %llu bytes at offset %llu of '%s', which has %zu", name_of(p),
              (unsigned long long)length, (unsigned long long)offset, p->location->s, f->bytes.n);
  Tensor *t =
      tensor_new(r->m->arena, p->dtype, p->rank, p->dim, TS_SPAN, f->bytes.p ? f->bytes.p + offset : NULL);
  t->external_file = p->location;
  t->external_offset = offset;
  return t;
}

/* ------------------------------------------------------------------------------------------------------- */

Tensor *read_tensor(Reader *r, Wire w, Str *name) {
  Parts p = {.dtype = DT_UNDEFINED};
  Wire start = w;
  read_parts(r, w, &p);
  if (name) *name = p.name;
  bool strings = p.dtype == DT_STRING;
  if (p.segment || p.too_many_dims || (!strings && !elem_bits(p.dtype))) return NULL;
  uint64_t count, nbytes;
  if (!tensor_count(p.rank, p.dim, &count))
    wire_fail(&start, "tensor '%s' has a negative dim or too many elements", name_of(&p));
  nbytes = strings ? 0 : elem_bytes(p.dtype, count);
  if (nbytes > SIZE_MAX / 4) wire_fail(&start, "tensor '%s' has too many elements", name_of(&p));
  p.typed = typed_field(p.dtype);
  Tensor *t;
  if (p.external) {
    t = external_tensor(r, &start, &p, nbytes);
  } else if (strings) {
    t = string_tensor(r, start, &p, count);
  } else if (p.has_raw) {
    if (p.raw.n != nbytes)
      wire_fail(&start, "tensor '%s' needs %llu bytes, its raw_data has %zu", name_of(&p),
                (unsigned long long)nbytes, p.raw.n);
    t = tensor_new(r->m->arena, p.dtype, p.rank, p.dim, TS_SPAN, p.raw.p);
  } else {
    t = typed_tensor(r, start, &p, count, nbytes);
  }
  t->raw = (Span){start.start, (size_t)(start.end - start.start)};
  return t;
}
