/* A unit test is a function registered by TEST(); main() in unit.c runs all, or those whose name contains
 * argv[1]. */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct UnitTest {
  const char *name, *file;
  void (*run)(void);
  struct UnitTest *next;
} UnitTest;

void unit_register(UnitTest *t);
void unit_failed(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define TEST(id)                                                                                             \
  static void test_##id(void);                                                                               \
  __attribute__((constructor)) static void register_##id(void) {                                             \
    static UnitTest t = {#id, __FILE__, test_##id, NULL};                                                    \
    unit_register(&t);                                                                                       \
  }                                                                                                          \
  static void test_##id(void)

#define CHECK(cond)                                                                                          \
  do {                                                                                                       \
    if (!(cond)) unit_failed(__FILE__, __LINE__, "%s", #cond);                                               \
  } while (0)
#define CHECK_EQ(a, b)                                                                                       \
  do {                                                                                                       \
    long long a_ = (long long)(a), b_ = (long long)(b);                                                      \
    if (a_ != b_) unit_failed(__FILE__, __LINE__, "%s is %lld, expected %lld", #a, a_, b_);                  \
  } while (0)
#define CHECK_STR(a, b)                                                                                      \
  do {                                                                                                       \
    const char *a_ = (a), *b_ = (b);                                                                         \
    if (!a_ || !b_ || strcmp(a_, b_) != 0)                                                                   \
      unit_failed(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #a, a_ ? a_ : "NULL",                 \
                  b_ ? b_ : "NULL");                                                                         \
  } while (0)

#endif
