/* argv -> Cli. Options of the library are known by onnxslim_option_info(); the command line has a few flags
 * of its own. */
#include "cli.h"

#include <stddef.h>
#include <string.h>

static const struct OwnFlag {
  Flag flag;
  size_t at; /* the member of Cli it sets */
} own_flags[] = {
    {{0, {.name = "dry-run", .doc = "do everything but write OUT", .group = "Output"}},
     offsetof(Cli, dry_run)},
    {{0,
      {.name = "json",
       .argument = "FILE",
       .type = ONNXSLIM_TEXT,
       .doc = "write the whole report to FILE (- is standard output)",
       .group = "Output"}},
     offsetof(Cli, json)},
    {{0,
      {.name = "report",
       .argument = "FILE",
       .type = ONNXSLIM_TEXT,
       .doc = "write a page to FILE that shows both graphs and what was done (- is standard output)",
       .group = "Output"}},
     offsetof(Cli, report)},
    {{0,
      {.name = "color",
       .argument = "auto|always|never",
       .type = ONNXSLIM_CHOICE,
       .standard = "auto",
       .implied = "always",
       .doc = "colours; auto: on a terminal only",
       .group = "Output"}},
     offsetof(Cli, when_color)},
    {{'q', {.name = "quiet", .doc = "print nothing but errors", .group = "Output"}}, offsetof(Cli, quiet)},
    {{'v', {.name = "verbose", .doc = "print more", .group = "Output"}}, offsetof(Cli, verbose)},
    {{0, {.name = "stats", .doc = "print what each rule tried, did and took", .group = "Debugging"}},
     offsetof(Cli, stats)},
    {{0,
      {.name = "transposes",
       .doc = "inspect: which Transposes cancel, compose or can be pushed away, and why the others stay",
       .group = "Output"}},
     offsetof(Cli, transposes)},
    {{0,
      {.name = "node",
       .argument = "NAME",
       .doc = "explain: this node alone, called by its name or that of an output",
       .group = "Output"}},
     offsetof(Cli, node)},
    {{'h', {.name = "help", .doc = "print this", .group = "Output"}}, offsetof(Cli, help)},
    {{'V', {.name = "version", .doc = "print the version", .group = "Output"}}, offsetof(Cli, version)},
};
enum { OWN_FLAGS = sizeof own_flags / sizeof *own_flags };

const Flag *cli_flag(size_t i) {
  return i < OWN_FLAGS ? &own_flags[i].flag : NULL;
}

static const struct OwnFlag *find_own(const char *name, size_t n) {
  for (size_t i = 0; i < OWN_FLAGS; i++)
    if (strlen(own_flags[i].flag.info.name) == n && memcmp(own_flags[i].flag.info.name, name, n) == 0)
      return &own_flags[i];
  return NULL;
}

static const onnxslim_option_info_t *find_option(const char *name, size_t n) {
  const onnxslim_option_info_t *info;
  for (size_t i = 0; (info = onnxslim_option_info(i)); i++)
    if (strlen(info->name) == n && memcmp(info->name, name, n) == 0) return info;
  return NULL;
}

static bool is_choice(const char *argument, const char *value) {
  char word[TERM_ROOM];
  for (size_t i = 0; argument_word(argument, i, word); i++)
    if (strcmp(word, value) == 0) return true;
  return false;
}

static bool set_text(Cli *c, const onnxslim_option_info_t *info, const char *value, const char **member) {
  if (!value) value = info->implied;
  if (info->type == ONNXSLIM_CHOICE && !is_choice(info->argument, value)) {
    error_line(c, "option '%s': '%s' is not %s", info->name, value, info->argument);
    return false;
  }
  *member = value;
  return true;
}

static bool set_own(Cli *c, const struct OwnFlag *f, const char *value) {
  void *member = (char *)c + f->at;
  if (f->flag.info.argument) return set_text(c, &f->flag.info, value, member);
  if (value) {
    error_line(c, "--%s takes no value", f->flag.info.name);
    return false;
  }
  *(bool *)member = true;
  return true;
}

static bool unknown_flag(Cli *c, const char *arg, size_t n) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)n, arg + 2);
  const char *near = onnxslim_suggest("option", name);
  if (near)
    error_line(c, "unknown flag '%s' (did you mean '--%s'?)", arg, near);
  else
    error_line(c, "unknown flag '%s' (--help lists them)", arg);
  return false;
}

/* --name, --name=value or --name value; *next is the following argument, taken if it is the value. */
static bool long_flag(Cli *c, const char *arg, const char *next, bool *took) {
  const char *name = arg + 2, *equals = strchr(name, '=');
  size_t n = equals ? (size_t)(equals - name) : strlen(name);
  const char *value = equals ? equals + 1 : NULL;
  const struct OwnFlag *own = find_own(name, n);
  const onnxslim_option_info_t *info = own ? &own->flag.info : find_option(name, n);
  if (!info) return unknown_flag(c, arg, n);
  if (!value && info->argument && !info->implied) {
    value = next;
    *took = true;
    if (!value) {
      error_line(c, "--%s needs a value: %s", info->name, info->argument);
      return false;
    }
  }
  if (own) return set_own(c, own, value);
  onnxslim_status status = onnxslim_options_set(c->options, info->name, value);
  if (status != ONNXSLIM_OK) report_error(c, status);
  c->target |= strcmp(info->name, "target") == 0; /* inspect then answers another question */
  return status == ONNXSLIM_OK;
}

static bool short_flags(Cli *c, const char *arg) {
  for (const char *p = arg + 1; *p; p++) {
    const struct OwnFlag *f = own_flags;
    while (f < own_flags + OWN_FLAGS && f->flag.letter != *p) f++;
    if (f == own_flags + OWN_FLAGS) {
      error_line(c, "unknown flag '%s' (--help lists them)", arg);
      return false;
    }
    set_own(c, f, NULL);
  }
  return true;
}

static bool add_path(Cli *c, char *path) {
  const Command *cmd = c->command;
  if (c->n_paths == cmd->max_paths) {
    error_line(c, "one argument too many: '%s' (usage: onnxslim %s%s%s)", path, cmd->name,
               *cmd->name ? " " : "", cmd->arguments);
    return false;
  }
  c->path[c->n_paths++] = path;
  return true;
}

static const Command *find_command(const char *name) {
  for (const Command *cmd = commands + 1; cmd->name; cmd++)
    if (strcmp(cmd->name, name) == 0) return cmd;
  return commands;
}

static bool parse_all(Cli *c, int argc, char **argv) {
  int i = 1;
  c->path = argv; /* what is read is at or behind what is kept */
  c->command = find_command(argc > 1 ? argv[1] : "");
  if (c->command != commands) i++;
  for (bool only_paths = false; i < argc; i++) {
    char *arg = argv[i];
    bool took = false, ok = true;
    if (only_paths || arg[0] != '-' || !arg[1])
      ok = add_path(c, arg);
    else if (strcmp(arg, "--") == 0)
      only_paths = true;
    else if (arg[1] == '-')
      ok = long_flag(c, arg, i + 1 < argc ? argv[i + 1] : NULL, &took);
    else
      ok = short_flags(c, arg);
    if (!ok) return false;
    i += took;
  }
  return true;
}

bool parse_args(Cli *c, int argc, char **argv) {
  if (!parse_all(c, argc, argv)) return false;
  if (c->help || c->version || c->n_paths >= c->command->min_paths) return true;
  if (argc == 1)
    fputs(usage_text, stderr);
  else
    error_line(c, "usage: onnxslim %s%s%s (--help explains)", c->command->name, *c->command->name ? " " : "",
               c->command->arguments);
  return false;
}
