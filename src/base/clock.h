/* Monotonic time, for statistics and benchmarks. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Seconds since an arbitrary point; never runs backwards. */
double clock_seconds(void);

/* A counter for what is measured so often that asking for the time would show. Runs evenly, in a unit of its
 * own: two readings beside two of the clock tell which. */
uint64_t clock_ticks(void);

#endif
