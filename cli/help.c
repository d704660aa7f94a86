/* --help */
#include "cli.h"

/* A term and what it means: in two columns, or below each other where the terminal is narrow. */
static void print_entry(const Cli *c, const char *term, const char *doc, int column) {
  enum { INDENT = 2, BELOW = 6, ROOM = 30 };
  if (c->width < column + ROOM) column = BELOW;
  int at = INDENT + text_width(term);
  fprintf(c->out, "%*s%s", INDENT, "", style_on(c, BOLD));
  if (at > c->width)
    print_wrapped(c, INDENT, INDENT, term);
  else
    fputs(term, c->out);
  fputs(style_off(c), c->out);
  if (at + 2 > column) {
    if (at <= c->width) fputc('\n', c->out);
    at = 0;
  }
  fprintf(c->out, "%*s", column - at, "");
  print_wrapped(c, column, column, doc);
}

enum { DOC_COLUMN = 30, EXAMPLE_COLUMN = 62 };

static void print_group(const Cli *c, const char *group) {
  fprintf(c->out, "\n%s:\n", group);
  Flag f;
  for (size_t i = 0; flag_of(group, i, &f); i++) {
    char term[TERM_ROOM], doc[DOC_ROOM];
    flag_term(term, &f);
    flag_doc(doc, &f);
    print_entry(c, term, doc, DOC_COLUMN);
  }
}

static void print_entries(const Cli *c, const char *title, const Entry *e, int column) {
  fprintf(c->out, "\n%s:\n", title);
  for (; e->term; e++) print_entry(c, e->term, e->doc, column);
}

static void print_commands(const Cli *c) {
  char title[200];
  snprintf(title, sizeof title, "Commands (%s):", commands_note);
  fputc('\n', c->out);
  print_wrapped(c, 0, 0, title);
  for (const Command *cmd = commands; cmd->name; cmd++) {
    char term[TERM_ROOM];
    command_term(term, cmd);
    print_entry(c, term, cmd->doc, DOC_COLUMN);
  }
}

void print_help(const Cli *c) {
  char title[200];
  snprintf(title, sizeof title, "onnxslim %s: %s", onnxslim_version(), synopsis);
  print_wrapped(c, 0, 0, title);
  fprintf(c->out, "\n%s", usage_text);
  print_commands(c);
  const char *group;
  for (size_t i = 0; (group = flag_group(i)); i++) print_group(c, group);
  fputc('\n', c->out);
  print_wrapped(c, 0, 0, notes);
  print_entries(c, "Environment", environment, DOC_COLUMN);
  print_entries(c, "Exit codes", exit_codes, DOC_COLUMN);
  print_entries(c, "Examples", examples, EXAMPLE_COLUMN);
}
