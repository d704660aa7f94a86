#include "model_bytes.h"
#include "unit.h"

static WireDoc doc_of(Arena *a, Span s) {
  return (WireDoc){arena_ctx(a), "m", s};
}

static void walk(Arena *a, MsgId msg, Span s) {
  WireDoc d = doc_of(a, s);
  for (Wire w = wire_top(&d, msg, s); wire_next(&w);) continue;
}

#define WALK(a, msg, ...)                                                                                    \
  do {                                                                                                       \
    static const uint8_t bytes_[] = {__VA_ARGS__};                                                           \
    walk(a, msg, (Span){bytes_, sizeof bytes_});                                                             \
  } while (0)

static void fields_read_back(Arena *a) {
  static const uint64_t numbers[] = {0, 1, 127, 128, 300, 1u << 31, (uint64_t)INT64_MAX, UINT64_MAX};
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  for (size_t i = 0; i < 8; i++) put_varint(&g, Attribute_ints, numbers[i]);
  put_fixed32(&g, Attribute_f, 1.5f);
  put_str(&g, Attribute_name, "name");
  Span s = flat(&g);
  CHECK_EQ(s.n, g.size);
  WireDoc d = doc_of(a, s);
  Wire w = wire_top(&d, Msg_Attribute, s);
  for (size_t i = 0; i < 8; i++) {
    CHECK(wire_next(&w));
    CHECK_EQ(w.tag, Attribute_ints);
    CHECK(w.num == numbers[i]);
  }
  CHECK(wire_next(&w));
  float f;
  memcpy(&f, &w.num, 4);
  CHECK(w.tag == Attribute_f && f == 1.5f);
  CHECK(wire_next(&w) && span_is(w.bytes, "name"));
  CHECK(!wire_next(&w));
}

TEST(wire_fields_read_back) {
  CHECK_STR(message_of(fields_read_back), "");
}

static void messages_nest(Arena *a) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open x = put_begin(&g, Model_graph), y = put_begin(&g, Graph_node);
  for (int i = 0; i < 100; i++) put_str(&g, Node_input, "an input with quite a long name");
  put_end(&g, y);
  put_end(&g, x);
  gather_finish(&g);
  Span s = flat(&g);
  WireDoc d = doc_of(a, s);
  Wire m = wire_top(&d, Msg_Model, s);
  CHECK(wire_next(&m) && m.tag == Model_graph);
  Wire gr = wire_sub(&m, Msg_Graph, m.bytes);
  CHECK(wire_next(&gr) && gr.tag == Graph_node);
  int n = 0;
  for (Wire w = wire_sub(&gr, Msg_Node, gr.bytes); wire_next(&w); n++) CHECK_EQ(w.bytes.n, 31);
  CHECK_EQ(n, 100);
  CHECK(!wire_next(&gr) && !wire_next(&m));
}

TEST(wire_messages_nest) {
  CHECK_STR(message_of(messages_nest), "");
}

static void unchanged_runs_join(Arena *a) {
  Span s = rich_model(a);
  WireDoc d = doc_of(a, s);
  Gather g;
  gather_init(&g, a, s);
  for (Wire w = wire_top(&d, Msg_Model, s); wire_next(&w);) {
    if ((w.tag & 7) == WIRE_BYTES)
      put_bytes(&g, w.tag, w.bytes); /* without its header: it is found again */
    else
      put_span(&g, wire_field(&w));
  }
  gather_finish(&g);
  CHECK_EQ(g.at.n, 1);
  CHECK(g.at.at[0].p == s.p && g.at.at[0].n == s.n);
}

TEST(wire_unchanged_runs_join) {
  CHECK_STR(message_of(unchanged_runs_join), "");
}

static void groups_are_skipped(Arena *a) {
  /* field 5 { 1: 7, field 2 { } }, then ir_version 8 */
  static const uint8_t b[] = {0x2b, 0x08, 0x07, 0x13, 0x14, 0x2c, 0x08, 0x08};
  Span s = {b, sizeof b};
  WireDoc d = doc_of(a, s);
  Wire w = wire_top(&d, Msg_Model, s);
  CHECK(wire_next(&w));
  CHECK_EQ(wire_field(&w).n, 6);
  CHECK(wire_next(&w) && w.tag == Model_ir_version && w.num == 8);
  CHECK(!wire_next(&w));
}

TEST(wire_groups_are_skipped) {
  CHECK_STR(message_of(groups_are_skipped), "");
}

static void pieces_merge(Arena *a) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  put_str(&g, Attribute_t, "ab");
  put_varint(&g, Attribute_i, 1);
  put_str(&g, Attribute_t, "");
  put_str(&g, Attribute_t, "cd");
  Span s = flat(&g);
  WireDoc d = doc_of(a, s);
  Wire w = wire_top(&d, Msg_Attribute, s);
  CHECK(wire_next(&w));
  CHECK(span_is(wire_merge(a, &w), "abcd"));
  CHECK(!wire_next(&w));
}

