/* Model -> bytes. First the whole output is planned as a list of runs, then they are put in place
 * (write_runs.c), so that lengths are known before anything is written and a model that cannot be written
 * leaves no trace. */
#include "onnx/external.h"

#include <string.h>

static const uint64_t DEFAULT_LIMIT = 0x7fffffff; /* protobuf's own: 2 GiB - 1 */

/* --- plan ---------------------------------------------------------------------------------------------- */

static bool same_opset(const Wire *f, const OpsetImport *s) {
  Span domain = SPAN_NONE;
  int64_t version = 0;
  for (Wire o = wire_sub(f, Msg_OperatorSetId, f->bytes); wire_next(&o);) {
    if (o.tag == OperatorSetId_domain)
      domain = o.bytes;
    else if (o.tag == OperatorSetId_version)
      version = (int64_t)o.num;
  }
  return version == s->version && span_is(domain, s->domain->s);
}

static void put_new_opset(Writer *w, uint32_t tag, const OpsetImport *s) {
  Open o = put_begin(&w->out, tag);
  put_bytes(&w->out, OperatorSetId_domain, str_span(s->domain));
  put_varint(&w->out, OperatorSetId_version, (uint64_t)s->version);
  put_end(&w->out, o);
}

void put_opset(Writer *w, const Wire *f, const OpsetImport *s) {
  if (same_opset(f, s))
    put_span(&w->out, wire_field(f));
  else
    put_new_opset(w, f->tag, s);
}

static int64_t original_ir_version(Writer *w) {
  int64_t v = 0;
  for (Wire f = wire_top(&w->doc, Msg_Model, w->m->raw); wire_next(&f);)
    if (f.tag == Model_ir_version) v = (int64_t)f.num;
  return v;
}

static void put_metadata(Writer *w, const Metadata *d) {
  Open o = put_begin(&w->out, Model_metadata_props);
  put_bytes(&w->out, StringStringEntry_key, str_span(d->key));
  put_bytes(&w->out, StringStringEntry_value, str_span(d->value));
  put_end(&w->out, o);
}

static void put_model(Writer *w) {
  const Model *m = w->m;
  bool keep_ir = original_ir_version(w) == m->ir_version;
  bool clean = graph_clean(w, m->graph), graph_done = false;
  size_t function = 0, opset = 0, entry = 0;
  for (Wire f = wire_top(&w->doc, Msg_Model, m->raw); wire_next(&f);) {
    if (f.tag == Model_graph && !clean) {
      if (!graph_done) put_graph(w, Model_graph, m->graph);
      graph_done = true;
    } else if (f.tag == Model_functions) {
      if (function < m->functions.n && m->functions.at[function]->raw.p == f.bytes.p)
        put_function(w, m->functions.at[function++]);
    } else if (f.tag == Model_metadata_props && m->metadata.at[entry++].dirty) {
      put_metadata(w, &m->metadata.at[entry - 1]);
    } else if (f.tag == Model_ir_version && !keep_ir) {
      put_varint(&w->out, Model_ir_version, (uint64_t)m->ir_version);
    } else if (f.tag == Model_opset_import) {
      if (opset < m->opsets.n) put_opset(w, &f, &m->opsets.at[opset++]);
    } else {
      put_span(&w->out, wire_field(&f));
    }
  }
  for (; opset < m->opsets.n; opset++) put_new_opset(w, Model_opset_import, &m->opsets.at[opset]);
  for (; entry < m->metadata.n; entry++) put_metadata(w, &m->metadata.at[entry]);
}

static void plan_once(Writer *w, Externals mode) {
  w->mode = mode;
  gather_init(&w->out, w->arena, w->m->raw);
  gather_init(&w->ext, w->arena, w->m->raw);
  map_init(&w->placed, w->arena);
  put_model(w);
}

/* Where the input's external data is seen from the output, if it stays where it is. */
static const char *kept_prefix(Writer *w, const WriteOptions *o, const char *path) {
  const Model *m = w->m;
  if (!path || !m->dir) return "";
  const char *prefix = external_prefix(w->arena, m->dir, path_folder(w->arena, path));
  if (o->keep_external && !prefix)
    fail(w->cx, ONNXSLIM_ERR_USAGE,
         "the external data of '%s' cannot be kept: it does not lie below the folder of '%s'",
         m->path ? m->path : m->dir, path);
  return o->keep_external || (prefix && !*prefix) ? prefix : NULL;
}

/* path: of the output, NULL if it has none (memory, a report). */
static void plan(Writer *w, Model *m, const WriteOptions *o, const char *path) {
  uint64_t limit = o->inline_limit ? o->inline_limit : DEFAULT_LIMIT;
  *w = (Writer){.cx = m->cx, .m = m, .arena = arena_new(m->cx)};
  w->doc = (WireDoc){m->cx, m->path ? m->path : "model", m->raw};
  w->kept = kept_prefix(w, o, path);
  w->ext_name = external_name(w, o->external_name, path);
  plan_once(w, o->external ? EXTERNAL_INITIALIZERS : EXTERNAL_NONE);
  w->by_itself = w->out.size > limit && w->mode == EXTERNAL_NONE;
  if (w->by_itself) plan_once(w, EXTERNAL_INITIALIZERS);
  if (w->out.size > limit) plan_once(w, EXTERNAL_ALL);
  if (w->out.size > limit)
    fail(w->cx, ONNXSLIM_ERR_LIMIT,
         "the model has %llu bytes without its large tensors; at most %llu are possible",
         (unsigned long long)w->out.size, (unsigned long long)limit);
  gather_finish(&w->out);
  gather_finish(&w->ext);
}

