/* Finding and opening ONNX Runtime. The PyPI package carries its library as
 * onnxruntime/capi/libonnxruntime.so.X.Y.Z. */
#include "runtime/ort_t.h"

#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

/* A candidate that was opened and speaks our version of the API; `why` is about the last one that was not. */
typedef struct Finder {
  Arena *arena;
  const OrtApiBase *base;
  const char *path;
  const char *why;
} Finder;

/* "1.32.0" is new enough for ORT_API_VERSION: the API version is the minor version. */
static bool version_fits(const char *text) {
  char *rest;
  long major = strtol(text, &rest, 10);
  long minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
  return major > 1 || (major == 1 && minor >= ORT_API_VERSION);
}

static bool try_library(Finder *f, const char *path) {
  void *lib = dynlib_open(f->arena, path, &f->why);
  if (!lib) return false;
  const OrtApiBase *(*get_base)(void) = (const OrtApiBase *(*)(void))dynlib_symbol(lib, "OrtGetApiBase");
  if (!get_base) {
    f->why = arena_printf(f->arena, "'%s' is not ONNX Runtime", path);
    return false;
  }
  const OrtApiBase *base = get_base();
  /* Asked before GetApi(), which would print its refusal on standard error. */
  if (!version_fits(base->GetVersionString())) {
    f->why = arena_printf(f->arena, "'%s' is ONNX Runtime %s, 1.%d or newer is needed", path,
                          base->GetVersionString(), ORT_API_VERSION);
    return false;
  }
  f->base = base;
  f->path = arena_printf(f->arena, "%s", path);
  return true;
}

/* Packages of the Python environment at `root`; Debian's own Python calls the folder dist-packages. */
static bool try_python(Finder *f, const char *root) {
  static const char *const folders[] = {"site-packages", "dist-packages"};
  for (size_t i = 0; i < 2; i++) {
    size_t n;
    const char *pattern =
        arena_printf(f->arena, "%s/lib/python3*/%s/onnxruntime/capi/libonnxruntime.so*", root, folders[i]);
    const char *const *found = path_glob(f->arena, pattern, &n);
    for (size_t k = n; k-- > 0;) /* sorted: the newest last */
      if (try_library(f, found[k])) return true;
  }
  return false;
}

static bool search(Finder *f) {
  if (try_library(f, "libonnxruntime.so") || try_library(f, "libonnxruntime.so.1")) return true;
  f->why = NULL; /* that the loader has none is normal; only what is found and unfit is worth telling */
  const char *env = getenv("VIRTUAL_ENV");
  if (env && *env && try_python(f, env)) return true;
  size_t n;
  const char *const *bin = path_folders_of(f->arena, "python3", &n);
  for (size_t i = 0; i < n; i++) {
    if (try_python(f, arena_printf(f->arena, "%s/..", bin[i]))) return true;
    if (try_python(f, arena_printf(f->arena, "%s/../local", bin[i]))) return true;
  }
  const char *home = getenv("HOME");
  return home && *home && try_python(f, arena_printf(f->arena, "%s/.local", home));
}

static void find(Finder *f, const char *path) {
  Ctx *cx = arena_ctx(f->arena);
  const char *from = "";
  if (!path || !*path) {
    path = getenv("ONNXSLIM_ORT");
    from = " ($ONNXSLIM_ORT)";
  }
  if (path && *path) {
    if (!try_library(f, path))
      fail(cx, ONNXSLIM_ERR_UNAVAILABLE, "cannot open ONNX Runtime at '%s'%s: %s", path, from, f->why);
  } else if (!search(f)) {
    fail(cx, ONNXSLIM_ERR_UNAVAILABLE,
         "ONNX Runtime was not found (tried libonnxruntime.so, the environment at $VIRTUAL_ENV, the packages "
         "of each python3 on $PATH and of the user)%s%s; get it with 'pip install onnxruntime', or name the "
         "library with --ort PATH or $ONNXSLIM_ORT",
         f->why ? ": " : "", f->why ? f->why : "");
  }
}

const char *ort_refusal(const Ort *ort, Arena *a, OrtStatus *status) {
  if (!status) return NULL;
  char *text = arena_printf(a, "%s", ort->api->GetErrorMessage(status));
  ort->api->ReleaseStatus(status);
  for (char *p = text; *p; p++)
    if ((unsigned char)*p < ' ') *p = ' ';
  return text;
}

static void release(void *arg) {
  Ort *ort = arg;
  if (ort->memory) ort->api->ReleaseMemoryInfo(ort->memory);
  if (ort->env) ort->api->ReleaseEnv(ort->env);
}

Ort *ort_open(Arena *a, const char *path) {
  Finder f = {.arena = a};
  find(&f, path);
  Ort *ort = NEW(a, Ort);
  *ort = (Ort){.api = f.base->GetApi(ORT_API_VERSION), .path = f.path, .version = f.base->GetVersionString()};
  if (!ort->api)
    fail(arena_ctx(a), ONNXSLIM_ERR_UNAVAILABLE, "'%s' lacks version %d of its C API", f.path,
         ORT_API_VERSION);
  arena_finally(a, release, ort);
  const char *why = ort_refusal(ort, a, ort->api->CreateEnv(ORT_LOG_FATAL, "onnxslim", &ort->env));
  if (!why)
    why = ort_refusal(ort, a,
                      ort->api->CreateCpuMemoryInfo(ORT_ALLOCATOR_DEVICE, ORT_MEM_DEFAULT, &ort->memory));
  if (!why) why = ort_refusal(ort, a, ort->api->GetAllocatorWithDefaultOptions(&ort->allocator));
  if (why)
    fail(arena_ctx(a), ONNXSLIM_ERR_UNAVAILABLE, "ONNX Runtime at '%s' does not start: %s", f.path, why);
  return ort;
}

const char *ort_version(const Ort *ort) {
  return ort->version;
}

const char *ort_path(const Ort *ort) {
  return ort->path;
}
