/* Malformed input: an error or a model, never a crash, a leak or an allocation out of proportion. */
#include "model_bytes.h"
#include "unit.h"

enum { POSITIONS = 2000 };

typedef struct Case {
  Ctx *cx;
  Span bytes;
  bool read; /* it was a model */
} Case;

/* Reads; whatever could be read is checked, printed, and written with all its graphs marked as changed. */
static void mark(Graph *g, void *arg) {
  (void)arg;
  g->dirty = true;
  for (Node *n = g->first; n; n = n->next) n->dirty = ~0u;
}

static void read_case(void *arg) {
  Case *c = arg;
  c->read = false;
  Model *m = model_read_bytes(c->cx, c->bytes.p, c->bytes.n, NULL);
  c->read = true;
  CHECK(model_check(m) == NULL);
  CHECK(model_text(m, true) != NULL);
  model_each_graph(m, mark, NULL);
  uint8_t *out;
  model_write_bytes(m, &(WriteOptions){0}, &out);
  mem_free(c->cx, out);
  model_free(m);
}

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

/* Memory limit: an allocation that the size of the input cannot explain fails the test. */
static void *small_alloc(void *user, size_t size) {
  Heap *h = user;
  CHECK(size < 16 << 20);
  h->live++;
  return malloc(size);
}

static void small_free(void *user, void *p) {
  Heap *h = user;
  h->live -= p != NULL;
  free(p);
}

typedef struct Bench {
  Heap heap;
  Ctx cx;
  uint8_t *good;
  size_t n;
} Bench;

static void bench_init(Bench *b) {
  *b = (Bench){.n = 0};
  Ctx cx;
  ctx_init(&cx, NULL, NULL);
  Arena *a = arena_new(&cx);
  Span s = rich_model(a);
  b->good = malloc(s.n);
  memcpy(b->good, s.p, s.n);
  b->n = s.n;
  arena_free(a);
  onnxslim_allocator alloc = {small_alloc, small_free, &b->heap};
  ctx_init(&b->cx, &alloc, NULL);
}

/* The bytes lie at the end of a block of their own, so that reading past them is seen by the sanitizer. */
static bool run_case(Bench *b, const uint8_t *bytes, size_t n) {
  uint8_t *copy = malloc(n ? n : 1);
  if (n) memcpy(copy, bytes, n);
  Case c = {&b->cx, {copy, n}, false};
  bool ok = ctx_protect(&b->cx, read_case, &c);
  CHECK(ok == c.read); /* what can be read can be written */
  if (!ok) CHECK(b->cx.message[0] && !strchr(b->cx.message, '\n'));
  CHECK_EQ(b->heap.live, 0);
  free(copy);
  return ok;
}

TEST(codec_fuzz_truncations) {
  Bench b;
  bench_init(&b);
  CHECK(run_case(&b, b.good, b.n));
  for (size_t n = 0; n < b.n; n++) run_case(&b, b.good, n);
  free(b.good);
}

TEST(codec_fuzz_bit_flips) {
  Bench b;
  bench_init(&b);
  uint64_t seed = 1;
  for (int i = 0; i < POSITIONS; i++) {
    size_t at = next_random(&seed) % b.n;
    uint8_t bit = (uint8_t)(1u << next_random(&seed) % 8), old = b.good[at];
    b.good[at] ^= bit;
    run_case(&b, b.good, b.n);
    b.good[at] = old;
  }
  free(b.good);
}

TEST(codec_fuzz_spliced_bytes) {
  Bench b;
  bench_init(&b);
  uint64_t seed = 2;
  uint8_t *bad = malloc(2 * b.n);
  for (int i = 0; i < POSITIONS; i++) {
    size_t to = next_random(&seed) % b.n, from = next_random(&seed) % b.n, n = next_random(&seed) % 40;
    if (n > b.n - from) n = b.n - from;
    memcpy(bad, b.good, to);
    memcpy(bad + to, b.good + from, n);
    memcpy(bad + to + n, b.good + to, b.n - to);
    run_case(&b, bad, b.n + n);
  }
  free(bad);
  free(b.good);
}

TEST(codec_every_allocation_fails_once) {
  Bench b;
  bench_init(&b);
  for (long i = 1;; i++) {
    Heap h = {.refuse = i};
    Ctx cx = heap_ctx(&h);
    Case c = {&cx, {b.good, b.n}, false};
    bool ok = ctx_protect(&cx, read_case, &c);
    CHECK_EQ(h.live, 0);
    if (!ok) CHECK_EQ(cx.status, ONNXSLIM_ERR_MEMORY);
    if (h.requests < i) break;
    CHECK(!ok);
  }
  free(b.good);
}
