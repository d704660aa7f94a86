/* Inside of the text printer: a growing text and the printers of its smaller parts. */
#ifndef ONNX_TEXT_H
#define ONNX_TEXT_H

#include "onnx/write.h"

typedef struct Text {
  Writer w; /* what would be written is what is printed (types of values) */
  char *at;
  size_t n, cap;
  int indent;
  char note[160]; /* a comment for the end of the line */
  bool full;      /* all elements of all tensors */
} Text;

void text_init(Text *t, Model *m, bool full);
/* The text so far, NUL-terminated, in the model's arena; frees the scratch memory. */
const char *text_finish(Text *t);

void text_printf(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_newline(Text *t);
/* Adds to the comment at the end of the line in progress. */
void text_note(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_quoted(Text *t, Span s);
void text_id(Text *t, Span s);     /* quoted unless it is an identifier */
void text_float(Text *t, float v); /* the shortest form that reads back as v */

void text_type(Text *t, Wire type); /* a TypeProto */
void text_info(Text *t, const Value *v, Span raw);
/* "float[2] name = {1, 2}" */
void text_tensor(Text *t, const Tensor *tensor, Str name);

#endif
