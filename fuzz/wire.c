/* The codec: what can be read can be printed and written, and what was written is written again as the same
 * bytes. Every graph and node is marked as changed, so that everything is encoded field by field. */
#include "target.h"

#include "base/span.h"
#include "onnx/codec.h"

#include <string.h>

static const size_t ROOM = (size_t)64 << 20; /* beside a few times the size of the input */

typedef struct Copy {
  Ctx cx;
  Span in;
  bool read; /* it is a model */
  uint8_t *out;
  size_t n;
} Copy;

static void mark(Graph *g, void *arg) {
  (void)arg;
  g->dirty = true;
  for (Node *n = g->first; n; n = n->next) n->dirty = ~0u;
}

static void read_and_write(void *arg) {
  Copy *c = arg;
  Model *m = model_read_bytes(&c->cx, c->in.p, c->in.n, NULL);
  c->read = true;
  const char *broken = model_check(m);
  if (broken) wrong("an invariant of the model that was read", broken);
  model_text(m, true);
  model_each_graph(m, mark, NULL);
  c->n = (size_t)model_write_bytes(m, &(WriteOptions){.threads = 1}, &c->out).model_bytes;
  model_free(m);
}

/* False if the bytes are no model. */
static bool copy_model(Copy *c, Span in, const onnxslim_allocator *alloc) {
  *c = (Copy){.in = in};
  ctx_init(&c->cx, alloc, NULL);
  if (ctx_protect(&c->cx, read_and_write, c)) return true;
  if (c->read) wrong("a model was read and cannot be written", c->cx.message);
  if (c->cx.status == ONNXSLIM_ERR_INTERNAL) wrong("internal error", c->cx.message);
  if (!c->cx.message[0] || strchr(c->cx.message, '\n')) wrong("the message is not one line", c->cx.message);
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Heap h = {.room = ROOM + 64 * size};
  onnxslim_allocator alloc = {heap_alloc, heap_free, &h};
  Copy first, second;
  if (copy_model(&first, (Span){bytes, size}, &alloc)) {
    if (!copy_model(&second, (Span){first.out, first.n}, &alloc))
      wrong("what was written cannot be read", second.cx.message);
    if (first.n != second.n || memcmp(first.out, second.out, first.n) != 0)
      wrong("what was written", "is written as other bytes");
    mem_free(&second.cx, second.out);
    mem_free(&first.cx, first.out);
  }
  if (h.live) wrong("leak", "memory is not given back");
  return 0;
}
