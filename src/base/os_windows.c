/* Windows: the wide calls, so that paths are Unicode and may be long. Descriptors are those of the C library,
 * which wrap handles that others may rename and delete meanwhile, as POSIX lets them. */
#include "base/os.h"

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum {
  STACK = 1 << 20,
  LONG_PATH = 240, /* from here on a path needs the prefix that lifts the limit of 260 */
  GATHERED = 1 << 16,
  WRITE_BLOCK = 1 << 20,
};

/* --- errors and paths -------------------------------------------------------------------------------------
 */

static int errno_of(DWORD error) {
  switch (error) {
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND:
  case ERROR_INVALID_NAME:
  case ERROR_BAD_NETPATH:
  case ERROR_INVALID_DRIVE: return ENOENT;
  case ERROR_ACCESS_DENIED:
  case ERROR_SHARING_VIOLATION:
  case ERROR_LOCK_VIOLATION:
  case ERROR_USER_MAPPED_FILE:
  case ERROR_PRIVILEGE_NOT_HELD: return EACCES;
  case ERROR_WRITE_PROTECT: return EROFS;
  case ERROR_FILE_EXISTS:
  case ERROR_ALREADY_EXISTS: return EEXIST;
  case ERROR_DISK_FULL:
  case ERROR_HANDLE_DISK_FULL: return ENOSPC;
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_OUTOFMEMORY:
  case ERROR_COMMITMENT_LIMIT: return ENOMEM;
  case ERROR_DIR_NOT_EMPTY: return ENOTEMPTY;
  case ERROR_DIRECTORY: return ENOTDIR;
  case ERROR_BROKEN_PIPE:
  case ERROR_NO_DATA: return EPIPE;
  case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
  case ERROR_TOO_MANY_OPEN_FILES: return EMFILE;
  case ERROR_NOT_SAME_DEVICE: return EXDEV;
  default: return EIO;
  }
}

static bool refuse(void) {
  errno = errno_of(GetLastError());
  return false;
}

typedef struct Wide {
  wchar_t at[OS_PATH_MAX];
} Wide;

static bool widen(const char *path, Wide *w) {
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, w->at, OS_PATH_MAX) == 0) {
    errno = GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ENAMETOOLONG : EILSEQ;
    return false;
  }
  if (wcslen(w->at) < LONG_PATH || wcsncmp(w->at, L"\\\\?\\", 4) == 0) return true;
  Wide full;
  DWORD n = GetFullPathNameW(w->at, OS_PATH_MAX, full.at, NULL);
  if (n == 0 || n + 8 >= OS_PATH_MAX) {
    errno = ENAMETOOLONG;
    return false;
  }
  bool shared = full.at[0] == L'\\' && full.at[1] == L'\\';
  wcscpy(w->at, shared ? L"\\\\?\\UNC\\" : L"\\\\?\\");
  wcscat(w->at, full.at + (shared ? 2 : 0));
  return true;
}

/* With '/' between names. */
static bool narrow(const wchar_t *from, char *to, int room) {
  if (WideCharToMultiByte(CP_UTF8, 0, from, -1, to, room, NULL, NULL) == 0) {
    errno = ENAMETOOLONG;
    return false;
  }
  for (; *to; to++)
    if (*to == '\\') *to = '/';
  return true;
}

bool os_is_separator(char c) {
  return c == '/' || c == '\\';
}

size_t os_root_length(const char *path) {
  bool letter = (*path >= 'a' && *path <= 'z') || (*path >= 'A' && *path <= 'Z');
  if (letter && path[1] == ':') return os_is_separator(path[2]) ? 3 : 2;
  if (!os_is_separator(path[0])) return 0;
  if (!os_is_separator(path[1])) return 1;
  size_t n = 2; /* "//server/" */
  while (path[n] && !os_is_separator(path[n])) n++;
  return path[n] ? n + 1 : n;
}

/* --- files ------------------------------------------------------------------------------------------------
 */

static HANDLE handle_of(int fd) {
  return (HANDLE)_get_osfhandle(fd);
}

static HANDLE open_handle(const char *path, DWORD access, DWORD how, DWORD flags) {
  Wide w;
  if (!widen(path, &w)) return INVALID_HANDLE_VALUE;
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  HANDLE h = CreateFileW(w.at, access, share, NULL, how, flags, NULL);
  if (h == INVALID_HANDLE_VALUE) refuse();
  return h;
}

static int descriptor(HANDLE h, int flags) {
  if (h == INVALID_HANDLE_VALUE) return -1;
  int fd = _open_osfhandle((intptr_t)h, flags | _O_BINARY | _O_NOINHERIT);
  if (fd < 0) CloseHandle(h);
  return fd;
}

