#include "runtime/npy.h"

#include "base/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *descr;
  ElemType dtype;
} types[] = {
    {"f2", DT_FLOAT16}, {"f4", DT_FLOAT},  {"f8", DT_DOUBLE}, {"i1", DT_INT8},
    {"i2", DT_INT16},   {"i4", DT_INT32},  {"i8", DT_INT64},  {"u1", DT_UINT8},
    {"u2", DT_UINT16},  {"u4", DT_UINT32}, {"u8", DT_UINT64}, {"b1", DT_BOOL},
};

typedef struct Npy {
  Ctx *cx;
  const char *path, *header; /* a Python dict, as text */
  Span data;
} Npy;

static _Noreturn void refuse(const Npy *f, const char *why) {
  fail(f->cx, ONNXSLIM_ERR_USAGE, "%s: %s", f->path, why);
}

/* What follows "'key':" in the header. */
static const char *entry(const Npy *f, const char *key) {
  const char *at = strstr(f->header, key);
  if (!at) refuse(f, "its header lacks an entry");
  for (at += strlen(key); *at == ' ' || *at == ':'; at++) {
  }
  return at;
}

static void open_npy(Arena *a, Npy *f) {
  const Span all = file_map(a, f->path)->bytes;
  if (all.n < 10 || memcmp(all.p, "\x93NUMPY", 6) != 0) refuse(f, "this is no .npy file");
  bool wide = all.p[6] >= 2; /* the length has four bytes */
  size_t start = wide ? 12 : 10, n = (size_t)all.p[8] | (size_t)all.p[9] << 8;
  if (all.n >= start && wide) n |= (size_t)all.p[10] << 16 | (size_t)all.p[11] << 24;
  if (all.n < start || all.n - start < n) refuse(f, "it is cut off in its header");
  f->header = arena_printf(a, "%.*s", (int)n, (const char *)all.p + start);
  f->data = (Span){all.p + start + n, all.n - start - n};
}

static ElemType read_dtype(const Npy *f) {
  const char *descr = entry(f, "'descr'");
  if (*descr != '\'' || (descr[1] != '<' && descr[1] != '|')) refuse(f, "its type is not understood");
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strncmp(descr + 2, types[i].descr, 2) == 0 && descr[4] == '\'') return types[i].dtype;
  refuse(f, "its type is not understood");
}

static int read_shape(const Npy *f, int64_t dim[MAX_RANK]) {
  const char *at = entry(f, "'shape'");
  int rank = 0;
  if (*at++ != '(') refuse(f, "its shape is not understood");
  while (*at && *at != ')') {
    char *end;
    if (rank == MAX_RANK || !isdigit((unsigned char)*at)) refuse(f, "its shape is not understood");
    dim[rank++] = strtoll(at, &end, 10);
    for (at = end; *at == ',' || *at == ' '; at++) {
    }
  }
  return rank;
}

Tensor *npy_read(Arena *a, const char *path) {
  Npy f = {.cx = arena_ctx(a), .path = path};
  int64_t dim[MAX_RANK];
  open_npy(a, &f);
  if (strncmp(entry(&f, "'fortran_order'"), "False", 5) != 0) refuse(&f, "it is in Fortran order");
  int rank = read_shape(&f, dim);
  Tensor *t = tensor_new(a, read_dtype(&f), rank, dim, TS_SPAN, f.data.p);
  if (f.data.n < t->nbytes) refuse(&f, "it is cut off");
  return t;
}
