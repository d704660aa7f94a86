/* fuse_conv_batchnorm
 *
 * Before:    BatchNormalization(Conv(x, W, B?), gamma, beta, mean, var)
 *            Mul, Div, Add, Sub of a Conv and a constant for each channel, Neg of a Conv
 *            the same in front of a Conv; all of it with ConvTranspose
 *            BatchNormalization of Gemm and MatMul (+ c), and in front of them
 *            Conv(x) + Conv(x), Conv(x) + BatchNormalization(x), Conv(x) + x; something else added in between
 *            Conv, MaxPool or AveragePool of Pad(x)
 * After:     one Conv (ConvTranspose, Gemm), one pool
 * Formula:   s (W x + B) + t = (s W) x + (s B + t), s and t per output channel
 *            W (s x + t) + B = (W s) x + (B + W t), s and t per input channel
 *            BatchNormalization: s = gamma / sqrt(var + epsilon), t = beta - mean * s
 *            W has the output channel in axis 0 (Conv) or, behind the group, in axis 1 (ConvTranspose); the
 *            input channel the other way round
 *            (W x + B) + (V x + C) = (W + V) x + (B + C), V padded with zeros to W's kernel; x itself is a V
 *            of ones on the diagonal
 * When not:  a parameter is not constant; training mode or per-activation statistics (spatial = 0); an
 *            inner value has other users; a constant is not one for each channel; s, W or B leave the
 *            normal numbers of the stored type; t in front of a Conv that pads (at the border t would be
 *            missing); windows that do not line up; a shared weight would be stored twice (Law 4); a Pad
 *            that means something else than the operator's own padding; the 0.5 of a Gelu before a Conv,
 *            the 1/6 of a HardSwish: runtimes fuse the whole. c / Conv is no such function.
 *            ReduceMean as GlobalAveragePool saves no node and, measured, no time.
 * Exactness: rounding (s and t in double; for W, s is rounded to float, then the product to the stored type);
 *            Pad: bitwise
 */
#include "passes/conv/conv.h"
#include "passes/passes.h"

#define PARAMETERS "gamma#, beta#, mean#, var#"
#define CONV "Conv|ConvTranspose:conv"

#define BN_GUARDS                                                                                            \
  {bn_is_inference, "BatchNormalization is in training mode"},                                               \
      {bn_is_spatial, "BatchNormalization is not per channel (spatial = 0)"}
#define ONE_TYPE {conv_one_float_type, "weights and parameters are not of one floating point type"}
#define OUT_CHANNELS {conv_out_channels, "its parameters are not one value for each output channel"}
#define IN_CHANNELS {conv_in_channels, "its parameters are not one value for each input channel"}
#define NO_FORM {op_marks_no_form, "it would hide a form that runtimes fuse, of which the factor is a part"}
#define NO_PADDING {conv_shift_is_uniform, "what is added would be missing where the convolution pads"}

#define AFTER(rule, pattern, by)                                                                             \
  {.name = rule,                                                                                             \
   .match = pattern,                                                                                         \
   .replace = by,                                                                                            \
   .when = {OUT_CHANNELS, ONE_TYPE},                                                                         \
   .exact = ROUNDING,                                                                                        \
   .build = conv_absorb_after}
#define BEFORE(rule, pattern, by)                                                                            \
  {.name = rule,                                                                                             \
   .match = CONV "(" pattern ", W#, B#?)",                                                                   \
   .replace = by,                                                                                            \
   .when = {NO_FORM, IN_CHANNELS, ONE_TYPE, NO_PADDING},                                                     \
   .exact = ROUNDING,                                                                                        \
   .build = conv_absorb_before}

#define COLUMN "its parameters are not one value for each column"
#define ROW "its parameters are not one value for each row of the weights, or Gemm transposes x"
#define GEMM(rule, pattern, by, channels, why, absorb)                                                       \
  {.name = rule,                                                                                             \
   .match = pattern,                                                                                         \
   .replace = by,                                                                                            \
   .when = {BN_GUARDS,                                                                                       \
            {gemm_rank_2, "the product is not known to be of rank 2"},                                       \
            {channels, why},                                                                                 \
            {gemm_one_float_type, "weights and parameters are not of one floating point type"}},             \
   .exact = ROUNDING,                                                                                        \
   .build = absorb}

