/* Drives the codec for test_codec.py: codec_tool MODE IN OUT [IN OUT]...
 *
 *   copy      read, write
 *   dirty     every graph and node is marked as changed, so everything is written field by field
 *   encode    the original messages of nodes, attributes and tensors are forgotten, so all are encoded anew
 *   external  large tensors go to an external file
 *   shrink    the same, because only 4096 bytes are allowed inline
 *   bytes     read from and written to memory
 *   text      ONNX text instead of a model; textfull with all elements of all tensors
 *
 * A failure is one line on standard error, "IN: message"; exit code: the last status. */
#include "base/file.h"
#include "onnx/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Run {
  Ctx *cx;
  const char *mode, *in, *out;
} Run;

static bool is(const Run *r, const char *mode) {
  return strcmp(r->mode, mode) == 0;
}

static void touch_graph(Graph *g, void *arg) {
  g->dirty = true;
  for (Node *n = g->first; n; n = n->next) n->dirty = ~0u;
  (void)arg;
}

static void forget_graph(Graph *g, void *arg) {
  touch_graph(g, arg);
  if (!g->function) g->raw = SPAN_NONE;
  for (Node *n = g->first; n; n = n->next) {
    n->raw = SPAN_NONE;
    for (size_t i = 0; i < n->attrs.n; i++) {
      Attr *a = &n->attrs.at[i];
      if (!a->ref && a->type != ATTR_UNDEFINED && a->type <= ATTR_STRINGS) a->raw = SPAN_NONE;
      if (!a->ref && a->type == ATTR_TENSOR) a->v.tensor->raw = SPAN_NONE;
    }
  }
  for (size_t i = 0; i < g->inits.n; i++)
    if (g->inits.at[i]->init) g->inits.at[i]->init->raw = SPAN_NONE;
}

static void write_bytes(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) exit(99);
}

static void through_memory(Run *r) {
  Arena *a = arena_new(r->cx);
  File *f = file_map(a, r->in);
  Model *m = model_read_bytes(r->cx, f->bytes.p, f->bytes.n, path_folder(a, r->in));
  uint8_t *bytes;
  WriteResult w = model_write_bytes(m, &(WriteOptions){0}, &bytes);
  write_bytes(r->out, bytes, (size_t)w.model_bytes);
  mem_free(r->cx, bytes);
  model_free(m);
  arena_free(a);
}

static void run(void *arg) {
  Run *r = arg;
  if (is(r, "bytes")) {
    through_memory(r);
    return;
  }
  Model *m = model_read_file(r->cx, r->in);
  const char *broken = model_check(m);
  if (broken) fail(r->cx, ONNXSLIM_ERR_INTERNAL, "%s", broken);
  if (is(r, "dirty")) model_each_graph(m, touch_graph, NULL);
  if (is(r, "encode")) model_each_graph(m, forget_graph, NULL);
  if (is(r, "text") || is(r, "textfull")) {
    const char *text = model_text(m, is(r, "textfull"));
    write_bytes(r->out, text, strlen(text));
  } else {
    WriteOptions o = {.external = is(r, "external"), .inline_limit = is(r, "shrink") ? 4096 : 0};
    uint64_t expected = model_size(m, &o);
    WriteResult w = model_write_file(m, r->out, &o);
    if (!w.external_bytes &&
        w.model_bytes != expected) /* names of external files have other lengths elsewhere */
      fail(r->cx, ONNXSLIM_ERR_INTERNAL, "model_size() is wrong");
  }
  model_free(m);
}

int main(int argc, char **argv) {
  int rc = 0;
  for (int i = 2; i + 1 < argc; i += 2) {
    Ctx cx;
    ctx_init(&cx, NULL, NULL);
    Run r = {&cx, argv[1], argv[i], argv[i + 1]};
    if (ctx_protect(&cx, run, &r)) continue;
    fprintf(stderr, "%s: %s\n", r.in, cx.message);
    rc = (int)cx.status;
  }
  return rc;
}
