/* Hash map from a 64-bit key to a pointer, open addressing, in an arena. Keys are pointers or hashes; the
 * caller resolves collisions of hashes by chaining its own entries. NULL values mean "absent". */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/arena.h"

typedef struct MapSlot {
  uint64_t key;
  void *val;
} MapSlot;

typedef struct Map {
  Arena *arena;
  MapSlot *slots;
  size_t cap, used; /* used counts slots ever taken; deleted slots keep their key with a NULL value */
} Map;

void map_init(Map *m, Arena *a);
void *map_get(const Map *m, uint64_t key);
void map_put(Map *m, uint64_t key, void *val); /* val NULL deletes */

static inline uint64_t map_key(const void *p) {
  return (uint64_t)(uintptr_t)p;
}

/* 64-bit hash of bytes (not cryptographic, the same on every platform). */
uint64_t hash_bytes(uint64_t seed, const void *p, size_t n);
static inline uint64_t hash_u64(uint64_t seed, uint64_t x) {
  x = (x ^ seed) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
  return x ^ (x >> 29);
}

#endif
