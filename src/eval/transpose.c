/* Transposition at memory speed. Where the fastest axis of the source is not the fastest one of the result,
 * rows of one are columns of the other: then tiles of TILE x TILE elements are read by whole cache lines into
 * a small buffer and written by whole cache lines. */
#include "eval/kernel.h"

enum { TILE = 16 };

/* dst[r * d_row + c] = src[c * s_row + r] for r < rows, c < cols (both at most TILE). */
#define TILES(T, S, name)                                                                                    \
  static void name(T *restrict dst, const S *restrict src, int64_t rows, int64_t cols, int64_t d_row,        \
                   int64_t s_row) {                                                                          \
    T tile[TILE][TILE];                                                                                      \
    if (rows == TILE && cols == TILE) {                                                                      \
      for (int c = 0; c < TILE; c++)                                                                         \
        for (int r = 0; r < TILE; r++) tile[r][c] = src[c * s_row + r];                                      \
      for (int r = 0; r < TILE; r++) memcpy(dst + r * d_row, tile[r], sizeof tile[r]);                       \
      return;                                                                                                \
    }                                                                                                        \
    for (int64_t r = 0; r < rows; r++)                                                                       \
      for (int64_t c = 0; c < cols; c++) dst[r * d_row + c] = src[c * s_row + r];                            \
  }                                                                                                          \
  static void name##_plane(T *dst, const S *src, int64_t rows, int64_t cols, int64_t d_row, int64_t s_row) { \
    for (int64_t r = 0; r < rows; r += 4 * TILE)                                                             \
      for (int64_t c = 0; c < cols; c += TILE)                                                               \
        for (int64_t k = r; k < rows && k < r + 4 * TILE; k += TILE)                                         \
          name(dst + k * d_row + c, src + c * s_row + k, rows - k < TILE ? rows - k : TILE,                  \
               cols - c < TILE ? cols - c : TILE, d_row, s_row);                                             \
  }
TILES(uint8_t, uint8_t, tile1)
TILES(uint16_t, Loose16, tile2)
TILES(uint32_t, Loose32, tile4)
TILES(uint64_t, Loose64, tile8)

static void plane(void *dst, const uint8_t *src, size_t size, int64_t rows, int64_t cols, int64_t d_row,
                  int64_t s_row) {
  switch (size) {
  case 1: tile1_plane(dst, src, rows, cols, d_row, s_row); break;
  case 2: tile2_plane(dst, (const Loose16 *)src, rows, cols, d_row, s_row); break;
  case 4: tile4_plane(dst, (const Loose32 *)src, rows, cols, d_row, s_row); break;
  default: tile8_plane(dst, (const Loose64 *)src, rows, cols, d_row, s_row);
  }
}

/* What has no plane of its own, row by row of the first axis. */
static void copy_rows(uint8_t *dst, int64_t d_row, const uint8_t *src, size_t size, int rank,
                      const int64_t *dim, const int64_t *stride) {
  for (int64_t i = 0; i < dim[0]; i++)
    copy_strided(dst + i * d_row * (int64_t)size, src + i * stride[0] * (int64_t)size, size, rank - 1,
                 dim + 1, stride + 1);
}

void transpose_copy(void *dst, int64_t d_row, const void *src, size_t size, int rank, const int64_t *dim,
                    const int64_t *stride) {
  /* Merge axes, with the result's own strides as the second operand. */
  int64_t packed[MAX_RANK];
  Loop l;
  strides_of(rank, dim, packed);
  bool is_packed = rank == 0 || packed[0] == d_row || dim[0] == 1;
  if (rank) packed[0] = d_row;
  loop_init(&l, rank, dim, 2, (const int64_t *const[]){stride, packed});
  int last = l.rank - 1, fast = -1;
  for (int i = 0; i < last; i++)
    if (l.stride[0][i] == 1) fast = i;
  if (fast < 0 || l.stride[0][last] == 1 || (size & (size - 1)) != 0 || size > 8) {
    if (is_packed)
      copy_strided(dst, src, size, rank, dim, stride);
    else
      copy_rows(dst, d_row, src, size, rank, dim, stride);
    return;
  }
  /* The plane of the two fast axes, for each position along the others. */
  int64_t rows = l.dim[fast], cols = l.dim[last], to_row = l.stride[1][fast], from_row = l.stride[0][last];
  int64_t others[MAX_RANK], from[MAX_RANK], to[MAX_RANK];
  int n = 0;
  for (int i = 0; i < last; i++) {
    if (i == fast) continue;
    others[n] = l.dim[i];
    from[n] = l.stride[0][i];
    to[n++] = l.stride[1][i];
  }
  Loop o;
  loop_init(&o, n, others, 2, (const int64_t *const[]){from, to});
  for (loop_start(&o); loop_run(&o); loop_next(&o))
    for (int64_t i = 0; i < o.n; i++)
      plane((uint8_t *)dst + (o.at[1] + i * o.by[1]) * (int64_t)size,
            (const uint8_t *)src + (o.at[0] + i * o.by[0]) * (int64_t)size, size, rows, cols, to_row,
            from_row);
}
