#include "base/map.h"

#include <string.h>

void map_init(Map *m, Arena *a) {
  *m = (Map){.arena = a};
}

/* Slot of the key, or the free slot where it would go. A slot is free if both key and value are 0; deleted
 * slots keep their key, so key 0 is stored as a fixed substitute. */
static MapSlot *slot_of(const Map *m, uint64_t key) {
  size_t mask = m->cap - 1;
  size_t i = (size_t)hash_u64(0, key) & mask;
  while (m->slots[i].key && m->slots[i].key != key) i = (i + 1) & mask;
  return &m->slots[i];
}

static uint64_t stored_key(uint64_t key) {
  return key ? key : 0x5bd1e9955bd1e995u;
}

void *map_get(const Map *m, uint64_t key) {
  return m->cap ? slot_of(m, stored_key(key))->val : NULL;
}

static void map_rehash(Map *m) {
  Map old = *m;
  size_t live = 0;
  for (size_t i = 0; i < old.cap; i++) live += old.slots[i].val != NULL;
  m->cap = 16;
  while (m->cap < live * 4) m->cap *= 2;
  m->slots = NEW_ARRAY(m->arena, MapSlot, m->cap);
  m->used = live;
  for (size_t i = 0; i < old.cap; i++)
    if (old.slots[i].val) *slot_of(m, old.slots[i].key) = old.slots[i];
}

void map_put(Map *m, uint64_t key, void *val) {
  if (!m->cap || m->used * 2 >= m->cap) map_rehash(m);
  key = stored_key(key);
  MapSlot *slot = slot_of(m, key);
  if (!slot->key) {
    if (!val) return;
    slot->key = key;
    m->used++;
  }
  slot->val = val;
}

uint64_t hash_bytes(uint64_t seed, const void *p, size_t n) {
  const uint8_t *s = p;
  uint64_t h = seed ^ (n * 0x9E3779B97F4A7C15u);
  for (; n >= 8; s += 8, n -= 8) {
    uint64_t w;
    memcpy(&w, s, 8);
    h = hash_u64(h, w);
  }
  uint64_t tail = 0;
  for (size_t i = 0; i < n; i++) tail |= (uint64_t)s[i] << (8 * i);
  return hash_u64(h, tail);
}
