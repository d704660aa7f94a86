#include "onnx/external.h"

#include <string.h>

/* --- names --------------------------------------------------------------------------------------------- */

static bool is_leaf(const char *name) {
  return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

const char *external_name(Writer *w, const char *asked, const char *path) {
  const char *leaf = path ? path_leaf(path) : "model.onnx";
  if (asked && !is_leaf(asked))
    fail(w->cx, ONNXSLIM_ERR_USAGE, "'%s' is no file name for external data: it must lie beside the model",
         asked);
  if (asked && path && strcmp(asked, leaf) == 0)
    fail(w->cx, ONNXSLIM_ERR_USAGE, "'%s' cannot be both the model and its external data", path);
  const char *dir = path ? path_folder(w->arena, path) : ".";
  const char *name = asked ? asked : arena_printf(w->arena, "%s.data", leaf);
  for (unsigned i = 1; path && path_exists(arena_printf(w->arena, "%s/%s", dir, name)); i++)
    name = asked ? arena_printf(w->arena, "%s.%u", asked, i) : arena_printf(w->arena, "%s.%u.data", leaf, i);
  return name;
}

const char *external_prefix(Arena *a, const char *input_dir, const char *dir) {
  const char *below = path_below(a, dir, input_dir);
  return !below || !*below ? below : arena_printf(a, "%s/", below);
}

/* --- whose data it is ---------------------------------------------------------------------------------- */

static const char *signature(Arena *a, const char *model_path) {
  return arena_printf(a, "\nonnxslim: data of %s\n", path_leaf(model_path));
}

void external_sign(Output *data, uint64_t end, const char *model_path) {
  Arena *a = output_arena(data);
  const char *text = signature(a, model_path);
  int error = output_write(data, end, &(Span){(const uint8_t *)text, strlen(text)}, 1);
  if (error) output_fail(data, arena_ctx(a), error);
}

static bool is_signed(Arena *a, const char *data_path, const char *model_path) {
  const char *text = signature(a, model_path);
  size_t n = strlen(text);
  const File *f = file_map_plain(a, data_path);
  return f && f->bytes.n >= n && memcmp(f->bytes.p + f->bytes.n - n, text, n) == 0;
}

/* --- what a model refers to ---------------------------------------------------------------------------- */

typedef struct Locations {
  Ctx *cx;
  Arena *arena;
  StrPool *names;
  const char *path; /* of the model */
  Map seen;
  Vec(Str) at;
} Locations;

static void add_location(Locations *l, Wire entry) {
  bool is_location = false;
  Span value = SPAN_NONE;
  while (wire_next(&entry)) {
    if (entry.tag == StringStringEntry_key) is_location = span_is(entry.bytes, "location");
    if (entry.tag == StringStringEntry_value) value = entry.bytes;
  }
  if (!is_location || !value.n) return;
  Str name = str_intern(l->names, (const char *)value.p, value.n);
  if (map_get(&l->seen, map_key(name))) return;
  map_put(&l->seen, map_key(name), l);
  vec_push(l->arena, &l->at, name);
}

/* Every tensor, wherever the schema allows one. */
static void walk(Locations *l, Wire w) {
  while (wire_next(&w)) {
    MsgId sub = wire_sub_msg(w.msg, w.tag);
    if (w.tag == Tensor_external_data && w.msg == Msg_Tensor)
      add_location(l, wire_sub(&w, Msg_StringStringEntry, w.bytes));
    else if (sub != Msg_NONE)
      walk(l, wire_sub(&w, sub, w.bytes));
  }
}

static void collect(void *arg) {
  Locations *l = arg;
  const File *f = file_map_plain(l->arena, l->path);
  if (!f) return;
  WireDoc doc = {l->cx, l->path, f->bytes};
  walk(l, wire_top(&doc, Msg_Model, f->bytes));
}

/* False if nobody can tell. A file that is no model refers to nothing. */
static bool locations_of(Locations *l, const char *path) {
  char message[sizeof l->cx->message];
  memcpy(message, l->cx->message, sizeof message);
  l->path = path;
  bool known = ctx_protect(l->cx, collect, l) || l->cx->status == ONNXSLIM_ERR_MODEL;
  memcpy(l->cx->message, message, sizeof message);
  return known;
}

static Locations locations_new(Writer *w) {
  Locations l = {.cx = w->cx, .arena = w->arena, .names = w->m->strs};
  map_init(&l.seen, w->arena);
  return l;
}

OldData old_data_find(Writer *w, const char *path) {
  OldData old = {path, path_folder(w->arena, path), {0}};
  Locations l = locations_new(w);
  if (!locations_of(&l, path)) return old;
  for (size_t i = 0; i < l.at.n; i++)
    if (is_leaf(l.at.at[i]->s) &&
        is_signed(w->arena, arena_printf(w->arena, "%s/%s", old.folder, l.at.at[i]->s), path))
      vec_push(w->arena, &old.names, l.at.at[i]);
  return old;
}

void old_data_remove(Writer *w, const OldData *old) {
  if (!old->names.n) return;
  Locations l = locations_new(w);
  size_t n;
  const char *const *paths = folder_files(w->arena, old->folder, &n);
  for (size_t i = 0; i < n; i++) {
    bool is_old = false; /* what may go is data, and too large to be looked through for a model */
    for (size_t k = 0; k < old->names.n; k++) is_old |= strcmp(path_leaf(paths[i]), old->names.at[k]->s) == 0;
    if (!is_old && !locations_of(&l, paths[i])) return;
  }
  if (!n) return;
  for (size_t i = 0; i < old->names.n; i++)
    if (!map_get(&l.seen, map_key(old->names.at[i])))
      file_remove(arena_printf(w->arena, "%s/%s", old->folder, old->names.at[i]->s));
}
