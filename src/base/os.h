/* The operating system: what the library asks of it, once for each. os_posix.c has the files of POSIX and
 * WASI, os_unix.c what else POSIX has, os_wasi.c what stands for that on WASI, os_windows.c all of Windows.
 * No other file of the library includes a header that is not C11's.
 *
 * Paths are UTF-8. What fails returns false, -1 or NULL and leaves the reason in errno. */
#ifndef BASE_OS_H
#define BASE_OS_H

#include "base/span.h"

#include <stdbool.h>

enum { OS_PATH_MAX = 4096 };

/* --- files ------------------------------------------------------------------------------------------------
 */

typedef enum OsKind {
  OS_FILE,
  OS_FOLDER,
  OS_OTHER /* a device, a pipe, a link that was not followed */
} OsKind;

typedef struct OsInfo {
  OsKind kind;
  unsigned mode; /* permissions as in POSIX */
  uint64_t size;
  uint64_t device, number; /* together: which file it is */
} OsInfo;

bool os_info(const char *path, bool follow, OsInfo *info);
bool os_info_open(int fd, OsInfo *info);

/* Files are opened binary, never block and are not inherited by other programs. */
int os_open(const char *path, bool follow); /* for reading */
int os_open_device(const char *path);       /* for writing, as it is */
/* A new file to write to and read from; EEXIST if there is one of that name. */
int os_create(const char *path, unsigned mode);
/* The same in a folder without a name, for os_name(); -1 where the system or file system has no such thing.
 */
int os_create_nameless(const char *folder, unsigned mode);
bool os_name(int fd, const char *path); /* EEXIST if there is a file of that name */
bool os_close(int fd);
int os_stdin(void);
int os_stdout(void);

/* These return how many bytes it were: fewer than asked for are no failure, and no signal interrupts them. */
int64_t os_read(int fd, void *to, size_t n); /* 0 at the end */
int64_t os_read_at(int fd, void *to, size_t n, uint64_t at);
int64_t os_write(int fd, const Span *runs, size_t n); /* the first bytes of the runs one behind the other */
int64_t os_write_at(int fd, const Span *runs, size_t n, uint64_t at);

bool os_reserve(int fd, uint64_t size); /* space for so many bytes; the file is that long then */

void *os_map(int fd, size_t n); /* read-only, n > 0 */
void os_unmap(const void *p, size_t n);

bool os_may_write(const char *path);
bool os_may_run(const char *path);
bool os_set_mode(int fd, unsigned mode); /* true where there are no permissions */
/* Puts a file in the place of another, or of none, in one step. Windows cannot while the other one is mapped:
 * that moves out of the way first. */
bool os_replace(const char *from, const char *to);
/* What could not go while the file of this path was mapped goes now. */
void os_unmapped(const char *path);
bool os_rename_new(const char *from, const char *to); /* EEXIST if there is a file of that name */
bool os_remove(const char *path);
bool os_make_folder(const char *path); /* for this user alone */
bool os_remove_folder(const char *path);

/* --- paths ------------------------------------------------------------------------------------------------
 */

bool os_is_separator(char c);
/* "" of a relative path; "/", "C:/" or "//server/" is what an absolute one begins with. */
size_t os_root_length(const char *path);
/* Absolute, without links and with '/' between names. */
bool os_real_path(const char *path, char real[OS_PATH_MAX]);
/* The length of an environment variable; 0 if it is empty or not there. With room for it and a 0 it is in
 * to[]. */
size_t os_env(const char *name, char *to, size_t room);
extern const char *const os_temp_variables[]; /* which name the folder of temporary files; NULL ends them */
extern const char *const os_temp_folder;      /* where none does */
extern const char os_path_end;                /* between the folders of $PATH */
/* What is in a folder, "." and ".." too, one name at a time; NULL at the end. A name lasts until the next. */
typedef struct OsList OsList;
OsList *os_list_open(const char *folder);
const char *os_list_next(OsList *list);
void os_list_close(OsList *list);

/* --- processes --------------------------------------------------------------------------------------------
 */

double os_seconds(void); /* since an arbitrary point; never runs backwards */
long os_process(void);   /* a number that other running processes do not have */
unsigned os_processors(void);

/* A started thread. It stays where it is until os_join(). */
typedef struct OsThread {
  void (*run)(void *);
  void *arg;
  uintptr_t handle;
} OsThread;

/* With a stack of 1 MiB and without signals: these are the caller's business. False if the system gives no
 * thread. */
bool os_start(OsThread *thread);
void os_join(OsThread *thread);

typedef struct OsLock {
  union {
    long double align;
    unsigned char room[64];
  } at;
} OsLock;

void os_lock_init(OsLock *lock);
void os_lock(OsLock *lock);
void os_unlock(OsLock *lock);

/* setjmp(), for a longjmp() that runs nothing on its way. On Windows that would walk the frames by tables,
 * which do not survive that objects are linked into one. */
#ifdef _WIN32
#define OS_SETJMP(at) _setjmp((at), NULL)
#else
#define OS_SETJMP(at) setjmp(at)
#endif

/* --- libraries opened at run time -------------------------------------------------------------------------
 */

typedef struct OsNative {
  uint16_t text[OS_PATH_MAX];
} OsNative;

/* By path, or by bare name where the system's loader looks. NULL: why[] has the reason. */
void *os_library(const char *name, char why[512]);
void *os_symbol(void *library, const char *name);
/* A path as other libraries take it: on Windows in UTF-16, in *native. NULL if that cannot be. */
const void *os_native_path(const char *path, OsNative *native);

extern const char os_library_format[]; /* "lib%s.so" */
/* Where a Python is: the program, its root as seen from its folder, and its packages as seen from the root,
 * patterns. */
extern const char os_python[];
extern const char *const os_python_roots[], *const os_python_packages[]; /* NULL ends them */

#endif
