/* Runs a fuzz target once on each of the files given, and on each file of the folders given. */
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static unsigned long inputs;

/* The bytes lie in a block of their own, so that a sanitizer sees what is read behind them. */
static void replay_file(const char *path, size_t size) {
  FILE *f = fopen(path, "rb");
  uint8_t *bytes = malloc(size ? size : 1);
  if (!f || !bytes || fread(bytes, 1, size, f) != size) wrong(path, strerror(errno));
  fclose(f);
  fprintf(stderr, "%s\n", path); /* the last line before a crash */
  LLVMFuzzerTestOneInput(bytes, size);
  free(bytes);
  inputs++;
}

static void replay(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0) wrong(path, strerror(errno));
  if (!S_ISDIR(st.st_mode)) {
    replay_file(path, (size_t)st.st_size);
    return;
  }
  struct dirent **entry;
  int n = scandir(path, &entry, NULL, alphasort);
  if (n < 0) wrong(path, strerror(errno));
  for (int i = 0; i < n; i++) {
    char inner[4096];
    snprintf(inner, sizeof inner, "%s/%s", path, entry[i]->d_name);
    if (entry[i]->d_name[0] != '.') replay(inner);
    free(entry[i]);
  }
  free(entry);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) replay(argv[i]);
  printf("%lu inputs\n", inputs);
  return 0;
}
