/* --help, made of the tables of commands and options. */
#include "cli.h"

#include <string.h>

enum { INDENT = 2, DOC_COLUMN = 30 };

void print_usage(FILE *out) {
  fputs("usage: onnxslim [FLAGS] IN [OUT]\n       onnxslim COMMAND [FLAGS] ...\n       onnxslim --help\n",
        out);
}

/* A term and what it means, in two columns. */
static void print_entry(const Cli *c, const char *term, const char *doc) {
  int at = fprintf(c->out, "  %s%s%s", style_on(c, BOLD), term, style_off(c));
  at -= (int)(strlen(style_on(c, BOLD)) + strlen(style_off(c)));
  if (at + 2 > DOC_COLUMN) {
    fputc('\n', c->out);
    at = 0;
  }
  fprintf(c->out, "%*s", DOC_COLUMN - at, "");
  print_wrapped(c, DOC_COLUMN, DOC_COLUMN, doc);
}

static void print_flag(const Cli *c, char letter, const onnxslim_option_info_t *info) {
  char term[100], doc[300];
  size_t room = sizeof term;
  int n = letter ? snprintf(term, room, "-%c, ", letter) : 0;
  n += snprintf(term + n, room - (size_t)n, "--%s", info->name);
  if (info->argument) snprintf(term + n, room - (size_t)n, info->implied ? "[=%s]" : " %s", info->argument);
  bool tells = info->standard && info->argument && strcmp(info->standard, "0") != 0;
  snprintf(doc, sizeof doc, tells ? "%s (standard: %s)" : "%s", info->doc, info->standard);
  print_entry(c, term, doc);
}

static void print_group(const Cli *c, const char *group) {
  fprintf(c->out, "\n%s:\n", group);
  const onnxslim_option_info_t *info;
  for (size_t i = 0; (info = onnxslim_option_info(i)); i++)
    if (strcmp(info->group, group) == 0) print_flag(c, 0, info);
  const Flag *flag;
  for (size_t i = 0; (flag = cli_flag(i)); i++)
    if (strcmp(flag->info.group, group) == 0) print_flag(c, flag->letter, &flag->info);
}

static bool seen_before(size_t n, const char *group) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(onnxslim_option_info(i)->group, group) == 0) return true;
  return false;
}

static void print_commands(const Cli *c) {
  fputs("\nCommands (the first argument, if it is exactly one of these; ./print or -- makes it a path):\n",
        c->out);
  for (const Command *cmd = commands; cmd->name; cmd++) {
    char term[80];
    snprintf(term, sizeof term, "%s%s%s", cmd->name, *cmd->name ? " " : "", cmd->arguments);
    print_entry(c, term, cmd->doc);
  }
}

static void print_examples(const Cli *c) {
  static const char *const rows[][2] = {
      {"onnxslim in.onnx", "what could be done, without writing anything"},
      {"onnxslim in.onnx out.onnx --verify", "optimize; write only what computes the same"},
      {"onnxslim m.onnx m.onnx --freeze batch=1", "fix a dim, in place"},
      {"onnxslim in.onnx cut.onnx --outputs /layer1/Relu_output_0", "keep the part that computes a value"},
      {"onnxslim in.onnx out.onnx --report report.html", "and show what was done, in a browser"},
      {"onnxslim in.onnx - | onnxslim inspect -", "through a pipe"},
      {"onnxslim in.onnx --remarks=missed", "why a pattern was left alone"},
  };
  fputs("\nExamples:\n", c->out);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    fprintf(c->out, "  %-58s  %s\n", rows[i][0], rows[i][1]);
}

void print_help(const Cli *c) {
  fputs("onnxslim " ONNXSLIM_VERSION
        ": makes an ONNX model smaller and faster without changing what it computes\n\n",
        c->out);
  print_usage(c->out);
  print_commands(c);
  const onnxslim_option_info_t *info;
  for (size_t i = 0; (info = onnxslim_option_info(i)); i++)
    if (!seen_before(i, info->group)) print_group(c, info->group);
  fputs("\nA value follows its flag after = or a space; one in [] only after =. A repeated list adds to the "
        "first. k, M and G"
        "\nare powers of 1024; in a list \\, is a comma. \"-\" is standard input or output.\n",
        c->out);
  fputs("\nExit codes:\n", c->out);
  print_entry(c, "0", "done");
  print_entry(c, "1", "bad usage: a flag, or a name that the model does not have");
  print_entry(c, "2", "bad model, or one beyond a limit");
  print_entry(c, "3", "verification failed: OUT is as it was; inspect --target: it does not take the model");
  print_entry(c, "4", "cannot read or write; no memory; no ONNX Runtime where it is needed");
  print_examples(c);
}
