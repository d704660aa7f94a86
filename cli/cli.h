/* The command line: a client of <onnxslim.h> like any other. */
#ifndef CLI_H
#define CLI_H

#include <onnxslim.h>
#include <stdarg.h>
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
  const char *json, *node, *report, *when_color; /* NULL: not given */
  FILE *out;     /* tables and texts: standard output, or standard error when that carries data */
  bool terminal; /* is out one? */
  bool color;    /* of out */
  int width;     /* of out, in columns */
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

/* --- reference.c: what --help, the manual page and the completions say -------------------------------------
 */

enum { TERM_ROOM = 128, DOC_ROOM = 400 };

typedef struct Entry {
  const char *term, *doc;
} Entry;

/* Each ends with a NULL term. */
extern const Entry exit_codes[], examples[], environment[];
extern const char usage_text[], synopsis[], notes[], commands_note[];

/* Group i of flags, from 0; NULL past the end. */
const char *flag_group(size_t i);
/* Flag i of a group, from 0; false past the end. */
bool flag_of(const char *group, size_t i, Flag *flag);
/* "-q, --quiet", and what it means with the value that holds if it is not given. */
void flag_term(char term[TERM_ROOM], const Flag *f);
void flag_doc(char doc[DOC_ROOM], const Flag *f);
/* What stands between the bars of "FILE|keep", from 0; false past the end. */
bool argument_word(const char *argument, size_t i, char word[TERM_ROOM]);
/* "verify A B" */
void command_term(char term[TERM_ROOM], const Command *cmd);

void print_help(const Cli *c);

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
int cmd_completion(Cli *c);
int cmd_man(Cli *c);

/* Shared by optimize and verify. */
void print_verification(const Cli *c, const onnxslim_verification *v);

/* --- text.c ------------------------------------------------------------------------------------------------
 */

typedef enum Style { PLAIN, BOLD, DIM, GOOD, BAD } Style;
enum { TEXT_ROOM = 32 };

/* Escape sequences, or "" without colours. */
const char *style_on(const Cli *c, Style s);
const char *style_off(const Cli *c);
/* "1.2 MB" */
const char *bytes_text(char text[TEXT_ROOM], uint64_t bytes);
const char *seconds_text(char text[TEXT_ROOM], double seconds);

/* Columns that a text takes. */
int text_width(const char *text);
/* Bytes of the longest beginning that takes no more than so many columns. */
size_t text_fitting(const char *text, int width);
/* The beginning and the end, with ... between if it is wider. */
void print_shortened(FILE *out, const char *text, int width);
/* Names of a model must not steer the terminal. */
void make_printable(char *text);
/* In one printable line; to be freed. */
char *formatted(const char *fmt, va_list ap);

/* Prints text from column `at` on, wrapped at the width, later lines indented by `indent`. */
void print_wrapped(const Cli *c, int at, int indent, const char *text);
/* One thing of a list, its head in a style: wrapped on a terminal, one line for programs. */
void print_line(const Cli *c, Style style, const char *head, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void print_indented(const Cli *c, int indent, Style style, const char *head, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* --- table.c -----------------------------------------------------------------------------------------------
 */

enum { MAX_COLUMNS = 8 };

typedef struct Cell {
  char *text; /* NULL: empty */
  Style style;
} Cell;

typedef struct Table {
  const Cli *cli;
  /* For each column: 'r' numbers, to the right; 'l' names, which are shortened if the table is too wide for
   * the terminal; 'w' to the left like names, but whole. If shorter names are not enough, a row takes
   * several lines. */
  const char *align;
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

/* --- term.c ------------------------------------------------------------------------------------------------
 */

/* Columns; a fixed number if it is no terminal. */
int terminal_width(FILE *file);
bool terminal_is_dumb(void);
/* when: "auto", which NULL means too, "always" or "never". */
bool terminal_color(FILE *file, const char *when);

/* --- progress.c --------------------------------------------------------------------------------------------
 */

typedef struct Progress {
  bool shown, enabled;
  double started, drawn, phase_started; /* seconds */
  char phase[16];
  uint64_t done_before, rewrites_before; /* when the phase began */
  Cli *cli;
} Progress;

void begin_progress(Progress *p, Cli *c);
void clear_progress(Progress *p);
int on_progress(void *user, const char *phase, uint64_t done, uint64_t total);
void on_log(void *user, onnxslim_log_level level, const char *line);
void on_dump(void *user, const char *title, const char *text);

#endif
