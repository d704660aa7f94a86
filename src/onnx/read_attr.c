/* AttributeProto -> Attr. */
#include "onnx/read.h"

#include <string.h>

typedef struct Lists {
  size_t floats, ints, strings, graphs, tensors, sparse, types;
  bool f, i, s, t, g, sp, tp;
} Lists;

static uint64_t packed_count(const Wire *w) {
  uint64_t n = 0;
  for (size_t i = 0; i < w->bytes.n; i++) n += w->bytes.p[i] < 0x80;
  return n;
}

/* Counts the elements of every list and notes what is there. */
static void survey(Wire w, Lists *l) {
  while (wire_next(&w)) {
    switch (w.tag) {
    case Attribute_f: l->f = true; break;
    case Attribute_i: l->i = true; break;
    case Attribute_s: l->s = true; break;
    case Attribute_t: l->t = true; break;
    case Attribute_g: l->g = true; break;
    case Attribute_sparse_tensor: l->sp = true; break;
    case Attribute_tp: l->tp = true; break;
    case Attribute_floats: l->floats++; break;
    case PACKED(Attribute_floats): l->floats += w.bytes.n / 4; break;
    case Attribute_ints: l->ints++; break;
    case PACKED(Attribute_ints): l->ints += packed_count(&w); break;
    case Attribute_strings: l->strings++; break;
    case Attribute_tensors: l->tensors++; break;
    case Attribute_graphs: l->graphs++; break;
    case Attribute_sparse_tensors: l->sparse++; break;
    case Attribute_type_protos: l->types++; break;
    default: break;
    }
  }
}

/* Files of IR version 1 have no type: the one field that is set tells it. */
static AttrType guess_type(const Lists *l) {
  if (l->f) return ATTR_FLOAT;
  if (l->i) return ATTR_INT;
  if (l->s) return ATTR_STRING;
  if (l->t) return ATTR_TENSOR;
  if (l->g) return ATTR_GRAPH;
  if (l->sp) return ATTR_SPARSE_TENSOR;
  if (l->tp) return ATTR_TYPE_PROTO;
  if (l->floats) return ATTR_FLOATS;
  if (l->ints) return ATTR_INTS;
  if (l->strings) return ATTR_STRINGS;
  if (l->tensors) return ATTR_TENSORS;
  if (l->graphs) return ATTR_GRAPHS;
  return ATTR_UNDEFINED;
}

static void read_floats(Reader *r, Wire w, size_t n, Attr *out) {
  float *at = NEW_ARRAY(r->m->arena, float, n);
  out->v.floats.at = at;
  out->v.floats.n = n;
  while (wire_next(&w)) {
    if (w.tag == Attribute_floats) {
      memcpy(at++, &w.num, 4);
    } else if (w.tag == PACKED(Attribute_floats)) {
      if (w.bytes.n % 4) wire_fail(&w, "%zu bytes are no list of floats", w.bytes.n);
      if (w.bytes.n) memcpy(at, w.bytes.p, w.bytes.n);
      at += w.bytes.n / 4;
    }
  }
}

static void read_ints(Reader *r, Wire w, size_t n, Attr *out) {
  int64_t *at = NEW_ARRAY(r->m->arena, int64_t, n);
  out->v.ints.at = at;
  out->v.ints.n = n;
  while (wire_next(&w)) {
    if (w.tag == Attribute_ints) {
      *at++ = (int64_t)w.num;
    } else if (w.tag == PACKED(Attribute_ints)) {
      for (const uint8_t *p = w.bytes.p, *end = p + w.bytes.n; p < end;) {
        uint64_t v;
        if (!varint_get(&p, end, &v)) wire_fail(&w, "malformed list of integers");
        *at++ = (int64_t)v;
      }
    }
  }
}

static void read_strings(Reader *r, Wire w, size_t n, Attr *out) {
  Span *at = NEW_ARRAY(r->m->arena, Span, n);
  out->v.strings.at = at;
  out->v.strings.n = n;
  while (wire_next(&w))
    if (w.tag == Attribute_strings) *at++ = w.bytes;
}

/* `w` is at the start of the attribute; `tag` is g or graphs. */
static void read_graphs(Reader *r, Wire w, uint32_t tag, size_t n, Node *node, Attr *out) {
  Graph **at = NEW_ARRAY(r->m->arena, Graph *, n);
  out->v.graphs.at = at;
  out->v.graphs.n = n;
  for (size_t i = 0; i < n && wire_next(&w);) {
    if (w.tag != tag) continue;
    Span bytes = tag == Attribute_g ? wire_merge(r->m->arena, &w) : w.bytes;
    at[i] = graph_new(r->m, node->graph, node, NULL);
    read_graph(r, wire_sub(&w, Msg_Graph, bytes), at[i]);
    i++;
  }
}

static Tensor *read_t(Reader *r, Wire w) {
  while (wire_next(&w)) {
    if (w.tag != Attribute_t) continue;
    Span bytes = wire_merge(r->m->arena, &w);
    return read_tensor(r, wire_sub(&w, Msg_Tensor, bytes), NULL);
  }
  return NULL;
}

/* Name, type and scalars; the last of a singular field wins. */
static void read_scalars(Reader *r, Wire w, Attr *out, uint64_t *i, uint64_t *f, Span *s) {
  while (wire_next(&w)) {
    switch (w.tag) {
    case Attribute_name: out->name = read_str(r, w.bytes); break;
    case Attribute_ref_attr_name: out->ref = w.bytes.n ? read_str(r, w.bytes) : NULL; break;
    case Attribute_type: out->type = (AttrType)(int32_t)w.num; break;
    case Attribute_i: *i = w.num; break;
    case Attribute_f: *f = w.num; break;
    case Attribute_s: *s = w.bytes; break;
    default: break;
    }
  }
}

static bool read_value(Reader *r, Wire w, Node *n, Attr *out) {
  *out = (Attr){.name = r->m->empty, .raw = {w.start, (size_t)(w.end - w.start)}};
  Lists l = {0};
  uint64_t i = 0, f = 0;
  Span s = {w.start, 0};
  survey(w, &l);
  read_scalars(r, w, out, &i, &f, &s);
  if (out->ref) return false;
  if (out->type == ATTR_UNDEFINED) out->type = guess_type(&l);
  switch (out->type) {
  case ATTR_FLOAT: memcpy(&out->v.f, &f, 4); return true;
  case ATTR_INT: out->v.i = (int64_t)i; return true;
  case ATTR_STRING: out->v.s = s; return true;
  case ATTR_FLOATS: read_floats(r, w, l.floats, out); return true;
  case ATTR_INTS: read_ints(r, w, l.ints, out); return true;
  case ATTR_STRINGS: read_strings(r, w, l.strings, out); return true;
  case ATTR_TENSOR:
    out->v.tensor = read_t(r, w);
    if (out->v.tensor) return true;
    out->type = ATTR_UNDEFINED; /* nobody may follow a missing tensor; raw keeps what it was */
    return false;
  case ATTR_GRAPH:
    if (!l.g) wire_fail(&w, "attribute '%s' is a graph and holds none", out->name->s);
    read_graphs(r, w, Attribute_g, 1, n, out);
    return true;
  case ATTR_GRAPHS: read_graphs(r, w, Attribute_graphs, l.graphs, n, out); return true;
  default: return false;
  }
}

bool read_attr(Reader *r, Wire w, Node *n, Attr *out) {
  bool known = read_value(r, w, n, out);
  if (!known) wire_check(w);
  return known;
}
