#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit.h"

#include <stdlib.h>

/* An allocator that counts what is live and can refuse the n-th request. */
typedef struct Heap {
  long live, requests, refuse;
} Heap;

static void *heap_alloc(void *user, size_t size) {
  Heap *h = user;
  if (++h->requests == h->refuse) return NULL;
  void *p = malloc(size);
  h->live += p != NULL;
  return p;
}

static void heap_free(void *user, void *p) {
  Heap *h = user;
  h->live -= p != NULL;
  free(p);
}

static Ctx ctx_on(Heap *h) {
  onnxslim_allocator alloc = {heap_alloc, heap_free, h};
  Ctx cx;
  ctx_init(&cx, &alloc, NULL);
  return cx;
}

static void fill_maps(void *arg) {
  Arena *a = arena_new(arg);
  Map m;
  map_init(&m, a);
  CHECK(map_get(&m, 7) == NULL);
  static char mark[10000];
  for (uint64_t i = 0; i < 10000; i++) map_put(&m, i * i, &mark[i]);
  for (uint64_t i = 0; i < 10000; i += 2) map_put(&m, i * i, NULL);
  for (uint64_t i = 0; i < 10000; i++) CHECK(map_get(&m, i * i) == (i % 2 ? &mark[i] : NULL));
  CHECK(map_get(&m, 2) == NULL);
  Vec(uint64_t) v = {0};
  for (uint64_t i = 0; i < 1000; i++) vec_push(a, &v, i);
  vec_remove(&v, 0);
  CHECK_EQ(v.n, 999);
  CHECK_EQ(v.at[0], 1);
  CHECK_EQ(v.at[998], 999);
  arena_free(a);
}

TEST(map_and_vec_hold_what_was_put) {
  Heap h = {0};
  Ctx cx = ctx_on(&h);
  CHECK(ctx_protect(&cx, fill_maps, &cx));
  CHECK_EQ(h.live, 0);
}

static void intern(void *arg) {
  Arena *a = arena_new(arg);
  StrPool *p = strpool_new(a);
  Str empty = str_internz(p, ""), nul = str_intern(p, "a\0b", 3);
  CHECK(empty == str_intern(p, "xyz", 0));
  CHECK(nul == str_intern(p, "a\0b", 3) && nul != str_internz(p, "a"));
  CHECK_EQ(nul->len, 3);
  CHECK(str_find(p, "absent", 6) == NULL);
  for (int i = 0; i < 5000; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    Str s = str_internz(p, name);
    CHECK(s == str_internz(p, name) && str_is(s, name));
  }
  arena_free(a);
}

TEST(strings_are_interned_by_their_bytes) {
  Heap h = {0};
  Ctx cx = ctx_on(&h);
  CHECK(ctx_protect(&cx, intern, &cx));
  CHECK_EQ(h.live, 0);
}

TEST(globs_match_whole_names) {
  CHECK(glob_match("a*c", "abbbc") && glob_match("*", "") && glob_match("?x*", "axyz"));
  CHECK(!glob_match("a*c", "abcd") && !glob_match("?", "") && !glob_match("", "a"));
  CHECK(glob_match("*/attention/*weight", "l.0/attention/q.weight"));
  CHECK(text_mentions("attention_Mask", "mask") && text_mentions("MASK", "mask") && text_mentions("a", ""));
  CHECK(!text_mentions("mas", "mask") && !text_mentions("", "a") && !text_mentions("m\xc3\x81sk", "mask"));
}

static int finalised;

static void note_order(void *arg) {
  finalised = finalised * 10 + *(int *)arg;
}

static void fail_midway(void *arg) {
  Ctx *cx = arg;
  static int one = 1, two = 2, three = 3;
  Arena *a = arena_new(cx), *child = arena_child(a);
  arena_finally(a, note_order, &one);
  finaliser_cancel(a, arena_finally(a, note_order, &three));
  arena_finally(child, note_order, &two);
  memset(blob_new(a, 1 << 20), 1, 1 << 20);
  CHECK_EQ((uintptr_t)blob_new(a, 100) % 64, 0);
  fail(cx, ONNXSLIM_ERR_MODEL, "broken\nat node %d", 3);
}

TEST(a_failure_releases_everything_and_is_one_line) {
  Heap h = {0};
  Ctx cx = ctx_on(&h);
  finalised = 0;
  CHECK(!ctx_protect(&cx, fail_midway, &cx));
  CHECK_EQ(cx.status, ONNXSLIM_ERR_MODEL);
  CHECK_STR(cx.message, "broken at node 3");
  CHECK_EQ(finalised, 21);
  CHECK_EQ(h.live, 0);
}

TEST(every_refused_allocation_is_a_clean_error) {
  for (long n = 1; n < 1000; n++) {
    Heap h = {.refuse = n};
    Ctx cx = ctx_on(&h);
    bool ok = ctx_protect(&cx, fill_maps, &cx);
    CHECK_EQ(h.live, 0);
    if (ok) return;
    CHECK_EQ(cx.status, ONNXSLIM_ERR_MEMORY);
  }
  CHECK(false); /* it never ran through */
}

static void overflow(void *arg) {
  arena_array(arena_new(arg), SIZE_MAX / 2, 16);
}

TEST(array_sizes_do_not_overflow) {
  Heap h = {0};
  Ctx cx = ctx_on(&h);
  CHECK(!ctx_protect(&cx, overflow, &cx));
  CHECK_EQ(cx.status, ONNXSLIM_ERR_MEMORY);
  CHECK_EQ(h.live, 0);
}
