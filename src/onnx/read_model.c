/* ModelProto -> Model. */
#include "onnx/read.h"

#include "base/lent.h"

#include <string.h>

/* Functions whose keys collide. */
typedef struct FunctionLink {
  Function *function;
  struct FunctionLink *next;
} FunctionLink;

Str read_domain(Reader *r, Span s) {
  return !s.n || span_is(s, "ai.onnx") ? r->m->empty : read_str(r, s);
}

/* Interned names are equal if their addresses are; "ai.onnx" and no overload have one form each. */
static uint64_t function_key(Str domain, Str name, Str overload) {
  return hash_u64(hash_u64(map_key(domain), map_key(name)), map_key(overload));
}

static Str plain_domain(const Model *m, Str domain) {
  return str_is(domain, "ai.onnx") ? m->empty : domain;
}

Function *read_callee(const Reader *r, Str domain, Str name, Str overload) {
  const FunctionLink *l = map_get(&r->functions, function_key(domain, name, overload));
  for (; l; l = l->next) {
    const Function *f = l->function;
    if (f->name == name && plain_domain(r->m, f->domain) == domain && f->overload == overload)
      return l->function;
  }
  return NULL;
}

OpsetImport read_opset(Reader *r, const Wire *up) {
  OpsetImport o = {r->m->empty, 0};
  for (Wire w = wire_sub(up, Msg_OperatorSetId, up->bytes); wire_next(&w);) {
    if (w.tag == OperatorSetId_domain)
      o.domain = read_str(r, w.bytes);
    else if (w.tag == OperatorSetId_version)
      o.version = (int64_t)w.num;
  }
  return o;
}

static Metadata read_metadata(Reader *r, const Wire *up) {
  Metadata d = {r->m->empty, r->m->empty, false};
  for (Wire w = wire_sub(up, Msg_StringStringEntry, up->bytes); wire_next(&w);) {
    if (w.tag == StringStringEntry_key)
      d.key = read_str(r, w.bytes);
    else if (w.tag == StringStringEntry_value)
      d.value = read_str(r, w.bytes);
  }
  return d;
}

/* The standard value of a function's attribute. A graph stays unread: it has no node to belong to. */
static Attr read_default(Reader *r, const Wire *up) {
  Attr a = {.name = read_str(r, wire_find(up, Msg_Attribute, up->bytes, Attribute_name))};
  for (Wire w = wire_sub(up, Msg_Attribute, up->bytes); wire_next(&w);)
    if (w.tag == Attribute_g || w.tag == Attribute_graphs) return a;
  read_attr(r, wire_sub(up, Msg_Attribute, up->bytes), NULL, &a);
  return a;
}

/* Everything of a function but its body: calls in other functions need the names first. */
static void declare_function(Reader *r, const Wire *up) {
  Model *m = r->m;
  Function *f = NEW(m->arena, Function);
  f->domain = f->name = m->empty;
  f->raw = up->bytes;
  for (Wire w = wire_sub(up, Msg_Function, up->bytes); wire_next(&w);) {
    if (w.tag == Function_name)
      f->name = read_str(r, w.bytes);
    else if (w.tag == Function_domain)
      f->domain = read_str(r, w.bytes);
    else if (w.tag == Function_overload)
      f->overload = w.bytes.n ? read_str(r, w.bytes) : NULL;
    else if (w.tag == Function_attribute)
      vec_push(m->arena, &f->attributes, read_str(r, w.bytes));
    else if (w.tag == Function_attribute_proto)
      vec_push(m->arena, &f->defaults, read_default(r, &w));
    else if (w.tag == Function_opset_import) {
      OpsetImport *o = NEW(m->arena, OpsetImport);
      *o = read_opset(r, &w);
      vec_push(m->arena, &f->opsets, o);
    }
  }
  Str domain = plain_domain(m, f->domain);
  uint64_t key = function_key(domain, f->name, f->overload);
  if (read_callee(r, domain, f->name, f->overload))
    wire_fail(up, "function '%s' is declared twice", f->name->s);
  FunctionLink *l = NEW(r->scratch, FunctionLink);
  *l = (FunctionLink){f, map_get(&r->functions, key)};
  map_put(&r->functions, key, l);
  vec_push(m->arena, &m->functions, f);
}

