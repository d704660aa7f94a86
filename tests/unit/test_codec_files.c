/* The codec and files: atomic output, external data, and what is said when something is in the way. */
#include "base/file.h"
#include "model_bytes.h"
#include "unit.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files --------------------------------------------------------------------------------------------- */

static char folder[64];

static const char *in_folder(Arena *a, const char *name) {
  return arena_printf(a, "%s/%s", folder, name);
}

static void enter_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/onnxslim-unit-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
}

static size_t leave_folder(void) {
  char pattern[80];
  glob_t all;
  snprintf(pattern, sizeof pattern, "%s/*", folder);
  if (glob(pattern, GLOB_PERIOD, NULL, &all) != 0) all.gl_pathc = 0;
  size_t n = all.gl_pathc;
  for (size_t i = 0; i < n; i++) unlink(all.gl_pathv[i]);
  if (all.gl_pathc) globfree(&all);
  rmdir(folder);
  return n - 2; /* "." and ".." */
}

static void put_file(const char *path, Span s) {
  FILE *f = fopen(path, "wb");
  CHECK(f && fwrite(s.p, 1, s.n, f) == s.n && fclose(f) == 0);
}

static Span big_model(Arena *a, int n) {
  float *v = arena_alloc(a, (size_t)n * 4);
  for (int i = 0; i < n; i++) v[i] = (float)i;
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g);
  add_node(&g, Graph_node, "Add", "x w", "y");
  add_floats(&g, Graph_initializer, "w", n, v);
  int64_t dim = n;
  add_info(&g, Graph_input, "x", 1, &dim);
  add_info(&g, Graph_output, "y", 1, &dim);
  put_end(&g, graph);
  return flat(&g);
}

static void in_place(Arena *a) {
  const char *path = in_folder(a, "m.onnx");
  Span s = big_model(a, 100000);
  put_file(path, s);
  CHECK(chmod(path, 0640) == 0);
  Model *m = model_read_file(arena_ctx(a), path);
  CHECK_EQ(m->graph->first->n_in, 2);
  m->graph->name = NULL;
  m->graph->dirty = true;
  WriteResult r = model_write_file(m, path, &(WriteOptions){0});
  CHECK_EQ(r.model_bytes, s.n);
  model_free(m);
  struct stat st;
  CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);
  CHECK(span_same(file_map(a, path)->bytes, s));
}

TEST(codec_writes_in_place) {
  enter_folder();
  CHECK_STR(message_of(in_place), "");
  CHECK_EQ(leave_folder(), 1);
}

/* To an external file beside the model; then read back, and copied to memory and to another folder. */
static void external(Arena *a) {
  Ctx *cx = arena_ctx(a);
  const char *path = in_folder(a, "m.onnx");
  Span s = big_model(a, 100000);
  put_file(in_folder(a, "m.onnx.data"), s); /* in the way: another name must be found */
  Model *m = read_span(a, s);
  WriteResult r = model_write_file(m, path, &(WriteOptions){.external = true});
  CHECK(r.external_bytes == 400000 && r.model_bytes < 1000);
  model_free(m);
  m = model_read_file(cx, path);
  const Tensor *t = value_named(m->graph, "w")->init;
  CHECK_STR(t->external_file->s, "m.onnx.1.data");
  double d;
  CHECK(tensor_get_double(t, 99999, &d) && d == 99999.0);
  CHECK_EQ(model_size(m, &(WriteOptions){0}), r.model_bytes + r.external_bytes);
  r = model_write_file(m, path, &(WriteOptions){0}); /* in place: the data stays where it is */
  CHECK_EQ(r.external_bytes, 400000);
  char *sub = arena_printf(a, "%s/sub", folder);
  CHECK(mkdir(sub, 0700) == 0);
  const char *copy = arena_printf(a, "%s/c.onnx", sub), *data = arena_printf(a, "%s/c.onnx.data", sub);
  model_write_file(m, copy, &(WriteOptions){0});
  model_free(m);
  m = model_read_file(cx, copy);
  CHECK(tensor_get_double(value_named(m->graph, "w")->init, 99999, &d) && d == 99999.0);
  model_free(m);
  CHECK(unlink(copy) == 0 && unlink(data) == 0 && rmdir(sub) == 0);
}