#define BRANCH_GUARDS                                                                                        \
  {branch_weights, "the branches differ in groups or channels"},                                             \
      {branch_one_float_type, "they are not of one floating point type"},                                    \
      {branch_same_window, "their windows do not line up"}

#define BRANCHES(rule, pattern, by)                                                                          \
  {.name = rule,                                                                                             \
   .match = pattern,                                                                                         \
   .replace = by,                                                                                            \
   .when = {BRANCH_GUARDS},                                                                                  \
   .exact = ROUNDING,                                                                                        \
   .build = branch_merge}
#define BN_BRANCHES(rule, pattern, plus)                                                                     \
  {.name = rule,                                                                                             \
   .match = pattern,                                                                                         \
   .replace = "Conv(x, W + pad(diagonal(s)), B + beta - mean*s)" plus ", s = gamma / sqrt(var + epsilon)",   \
   .when = {BN_GUARDS, BRANCH_GUARDS},                                                                       \
   .exact = ROUNDING,                                                                                        \
   .build = branch_merge}

#define PAD_GUARDS                                                                                           \
  {pad_is_constant, "the Pad does not pad with a constant"},                                                 \
      {pad_is_known, "the pads or their axes are not known"},                                                \
      {pad_is_spatial, "it pads the batch or the channels"}, {pad_adds, "it takes elements away"},           \
      {window_is_explicit, "the operator's own padding depends on the input"}
#define POOL_GUARDS                                                                                          \
  {window_rounds_down, "ceil_mode lets a window stand in the padding"},                                      \
      {window_is_larger, "a window might see nothing but padding"},                                          \
      {window_sees_input, "a spatial dim might be 0"}

