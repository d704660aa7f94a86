/* onnxslim man: the manual page, in roff with the man macros. */
#include "cli.h"

/* Text on a line of its own may not begin like a request; hyphens are meant as typed. */
static void put_text(FILE *out, const char *text) {
  if (*text == '.' || *text == '\'') fputs("\\&", out);
  for (; *text; text++) {
    if (*text == '\\')
      fputs("\\e", out);
    else if (*text == '-')
      fputs("\\-", out);
    else
      fputc(*text, out);
  }
}

static void put_entry(FILE *out, const char *term, const char *doc) {
  fputs(".TP\n\\fB", out);
  put_text(out, term);
  fputs("\\fR\n", out);
  put_text(out, doc);
  fputc('\n', out);
}

static void put_entries(FILE *out, const char *title, const Entry *e) {
  fprintf(out, ".SH %s\n", title);
  for (; e->term; e++) put_entry(out, e->term, e->doc);
}

static void put_commands(FILE *out) {
  fputs(".SH COMMANDS\nA command is ", out);
  put_text(out, commands_note);
  fputs(".\n", out);
  for (const Command *cmd = commands; cmd->name; cmd++) {
    char term[TERM_ROOM];
    command_term(term, cmd);
    put_entry(out, term, cmd->doc);
  }
}

static void put_flags(FILE *out) {
  fputs(".SH OPTIONS\n", out);
  put_text(out, notes);
  fputc('\n', out);
  const char *group;
  for (size_t i = 0; (group = flag_group(i)); i++) {
    fprintf(out, ".SS %s\n", group);
    Flag f;
    for (size_t k = 0; flag_of(group, k, &f); k++) {
      char term[TERM_ROOM], doc[DOC_ROOM];
      flag_term(term, &f);
      flag_doc(doc, &f);
      put_entry(out, term, doc);
    }
  }
}

static void put_passes(FILE *out) {
  fputs(".SH PASSES\n", out);
  onnxslim_pass_info_t pass;
  for (size_t i = 0; onnxslim_pass_info(i, &pass); i++) {
    char term[TERM_ROOM];
    snprintf(term, sizeof term, "%s%s%s", pass.name, pass.bitwise ? "" : " (rounds)",
             pass.by_default ? "" : " (only if asked for)");
    put_entry(out, term, pass.doc);
  }
}

int cmd_man(Cli *c) {
  FILE *out = c->out;
  fprintf(out, ".TH ONNXSLIM 1 \"\" \"onnxslim %s\" \"User Commands\"\n", onnxslim_version());
  fprintf(out, ".SH NAME\nonnxslim \\- %s\n", synopsis);
  fputs(".SH SYNOPSIS\n", out);
  fputs(".B onnxslim\n[\\fIFLAGS\\fR] \\fIIN\\fR [\\fIOUT\\fR]\n.br\n", out);
  fputs(".B onnxslim\n\\fICOMMAND\\fR [\\fIFLAGS\\fR] ...\n", out);
  put_commands(out);
  put_flags(out);
  put_passes(out);
  put_entries(out, "ENVIRONMENT", environment);
  put_entries(out, "EXIT STATUS", exit_codes);
  put_entries(out, "EXAMPLES", examples);
  return EXIT_DONE;
}
