/* Sessions and runs. What ONNX Runtime allocates hangs on arenas as finalisers, because a failed allocation
 * of ours leaves by longjmp. */
#include "runtime/ort_t.h"

#include "base/clock.h"
#include "base/os.h"
#include "base/vec.h"

#include <string.h>

struct Session {
  Ort *ort;
  Arena *arena; /* a child of the caller's */
  OrtSessionOptions *options;
  OrtSession *handle;
  size_t n_in, n_out;
  char **names; /* ONNX Runtime's copies: inputs, then outputs */
};

struct Inputs {
  OrtValue **values; /* by the session's inputs */
};

/* --- opening -------------------------------------------------------------------------------------------- */

static void release_session(void *arg) {
  Session *s = arg;
  const OrtApi *api = s->ort->api;
  for (size_t i = 0; s->names && i < s->n_in + s->n_out; i++) {
    OrtStatus *status = s->names[i] ? api->AllocatorFree(s->ort->allocator, s->names[i]) : NULL;
    if (status) api->ReleaseStatus(status);
  }
  if (s->handle) api->ReleaseSession(s->handle);
  if (s->options) api->ReleaseSessionOptions(s->options);
}

#define CALL(call)                                                                                           \
  do {                                                                                                       \
    const char *why_ = ort_refusal(s->ort, a, s->ort->api->call);                                            \
    if (why_) return why_;                                                                                   \
  } while (0)

static const char *set_options(Session *s, Arena *a, const SessionOptions *o) {
  static const int number[] = {[ORT_DEFAULT] = 99, [ORT_OFF] = 0, [ORT_BASIC] = 1, [ORT_EXTENDED] = 2};
  CALL(CreateSessionOptions(&s->options));
  CALL(SetSessionGraphOptimizationLevel(s->options, number[o->level]));
  CALL(SetIntraOpNumThreads(s->options, o->threads > 0 ? o->threads : 1));
  CALL(SetInterOpNumThreads(s->options, 1));
  /* Idle workers of one session would otherwise spin while another one is timed. */
  CALL(AddSessionConfigEntry(s->options, "session.force_spinning_stop", "1"));
  if (o->save_memory) CALL(DisableCpuMemArena(s->options));
  return NULL;
}

static const char *read_names(Session *s, Arena *a) {
  CALL(SessionGetInputCount(s->handle, &s->n_in));
  CALL(SessionGetOutputCount(s->handle, &s->n_out));
  s->names = NEW_ARRAY(s->arena, char *, s->n_in + s->n_out);
  for (size_t i = 0; i < s->n_in; i++)
    CALL(SessionGetInputName(s->handle, i, s->ort->allocator, &s->names[i]));
  for (size_t i = 0; i < s->n_out; i++)
    CALL(SessionGetOutputName(s->handle, i, s->ort->allocator, &s->names[s->n_in + i]));
  return NULL;
}

static const char *open_model(Session *s, Arena *a, const ModelSource *m, const SessionOptions *o) {
  const char *why = set_options(s, a, o);
  if (why) return why;
  if (m->path) {
    OsNative native;
    const void *path = os_native_path(m->path, &native);
    if (!path) return arena_printf(a, "'%s' is no path", m->path);
    CALL(CreateSession(s->ort->env, path, s->options, &s->handle));
  } else {
    if (m->dir)
      CALL(AddSessionConfigEntry(s->options, "session.model_external_initializers_file_folder_path", m->dir));
    CALL(CreateSessionFromArray(s->ort->env, m->bytes, m->size, s->options, &s->handle));
  }
  return read_names(s, a);
}

Session *session_open(Ort *ort, Arena *a, const ModelSource *model, const SessionOptions *o,
                      const char **why) {
  Arena *own = arena_child(a);
  Session *s = NEW(own, Session);
  *s = (Session){.ort = ort, .arena = own};
  arena_finally(own, release_session, s);
  *why = open_model(s, a, model, o);
  if (!*why) return s;
  session_close(s);
  return NULL;
}

void session_close(Session *s) {
  if (s) arena_free(s->arena);
}

Names session_inputs(const Session *s) {
  return (Names){s->names, s->n_in};
}

Names session_outputs(const Session *s) {
  return (Names){s->names + s->n_in, s->n_out};
}

/* --- values --------------------------------------------------------------------------------------------- */

/* OrtValues that an arena owns. */
typedef struct Held {
  const OrtApi *api;
  OrtValue **at;
  size_t n;
} Held;

static void release_values(void *arg) {
  Held *h = arg;
  for (size_t i = 0; i < h->n; i++)
    if (h->at[i]) h->api->ReleaseValue(h->at[i]);
}

static OrtValue **hold_values(const Ort *ort, Arena *a, size_t n) {
  Held *h = NEW(a, Held);
  *h = (Held){.api = ort->api, .at = NEW_ARRAY(a, OrtValue *, n), .n = n};
  arena_finally(a, release_values, h);
  return h->at;
}

static const char *wrap(Session *s, Arena *a, Tensor *t, OrtValue **out) {
  const int64_t *dim = t->dim;
  size_t rank = (size_t)t->rank;
  if (t->store != TS_STRINGS) {
    /* The API takes a pointer it may write to and does not. */
    union {
      const void *in;
      void *out;
    } bytes = {t->bytes};
    CALL(CreateTensorWithDataAsOrtValue(s->ort->memory, bytes.out, (size_t)t->nbytes, dim, rank,
                                        (int)t->dtype, out));
    return NULL;
  }
  const char **text = NEW_ARRAY(a, const char *, t->count);
  for (uint64_t i = 0; i < t->count; i++)
    text[i] = arena_printf(a, "%.*s", (int)t->strings[i].n, (const char *)t->strings[i].p);
  CALL(CreateTensorAsOrtValue(s->ort->allocator, dim, rank, (int)t->dtype, out));
  CALL(FillStringTensor(*out, text, (size_t)t->count));
  return NULL;
}