TEST(wire_pieces_merge) {
  CHECK_STR(message_of(pieces_merge), "");
}

static void cut_tag(Arena *a) {
  WALK(a, Msg_Model, 0x88);
}
static void field_zero(Arena *a) {
  WALK(a, Msg_Model, 0x02, 0x00);
}
static void cut_number(Arena *a) {
  WALK(a, Msg_Model, 0x08, 0xff);
}
static void long_number(Arena *a) {
  WALK(a, Msg_Model, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
}
static void cut_fixed(Arena *a) {
  WALK(a, Msg_Attribute, 0x15, 0x00, 0x00, 0x00);
}
static void long_length(Arena *a) {
  WALK(a, Msg_Model, 0x08, 0x08, 0x12, 0x05, 'a', 'b');
}
static void wire_type_7(Arena *a) {
  WALK(a, Msg_Model, 0x0f);
}
static void open_group(Arena *a) {
  WALK(a, Msg_Model, 0x2b, 0x08, 0x07);
}
static void stray_end(Arena *a) {
  WALK(a, Msg_Model, 0x2c);
}
static void crossed_groups(Arena *a) {
  WALK(a, Msg_Model, 0x2b, 0x13, 0x2c, 0x14);
}
static void broken_group(Arena *a) {
  WALK(a, Msg_Graph, 0x0b, 0x0b, 0x0c, 0x0d);
}
static void deep_groups(Arena *a) {
  uint8_t b[400];
  memset(b, 0x2b, sizeof b);
  walk(a, Msg_Model, (Span){b, sizeof b});
}
static void deep_messages(Arena *a) {
  WireDoc d = doc_of(a, SPAN_NONE);
  Wire w[WIRE_DEPTH + 2];
  w[0] = wire_top(&d, Msg_Type, SPAN_NONE);
  for (int i = 0; i <= WIRE_DEPTH; i++) w[i + 1] = wire_sub(&w[i], Msg_Type, SPAN_NONE);
}

TEST(wire_refuses_malformed_bytes) {
  CHECK_STR(message_of(cut_tag), "m: field tag is cut off or too long at byte offset 0");
  CHECK_STR(message_of(field_zero), "m: invalid field tag 2 at byte offset 0");
  CHECK_STR(message_of(cut_number), "m: ir_version: value is cut off or too long at byte offset 0");
  CHECK_STR(message_of(long_number), "m: ir_version: value is cut off or too long at byte offset 0");
  CHECK_STR(message_of(cut_fixed), "m: f: value is cut off at byte offset 0");
  CHECK_STR(message_of(long_length),
            "m: producer_name: length 5 goes past the end (2 bytes are left) at byte offset 2");
  CHECK(strstr(message_of(wire_type_7), "invalid wire type 7") != NULL);
  CHECK(strstr(message_of(open_group), "group is not closed") != NULL);
  CHECK(strstr(message_of(stray_end), "end of a group that was not opened") != NULL);
  CHECK(strstr(message_of(crossed_groups), "group 2 is closed as 5") != NULL);
  CHECK(strstr(message_of(broken_group), "node[3]: value is cut off at byte offset 3") != NULL);
  CHECK(strstr(message_of(deep_groups), "nested deeper than 100") != NULL);
  CHECK(strstr(message_of(deep_messages), "nested deeper than 100") != NULL);
}

static void nested_error(Arena *a) {
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = put_begin(&g, Model_graph);
  add_node(&g, Graph_node, "Relu", "x", "y");
  Open n = put_begin(&g, Graph_node), at = put_begin(&g, Node_attribute);
  put_str(&g, Attribute_name, "a");
  put_varint(&g, Attribute_t, 99); /* a length, without the bytes */
  put_end(&g, at);
  put_end(&g, n);
  put_end(&g, graph);
  Span s = flat(&g);
  WireDoc d = doc_of(a, s);
  Wire m = wire_top(&d, Msg_Model, s);
  wire_next(&m);
  Wire gr = wire_sub(&m, Msg_Graph, m.bytes);
  while (wire_next(&gr)) {
    Wire no = wire_sub(&gr, Msg_Node, gr.bytes);
    while (wire_next(&no)) {
      if (no.tag != Node_attribute) continue;
      for (Wire w = wire_sub(&no, Msg_Attribute, no.bytes); wire_next(&w);) continue;
    }
  }
}

TEST(wire_errors_name_the_field) {
  CHECK_STR(
      message_of(nested_error),
      "m: graph.node[1].attribute[0].t: length 99 goes past the end (0 bytes are left) at byte offset 23");
}
