/* Transposition at memory speed. Where the fastest axis of the source is not the fastest one of the result,
 * rows of one are columns of the other: then squares with a cache line on each side are read line by line
 * into a small buffer and written line by line. */
#include "eval/kernel.h"

enum { LINE = 64, VECTOR = 16 }; /* bytes */

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_VECTORS 1
#endif
#endif

/* square##SIZE: transposes elements of T, LINE of bytes on each side, between rows that many bytes apart. */
#ifdef HAVE_VECTORS

/* The elements of two vectors by turns: those of the lower halves, those of the upper ones. */
#define LOWER1(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define UPPER1(a, b)                                                                                         \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOWER2(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define UPPER2(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOWER4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define UPPER4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOWER8(a, b) __builtin_shufflevector(a, b, 0, 2)
#define UPPER8(a, b) __builtin_shufflevector(a, b, 1, 3)

/* As many vectors as one has elements are transposed by as many such steps as their number has bits. */
#define SQUARE(T, SIZE)                                                                                      \
  typedef T Vector##SIZE __attribute__((vector_size(VECTOR)));                                               \
  static void square##SIZE(uint8_t *restrict dst, const uint8_t *restrict src, int64_t d_row,                \
                           int64_t s_row) {                                                                  \
    enum { N = VECTOR / SIZE };                                                                              \
    _Alignas(LINE) uint8_t lines[LINE / SIZE][LINE];                                                         \
    for (int c = 0; c < LINE / SIZE; c += N)                                                                 \
      for (int r = 0; r < LINE / SIZE; r += N) {                                                             \
        Vector##SIZE v[N], w[N];                                                                             \
        for (int i = 0; i < N; i++) memcpy(&v[i], src + (c + i) * s_row + r * SIZE, VECTOR);                 \
        for (int k = 1; k < N; k *= 2) {                                                                     \
          for (int i = 0; i < N / 2; i++) {                                                                  \
            w[2 * i] = LOWER##SIZE(v[i], v[i + N / 2]);                                                      \
            w[2 * i + 1] = UPPER##SIZE(v[i], v[i + N / 2]);                                                  \
          }                                                                                                  \
          memcpy(v, w, sizeof v);                                                                            \
        }                                                                                                    \
        for (int i = 0; i < N; i++) memcpy(&lines[r + i][c * SIZE], &v[i], VECTOR);                          \
      }                                                                                                      \
    for (int r = 0; r < LINE / SIZE; r++) memcpy(dst + r * d_row, lines[r], LINE);                           \
  }

#else

#define SQUARE(T, SIZE)                                                                                      \
  static void square##SIZE(uint8_t *restrict dst, const uint8_t *restrict src, int64_t d_row,                \
                           int64_t s_row) {                                                                  \
    T lines[LINE / SIZE][LINE / SIZE];                                                                       \
    for (int c = 0; c < LINE / SIZE; c++)                                                                    \
      for (int r = 0; r < LINE / SIZE; r++) memcpy(&lines[r][c], src + c * s_row + r * SIZE, SIZE);          \
    for (int r = 0; r < LINE / SIZE; r++) memcpy(dst + r * d_row, lines[r], LINE);                           \
  }

#endif

/* dst[r * d_row + c] = src[c * s_row + r] for r < rows, c < cols, in elements: whole squares, then the rest.
 * What lies side by side in the source is read at once. */
#define PLANE(T, SIZE)                                                                                       \
  SQUARE(T, SIZE)                                                                                            \
  static void plane##SIZE(uint8_t *dst, const uint8_t *src, int64_t rows, int64_t cols, int64_t d_row,       \
                          int64_t s_row) {                                                                   \
    const int64_t side = LINE / SIZE, whole_rows = rows - rows % side, whole_cols = cols - cols % side;      \
    for (int64_t c = 0; c < whole_cols; c += side)                                                           \
      for (int64_t r = 0; r < whole_rows; r += side)                                                         \
        square##SIZE(dst + (r * d_row + c) * SIZE, src + (c * s_row + r) * SIZE, d_row * SIZE,               \
                     s_row * SIZE);                                                                          \
    for (int64_t r = 0; r < rows; r++)                                                                       \
      for (int64_t c = r < whole_rows ? whole_cols : 0; c < cols; c++)                                       \
        memcpy(dst + (r * d_row + c) * SIZE, src + (c * s_row + r) * SIZE, SIZE);                            \
  }
PLANE(uint8_t, 1)
PLANE(uint16_t, 2)
PLANE(uint32_t, 4)
PLANE(uint64_t, 8)

static void plane(uint8_t *dst, const uint8_t *src, size_t size, int64_t rows, int64_t cols, int64_t d_row,
                  int64_t s_row) {
  switch (size) {
  case 1: plane1(dst, src, rows, cols, d_row, s_row); break;
  case 2: plane2(dst, src, rows, cols, d_row, s_row); break;
  case 4: plane4(dst, src, rows, cols, d_row, s_row); break;
  default: plane8(dst, src, rows, cols, d_row, s_row);
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
