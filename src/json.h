/* Public structs as JSON. Every struct is a table of its members, so that nothing the tables show is
 * forgotten; keys are the members' names. */
#ifndef JSON_H
#define JSON_H

#include "object.h"

#include "base/span.h"
#include "base/vec.h"

typedef enum FieldKind { TEXT, FLAG, INT, INT64, UINT64, SIZE, REAL } FieldKind;

typedef struct Field {
  const char *key;
  FieldKind kind;
  size_t at;
} Field;

#define FIELD(S, member, kind) {#member, kind, offsetof(S, member)}
#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct Json {
  Arena *arena;
  Vec(char) out;
  int depth;
  bool filled; /* the object or list in progress has a member */
} Json;

void put_raw(Json *j, const char *text); /* as it is */
/* A string of these bytes: whatever they are, it is UTF-8 and has no '<', so that it may stand in a <script>.
 */
void put_string(Json *j, Span s);
void put_number(Json *j, int64_t v);
/* Begins a member; key NULL: of a list. */
void put_key(Json *j, const char *key);
void put_text(Json *j, const char *text);
void put_field(Json *j, const Field *f, const void *object);
/* bracket: "{" or "[", then "}" or "]" */
void open_group(Json *j, const char *key, const char *bracket);
void close_group(Json *j, const char *bracket);
void put_fields(Json *j, const Field *f, size_t n, const void *object);
/* An object on one line. */
void put_row(Json *j, const Field *f, size_t n, const void *object);
/* A member that is a list of texts. */
typedef struct Texts {
  const char *key;
  const char *const *at;
  size_t n;
} Texts;
/* The same with such lists behind the fields. */
void put_row_with(Json *j, const Field *f, size_t n, const void *object, const Texts *lists, size_t n_lists);
void put_rows(Json *j, const char *key, const Field *f, size_t n_fields, const void *rows, size_t n,
              size_t size);
/* A list of what one field says of each row. */
void put_column(Json *j, const char *key, const Field *f, const void *rows, size_t n, size_t size);
/* A member that is an object, whose members fn puts. */
void put_object(Json *j, const char *key, void (*fn)(Json *, const void *), const void *object);
void put_ops(Json *j, const onnxslim_op_count *rows, size_t n);

#define PUT_FIELDS(j, fields, object) put_fields((j), fields, COUNT(fields), (object))
#define PUT_ROWS(j, key, fields, rows, n)                                                                    \
  put_rows((j), key, fields, COUNT(fields), (rows), (n), sizeof *(rows))

/* history.c: what the option "history" adds to a report; false if it was not set. */
bool put_history(Json *j, const onnxslim_report *r);

/* The whole text about an object, which fn puts; NULL only without memory. */
char *json_text(const void *object, void (*fn)(Json *, const void *));

#endif
