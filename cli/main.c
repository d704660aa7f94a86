#include "cli.h"
#include "system.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const Command commands[] = {
    {"", "IN [OUT]", "optimize IN, report, and write OUT (which may be IN)", 1, 2, cmd_optimize},
    {"inspect", "IN...",
     "inputs, outputs, operators, sizes and memory of a model, of several side by side; with --target what "
     "the "
     "target does not take",
     1, ANY_PATHS, cmd_inspect},
    {"explain", "IN", "why nodes are still there after optimizing: the rules that were refused (--node=NAME)",
     1, 1, cmd_explain},
    {"diff", "A B",
     "what is different between two models: sizes, inputs, operators and what became of each node", 2, 2,
     cmd_diff},
    {"print", "IN", "a model in ONNX text syntax", 1, 1, cmd_print},
    {"passes", "", "the passes and what they do (-v: their rules too)", 0, 0, cmd_passes},
    {"verify", "A B", "compare two models in ONNX Runtime on random inputs (--verify=SEEDS)", 2, 2,
     cmd_verify},
    {"bench", "A B", "time two models in ONNX Runtime, in turn", 2, 2, cmd_bench},
    {"attribution", "IN", "what each pass does alone, then all of them", 1, 1, cmd_attribution},
    {"bisect", "IN [OUT]",
     "find the rewrite that changes the outputs; OUT: the smallest model in which it does", 1, 2, cmd_bisect},
    {"completion", "bash|zsh|fish", "print a script that completes commands, flags and values in that shell",
     1, 1, cmd_completion},
    {"man", "", "print the manual page (onnxslim man | man -l -)", 0, 0, cmd_man},
    {0},
};

/* --- errors
 * -------------------------------------------------------------------------------------------------- */

int exit_code(onnxslim_status status) {
  switch (status) {
  case ONNXSLIM_OK: return EXIT_DONE;
  case ONNXSLIM_ERR_USAGE: return EXIT_USAGE;
  case ONNXSLIM_ERR_MODEL:
  case ONNXSLIM_ERR_LIMIT: return EXIT_MODEL;
  case ONNXSLIM_ERR_VERIFY:
  case ONNXSLIM_ERR_INTERNAL: return EXIT_VERIFY; /* the library's own check of its result failed */
  case ONNXSLIM_ERR_IO:
  case ONNXSLIM_ERR_MEMORY:
  case ONNXSLIM_ERR_CANCELLED:
  case ONNXSLIM_ERR_UNAVAILABLE: break;
  }
  return EXIT_IO;
}

void error_line(Cli *c, const char *fmt, ...) {
  if (c->progress) clear_progress(c->progress);
  char line[1100];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  for (char *p = line; *p; p++)
    if ((unsigned char)*p < ' ') *p = ' ';
  fprintf(stderr, "onnxslim: error: %s\n", line);
}

int report_error(Cli *c, onnxslim_status status) {
  error_line(c, "%s", onnxslim_error(c->cx));
  return exit_code(status);
}

/* --- json
 * ----------------------------------------------------------------------------------------------------- */

int write_json(Cli *c, char *json) {
  if (!json) return report_error(c, ONNXSLIM_ERR_MEMORY);
  FILE *f = strcmp(c->json, "-") == 0 ? stdout : system_create(c->json);
  bool ok = f && fputs(json, f) >= 0;
  if (f) ok = (f == stdout ? fflush(f) : fclose(f)) == 0 && ok;
  onnxslim_buffer_free(c->cx, json);
  if (!ok) error_line(c, "cannot write '%s': %s", c->json, strerror(errno));
  return ok ? EXIT_DONE : EXIT_IO;
}

/* --- the program
 * ------------------------------------------------------------------------------------------------ */

static void choose_output(Cli *c) {
  bool taken = (c->json && strcmp(c->json, "-") == 0) || (c->report && strcmp(c->report, "-") == 0);
  if (c->n_paths == 2 && c->command == commands) taken |= strcmp(c->path[1], "-") == 0 && !c->dry_run;
  c->out = taken ? stderr : stdout;
  c->terminal = system_is_terminal(c->out);
  c->color = terminal_color(c->out, c->when_color);
  c->width = terminal_width(c->out);
}

static int run(Cli *c, int argc, char **argv) {
  c->options = onnxslim_options_new(c->cx);
  if (!c->options) return report_error(c, ONNXSLIM_ERR_MEMORY);
  if (!parse_args(c, argc, argv)) return EXIT_USAGE;
  choose_output(c);
  if (c->help) {
    print_help(c);
    return EXIT_DONE;
  }
  if (c->version) {
    fprintf(c->out, "onnxslim %s\n", onnxslim_version());
    return EXIT_DONE;
  }
  return c->command->run(c);
}

int main(int argc, char **argv) {
  system_catch_signals();
  argv = system_arguments(argc, argv);
  Cli c = {.command = commands, .out = stdout};
  Progress progress;
  begin_progress(&progress, &c);
  c.progress = &progress;
  onnxslim_callbacks calls = {.log = on_log, .progress = on_progress, .user = &progress, .dump = on_dump};
  c.cx = onnxslim_context_new(NULL, &calls);
  if (!c.cx) {
    error_line(&c, "out of memory");
    return EXIT_IO;
  }
  int code = run(&c, argc, argv);
  onnxslim_options_free(c.options);
  onnxslim_context_free(c.cx);
  clear_progress(&progress);
  if ((fflush(c.out) != 0 || ferror(c.out)) && code == EXIT_DONE) {
    error_line(&c, "cannot write the report: %s", strerror(errno));
    code = EXIT_IO;
  }
  if (system_caught() && code != EXIT_DONE) system_die();
  return code;
}