Inputs *session_bind(Session *s, Arena *a, const Tensors *feed, const char **why) {
  Inputs *in = NEW(a, Inputs);
  in->values = hold_values(s->ort, a, s->n_in);
  for (size_t i = 0; i < s->n_in; i++) {
    size_t k = 0;
    while (k < feed->n && strcmp(feed->at[k].name, s->names[i]) != 0) k++;
    *why = k < feed->n ? wrap(s, a, feed->at[k].tensor, &in->values[i])
                       : arena_printf(a, "there is nothing to feed input '%s' with", s->names[i]);
    if (*why) return NULL;
  }
  return in;
}

static const char *copy_strings(Session *s, Arena *a, const OrtValue *v, Tensor *t) {
  size_t count = (size_t)t->count, bytes = 0;
  CALL(GetStringTensorDataLength(v, &bytes));
  uint8_t *text = arena_alloc(a, bytes);
  size_t *start = NEW_ARRAY(a, size_t, count);
  Span *strings = NEW_ARRAY(a, Span, count);
  CALL(GetStringTensorContent(v, text, bytes, start, count));
  for (size_t i = 0; i < count; i++)
    strings[i] = (Span){text + start[i], (i + 1 < count ? start[i + 1] : bytes) - start[i]};
  t->strings = strings;
  t->nbytes = bytes;
  return NULL;
}

static const char *copy_described(Session *s, Arena *a, OrtValue *v, const OrtTensorShape *shape,
                                  Tensor **out) {
  int dtype = 0;
  size_t rank = 0;
  CALL(GetTensorElementType(shape, &dtype));
  CALL(GetDimensionsCount(shape, &rank));
  int64_t *dim = NEW_ARRAY(a, int64_t, rank);
  CALL(GetDimensions(shape, dim, rank));
  if (dtype == DT_STRING) {
    *out = tensor_new(a, DT_STRING, (int)rank, dim, TS_STRINGS, NULL);
    return copy_strings(s, a, v, *out);
  }
  void *to, *from = NULL;
  *out = tensor_alloc(a, (ElemType)dtype, (int)rank, dim, &to);
  CALL(GetTensorMutableData(v, &from));
  if ((*out)->nbytes) memcpy(to, from, (size_t)(*out)->nbytes);
  return NULL;
}

typedef struct HeldShape {
  const OrtApi *api;
  OrtTensorShape *shape;
} HeldShape;

static void release_shape(void *arg) {
  HeldShape *h = arg;
  if (h->shape) h->api->ReleaseTensorTypeAndShapeInfo(h->shape);
}

static const char *copy_tensor(Session *s, Arena *a, OrtValue *v, Tensor **out) {
  Arena *scratch = arena_child(a);
  HeldShape *h = NEW(scratch, HeldShape);
  h->api = s->ort->api;
  arena_finally(scratch, release_shape, h);
  CALL(GetTensorTypeAndShape(v, &h->shape));
  const char *why = copy_described(s, a, v, h->shape, out);
  arena_free(scratch);
  return why;
}

/* --- runs ----------------------------------------------------------------------------------------------- */

typedef Vec(NamedTensor) Outputs;

enum { NESTING_MAX = 16 };

/* Appends the tensors of a value; `scratch` owns the values that are made on the way into sequences and maps.
 */
static const char *collect(Session *s, Arena *a, Arena *scratch, const char *name, OrtValue *v, int depth,
                           Outputs *out) {
  int type = 0;
  CALL(GetValueType(v, &type));
  if (type == ORT_TYPE_TENSOR) {
    Tensor *t = NULL;
    const char *why = copy_tensor(s, a, v, &t);
    NamedTensor item = {arena_printf(a, "%s", name), t};
    if (!why) vec_push(a, out, item);
    return why;
  }
  if ((type != ORT_TYPE_SEQUENCE && type != ORT_TYPE_MAP) || depth == NESTING_MAX)
    return arena_printf(a, "output '%s' is neither a tensor nor a sequence or map of tensors", name);
  size_t n = 0;
  CALL(GetValueCount(v, &n));
  OrtValue **part = hold_values(s->ort, scratch, n);
  for (size_t i = 0; i < n; i++) {
    CALL(GetValue(v, (int)i, s->ort->allocator, &part[i]));
    const char *why = collect(s, a, scratch, arena_printf(a, "%s[%zu]", name, i), part[i], depth + 1, out);
    if (why) return why;
  }
  return NULL;
}

static const char *run(Session *s, Arena *a, Arena *scratch, const Inputs *in, Tensors *out,
                       double *seconds) {
  OrtValue **values = hold_values(s->ort, scratch, s->n_out);
  double start = clock_seconds();
  const char *const *names = (const char *const *)s->names;
  CALL(Run(s->handle, NULL, names, (const OrtValue *const *)in->values, s->n_in, names + s->n_in, s->n_out,
           values));
  if (seconds) *seconds = clock_seconds() - start;
  if (!out) return NULL;
  Outputs got = {0};
  for (size_t i = 0; i < s->n_out; i++) {
    const char *why = collect(s, a, scratch, s->names[s->n_in + i], values[i], 0, &got);
    if (why) return why;
  }
  *out = (Tensors){got.at, got.n};
  return NULL;
}

const char *session_run(Session *s, Arena *a, const Inputs *in, Tensors *out, double *seconds) {
  Arena *scratch = arena_child(a);
  const char *why = run(s, a, scratch, in, out, seconds);
  arena_free(scratch);
  return why;
}
