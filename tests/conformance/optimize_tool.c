/* optimize_tool < lines of "IN OUT [OPTION VALUE]...": optimizes each model; a failure is a line on standard
 * output, "IN: message". Thousands of small models in one process. Built and run by test_backend.py. */
#include <onnxslim.h>
#include <stdio.h>
#include <string.h>

static void optimize(char *line) {
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_options *options = onnxslim_options_new(cx);
  const char *in = strtok(line, " \n"), *out = strtok(NULL, " \n"), *name;
  onnxslim_status status = ONNXSLIM_OK;
  while (status == ONNXSLIM_OK && (name = strtok(NULL, " \n")))
    status = onnxslim_options_set(options, name, strtok(NULL, " \n"));
  if (status == ONNXSLIM_OK) status = onnxslim_optimize_file(cx, in, out, options, NULL);
  if (status != ONNXSLIM_OK) printf("%s: %s\n", in, onnxslim_error(cx));
  onnxslim_options_free(options);
  onnxslim_context_free(cx);
}

int main(void) {
  char line[8192];
  while (fgets(line, sizeof line, stdin)) optimize(line);
  return 0;
}