TEST(codec_moves_large_tensors_to_an_external_file) {
  enter_folder();
  CHECK_STR(message_of(external), "");
  CHECK_EQ(leave_folder(), 3);
}

/* A model whose initializer w is 8 floats in `location`. */
static void refer(Arena *a, const char *location, const char *offset, const char *length) {
  const char *const entries[] = {"location", location, "offset", offset, "length", length};
  Gather g;
  gather_init(&g, a, SPAN_NONE);
  Open graph = begin_model(&g), t = put_begin(&g, Graph_initializer);
  put_varint(&g, Tensor_dims, 8);
  put_varint(&g, Tensor_data_type, DT_FLOAT);
  put_str(&g, Tensor_name, "w");
  for (int i = 0; i < 6; i += 2) {
    Open e = put_begin(&g, Tensor_external_data);
    put_str(&g, StringStringEntry_key, entries[i]);
    put_str(&g, StringStringEntry_value, entries[i + 1]);
    put_end(&g, e);
  }
  put_varint(&g, Tensor_data_location, 1);
  put_end(&g, t);
  put_end(&g, graph);
  Span s = flat(&g);
  model_free(model_read_bytes(arena_ctx(a), s.p, s.n, folder));
}

static void data_fits(Arena *a) {
  refer(a, "data", "4", "32");
}
static void data_missing(Arena *a) {
  refer(a, "nowhere", "0", "32");
}
static void data_above(Arena *a) {
  refer(a, "sub/../../data", "0", "32");
}
static void data_absolute(Arena *a) {
  refer(a, "/etc/passwd", "0", "32");
}
static void data_linked(Arena *a) {
  refer(a, "link", "0", "32");
}
static void data_past_end(Arena *a) {
  refer(a, "data", "8", "32");
}
static void data_wrong_length(Arena *a) {
  refer(a, "data", "0", "36");
}
static void data_bad_number(Arena *a) {
  refer(a, "data", "-1", "32");
}
static void data_folder(Arena *a) {
  refer(a, ".", "0", "32");
}

/* The data of an external model must not be overwritten with a model, nor a model with its own data. */
static void onto_data(Arena *a) {
  Ctx *cx = arena_ctx(a);
  const char *path = in_folder(a, "m.onnx");
  model_write_file(read_span(a, big_model(a, 1000)), path, &(WriteOptions){.external = true});
  model_write_file(model_read_file(cx, path), in_folder(a, "m.onnx.data"), &(WriteOptions){0});
}
static void onto_itself(Arena *a) {
  const WriteOptions o = {.external = true, .external_name = "n.onnx"};
  model_write_file(read_span(a, big_model(a, 1000)), in_folder(a, "n.onnx"), &o);
}
static void outside(Arena *a) {
  const WriteOptions o = {.external = true, .external_name = "../data"};
  model_write_file(read_span(a, big_model(a, 1000)), in_folder(a, "n.onnx"), &o);
}

TEST(codec_keeps_model_and_data_apart) {
  enter_folder();
  CHECK(strstr(message_of(onto_data), "m.onnx.data' cannot be written: the input's tensors are in it"));
  CHECK(strstr(message_of(onto_itself), "cannot be both the model and its external data"));
  CHECK(strstr(message_of(outside), "'../data' is no file name for external data"));
  CHECK_EQ(leave_folder(), 2);
}

