/* The whole library: the first byte chooses options, the others are the model. */
#include "session.h"
#include "target.h"

#include <time.h>

enum { SECONDS = 2 };
static const size_t ROOM = (size_t)256 << 20; /* beside a few times the size of the input */

static const Choice choices[] = {
    {"exact", "1"},
    {"infer-shapes", "1"},
    {"freeze-all", "2"},
    {"opset", "max"},
    {"decompose", "einsum_to_matmul,decompose_layernorm"},
    {"verify-each", "1"},
};
enum { CHOICES = sizeof choices / sizeof *choices };
static const Choice targets[] = {{0}, {"target", "ort"}, {"target", "tflite"}, {"target", "coreml"}};

static int out_of_time(void *user, const char *phase, uint64_t done, uint64_t total) {
  (void)phase, (void)done, (void)total;
  return clock() > *(const clock_t *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size == 0) return 0;
  Choice chosen[CHOICES + 4] = {{"remarks", "all"}, {"fuse", "swish,hardswish,mish"}};
  int n = 2;
  for (int i = 0; i < CHOICES; i++)
    if (bytes[0] >> i & 1) chosen[n++] = choices[i];
  chosen[n] = targets[bytes[0] >> CHOICES];
  clock_t end = clock() + SECONDS * CLOCKS_PER_SEC;
  session_run(bytes + 1, size - 1, chosen, &(Heap){.room = ROOM + 8 * size},
              &(onnxslim_callbacks){.progress = out_of_time, .user = &end});
  return 0;
}
