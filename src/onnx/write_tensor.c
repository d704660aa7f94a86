/* Tensor -> TensorProto, inline or with its contents in the external file. */
#include "onnx/write.h"

#include <stdio.h>

enum { INLINE_BELOW = 1024, LINE = 64, PAGE = 4096, GRANULE = 64 * 1024 };

typedef enum Where { AS_IS, INLINE, KEPT, EXTERNAL } Where;

static Where place_of(const Writer *w, const Tensor *t, bool in_attr) {
  if (t->store == TS_STRINGS) return t->raw.p ? AS_IS : INLINE;
  if (t->external_file && w->kept && t->raw.p) return *w->kept ? KEPT : AS_IS;
  bool asked = w->mode == EXTERNAL_ALL || (w->mode == EXTERNAL_INITIALIZERS && !in_attr);
  if (t->nbytes >= INLINE_BELOW && (asked || t->external_file)) return EXTERNAL;
  return t->raw.p && !t->external_file ? AS_IS : INLINE;
}

bool tensor_clean(const Writer *w, const Tensor *t, bool in_attr) {
  return place_of(w, t, in_attr) == AS_IS;
}

/* --- external file ---------------------------------------------------------------------------------------
 */

typedef struct Placed {
  uint64_t offset, nbytes;
} Placed;

/* Where a runtime can map the tensor by itself: at a page, the large ones at what Windows maps by. The
 * padding stays below a sixteenth of the tensor. */
static uint64_t alignment(uint64_t nbytes) {
  return nbytes >= 16 * GRANULE ? GRANULE : nbytes >= 16 * PAGE ? PAGE : LINE;
}

static void pad(Gather *g, uint64_t n) {
  static const uint8_t zeros[PAGE];
  for (; n > PAGE; n -= PAGE) put_span(g, (Span){zeros, PAGE});
  put_span(g, (Span){zeros, (size_t)n});
}

/* Offset of the tensor in the external file; shared contents are stored once. */
static uint64_t place(Writer *w, Tensor *t) {
  uint64_t key = t->store == TS_DEFERRED ? map_key(t) : map_key(t->bytes);
  Placed *p = map_get(&w->placed, key);
  if (p && p->nbytes == t->nbytes) return p->offset;
  pad(&w->ext, -w->ext.size & (alignment(t->nbytes) - 1));
  p = NEW(w->arena, Placed);
  *p = (Placed){w->ext.size, t->nbytes};
  map_put(&w->placed, key, p);
  put_tensor_bytes(&w->ext, t);
  return p->offset;
}

static void put_entry(Gather *g, const char *key, const char *value) {
  Open o = put_begin(g, Tensor_external_data);
  put_str(g, StringStringEntry_key, key);
  Span s = {(const uint8_t *)value, strlen(value)};
  Open v = put_begin(g, StringStringEntry_value);
  put_copy(g, s.p, s.n);
  put_end(g, v);
  put_end(g, o);
}

static void put_external(Writer *w, const char *location, uint64_t offset, const Tensor *t) {
  char number[24];
  put_entry(&w->out, "location", location);
  snprintf(number, sizeof number, "%llu", (unsigned long long)offset);
  put_entry(&w->out, "offset", number);
  snprintf(number, sizeof number, "%llu", (unsigned long long)t->nbytes);
  put_entry(&w->out, "length", number);
  put_varint(&w->out, Tensor_data_location, 1);
}

/* ------------------------------------------------------------------------------------------------------- */

static const char *kept_location(const Writer *w, const Tensor *t) {
  const char *name = t->external_file->s;
  return path_absolute(name) ? name : arena_printf(w->arena, "%s%s", w->kept, name);
}

static void put_contents(Writer *w, Tensor *t, Where where) {
  if (where == EXTERNAL) {
    put_external(w, w->ext_name, place(w, t), t);
  } else if (where == KEPT) {
    put_external(w, kept_location(w, t), t->external_offset, t);
  } else if (t->store == TS_STRINGS) {
    for (uint64_t i = 0; i < t->count; i++) put_bytes(&w->out, Tensor_string_data, t->strings[i]);
  } else {
    put_header(&w->out, Tensor_raw_data, t->nbytes);
    put_tensor_bytes(&w->out, t);
  }
}

/* Is this one of the fields that hold the contents or say where they are? */
static bool is_contents(uint32_t tag) {
  switch (tag >> 3) {
  case Tensor_raw_data >> 3:
  case Tensor_float_data >> 3:
  case Tensor_double_data >> 3:
  case Tensor_int32_data >> 3:
  case Tensor_int64_data >> 3:
  case Tensor_uint64_data >> 3:
  case Tensor_string_data >> 3:
  case Tensor_external_data >> 3:
  case Tensor_data_location >> 3: return true;
  default: return false;
  }
}

/* The original fields, but for the name and, unless they stay AS_IS, the contents. */
static void put_again(Writer *w, Tensor *t, Str name, Where where) {
  bool named = !name, filled = where == AS_IS;
  for (Wire f = wire_top(&w->doc, Msg_Tensor, t->raw); wire_next(&f);) {
    if (name && f.tag == Tensor_name) {
      if (!named) put_bytes(&w->out, Tensor_name, str_span(name));
      named = true;
    } else if (where != AS_IS && is_contents(f.tag)) {
      if (!filled) put_contents(w, t, where);
      filled = true;
    } else {
      put_span(&w->out, wire_field(&f));
    }
  }
  if (!named) put_bytes(&w->out, Tensor_name, str_span(name));
  if (!filled) put_contents(w, t, where);
}

static bool has_name(Writer *w, Span tensor, Str name) {
  Wire top = wire_top(&w->doc, Msg_Tensor, tensor);
  Span s = wire_find(&top, Msg_Tensor, tensor, Tensor_name);
  return s.n == name->len && memcmp(s.p ? s.p : (const uint8_t *)"", name->s, s.n) == 0;
}

void put_tensor(Writer *w, uint32_t tag, Tensor *t, Str name, bool in_attr) {
  Where where = place_of(w, t, in_attr);
  if (where == AS_IS && (!name || has_name(w, t->raw, name))) {
    put_bytes(&w->out, tag, t->raw);
    return;
  }
  Open o = put_begin(&w->out, tag);
  if (t->raw.p) {
    put_again(w, t, name, where);
  } else {
    for (int i = 0; i < t->rank; i++) put_varint(&w->out, Tensor_dims, (uint64_t)t->dim[i]);
    put_varint(&w->out, Tensor_data_type, (uint64_t)t->dtype);
    if (name) put_bytes(&w->out, Tensor_name, str_span(name));
    put_contents(w, t, where);
  }
  put_end(&w->out, o);
}
