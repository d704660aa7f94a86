/* Many threads, each with a context of its own: threads COUNT ROUNDS FILE...
 *
 * Each thread optimises the files in another order and writes them to memory; every result must have the
 * bytes that a single thread gets. Built with SANITIZE=thread (`make tsan`) a data race ends it. */
#include <onnxslim.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Result {
  onnxslim_status status;
  uint8_t *bytes;
  size_t size;
  char message[1024];
} Result;

typedef struct Worker {
  pthread_t thread;
  int number, rounds, n;
  char **paths;
  const Result *expected;
  int wrong;
} Worker;

static onnxslim_status optimise(onnxslim_context *cx, const char *path, Result *r) {
  onnxslim_options *o = onnxslim_options_new(cx);
  onnxslim_model *m = NULL;
  onnxslim_report *report = NULL;
  uint8_t *bytes = NULL;
  onnxslim_status status = onnxslim_options_set(o, "remarks", "all");
  if (!status) status = onnxslim_load(cx, path, &m);
  if (!status) status = onnxslim_optimize(m, o, &report);
  if (!status) status = onnxslim_save_bytes(m, o, &bytes, &r->size);
  if (!status) {
    r->bytes = malloc(r->size + 1);
    memcpy(r->bytes, bytes, r->size);
  }
  onnxslim_buffer_free(cx, bytes);
  onnxslim_report_free(report);
  onnxslim_model_free(m);
  onnxslim_options_free(o);
  return r->status = status;
}

static Result result_of(const char *path) {
  Result r = {0};
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  optimise(cx, path, &r);
  snprintf(r.message, sizeof r.message, "%s", onnxslim_error(cx));
  onnxslim_context_free(cx);
  return r;
}

static void *work(void *arg) {
  Worker *w = arg;
  for (int i = 0; i < w->rounds * w->n; i++) {
    int k = (i * (2 * w->number + 1) + w->number) % w->n;
    Result r = result_of(w->paths[k]);
    const Result *e = &w->expected[k];
    w->wrong += r.status != e->status || r.size != e->size || strcmp(r.message, e->message) != 0 ||
                (r.size && memcmp(r.bytes, e->bytes, r.size) != 0);
    free(r.bytes);
  }
  return NULL;
}

int main(int argc, char **argv) {
  enum { MOST = 64 };
  static Worker workers[MOST];
  int count = argc > 3 ? atoi(argv[1]) : 0, rounds = argc > 3 ? atoi(argv[2]) : 0, n = argc - 3, wrong = 0;
  if (count < 1 || count > MOST || rounds < 1) {
    fprintf(stderr, "usage: threads COUNT ROUNDS FILE...\n");
    return 2;
  }
  Result *expected = calloc((size_t)n, sizeof *expected);
  for (int i = 0; i < n; i++) expected[i] = result_of(argv[3 + i]);
  for (int i = 0; i < count; i++) {
    workers[i] = (Worker){.number = i, .rounds = rounds, .n = n, .paths = argv + 3, .expected = expected};
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return 2;
  }
  for (int i = 0; i < count; i++) {
    pthread_join(workers[i].thread, NULL);
    wrong += workers[i].wrong;
  }
  for (int i = 0; i < n; i++) free(expected[i].bytes);
  free(expected);
  printf("%d results, %d of them wrong\n", count * rounds * n, wrong);
  return wrong != 0;
}
