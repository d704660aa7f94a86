/* Arena: memory and resources with one lifetime.
 *
 *   small objects   bump-allocated from blocks, never freed one by one
 *   blobs           large buffers of their own, may be given back early
 *   finalisers      file maps, descriptors, temporary files: run in reverse order by arena_free()
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/ctx.h"

typedef struct Arena Arena;

Arena *arena_new(Ctx *cx);
/* For scratch: freed with its parent at the latest, so a fail() leaks nothing. */
Arena *arena_child(Arena *parent);
void arena_free(Arena *a); /* NULL is fine */
/* Frees the arenas with a serial above n_arenas (ctx_protect, after a failure). */
void arenas_free_since(Ctx *cx, uint64_t n_arenas);
Ctx *arena_ctx(const Arena *a);

/* Zeroed, aligned to 16. Never NULL: fails with ONNXSLIM_ERR_MEMORY. Size 0 gives a valid pointer. */
void *arena_alloc(Arena *a, size_t size);
/* The same for count*size with an overflow check. */
void *arena_array(Arena *a, size_t count, size_t size);
void *arena_copy(Arena *a, const void *src, size_t size);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Bytes handed out so far, blobs included (for statistics and for tests of Law 8). */
size_t arena_bytes(const Arena *a);

/* A buffer of its own, aligned to 64, zeroed, freed by blob_free() or with the arena. */
void *blob_new(Arena *a, size_t size);
void *blob_raw(Arena *a, size_t size); /* the same, not zeroed */
void blob_free(Arena *a, void *blob);

/* Runs fn(arg) when the arena is freed, unless finaliser_cancel() came first. */
typedef struct Finaliser Finaliser;
Finaliser *arena_finally(Arena *a, void (*fn)(void *), void *arg);
void finaliser_cancel(Arena *a, Finaliser *f);

#define NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define NEW_ARRAY(arena, T, n) ((T *)arena_array((arena), (size_t)(n), sizeof(T)))

#endif
