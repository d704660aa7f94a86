#include "system.h"

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <fcntl.h>
#include <io.h>
#include <signal.h>
#include <stdlib.h>
#include <windows.h>
/* After <windows.h>, whose types it needs. */
#include <shellapi.h>

bool system_is_terminal(FILE *file) {
  DWORD mode;
  return GetConsoleMode((HANDLE)_get_osfhandle(_fileno(file)), &mode) != 0;
}

int system_columns(FILE *file) {
  CONSOLE_SCREEN_BUFFER_INFO info;
  if (!GetConsoleScreenBufferInfo((HANDLE)_get_osfhandle(_fileno(file)), &info)) return 0;
  return info.srWindow.Right - info.srWindow.Left + 1;
}

double system_seconds(void) {
  LARGE_INTEGER now, per_second;
  QueryPerformanceCounter(&now);
  QueryPerformanceFrequency(&per_second);
  return (double)now.QuadPart / (double)per_second.QuadPart;
}

static volatile LONG caught;

/* Runs on a thread of its own. The second time Windows does what it does by itself. */
static BOOL WINAPI on_event(DWORD event) {
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) return FALSE;
  return InterlockedExchange(&caught, SIGINT) == 0;
}

void system_catch_signals(void) {
  SetConsoleCtrlHandler(on_event, TRUE);
}

int system_caught(void) {
  return (int)caught;
}

void system_die(void) {
  ExitProcess(0xC000013A); /* STATUS_CONTROL_C_EXIT */
}

/* Lives as long as the program, as argv does. */
static char *narrow(const wchar_t *text) {
  int n = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
  char *utf8 = n > 0 ? malloc((size_t)n) : NULL;
  if (utf8) WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, n, NULL, NULL);
  return utf8;
}

static void prepare_stream(FILE *file) {
  DWORD mode;
  HANDLE handle = (HANDLE)_get_osfhandle(_fileno(file));
  _setmode(_fileno(file), _O_BINARY); /* lines end as everywhere */
  if (GetConsoleMode(handle, &mode)) SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

char **system_arguments(int argc, char **argv) {
  SetConsoleOutputCP(CP_UTF8);
  prepare_stream(stdout);
  prepare_stream(stderr);
  int n = 0;
  wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
  char **utf8 = wide && n == argc ? calloc((size_t)n + 1, sizeof *utf8) : NULL;
  for (int i = 0; utf8 && i < n; i++)
    if (!(utf8[i] = narrow(wide[i]))) return argv;
  LocalFree(wide);
  return utf8 ? utf8 : argv;
}

FILE *system_create(const char *path) {
  int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
  wchar_t *wide = n > 0 ? malloc((size_t)n * sizeof *wide) : NULL;
  if (!wide) return NULL;
  MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, n);
  FILE *file = _wfopen(wide, L"wb");
  free(wide);
  return file;
}

#endif
