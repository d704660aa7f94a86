/* Arrays in numpy's .npy format, versions 1 to 3 (format description: numpy.lib.format). */
#ifndef RUNTIME_NPY_H
#define RUNTIME_NPY_H

#include "ir/tensor.h"

/* Reads a file of numbers or bools in C order and this machine's byte order. The tensor lives in `a`. Fails
 * with ONNXSLIM_ERR_IO or ONNXSLIM_ERR_USAGE. */
Tensor *npy_read(Arena *a, const char *path);

#endif