TEST(codec_checks_external_data) {
  enter_folder();
  uint8_t zeros[36] = {0};
  char path[80];
  snprintf(path, sizeof path, "%s/data", folder);
  put_file(path, (Span){zeros, sizeof zeros});
  snprintf(path, sizeof path, "%s/link", folder);
  CHECK(symlink("/etc/passwd", path) == 0);
  CHECK_STR(message_of(data_fits), "");
  CHECK(strstr(message_of(data_missing), "tensor 'w': external file 'nowhere' does not exist"));
  CHECK(strstr(message_of(data_above), "leaves the model's folder"));
  CHECK(strstr(message_of(data_absolute), "leaves the model's folder"));
  CHECK(strstr(message_of(data_linked), "leaves the model's folder"));
  CHECK(strstr(message_of(data_past_end), "needs 32 bytes at offset 8 of 'data', which has 36"));
  CHECK(strstr(message_of(data_wrong_length), "needs 32 bytes, its external data has 36"));
  CHECK(strstr(message_of(data_bad_number), "the offset of its external data is no number"));
  CHECK(message_of(data_folder)[0] != 0);
  CHECK_EQ(leave_folder(), 2);
}

/* --- atomic output ------------------------------------------------------------------------------------- */

static int stop_writing(void *user, const char *phase, uint64_t done, uint64_t total) {
  (void)user;
  (void)total;
  return strcmp(phase, "write") == 0 && done > 0;
}

static void cancelled(Arena *a) {
  const char *path = in_folder(a, "m.onnx");
  Span s = big_model(a, 4 << 20);
  put_file(path, (Span){(const uint8_t *)"old", 3});
  Model *m = read_span(a, s);
  arena_ctx(a)->calls.progress = stop_writing;
  model_write_file(m, path, &(WriteOptions){.external = true});
}

static uint64_t one_row(Arena *a, Tensor *t) {
  (void)a;
  (void)t;
  return 1;
}

static bool no_stream(Arena *a, Tensor *t, uint64_t from, uint64_t n, const StreamTo *to) {
  (void)a;
  (void)t;
  (void)from;
  (void)n;
  return to->emit(to->arg, "abc", 3) && false;
}

static void not_evaluable(Arena *a) {
  const char *path = in_folder(a, "m.onnx");
  put_file(path, (Span){(const uint8_t *)"old", 3});
  Model *m = read_span(a, big_model(a, 1000));
  Tensor *t = value_named(m->graph, "w")->init;
  t->store = TS_DEFERRED;
  t->raw = SPAN_NONE;
  m->graph->dirty = true;
  model_write_file(m, path, &(WriteOptions){.streamer = {one_row, no_stream}});
}

static void check_old_file(const char *expected, void (*fn)(Arena *)) {
  enter_folder();
  CHECK(strstr(message_of(fn), expected) != NULL);
  char path[80], text[8] = "";
  snprintf(path, sizeof path, "%s/m.onnx", folder);
  FILE *f = fopen(path, "rb");
  CHECK(f && fread(text, 1, sizeof text, f) == 3 && fclose(f) == 0);
  CHECK_STR(text, "old");
  CHECK_EQ(leave_folder(), 1);
}

TEST(codec_leaves_the_target_alone_when_it_fails) {
  check_old_file("cancelled during write", cancelled);
  check_old_file("could not be evaluated", not_evaluable);
}

static void to_folder(Arena *a) {
  model_write_file(read_span(a, rich_model(a)), folder, &(WriteOptions){0});
}
static void to_full_disk(Arena *a) {
  model_write_file(read_span(a, rich_model(a)), "/dev/full", &(WriteOptions){0});
}
static void to_nowhere(Arena *a) {
  model_write_file(read_span(a, rich_model(a)), in_folder(a, "none/m.onnx"), &(WriteOptions){0});
}
static void from_folder(Arena *a) {
  model_read_file(arena_ctx(a), folder);
}

TEST(codec_explains_files) {
  enter_folder();
  CHECK(strstr(message_of(to_folder), "is a directory"));
  CHECK(strstr(message_of(to_full_disk), "cannot write '/dev/full': No space left on device"));
  CHECK(strstr(message_of(to_nowhere), "none/m.onnx': No such file or directory"));
  CHECK(strstr(message_of(from_folder), "is a directory"));
  CHECK_EQ(leave_folder(), 0);
}