static bool info_of(HANDLE h, OsInfo *info) {
  BY_HANDLE_FILE_INFORMATION at;
  if (GetFileType(h) != FILE_TYPE_DISK) {
    *info = (OsInfo){.kind = OS_OTHER, .mode = 0666, .number = (uintptr_t)h};
    return true;
  }
  if (!GetFileInformationByHandle(h, &at)) return refuse();
  const DWORD attributes = at.dwFileAttributes;
  OsKind kind = attributes & FILE_ATTRIBUTE_DIRECTORY       ? OS_FOLDER
                : attributes & FILE_ATTRIBUTE_REPARSE_POINT ? OS_OTHER
                                                            : OS_FILE;
  *info = (OsInfo){.kind = kind,
                   .mode = attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666,
                   .size = (uint64_t)at.nFileSizeHigh << 32 | at.nFileSizeLow,
                   .device = at.dwVolumeSerialNumber,
                   .number = (uint64_t)at.nFileIndexHigh << 32 | at.nFileIndexLow};
  return true;
}

bool os_info(const char *path, bool follow, OsInfo *info) {
  DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT);
  HANDLE h = open_handle(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING, flags);
  if (h == INVALID_HANDLE_VALUE) return false;
  bool ok = info_of(h, info);
  CloseHandle(h);
  return ok;
}

bool os_info_open(int fd, OsInfo *info) {
  return info_of(handle_of(fd), info);
}

int os_open(const char *path, bool follow) {
  DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT);
  return descriptor(open_handle(path, GENERIC_READ, OPEN_EXISTING, flags), _O_RDONLY);
}

int os_open_device(const char *path) {
  return descriptor(open_handle(path, GENERIC_WRITE, OPEN_EXISTING, 0), _O_WRONLY);
}

int os_create(const char *path, unsigned mode) {
  (void)mode;
  return descriptor(
      open_handle(path, GENERIC_READ | GENERIC_WRITE | DELETE, CREATE_NEW, FILE_ATTRIBUTE_NORMAL), _O_RDWR);
}

int os_create_nameless(const char *folder, unsigned mode) {
  (void)folder, (void)mode;
  errno = ENOSYS;
  return -1;
}

bool os_name(int fd, const char *path) {
  (void)fd, (void)path;
  errno = ENOSYS;
  return false;
}

bool os_close(int fd) {
  return _close(fd) == 0;
}

int os_stdin(void) {
  _setmode(0, _O_BINARY);
  return 0;
}

int os_stdout(void) {
  _setmode(1, _O_BINARY);
  return 1;
}

static int64_t read_handle(int fd, void *to, size_t n, OVERLAPPED *at) {
  DWORD got = 0;
  if (ReadFile(handle_of(fd), to, n < WRITE_BLOCK ? (DWORD)n : WRITE_BLOCK, &got, at)) return got;
  DWORD error = GetLastError();
  if (error == ERROR_HANDLE_EOF || error == ERROR_BROKEN_PIPE) return 0;
  errno = errno_of(error);
  return -1;
}

int64_t os_read(int fd, void *to, size_t n) {
  return read_handle(fd, to, n, NULL);
}

static OVERLAPPED place(uint64_t at) {
  OVERLAPPED o = {0};
  o.Offset = (DWORD)at;
  o.OffsetHigh = (DWORD)(at >> 32);
  return o;
}

int64_t os_read_at(int fd, void *to, size_t n, uint64_t at) {
  OVERLAPPED o = place(at);
  return read_handle(fd, to, n, &o);
}

/* There is no gathering write for such handles: short runs are put together here. */
static int64_t write_handle(int fd, const Span *runs, size_t n, OVERLAPPED *at) {
  uint8_t together[GATHERED];
  while (n && !runs->n) runs++, n--;
  if (!n) return 0;
  const void *p = runs->p;
  DWORD bytes = runs->n < WRITE_BLOCK ? (DWORD)runs->n : WRITE_BLOCK, done = 0;
  if (n > 1 && runs[0].n + runs[1].n <= sizeof together) {
    bytes = 0;
    for (size_t i = 0; i < n && runs[i].n <= sizeof together - bytes; i++) {
      if (runs[i].n) memcpy(together + bytes, runs[i].p, runs[i].n);
      bytes += (DWORD)runs[i].n;
    }
    p = together;
  }
  if (WriteFile(handle_of(fd), p, bytes, &done, at)) return done;
  refuse();
  return -1;
}

int64_t os_write(int fd, const Span *runs, size_t n) {
  return write_handle(fd, runs, n, NULL);
}

int64_t os_write_at(int fd, const Span *runs, size_t n, uint64_t at) {
  OVERLAPPED o = place(at);
  return write_handle(fd, runs, n, &o);
}

