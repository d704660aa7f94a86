/* Monotonic time, for statistics and benchmarks. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since an arbitrary point; never runs backwards. */
double clock_seconds(void);

#endif
