/* Optimizes a model: optimize IN.onnx OUT.onnx
 *
 *   cc -Iinclude examples/optimize.c build/libonnxslim.a -lm -lpthread -ldl -o optimize
 */
#include <onnxslim.h>
#include <stdio.h>

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: optimize IN.onnx OUT.onnx\n");
    return ONNXSLIM_ERR_USAGE;
  }
  onnxslim_context *cx = onnxslim_context_new(NULL, NULL);
  onnxslim_report *report = NULL;
  onnxslim_status status = onnxslim_optimize_file(cx, argv[1], argv[2], NULL, &report);
  if (status == ONNXSLIM_OK)
    printf("%zu -> %zu nodes\n", (size_t)report->nodes_before, (size_t)report->nodes_after);
  else
    fprintf(stderr, "%s\n", onnxslim_error(cx));
  onnxslim_report_free(report);
  onnxslim_context_free(cx);
  return (int)status;
}
