#include "base/clock.h"

#include "base/os.h"

double clock_seconds(void) {
  return os_seconds();
}

uint64_t clock_ticks(void) {
#ifdef __x86_64__
  return __builtin_ia32_rdtsc();
#else
  return (uint64_t)(os_seconds() * 1e9);
#endif
}