void *os_map(int fd, size_t n) {
  HANDLE section = CreateFileMappingW(handle_of(fd), NULL, PAGE_READONLY, 0, 0, NULL);
  void *p = section ? MapViewOfFile(section, FILE_MAP_READ, 0, 0, n) : NULL;
  if (!p) refuse();
  if (section) CloseHandle(section); /* the view keeps it */
  return p;
}

void os_unmap(const void *p, size_t n) {
  (void)n;
  UnmapViewOfFile(p);
}

bool os_may_write(const char *path) {
  HANDLE h = open_handle(path, GENERIC_WRITE, OPEN_EXISTING, 0);
  if (h != INVALID_HANDLE_VALUE) CloseHandle(h);
  return h != INVALID_HANDLE_VALUE;
}

/* What runs is told by its name. */
bool os_may_run(const char *path) {
  char program[OS_PATH_MAX];
  OsInfo info;
  int n = snprintf(program, sizeof program, "%s.exe", path);
  return n > 0 && (size_t)n < sizeof program && os_info(program, true, &info) && info.kind == OS_FILE;
}

bool os_reserve(int fd, uint64_t size) {
  (void)fd, (void)size;
  return false;
}

bool os_set_mode(int fd, unsigned mode) {
  (void)fd, (void)mode;
  return true;
}

/* Where a mapped file goes, which can be renamed but neither replaced nor removed. */
static bool aside(const wchar_t *path, unsigned i, Wide *name) {
  int n = _snwprintf(name->at, OS_PATH_MAX, L"%ls.%ld-%u.old", path, os_process(), i);
  return n > 0 && n < OS_PATH_MAX;
}

static bool move_aside(const wchar_t *path, Wide *name) {
  for (unsigned i = 0; i < 1000 && aside(path, i, name); i++) {
    if (MoveFileExW(path, name->at, 0)) return true;
    if (GetLastError() != ERROR_ALREADY_EXISTS && GetLastError() != ERROR_FILE_EXISTS) break;
  }
  return refuse();
}

static bool in_use(DWORD error) {
  return error == ERROR_ACCESS_DENIED || error == ERROR_USER_MAPPED_FILE || error == ERROR_SHARING_VIOLATION;
}

/* Should the second step fail, the first is taken back. */
bool os_replace(const char *from, const char *to) {
  Wide a, b, old;
  if (!widen(from, &a) || !widen(to, &b)) return false;
  if (MoveFileExW(a.at, b.at, MOVEFILE_REPLACE_EXISTING)) return true;
  if (!in_use(GetLastError())) return refuse();
  if (!move_aside(b.at, &old)) return false;
  if (MoveFileExW(a.at, b.at, 0)) {
    DeleteFileW(old.at);
    return true;
  }
  refuse();
  MoveFileExW(old.at, b.at, 0);
  return false;
}

bool os_remove(const char *path) {
  Wide w, old;
  if (!widen(path, &w)) return false;
  if (DeleteFileW(w.at)) return true;
  return in_use(GetLastError()) ? move_aside(w.at, &old) : refuse();
}

void os_unmapped(const char *path) {
  char real[OS_PATH_MAX];
  Wide w, old;
  if (!widen(os_real_path(path, real) ? real : path, &w)) return;
  for (unsigned i = 0; aside(w.at, i, &old) && DeleteFileW(old.at);) i++;
}

bool os_rename_new(const char *from, const char *to) {
  Wide a, b;
  return widen(from, &a) && widen(to, &b) && (MoveFileExW(a.at, b.at, 0) || refuse());
}

bool os_make_folder(const char *path) {
  Wide w;
  return widen(path, &w) && (CreateDirectoryW(w.at, NULL) || refuse());
}

bool os_remove_folder(const char *path) {
  Wide w;
  return widen(path, &w) && (RemoveDirectoryW(w.at) || refuse());
}

