/* The operating system as the command line sees it: system_posix.c, which is WASI's too, and
 * system_windows.c. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stdio.h>

bool system_is_terminal(FILE *file);
/* Columns of the terminal; 0 if it does not say. */
int system_columns(FILE *file);
double system_seconds(void); /* since an arbitrary point; never runs backwards */

/* The first interrupt lets the library clean up (the next progress report cancels the run), the second one
 * kills. A closed pipe and a file that may not grow are errors with a message. */
void system_catch_signals(void);
/* Was there an interrupt or a request to end? Which one? 0: none. */
int system_caught(void);
/* Ends the program by the signal that was caught: the shell sees it. */
void system_die(void);

/* The arguments in UTF-8; standard streams that carry it. */
char **system_arguments(int argc, char **argv);
/* fopen(path, "wb"), the path in UTF-8. */
FILE *system_create(const char *path);

#endif