/* Versions, metadata and functions; true if there is a graph. */
static bool read_preamble(Reader *r, Wire w) {
  Model *m = r->m;
  bool graph = false;
  while (wire_next(&w)) {
    if (w.tag == Model_ir_version)
      m->ir_version = (int64_t)w.num;
    else if (w.tag == Model_opset_import)
      vec_push(m->arena, &m->opsets, read_opset(r, &w));
    else if (w.tag == Model_metadata_props)
      vec_push(m->arena, &m->metadata, read_metadata(r, &w));
    else if (w.tag == Model_functions)
      declare_function(r, &w);
    else if (w.tag == Model_training_info)
      m->has_training = true;
    else if (w.tag == Model_graph)
      graph = true;
  }
  return graph;
}

static void read_model(Reader *r) {
  Model *m = r->m;
  Wire start = wire_top(&r->doc, Msg_Model, m->raw), w = start;
  if (!m->raw.n) fail(r->cx, ONNXSLIM_ERR_MODEL, "%s: the file is empty", r->doc.name);
  if (!read_preamble(r, start)) wire_fail(&start, "this is no ONNX model: it has no graph");
  if (m->ir_version <= 0) wire_fail(&start, "this is no ONNX model: it has no ir_version");
  size_t i = 0;
  while (wire_next(&w)) {
    if (w.tag != Model_functions) continue;
    Function *f = m->functions.at[i++];
    f->body = graph_new(m, NULL, NULL, f);
    read_function(r, wire_sub(&w, Msg_Function, w.bytes), f->body);
  }
  for (w = start; wire_next(&w);) {
    if (w.tag != Model_graph) continue;
    Span graph = wire_merge(m->arena, &w);
    m->graph = graph_new(m, NULL, NULL, NULL);
    read_graph(r, wire_sub(&w, Msg_Graph, graph), m->graph);
    break;
  }
}

static Model *read_into(Model *m, const char *name, bool anywhere) {
  Reader r = {.cx = m->cx, .m = m, .anywhere = anywhere, .scratch = arena_child(m->arena)};
  r.doc = (WireDoc){m->cx, name, m->raw};
  map_init(&r.functions, r.scratch);
  map_init(&r.externals, r.scratch);
  ctx_progress(m->cx, "read", 0, m->raw.n);
  read_model(&r);
  arena_free(r.scratch);
  ctx_progress(m->cx, "read", m->raw.n, m->raw.n);
  return m;
}

Model *model_read_file(Ctx *cx, const char *path) {
  return model_read_file_from(cx, path, false);
}

static Model *read_bytes(Ctx *cx, Span bytes, const char *dir, const char *name, bool anywhere) {
  Model *m = model_new(cx);
  m->raw = bytes;
  m->dir = dir ? arena_printf(m->arena, "%s", dir) : NULL;
  return read_into(m, name, anywhere);
}

Model *model_read_file_from(Ctx *cx, const char *path, bool anywhere) {
  const struct Lent *lent = lent_find(cx, path);
  if (lent) return read_bytes(cx, lent->bytes, lent->dir, lent->name, anywhere);
  Model *m = model_new(cx);
  if (strcmp(path, "-") == 0) {
    m->raw = stdin_read(m->arena);
    return read_into(m, "standard input", false);
  }
  File *f = file_map(m->arena, path);
  vec_push(m->arena, &m->files, f);
  m->path = f->path;
  m->dir = path_folder(m->arena, f->path);
  m->raw = f->bytes;
  return read_into(m, m->path, anywhere);
}

Model *model_read_bytes(Ctx *cx, const void *bytes, size_t n, const char *dir) {
  return read_bytes(cx, (Span){bytes, n}, dir, "model", false);
}

ModelHeader model_header(Model *m) {
  ModelHeader h = {0};
  WireDoc doc = {m->cx, m->path ? m->path : "model", m->raw};
  for (Wire w = wire_top(&doc, Msg_Model, m->raw); wire_next(&w);) {
    if (w.tag == Model_producer_name)
      h.producer_name = w.bytes;
    else if (w.tag == Model_producer_version)
      h.producer_version = w.bytes;
    else if (w.tag == Model_domain)
      h.domain = w.bytes;
    else if (w.tag == Model_model_version)
      h.model_version = (int64_t)w.num;
  }
  return h;
}
