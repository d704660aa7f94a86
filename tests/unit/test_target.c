/* Targets: the profiles name what exists. */
#include "unit.h"

#include "target/target.h"

#include <string.h>

static const char *const names[] = {"ort", "tflite", "coreml"};

static bool is_rule(const char *name) {
  for (size_t i = 0; i < PASS_COUNT; i++)
    for (size_t k = 0; k < all_passes[i]->n_rules; k++)
      if (strcmp(all_passes[i]->rules[k].name, name) == 0) return true;
  return false;
}

TEST(target_names) {
  for (size_t i = 0; i < 3; i++) {
    const Target *t = target_find(names[i]);
    CHECK(t != NULL);
    CHECK_STR(t->name, names[i]);
  }
  CHECK(target_find("tpu") == NULL);
}

TEST(target_profiles) {
  for (size_t i = 0; i < 3; i++) {
    const Target *t = target_find(names[i]);
    for (const char *const *rule = t->skip; *rule; rule++) CHECK(is_rule(*rule));
    for (const Pass *const *p = t->on; *p; p++) CHECK_EQ(target_switches(t, *p), 1);
    for (const Pass *const *p = t->off; *p; p++) CHECK_EQ(target_switches(t, *p), -1);
    CHECK_EQ(target_switches(t, &pass_fold_constants), 0);
  }
  CHECK_EQ(target_switches(NULL, &pass_einsum_to_matmul), 0);
}