/* Total of the external data that stays where it is. */
typedef struct Kept {
  Writer *w;
  Map seen;
  uint64_t bytes;
} Kept;

static void count_kept(Kept *k, const Tensor *t, bool in_attr) {
  if (!t || !t->external_file || !tensor_clean(k->w, t, in_attr) || map_get(&k->seen, map_key(t->bytes)))
    return;
  map_put(&k->seen, map_key(t->bytes), k);
  k->bytes += t->nbytes;
}

static void graph_kept(Graph *g, void *arg) {
  for (size_t i = 0; i < g->inits.n; i++) count_kept(arg, g->inits.at[i]->init, false);
  for (const Node *n = g->first; n; n = n->next)
    for (size_t i = 0; i < n->attrs.n; i++)
      if (!n->attrs.at[i].ref && n->attrs.at[i].type == ATTR_TENSOR)
        count_kept(arg, n->attrs.at[i].v.tensor, true);
}

static WriteResult result_of(Writer *w) {
  Kept k = {.w = w};
  map_init(&k.seen, w->arena);
  model_each_graph(w->m, graph_kept, &k);
  return (WriteResult){w->out.size, w->ext.size + k.bytes};
}

/* ------------------------------------------------------------------------------------------------------- */

static void undo(void *arg) {
  output_undo(arg);
}

/* The input's files are read while the output is written, and its external data may go on being used. */
static void refuse_input(const Model *m, const char *path) {
  for (size_t i = m->path ? 1 : 0; i < m->files.n; i++) /* in place is fine */
    if (same_file(path, m->files.at[i]->path))
      fail(m->cx, ONNXSLIM_ERR_USAGE, "'%s' cannot be written: the input's tensors are in it", path);
}

/* The external file, complete but not yet in its place. */
static Output *write_external(Writer *w, const char *path, const WriteOptions *o, uint64_t total) {
  if (path_is_stream(path))
    fail(w->cx, ONNXSLIM_ERR_USAGE, "'%s' cannot have the external data this model needs beside it", path);
  const char *name = arena_printf(w->arena, "%s/%s", path_folder(w->arena, path), w->ext_name);
  Output *ext = output_new(w->arena, name, true, path_exists(path) ? path : w->m->path);
  put_file(w, o, &w->ext, ext, 0, total);
  external_sign(ext, w->ext.size, path);
  return ext;
}

static void explain_names(Writer *w, const WriteOptions *o) {
  if (w->by_itself)
    ctx_log(w->cx, ONNXSLIM_LOG_WARNING,
            "the model would be larger than %llu bytes: its large tensors are in '%s'",
            (unsigned long long)(o->inline_limit ? o->inline_limit : DEFAULT_LIMIT), w->ext_name);
  else if (o->external_name && strcmp(o->external_name, w->ext_name) != 0)
    ctx_log(w->cx, ONNXSLIM_LOG_WARNING, "'%s' exists: the large tensors are in '%s'", o->external_name,
            w->ext_name);
}

WriteResult model_write_file(Model *m, const char *path, const WriteOptions *o) {
  Writer w;
  refuse_input(m, path);
  plan(&w, m, o, path_is_stream(path) ? NULL : path);
  uint64_t total = w.out.size + w.ext.size;
  ctx_progress(m->cx, "write", 0, total);
  Output *ext = w.ext.size ? write_external(&w, path, o, total) : NULL;
  Output *out = output_new(w.arena, path, false, m->path);
  put_file(&w, o, &w.out, out, w.ext.size, total);
  OldData old = old_data_find(&w, path);
  if (ext) { /* first: the model must never point to data that is not there */
    output_commit(ext);
    Finaliser *f = arena_finally(w.arena, undo, ext);
    output_commit(out);
    finaliser_cancel(w.arena, f);
    explain_names(&w, o);
  } else {
    output_commit(out);
  }
  old_data_remove(&w, &old);
  WriteResult result = result_of(&w);
  arena_free(w.arena);
  return result;
}

/* A buffer that is freed if the write fails. */
typedef struct Buffer {
  Ctx *cx;
  void *bytes;
} Buffer;

static void release(void *arg) {
  Buffer *b = arg;
  if (b->bytes) mem_free(b->cx, b->bytes);
}

WriteResult model_write_bytes(Model *m, const WriteOptions *o, uint8_t **out) {
  Writer w;
  if (o->external) fail(m->cx, ONNXSLIM_ERR_USAGE, "external data needs a file to stand beside");
  plan(&w, m, o, NULL);
  if (w.ext.size)
    fail(m->cx, ONNXSLIM_ERR_LIMIT, "the model needs external data, which a buffer cannot have");
  Buffer *b = NEW(w.arena, Buffer);
  Finaliser *f = arena_finally(w.arena, release, b);
  b->cx = m->cx;
  uint8_t *bytes = b->bytes = mem_alloc(m->cx, (size_t)w.out.size);
  put_memory(&w, o, &w.out, bytes);
  WriteResult result = result_of(&w);
  finaliser_cancel(w.arena, f);
  arena_free(w.arena);
  *out = bytes;
  return result;
}

uint64_t model_size(Model *m, const WriteOptions *o) {
  Writer w;
  plan(&w, m, o, NULL);
  WriteResult r = result_of(&w);
  arena_free(w.arena);
  return r.model_bytes + r.external_bytes;
}
