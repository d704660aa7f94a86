/* Interned strings: equal text is the same pointer within one pool. Text may hold any byte; a NUL follows it.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/arena.h"

typedef struct StrObj {
  uint32_t len;
  char s[];
} StrObj;
typedef const StrObj *Str; /* NULL means "no string"; the empty string is an object of its own */

typedef struct StrPool StrPool;
StrPool *strpool_new(Arena *a);
Str str_intern(StrPool *p, const char *s, size_t len);
Str str_internz(StrPool *p, const char *s);
Str str_find(const StrPool *p, const char *s, size_t len); /* NULL if never interned */

/* True if s (may be NULL) spells the C string z. */
bool str_is(Str s, const char *z);

/* The next item of a list, which commas separate; "\," is a comma in an item. NULL at the end, which *at
 * then is too. */
char *list_next(Arena *a, const char **at);
/* The text as an item of such a list. */
const char *list_item(Arena *a, const char *text);

/* Glob match with '*' and '?' over the whole text. */
bool glob_match(const char *pattern, const char *text);
/* Is `part` in the text? ASCII letters are the same in both cases. */
bool text_mentions(const char *text, const char *part);

#endif
