/* onnxslim completion bash|zsh|fish: a script for the shell, made of the tables of commands, flags and
 * passes. What a flag's value is made of follows from its type and from its argument ("FILE|keep": a file or
 * the word keep). */
#include "cli.h"

#include <ctype.h>
#include <string.h>

/* --- what completes --------------------------------------------------------------------------------------
 */

typedef enum ValueKind { VALUE_NONE, VALUE_WORDS, VALUE_PASSES, VALUE_RULES } ValueKind;

static bool is_word(const char *word) {
  return islower((unsigned char)*word);
}

static bool takes_files(const char *argument) {
  char word[TERM_ROOM];
  for (size_t i = 0; argument_word(argument, i, word); i++)
    if (strcmp(word, "FILE") == 0 || strcmp(word, "PATH") == 0) return true;
  return false;
}

static ValueKind kind_of(const onnxslim_option_info_t *info) {
  char word[TERM_ROOM];
  if (info->type == ONNXSLIM_PASSES) return VALUE_PASSES;
  if (info->type == ONNXSLIM_RULES) return VALUE_RULES;
  for (size_t i = 0; argument_word(info->argument, i, word); i++)
    if (is_word(word)) return VALUE_WORDS;
  return VALUE_NONE;
}

/* May the value be the following argument? Else only what stands after =. */
static bool takes_next(const onnxslim_option_info_t *info) {
  return info->argument && !info->implied;
}

static void put_words(FILE *out, const char *argument) {
  char word[TERM_ROOM];
  bool first = true;
  for (size_t i = 0; argument_word(argument, i, word); i++) {
    if (!is_word(word)) continue;
    fprintf(out, "%s%s", first ? "" : " ", word);
    first = false;
  }
}

static void put_passes(FILE *out) {
  onnxslim_pass_info_t pass;
  for (size_t i = 0; onnxslim_pass_info(i, &pass); i++) fprintf(out, "%s%s", i ? " " : "", pass.name);
}

static void put_rules(FILE *out) {
  onnxslim_rule_info_t rule;
  for (size_t i = 0; onnxslim_rule_info(i, &rule); i++) fprintf(out, " %s", rule.name);
}

static bool takes_models(const Command *cmd) {
  return cmd->max_paths > 0 && !strchr(cmd->arguments, '|');
}

/* Calls fn for every flag, in the order of --help. */
static void each_flag(FILE *out, void (*fn)(FILE *out, const Flag *f)) {
  const char *group;
  Flag f;
  for (size_t i = 0; (group = flag_group(i)); i++)
    for (size_t k = 0; flag_of(group, k, &f); k++) fn(out, &f);
}

/* Text in single quotes, as all three shells read it; what stands in `special` gets a backslash. */
static void put_quoted(FILE *out, const char *text, const char *special) {
  for (; *text; text++) {
    if (*text == '\'') {
      fputs("'\\''", out);
      continue;
    }
    if (strchr(special, *text)) fputc('\\', out);
    fputc(*text, out);
  }
}

/* --- bash ------------------------------------------------------------------------------------------------
 */

static void bash_flag(FILE *out, const Flag *f) {
  if (f->letter) fprintf(out, " -%c", f->letter);
  fprintf(out, " --%s", f->info.name);
}

static void bash_next(FILE *out, const Flag *f) {
  if (takes_next(&f->info)) fprintf(out, "--%s|", f->info.name);
}

static void bash_value(FILE *out, const Flag *f) {
  ValueKind kind = kind_of(&f->info);
  bool files = takes_files(f->info.argument);
  if (kind == VALUE_NONE && !files) return;
  fprintf(out, "    --%s)", f->info.name);
  if (files) fputs(" files=1", out);
  if (kind == VALUE_WORDS) {
    fputs(" words='", out);
    put_words(out, f->info.argument);
    fputc('\'', out);
  }
  if (kind == VALUE_PASSES) fputs(" words=$passes list=1", out);
  if (kind == VALUE_RULES) fputs(" words=\"$passes$rules\" list=1", out);
  fputs(" ;;\n", out);
}

static void bash_commands(FILE *out) {
  for (const Command *cmd = commands + 1; cmd->name; cmd++)
    fprintf(out, "%s%s", cmd > commands + 1 ? " " : "", cmd->name);
}

static void bash_arguments(FILE *out) {
  for (const Command *cmd = commands + 1; cmd->name; cmd++) {
    if (takes_models(cmd)) continue;
    fprintf(out, "    %s) words='", cmd->name);
    if (cmd->max_paths) put_words(out, cmd->arguments);
    fputs("' models= ;;\n", out);
  }
}