static const Rule rules[] = {
    {.name = "conv-batchnorm",
     .match = "BatchNormalization:bn(" CONV "(x, W#, B#?), " PARAMETERS ")",
     .replace = "Conv(x, W*s, (B - mean)*s + beta), s = gamma / sqrt(var + epsilon)",
     .when = {BN_GUARDS, OUT_CHANNELS, ONE_TYPE},
     .exact = ROUNDING,
     .build = conv_absorb_after},
    AFTER("conv-multiply", "Mul:op(" CONV "(x, W#, B#?), c#)", "Conv(x, W*c, B*c)"),
    AFTER("conv-divide", "Div:op(" CONV "(x, W#, B#?), c#)", "Conv(x, W/c, B/c)"),
    AFTER("conv-add", "Add:op(" CONV "(x, W#, B#?), c#)", "Conv(x, W, B + c)"),
    AFTER("conv-subtract", "Sub:op(" CONV "(x, W#, B#?), c#)", "Conv(x, W, B - c)"),
    AFTER("conv-subtract-from", "Sub:op(c#, " CONV "(x, W#, B#?))", "Conv(x, -W, c - B)"),
    AFTER("conv-negate", "Neg:op(" CONV "(x, W#, B#?))", "Conv(x, -W, -B)"),
    GEMM("gemm-batchnorm", "BatchNormalization:bn(Gemm:gemm(x, W#, B#?), " PARAMETERS ")",
         "Gemm(x, W*s, (B - mean)*s + beta), s = gamma / sqrt(var + epsilon)", gemm_channels, COLUMN,
         gemm_absorb),
    GEMM("matmul-batchnorm", "BatchNormalization:bn(MatMul:gemm(x, W#), " PARAMETERS ")",
         "Gemm(x, W*s, beta - mean*s), s = gamma / sqrt(var + epsilon)", gemm_channels, COLUMN, gemm_absorb),
    GEMM("matmul-add-batchnorm", "BatchNormalization:bn(Add:sum(MatMul:gemm(x, W#), B#), " PARAMETERS ")",
         "Gemm(x, W*s, (B - mean)*s + beta), s = gamma / sqrt(var + epsilon)", gemm_channels, COLUMN,
         gemm_absorb),
    GEMM("batchnorm-gemm", "Gemm:gemm(BatchNormalization:bn(x, " PARAMETERS "), W#, B#?)",
         "Gemm(x, W*s, B + (beta - mean*s)*W), s = gamma / sqrt(var + epsilon)", gemm_in_channels, ROW,
         gemm_absorb_before),
    GEMM("batchnorm-matmul", "MatMul:gemm(BatchNormalization:bn(x, " PARAMETERS "), W#)",
         "Gemm(x, W*s, (beta - mean*s)*W), s = gamma / sqrt(var + epsilon)", gemm_in_channels, ROW,
         gemm_absorb_before),
    {.name = "batchnorm-conv",
     .match = CONV "(BatchNormalization:bn(x, " PARAMETERS "), W#, B#?)",
     .replace = "Conv(x, W*s, B + sum(W*(beta - mean*s))), s = gamma / sqrt(var + epsilon)",
     .when = {BN_GUARDS, IN_CHANNELS, ONE_TYPE, NO_PADDING},
     .exact = ROUNDING,
     .build = conv_absorb_before},
    BEFORE("multiply-conv", "Mul:op(x, c#)", "Conv(x, W*c, B)"),
    BEFORE("divide-conv", "Div:op(x, c#)", "Conv(x, W/c, B)"),
    BEFORE("add-conv", "Add:op(x, c#)", "Conv(x, W, B + sum(W*c))"),
    BEFORE("subtract-conv", "Sub:op(x, c#)", "Conv(x, W, B - sum(W*c))"),
    BEFORE("subtract-from-conv", "Sub:op(c#, x)", "Conv(x, -W, B + sum(W*c))"),
    BEFORE("negate-conv", "Neg:op(x)", "Conv(x, -W, B)"),
    BRANCHES("conv-conv-add", "Add:op(Conv:conv(x, W#, B#?), Conv:other(x, V#, C#?))",
             "Conv(x, W + pad(V), B + C)"),
    BRANCHES("conv-identity-add", "Add:op(Conv:conv(x, W#, B#?), x)", "Conv(x, W + pad(diagonal(1)), B)"),
    BN_BRANCHES("conv-batchnorm-add",
                "Add:op(Conv:conv(x, W#, B#?), BatchNormalization:bn(x, " PARAMETERS "))", ""),
    BRANCHES("conv-add-conv", "Add:op(Add(Conv:conv(x, W#, B#?), z), Conv:other(x, V#, C#?))",
             "Add(Conv(x, W + pad(V), B + C), z)"),
    BRANCHES("conv-add-identity", "Add:op(Add(Conv:conv(x, W#, B#?), z), x)",
             "Add(Conv(x, W + pad(diagonal(1)), B), z)"),
    BRANCHES("identity-add-conv", "Add:op(Add(x, z), Conv:conv(x, W#, B#?))",
             "Add(Conv(x, W + pad(diagonal(1)), B), z)"),
    BN_BRANCHES("conv-add-batchnorm",
                "Add:op(Add(Conv:conv(x, W#, B#?), z), BatchNormalization:bn(x, " PARAMETERS "))", " + z"),
    BN_BRANCHES("batchnorm-add-conv",
                "Add:op(Add(BatchNormalization:bn(x, " PARAMETERS "), z), Conv:conv(x, W#, B#?))", " + z"),
    {.name = "pad-conv",
     .match = "Conv:window(Pad:pad(x, ...), W, B?)",
     .replace = "Conv(x, W, B) with pads",
     .when = {PAD_GUARDS, {pad_is_zero, "it does not pad with 0"}},
     .exact = BITWISE,
     .build = pad_into_window},
    {.name = "pad-maxpool",
     .match = "MaxPool:window(Pad:pad(x, ...))",
     .replace = "MaxPool(x) with pads",
     .when = {PAD_GUARDS, {pad_is_lowest, "it does not pad with the lowest value"}, POOL_GUARDS},
     .exact = BITWISE,
     .build = pad_into_window},
    {.name = "pad-averagepool",
     .match = "AveragePool:window(Pad:pad(x, ...))",
     .replace = "AveragePool(x) with pads, count_include_pad = 1",
     .when = {PAD_GUARDS,
              {pad_is_zero, "it does not pad with 0"},
              {window_counts_pads, "the pool does not count what it pads with"},
              POOL_GUARDS},
     .exact = BITWISE,
     .build = pad_into_window},
};

const Pass pass_fuse_conv_batchnorm = {
    "fuse_conv_batchnorm",
    "folds BatchNormalization, per-channel arithmetic, Pad and parallel branches into convolutions",
    PASS_RULES(rules)};
