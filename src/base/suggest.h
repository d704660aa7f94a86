/* "Did you mean": the closest word to a misspelt one. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/* Keeps the best of the candidates it was shown. Start with {.word = what was written}. */
typedef struct Suggest {
  const char *word;
  const char *best; /* NULL: nothing is near */
  size_t distance;
} Suggest;

void suggest_try(Suggest *s, const char *candidate);

/* " (did you mean 'x'?)" or "", in `room` bytes at `text`; returns text. */
const char *suggest_text(const Suggest *s, char *text, size_t room);

#endif
