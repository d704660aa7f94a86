/* Drives the codec for test_codec.py: codec_tool MODE IN [OUT]
 *
 *   copy      read, write
 *   dirty     every graph and node is marked as changed, so everything is written field by field
 *   encode    the original messages of nodes, attributes and tensors are forgotten, so all are encoded anew
 *   external  large tensors go to an external file
 *   shrink    the same, because only 4096 bytes are allowed inline
 *   bytes     read from and written to memory
 *   text      ONNX text to standard output; textfull with all elements
 *   size      model_size()
 *
 * Exit code: 0, or the status; the message is on standard error. */
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

static void write_buffer(Run *r, Model *m, const WriteOptions *o) {
  uint8_t *bytes;
  WriteResult w = model_write_bytes(m, o, &bytes);
  FILE *f = fopen(r->out, "wb");
  if (!f || fwrite(bytes, 1, (size_t)w.model_bytes, f) != w.model_bytes || fclose(f) != 0) exit(99);
  mem_free(r->cx, bytes);
}

static void run(void *arg) {
  Run *r = arg;
  WriteOptions o = {.external = is(r, "external"), .inline_limit = is(r, "shrink") ? 4096 : 0};
  Model *m = NULL;
  if (is(r, "bytes")) {
    Arena *a = arena_new(r->cx);
    File *f = file_map(a, r->in);
    m = model_read_bytes(r->cx, f->bytes.p, f->bytes.n, path_folder(a, r->in));
    write_buffer(r, m, &o);
    model_free(m);
    arena_free(a);
    return;
  }
  m = model_read_file(r->cx, r->in);
  const char *broken = model_check(m);
  if (broken) fail(r->cx, ONNXSLIM_ERR_INTERNAL, "%s", broken);
  if (is(r, "dirty")) model_each_graph(m, touch_graph, NULL);
  if (is(r, "encode")) model_each_graph(m, forget_graph, NULL);
  if (is(r, "size")) {
    printf("%llu\n", (unsigned long long)model_size(m, &o));
  } else if (is(r, "text") || is(r, "textfull")) {
    fputs(model_text(m, is(r, "textfull")), stdout);
  } else {
    model_write_file(m, r->out, &o);
  }
  model_free(m);
}

int main(int argc, char **argv) {
  if (argc < 3) return 1;
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  Run r = {&cx, argv[1], argv[2], argc > 3 ? argv[3] : "/dev/null"};
  if (ctx_protect(&cx, run, &r)) return 0;
  fprintf(stderr, "%s\n", cx.message);
  return (int)cx.status;
}
