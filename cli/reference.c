/* What --help, the manual page and the completions say, from the tables of commands and options. */
#include "cli.h"

#include <string.h>

const char usage_text[] =
    "usage: onnxslim [FLAGS] IN [OUT]\n       onnxslim COMMAND [FLAGS] ...\n       onnxslim --help\n";

const char synopsis[] = "makes an ONNX model smaller and faster without changing what it computes";

const char commands_note[] =
    "the first argument, if it is exactly one of these; ./print or -- makes it a path";

const char notes[] =
    "A value follows its flag after = or a space; one in [] only after =. A repeated list adds to the first. "
    "k, M and G are powers of 1024; in a list \\, is a comma. \"-\" is standard input or output.";

const Entry exit_codes[] = {
    {"0", "done"},
    {"1", "bad usage: a flag, or a name that the model does not have"},
    {"2", "bad model, or one beyond a limit"},
    {"3", "verification failed: OUT is as it was; inspect --target: it does not take the model"},
    {"4", "cannot read or write; no memory; no ONNX Runtime where it is needed"},
    {0},
};

const Entry examples[] = {
    {"onnxslim in.onnx", "what could be done, without writing anything"},
    {"onnxslim in.onnx out.onnx --verify", "optimize; write only what computes the same"},
    {"onnxslim m.onnx m.onnx --freeze batch=1", "fix a dim, in place"},
    {"onnxslim in.onnx cut.onnx --outputs /layer1/Relu_output_0", "keep the part that computes a value"},
    {"onnxslim in.onnx out.onnx --report report.html", "and show what was done, in a browser"},
    {"onnxslim in.onnx - | onnxslim inspect -", "through a pipe"},
    {"onnxslim in.onnx --remarks=missed", "why a pattern was left alone"},
    {"source <(onnxslim completion bash)", "complete commands, flags and values in this shell"},
    {0},
};

const Entry environment[] = {
    {"ONNXSLIM_ORT", "the ONNX Runtime library, if --ort is not given"},
    {"NO_COLOR", "if not empty: no colours, unless --color=always"},
    {"TERM", "dumb: no colours and no progress display"},
    {"COLUMNS", "width of a terminal that does not tell its own"},
    {0},
};

/* --- flags --------------------------------------------------------------------------------------------- */

/* The options of the library, then the flags of the command line. */
static bool flag_at(size_t i, Flag *flag) {
  const onnxslim_option_info_t *info;
  size_t n = 0;
  for (; (info = onnxslim_option_info(n)); n++)
    if (n == i) *flag = (Flag){0, *info};
  if (i < n) return true;
  const Flag *own = cli_flag(i - n);
  if (own) *flag = *own;
  return own != NULL;
}

bool flag_of(const char *group, size_t i, Flag *flag) {
  for (size_t k = 0; flag_at(k, flag); k++)
    if (strcmp(flag->info.group, group) == 0 && i-- == 0) return true;
  return false;
}

static bool seen_before(size_t n, const char *group) {
  Flag f;
  for (size_t k = 0; k < n && flag_at(k, &f); k++)
    if (strcmp(f.info.group, group) == 0) return true;
  return false;
}

const char *flag_group(size_t i) {
  Flag f;
  for (size_t k = 0; flag_at(k, &f); k++)
    if (!seen_before(k, f.info.group) && i-- == 0) return f.info.group;
  return NULL;
}

void flag_term(char term[TERM_ROOM], const Flag *f) {
  const onnxslim_option_info_t *info = &f->info;
  int n = f->letter ? snprintf(term, TERM_ROOM, "-%c, ", f->letter) : 0;
  n += snprintf(term + n, TERM_ROOM - (size_t)n, "--%s", info->name);
  if (info->argument)
    snprintf(term + n, TERM_ROOM - (size_t)n, info->implied ? "[=%s]" : " %s", info->argument);
}

void flag_doc(char doc[DOC_ROOM], const Flag *f) {
  const onnxslim_option_info_t *info = &f->info;
  bool tells = info->standard && info->argument && strcmp(info->standard, "0") != 0;
  snprintf(doc, DOC_ROOM, tells ? "%s (standard: %s)" : "%s", info->doc, info->standard);
}

bool argument_word(const char *argument, size_t i, char word[TERM_ROOM]) {
  for (const char *p = argument; p && *p; i--) {
    size_t n = strcspn(p, "|");
    if (i == 0) {
      snprintf(word, TERM_ROOM, "%.*s", (int)n, p);
      return true;
    }
    p += p[n] ? n + 1 : n;
  }
  return false;
}

void command_term(char term[TERM_ROOM], const Command *cmd) {
  bool both = *cmd->name && *cmd->arguments;
  snprintf(term, TERM_ROOM, "%s%s%s", cmd->name, both ? " " : "", cmd->arguments);
}
