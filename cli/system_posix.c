#include "system.h"

#ifndef _WIN32

#include <time.h>
#include <unistd.h>
#ifndef __wasi__
#include <signal.h>
#include <sys/ioctl.h>
#endif

bool system_is_terminal(FILE *file) {
  return isatty(fileno(file));
}

int system_columns(FILE *file) {
#ifdef TIOCGWINSZ
  struct winsize size;
  if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0) return size.ws_col;
#else
  (void)file;
#endif
  return 0;
}

double system_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#ifdef __wasi__ /* has no signals */

void system_catch_signals(void) {}

int system_caught(void) {
  return 0;
}

void system_die(void) {}

#else

static volatile sig_atomic_t caught;

static void on_signal(int number) {
  caught = number;
}

void system_catch_signals(void) {
  struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  sigaction(SIGXFSZ, &ignore, NULL);
}

int system_caught(void) {
  return caught;
}

void system_die(void) {
  signal(caught, SIG_DFL);
  raise(caught);
}

#endif

char **system_arguments(int argc, char **argv) {
  (void)argc;
  return argv;
}

FILE *system_create(const char *path) {
  return fopen(path, "wb");
}

#endif