static void put_bash(FILE *out) {
  fprintf(out, "# bash completion for onnxslim %s: source <(onnxslim completion bash)\n_onnxslim() {\n",
          onnxslim_version());
  fputs("  local IFS=$' \\t\\n' passes='", out);
  put_passes(out);
  fputs("' rules='", out);
  put_rules(out);
  fputs("'\n"
        "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "  local flag= stuck= words= list= files= models=\n"
        "  # bash takes --flag=value apart at the =, unless COMP_WORDBREAKS has none\n"
        "  if [[ $current == = ]]; then flag=$previous current=\n"
        "  elif [[ $previous == = ]]; then flag=${COMP_WORDS[COMP_CWORD - 2]}\n"
        "  elif [[ $current == --*=* ]]; then flag=${current%%=*} stuck=$flag= current=${current#*=}\n"
        "  else\n"
        "    case $previous in\n      ",
        out);
  each_flag(out, bash_next);
  fputs("'') flag=$previous ;;\n"
        "    esac\n"
        "  fi\n"
        "  case $flag in\n",
        out);
  each_flag(out, bash_value);
  fputs("    '')\n"
        "      if [[ $current == -* ]]; then words='",
        out);
  each_flag(out, bash_flag);
  fputs("'; else models=1; fi ;;\n"
        "  esac\n"
        "  if [[ -z $flag && $current != -* ]]; then\n"
        "    ((COMP_CWORD == 1)) && words='",
        out);
  bash_commands(out);
  fputs("'\n"
        "    ((COMP_CWORD > 1)) && case ${COMP_WORDS[1]} in\n",
        out);
  bash_arguments(out);
  fputs("    esac\n"
        "  fi\n"
        "  # what stands before the last comma of a list stays\n"
        "  [[ -n $list && $current == *,* ]] && stuck=$stuck${current%,*}, current=${current##*,}\n"
        "  COMPREPLY=($(compgen -P \"$stuck\" -W \"$words\" -- \"$current\"))\n"
        "  [[ -z $list ]] || compopt -o nospace 2>/dev/null\n"
        "  IFS=$'\\n'\n"
        "  if [[ -n $files ]]; then\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    COMPREPLY+=($(compgen -P \"$stuck\" -f -- \"$current\"))\n"
        "  elif [[ -n $models ]]; then\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    COMPREPLY+=($(compgen -d -- \"$current\") $(compgen -f -X '!*.onnx' -- \"$current\"))\n"
        "  fi\n"
        "}\n"
        "complete -F _onnxslim onnxslim\n",
        out);
}

/* --- zsh -------------------------------------------------------------------------------------------------
 */

#define ZSH_SPECIAL "[]:\\"

static void zsh_value(FILE *out, const onnxslim_option_info_t *info) {
  ValueKind kind = kind_of(info);
  fputs(info->implied ? "::" : ":", out);
  put_quoted(out, info->argument, ZSH_SPECIAL);
  fputc(':', out);
  if (kind == VALUE_PASSES) fputs("_onnxslim_passes", out);
  if (kind == VALUE_RULES) fputs("_onnxslim_rules", out);
  if (kind == VALUE_WORDS && takes_files(info->argument)) {
    fputs("_onnxslim_files ", out);
    put_words(out, info->argument);
  } else if (kind == VALUE_WORDS) {
    fputc('(', out);
    put_words(out, info->argument);
    fputc(')', out);
  } else if (takes_files(info->argument)) {
    fputs("_files", out);
  }
}

static void zsh_flag(FILE *out, const Flag *f) {
  const onnxslim_option_info_t *info = &f->info;
  fputs("    ", out);
  if (f->letter)
    fprintf(out, "'(-%c --%s)'{-%c,--%s}'", f->letter, info->name, f->letter, info->name);
  else
    fprintf(out, "'%s--%s%s", info->argument ? "*" : "", info->name,
            !info->argument ? ""
            : info->implied ? "=-"
                            : "=");
  fputc('[', out);
  put_quoted(out, info->doc, ZSH_SPECIAL);
  fputc(']', out);
  if (info->argument) zsh_value(out, info);
  fputs("' \\\n", out);
}

static void zsh_commands(FILE *out) {
  for (const Command *cmd = commands + 1; cmd->name; cmd++) {
    fprintf(out, "    '%s:", cmd->name);
    put_quoted(out, cmd->doc, "");
    fputs("'\n", out);
  }
}

static void zsh_arguments(FILE *out) {
  for (const Command *cmd = commands + 1; cmd->name; cmd++) {
    if (takes_models(cmd)) continue;
    fprintf(out, "    %s) ", cmd->name);
    if (cmd->max_paths) {
      fputs("compadd - ", out);
      put_words(out, cmd->arguments);
    }
    fputs(" ;;\n", out);
  }
}

