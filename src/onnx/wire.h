/* Protobuf wire format: a cursor over one message, checked against its bounds at every step, and (gather.h)
 * its counterpart for writing. Fields are told apart by their tag, number and wire type together: a field
 * with another wire type than the schema's is an unknown field, as protobuf has it.
 * https://protobuf.dev/programming-guides/encoding */
#ifndef ONNX_WIRE_H
#define ONNX_WIRE_H

#include "base/arena.h"
#include "base/span.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor contents are little-endian and used in place");

enum {
  WIRE_VARINT = 0,
  WIRE_FIXED64 = 1,
  WIRE_BYTES = 2,
  WIRE_GROUP = 3,
  WIRE_GROUP_END = 4,
  WIRE_FIXED32 = 5
};
enum { WIRE_DEPTH = 100 }; /* nesting of messages and groups, protobuf's own limit */

#define TAG(number, type) ((uint32_t)(number) << 3 | (uint32_t)(type))
/* The tag of a packed list, given the tag of its unpacked form. */
#define PACKED(tag) (((tag) & ~7u) | WIRE_BYTES)

typedef enum MsgId {
  Msg_NONE,
#define MESSAGE(name) Msg_##name,
#define FIELD(msg, name, number, type, label, sub)
#include "onnx/schema.def"
#undef MESSAGE
#undef FIELD
  Msg_COUNT_
} MsgId;

/* Tags: Node_input, Tensor_raw_data, ... */
enum {
#define MESSAGE(name)
#define FIELD(msg, name, number, type, label, sub) msg##_##name = (number) << 3 | WIRE_##type,
#include "onnx/schema.def"
#undef MESSAGE
#undef FIELD
};

/* What all cursors of one document share. */
typedef struct WireDoc {
  Ctx *cx;
  const char *name; /* path, or "model" */
  Span bytes;       /* offsets in messages count from here */
} WireDoc;

typedef struct Wire {
  const WireDoc *doc;
  const struct Wire *up; /* cursor over the enclosing message, standing at this one; NULL at the top */
  MsgId msg;
  int depth;
  const uint8_t *start, *p, *end;
  /* The field wire_next() found: */
  uint32_t tag;
  const uint8_t *at; /* where its tag begins; it ends at p */
  uint64_t num;      /* VARINT, FIXED32, FIXED64 */
  Span bytes;        /* BYTES */
} Wire;

Wire wire_top(const WireDoc *doc, MsgId msg, Span bytes);
/* A cursor over a sub-message. `up` stands at it and stays where it is meanwhile. */
Wire wire_sub(const Wire *up, MsgId msg, Span bytes);
/* The next field, false at the end. Fails on malformed bytes. Unknown fields and groups are returned too (a
 * group with its bytes in [at, p)). */
bool wire_next(Wire *w);
/* The whole field as it stands, tag included. */
static inline Span wire_field(const Wire *w) {
  return (Span){w->at, (size_t)(w->p - w->at)};
}

/* Fails: "model.onnx: graph.node[12].attribute[3].t: <text> at byte offset 4567". */
_Noreturn void wire_error(const Wire *w, onnxslim_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define wire_fail(w, ...) wire_error(w, ONNXSLIM_ERR_MODEL, __VA_ARGS__)

/* Takes one varint from [*p, end); false if it is cut off or longer than ten bytes. */
bool varint_get(const uint8_t **p, const uint8_t *end, uint64_t *v);

/* The last value of a singular bytes or string field of a sub-message; SPAN_NONE if absent. */
Span wire_find(const Wire *up, MsgId msg, Span message, uint32_t tag);

/* A singular sub-message may come in pieces, which protobuf parses as their concatenation. All pieces with
 * w's current tag, from its current field to the end of the message, as one; w then stands at the last. */
Span wire_merge(Arena *a, Wire *w);

/* Fails unless this message and those in it are well-formed: for what is kept as it is now and read later. */
void wire_check(Wire w);

/* What the field holds if it is a message; Msg_NONE otherwise. */
MsgId wire_sub_msg(MsgId msg, uint32_t tag);

/* Is the tag one of TypeProto's alternatives, of which the last one wins? */
bool wire_is_type(uint32_t tag);
/* Moves `w`, at the start of a TypeProto, to the first piece of that alternative, and returns its tag; 0 if
 * there is none. Only pieces of one run merge: another alternative in between clears what came before. */
uint32_t wire_last_type(Wire *w);

static inline bool span_is(Span s, const char *text) {
  size_t n = __builtin_strlen(text);
  return s.n == n && (n == 0 || __builtin_memcmp(s.p, text, n) == 0);
}

#endif
