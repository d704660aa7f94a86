#include "onnx/external.h"

#include <string.h>

/* --- names --------------------------------------------------------------------------------------------- */

static bool is_leaf(const char *name) {
  return *name && path_leaf(name) == name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
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

/* --- what a model refers to ---------------------------------------------------------------------------- */

typedef struct Locations {
  Ctx *cx;
  Arena *arena;
  StrPool *names;
  const char *path; /* of the model */
  Map seen;
} Locations;

static void add_location(Locations *l, Wire entry) {
  bool is_location = false;
  Span value = SPAN_NONE;
  while (wire_next(&entry)) {
    if (entry.tag == StringStringEntry_key) is_location = span_is(entry.bytes, "location");
    if (entry.tag == StringStringEntry_value) value = entry.bytes;
  }
  if (!is_location || !value.n) return;
  map_put(&l->seen, map_key(str_intern(l->names, (const char *)value.p, value.n)), l);
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
  const char *text = signature(w->arena, path);
  Vec(const char *) found = {0}; /* most often there is none, and the old model need not be read */
  size_t n;
  const char *const *paths = path_exists(path) ? folder_files(w->arena, old.folder, &n) : (n = 0, NULL);
  for (size_t i = 0; i < n; i++)
    if (file_ends_with(paths[i], text)) vec_push(w->arena, &found, path_leaf(paths[i]));
  Locations l = locations_new(w);
  if (!found.n || !locations_of(&l, path)) return old;
  for (size_t i = 0; i < found.n; i++)
    if (map_get(&l.seen, map_key(str_internz(l.names, found.at[i]))))
      vec_push(w->arena, &old.names, found.at[i]);
  return old;
}

static bool is_old(const OldData *old, const char *path) {
  for (size_t i = 0; i < old->names.n; i++)
    if (strcmp(path_leaf(path), old->names.at[i]) == 0) return true;
  return false;
}

void old_data_remove(Writer *w, const OldData *old) {
  if (!old->names.n) return;
  Locations l = locations_new(w);
  size_t n;
  const char *const *paths = folder_files(w->arena, old->folder, &n);
  if (!n) return;
  for (size_t i = 0; i < n; i++)
    if (!is_old(old, paths[i]) && !locations_of(&l, paths[i])) return;
  for (size_t i = 0; i < old->names.n; i++)
    if (!map_get(&l.seen, map_key(str_internz(l.names, old->names.at[i]))))
      file_remove(arena_printf(w->arena, "%s/%s", old->folder, old->names.at[i]));
}