bool os_real_path(const char *path, char real[OS_PATH_MAX]) {
  HANDLE h = open_handle(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
  if (h == INVALID_HANDLE_VALUE) return false;
  Wide w;
  DWORD n = GetFinalPathNameByHandleW(h, w.at, OS_PATH_MAX, FILE_NAME_NORMALIZED);
  bool ok = n > 0 && n < OS_PATH_MAX;
  if (!ok) refuse();
  CloseHandle(h);
  if (!ok) return false;
  wchar_t *p = w.at;
  if (wcsncmp(p, L"\\\\?\\UNC\\", 8) == 0) {
    p += 6; /* "\\server" again */
    *p = L'\\';
  } else if (wcsncmp(p, L"\\\\?\\", 4) == 0) {
    p += 4;
  }
  return narrow(p, real, OS_PATH_MAX);
}

size_t os_env(const char *name, char *to, size_t room) {
  Wide w;
  wchar_t value[1 << 15]; /* nothing in an environment is longer */
  DWORD n = widen(name, &w) ? GetEnvironmentVariableW(w.at, value, 1 << 15) : 0;
  if (n == 0 || n >= 1 << 15) return 0;
  int bytes = WideCharToMultiByte(CP_UTF8, 0, value, -1, NULL, 0, NULL, NULL);
  if (bytes > 0 && (size_t)bytes <= room) WideCharToMultiByte(CP_UTF8, 0, value, -1, to, bytes, NULL, NULL);
  return bytes > 0 ? (size_t)bytes - 1 : 0;
}

const char *const os_temp_variables[] = {"TMPDIR", "TEMP", "TMP", NULL};
const char *const os_temp_folder = "C:/Windows/Temp";
const char os_path_end = ';';

struct OsList {
  HANDLE handle;
  WIN32_FIND_DATAW found;
  bool first;
  char name[3 * MAX_PATH + 1];
};

OsList *os_list_open(const char *folder) {
  Wide w;
  if (!widen(folder, &w) || wcslen(w.at) + 3 > OS_PATH_MAX) return NULL;
  wcscat(w.at, L"\\*");
  OsList *list = malloc(sizeof *list);
  if (!list) return NULL;
  list->first = true;
  list->handle = FindFirstFileW(w.at, &list->found);
  if (list->handle != INVALID_HANDLE_VALUE) return list;
  refuse();
  free(list);
  return NULL;
}

const char *os_list_next(OsList *list) {
  if (!list->first && !FindNextFileW(list->handle, &list->found)) return NULL;
  list->first = false;
  return narrow(list->found.cFileName, list->name, sizeof list->name) ? list->name : NULL;
}

void os_list_close(OsList *list) {
  FindClose(list->handle);
  free(list);
}

/* --- processes --------------------------------------------------------------------------------------------
 */

double os_seconds(void) {
  LARGE_INTEGER now, per_second;
  QueryPerformanceCounter(&now);
  QueryPerformanceFrequency(&per_second);
  return (double)now.QuadPart / (double)per_second.QuadPart;
}

long os_process(void) {
  return (long)GetCurrentProcessId();
}

unsigned os_processors(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwNumberOfProcessors > 0 ? info.dwNumberOfProcessors : 1;
}

static unsigned __stdcall thread_main(void *arg) {
  const OsThread *thread = arg;
  thread->run(thread->arg);
  return 0;
}

bool os_start(OsThread *thread) {
  thread->handle = _beginthreadex(NULL, STACK, thread_main, thread, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  return thread->handle != 0;
}

void os_join(OsThread *thread) {
  WaitForSingleObject((HANDLE)thread->handle, INFINITE);
  CloseHandle((HANDLE)thread->handle);
}

static SRWLOCK *lock_of(OsLock *lock) {
  return (SRWLOCK *)(void *)&lock->at;
}

void os_lock_init(OsLock *lock) {
  InitializeSRWLock(lock_of(lock));
}

void os_lock(OsLock *lock) {
  AcquireSRWLockExclusive(lock_of(lock));
}

void os_unlock(OsLock *lock) {
  ReleaseSRWLockExclusive(lock_of(lock));
}

/* --- libraries --------------------------------------------------------------------------------------------
 */

const void *os_native_path(const char *path, OsNative *native) {
  Wide w;
  if (!widen(path, &w)) return NULL;
  _Static_assert(sizeof w == sizeof *native, "UTF-16");
  return memcpy(native, &w, sizeof w);
}

const char os_library_format[] = "%s.dll";
const char os_python[] = "python";
const char *const os_python_roots[] = {".", "..", NULL}; /* installed; an environment's Scripts folder */
const char *const os_python_packages[] = {"Lib/site-packages", NULL};

/* A path brings the folder of the library along, where those that it needs lie beside it. */
void *os_library(const char *name, char why[512]) {
  Wide w;
  *why = 0;
  if (!widen(name, &w)) {
    snprintf(why, 512, "%s", strerror(errno));
    return NULL;
  }
  for (wchar_t *p = w.at; *p; p++)
    if (*p == L'/') *p = L'\\';
  bool path = wcschr(w.at, L'\\') != NULL;
  HMODULE library = LoadLibraryExW(w.at, NULL, path ? LOAD_WITH_ALTERED_SEARCH_PATH : 0);
  if (library) return library;
  wchar_t text[512];
  DWORD error = GetLastError();
  DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0, text,
                           256, NULL);
  while (n && (text[n - 1] <= L' ' || text[n - 1] == L'.')) text[--n] = 0;
  if (!n || WideCharToMultiByte(CP_UTF8, 0, text, -1, why, 512, NULL, NULL) == 0)
    snprintf(why, 512, "error %lu", error);
  return NULL;
}

void *os_symbol(void *library, const char *name) {
  FARPROC found = GetProcAddress(library, name);
  void *p;
  memcpy(&p, &found, sizeof p);
  return p;
}

#endif
