/* The command line: a client of <onnxslim.h> like any other. */
#ifndef CLI_H
#define CLI_H

#include <onnxslim.h>
#include <stdbool.h>
#include <stdio.h>

enum { ANY_PATHS = 1 << 20 };

/* --- main.c ----------------------------------------------------------------------------------------------
 */

typedef struct Cli {
  onnxslim_context *cx;
  onnxslim_options *options;
  const struct Command *command;
  char **path; /* in argv */
  int n_paths;
  bool quiet, verbose, stats, dry_run, transposes, target, help, version;
  const char *json, *node, *report;
  FILE *out;  /* tables and texts: standard output, or standard error when that carries data */
  bool color; /* of out */
  int width;  /* of out, in columns */
  struct Progress *progress;
} Cli;

typedef struct Command {
  const char *name;      /* "" optimizes */
  const char *arguments; /* "A B" */
  const char *doc;
  int min_paths, max_paths;
  int (*run)(Cli *c); /* returns the exit code */
} Command;

/* The commands, the one without a name first; ends with a NULL name. */
extern const Command commands[];

typedef enum ExitCode {
  EXIT_DONE = 0,
  EXIT_USAGE = 1,
  EXIT_MODEL = 2,
  EXIT_VERIFY = 3,
  EXIT_IO = 4
} ExitCode;

/* One line on standard error; the exit code of the status. */
int report_error(Cli *c, onnxslim_status status);
int exit_code(onnxslim_status status);
void error_line(Cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes what --json asks for; frees json, which may be NULL if there was no memory. Returns an exit code. */
int write_json(Cli *c, char *json);

/* --- report_page.c ---------------------------------------------------------------------------------------
 */

/* Writes what --report asks for; frees json (of onnxslim_report_json(), which may be NULL). Returns an exit
 * code. */
int write_report_page(Cli *c, char *json);

/* --- args.c ------------------------------------------------------------------------------------------------
 */

typedef struct Flag {
  char letter; /* 0: none */
  onnxslim_option_info_t info;
} Flag;

/* Flags of the command line itself; i from 0, NULL past the end. */
const Flag *cli_flag(size_t i);

/* Fills in c. False after an error, which has been reported. */
bool parse_args(Cli *c, int argc, char **argv);

/* --- help.c ------------------------------------------------------------------------------------------------
 */

void print_help(const Cli *c);
void print_usage(FILE *out);

/* --- the commands ------------------------------------------------------------------------------------------
 */

int cmd_optimize(Cli *c);
int cmd_inspect(Cli *c);
/* Several models, one column each; returns the exit code. */
int inspect_several(Cli *c);
/* What becomes of the Transposes; returns the exit code. */
int inspect_transposes(Cli *c, onnxslim_model *model);
/* What the target of the options takes of the model; returns the exit code. */
int inspect_target(Cli *c, onnxslim_model *model);
/* Shared by optimize and inspect. */
void print_target(const Cli *c, const onnxslim_target_check *t);
int cmd_diff(Cli *c);
int cmd_explain(Cli *c);
int cmd_print(Cli *c);
int cmd_passes(Cli *c);
int cmd_verify(Cli *c);
int cmd_bench(Cli *c);
int cmd_attribution(Cli *c);
int cmd_bisect(Cli *c);

/* Shared by optimize and verify. */
void print_verification(const Cli *c, const onnxslim_verification *v);

/* --- table.c -----------------------------------------------------------------------------------------------
 */

enum { MAX_COLUMNS = 8 };
typedef enum Style { PLAIN, BOLD, DIM, GOOD, BAD } Style;

typedef struct Cell {
  char text[120];
  Style style;
} Cell;

typedef struct Table {
  const Cli *cli;
  const char *align; /* 'l' or 'r' for each column; the first column is shortened if the table is too wide */
  Cell (*rows)[MAX_COLUMNS];
  size_t n_rows, cap;
  int column; /* of the next cell in the last row */
} Table;

void table_row(Table *t); /* begins a row */
void table_cell(Table *t, Style style, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void table_number(Table *t, uint64_t v);
void table_bytes(Table *t, uint64_t bytes);
void table_seconds(Table *t, double seconds);
/* A difference with its sign; less is good. */
void table_change(Table *t, int64_t v);
void table_change_bytes(Table *t, int64_t v);
void table_print(Table *t); /* and empties it */

/* "1.2 MB"; room for 32 bytes. */
const char *bytes_text(char *text, uint64_t bytes);
const char *seconds_text(char *text, double seconds);
/* Escape sequences, or "" without colours. */
const char *style_on(const Cli *c, Style s);
const char *style_off(const Cli *c);
/* Prints text from column `at` on, wrapped at the width, later lines indented by `indent`. */
void print_wrapped(const Cli *c, int at, int indent, const char *text);

/* --- term.c ------------------------------------------------------------------------------------------------
 */

typedef struct Progress {
  bool shown, enabled;
  double started, drawn;
  Cli *cli;
} Progress;

int terminal_width(FILE *out);
bool terminal_color(FILE *out);
int on_progress(void *user, const char *phase, uint64_t done, uint64_t total);
void on_log(void *user, onnxslim_log_level level, const char *line);
void on_dump(void *user, const char *title, const char *text);
void clear_progress(Progress *p);

#endif
