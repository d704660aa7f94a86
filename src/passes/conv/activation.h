/* A convolution and the activation behind it: what ONNX Runtime's FusedConv is made of, and what converters
 * fuse by themselves. */
#ifndef PASSES_CONV_ACTIVATION_H
#define PASSES_CONV_ACTIVATION_H

#include "rewrite/rule.h"

typedef struct ConvActivation {
  const Node *conv, *node;
  float param[2]; /* alpha of LeakyRelu; alpha and beta of HardSigmoid; bounds of Clip */
  int n_params;
} ConvActivation;

/* Is n Relu, LeakyRelu, Clip between two constant numbers, Sigmoid, HardSigmoid or Tanh of a Conv that nobody
 * else reads? If it fails for the parameters alone, a->conv is set. */
bool conv_activation(const Node *n, ConvActivation *a);

#endif