static void put_zsh(FILE *out) {
  fprintf(out,
          "#compdef onnxslim\n# zsh completion for onnxslim %s: a file _onnxslim in $fpath, or\n"
          "# source <(onnxslim completion zsh) after compinit\n",
          onnxslim_version());
  fputs("_onnxslim_passes() {\n  _values -s , pass ", out);
  put_passes(out);
  fputs("\n}\n_onnxslim_rules() {\n  _values -s , 'pass or rule' ", out);
  put_passes(out);
  put_rules(out);
  fputs("\n}\n_onnxslim_files() {\n  compadd - \"$@\"\n  _files\n}\n"
        "_onnxslim_models() {\n  _files -g '*.onnx'\n}\n"
        "_onnxslim_first() {\n  local -a list=(\n",
        out);
  zsh_commands(out);
  fputs("  )\n  _describe -t commands command list\n  _onnxslim_models\n}\n"
        "_onnxslim_rest() {\n  case $words[2] in\n",
        out);
  zsh_arguments(out);
  fputs("    *) _onnxslim_models ;;\n  esac\n}\n_onnxslim() {\n  _arguments -s -S \\\n", out);
  each_flag(out, zsh_flag);
  fputs("    '1:command or model:_onnxslim_first' '*:argument:_onnxslim_rest'\n}\n"
        "if [[ $funcstack[1] == _onnxslim ]]; then\n  _onnxslim \"$@\"\nelse\n"
        "  compdef _onnxslim onnxslim\nfi\n",
        out);
}

/* --- fish ------------------------------------------------------------------------------------------------
 */

static void fish_flag(FILE *out, const Flag *f) {
  const onnxslim_option_info_t *info = &f->info;
  ValueKind kind = kind_of(info);
  bool files = takes_files(info->argument);
  fputs("complete -c onnxslim", out);
  if (f->letter) fprintf(out, " -s %c", f->letter);
  fprintf(out, " -l %s", info->name);
  if (takes_next(info)) fputs(" -r", out);
  if (info->argument) fputs(files ? " -F" : " -f", out);
  if (kind == VALUE_WORDS) {
    fputs(" -a '", out);
    put_words(out, info->argument);
    fputc('\'', out);
  }
  if (kind == VALUE_PASSES) fputs(" -a '(__onnxslim_list $__onnxslim_passes)'", out);
  if (kind == VALUE_RULES) fputs(" -a '(__onnxslim_list $__onnxslim_passes $__onnxslim_rules)'", out);
  fputs(" -d '", out);
  put_quoted(out, info->doc, "\\");
  fputs("'\n", out);
}

static void fish_commands(FILE *out) {
  for (const Command *cmd = commands + 1; cmd->name; cmd++) {
    fprintf(out, "complete -c onnxslim -n __onnxslim_first -a %s -d '", cmd->name);
    put_quoted(out, cmd->doc, "\\");
    fputs("'\n", out);
    if (takes_models(cmd) || !cmd->max_paths) continue;
    fprintf(out, "complete -c onnxslim -n '__onnxslim_command %s' -a '", cmd->name);
    put_words(out, cmd->arguments);
    fputs("'\n", out);
  }
  fputs("complete -c onnxslim -n 'not __onnxslim_command", out);
  for (const Command *cmd = commands + 1; cmd->name; cmd++)
    if (!takes_models(cmd)) fprintf(out, " %s", cmd->name);
  fputs("' -a '(__onnxslim_models)'\n", out);
}

static void put_fish(FILE *out) {
  fprintf(out, "# fish completion for onnxslim %s: onnxslim completion fish | source\n", onnxslim_version());
  fputs("set -g __onnxslim_passes ", out);
  put_passes(out);
  fputs("\nset -g __onnxslim_rules", out);
  put_rules(out);
  fputs("\nfunction __onnxslim_first\n  test (count (commandline -opc)) -eq 1\nend\n"
        "function __onnxslim_command\n  set -l words (commandline -opc)\n  contains -- \"$words[2]\" "
        "$argv\nend\n"
        "# the name of no command: fish completes its arguments with files\n"
        "function __onnxslim_models\n  set -l word (commandline -ct)\n"
        "  string match -q -- '-*' $word; and return\n"
        "  complete -C \"__onnxslim_no_command $word\" | string match -r '^(?:.*\\.onnx|.*/)$'\nend\n"
        "# what stands before the last comma of a list stays\n"
        "function __onnxslim_list\n"
        "  set -l before (commandline -ct | string replace -r '^--[^=]*=' '' | string match -r '^.*,')\n"
        "  printf '%s\\n' \"$before\"$argv\nend\n"
        "complete -c onnxslim -f\n",
        out);
  each_flag(out, fish_flag);
  fish_commands(out);
}

/* ---------------------------------------------------------------------------------------------------------
 */

int cmd_completion(Cli *c) {
  static const struct {
    const char *name;
    void (*put)(FILE *out);
  } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
  for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
    if (strcmp(c->path[0], shells[i].name) == 0) {
      shells[i].put(c->out);
      return EXIT_DONE;
    }
  error_line(c, "no completion for '%s': %s", c->path[0], c->command->arguments);
  return EXIT_USAGE;
}
