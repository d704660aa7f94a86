/* Finding and opening ONNX Runtime. The PyPI package carries its library in onnxruntime/capi/, on Linux as
 * libonnxruntime.so.X.Y.Z. */
#include "runtime/ort_t.h"

#include "base/file.h"
#include "base/os.h"

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

/* Packages of the Python environment at `root`. */
static bool try_python(Finder *f, const char *root) {
  const char *file = arena_printf(f->arena, os_library_format, "onnxruntime");
  for (const char *const *packages = os_python_packages; *packages; packages++) {
    size_t n;
    const char *pattern = arena_printf(f->arena, "%s/onnxruntime/capi/%s*", *packages, file);
    const char *const *found = path_glob(f->arena, root, pattern, &n);
    for (size_t k = n; k-- > 0;) /* sorted: the newest last */
      if (try_library(f, found[k])) return true;
  }
  return false;
}

static bool search(Finder *f) {
  const char *file = arena_printf(f->arena, os_library_format, "onnxruntime");
  if (try_library(f, file) || try_library(f, arena_printf(f->arena, "%s.1", file))) return true;
  f->why = NULL; /* that the loader has none is normal; only what is found and unfit is worth telling */
  const char *env = env_text(f->arena, "VIRTUAL_ENV");
  if (env && try_python(f, env)) return true;
  size_t n;
  const char *const *bin = path_folders_of(f->arena, os_python, &n);
  for (size_t i = 0; i < n; i++)
    for (const char *const *root = os_python_roots; *root; root++)
      if (try_python(f, arena_printf(f->arena, "%s/%s", bin[i], *root))) return true;
  const char *home = env_text(f->arena, "HOME");
  return home && try_python(f, arena_printf(f->arena, "%s/.local", home));
}

static void find(Finder *f, const char *path) {
  Ctx *cx = arena_ctx(f->arena);
  const char *from = "";
  if (!path || !*path) {
    path = env_text(f->arena, "ONNXSLIM_ORT");
    from = " ($ONNXSLIM_ORT)";
  }
  if (path) {
    if (!try_library(f, path))
      fail(cx, ONNXSLIM_ERR_UNAVAILABLE, "cannot open ONNX Runtime at '%s'%s: %s", path, from, f->why);
  } else if (!search(f)) {
    fail(cx, ONNXSLIM_ERR_UNAVAILABLE,
         "ONNX Runtime was not found (tried the system's libraries, the environment at $VIRTUAL_ENV, the "
         "packages of each Python on $PATH and of the user)%s%s; get it with 'pip install onnxruntime', or "
         "name the "
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
