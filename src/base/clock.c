#include "base/clock.h"

#include "base/os.h"

double clock_seconds(void) {
  return os_seconds();
}
