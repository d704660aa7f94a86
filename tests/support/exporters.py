"""Models as other exporters write them: TensorFlow, Paddle, Keras, scikit-learn, quantisers, and old opsets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {}


def exporter(fn):
    """Register a model."""
    MODELS[fn.__name__] = fn
    return fn


class Graph:
    """A graph under construction, with random weights."""

    def __init__(self, opset: int, ir: int = 8, **domains: int) -> None:
        self.opsets = {"": opset, **{k.replace("_", "."): v for k, v in domains.items()}}
        self.ir, self.rng = ir, np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.inits: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *dims: int | str, kind: int = FLOAT) -> str:
        """Add an input."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, dims))
        return name

    def const(self, value, dtype: type = np.float32) -> str:
        """Add an initializer."""
        name = f"const_{len(self.inits)}"
        self.inits.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values: int) -> str:
        """Add a vector of int64."""
        return self.const(values, np.int64)

    def w(self, *shape: int, low: float = -0.5, high: float = 0.5) -> str:
        """Add a weight."""
        return self.const(self.rng.uniform(low, high, shape))

    def __call__(self, op: str, *inputs: str, outs: int = 1, domain: str = "", **attributes):
        """Add a node; returns its output, or all of them."""
        names = [f"{op}_{len(self.nodes)}:{i}" for i in range(outs)]
        node = helper.make_node(
            op, inputs, names, f"n{len(self.nodes)}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return names[0] if outs == 1 else names

    def model(self, **outputs: tuple) -> onnx.ModelProto:
        """Return the model; an output is its kind and dims, and what computes it is the node added last or named."""
        infos = []
        for name, (source, kind, *dims) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [source], [name]))
            infos.append(helper.make_tensor_value_info(name, kind, dims))
        inputs = self.inputs
        if self.ir < 4:  # every initializer had to be listed
            inputs = [
                *inputs,
                *(helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.inits),
            ]
        graph = helper.make_graph(self.nodes, "g", inputs, infos, self.inits)
        opsets = [helper.make_opsetid(d, v) for d, v in self.opsets.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=self.ir)


# --- TensorFlow (tf2onnx) --------------------------------------------------------------------------------------


def nchw(g: Graph, x: str) -> str:
    """Turn an image to NCHW."""
    return g("Transpose", x, perm=[0, 3, 1, 2])


def nhwc(g: Graph, x: str) -> str:
    """Turn an image back."""
    return g("Transpose", x, perm=[0, 2, 3, 1])


def batchnorm(g: Graph, x: str, c: int) -> str:
    """Add a BatchNormalization."""
    params = [g.w(c, low=0.5, high=1.5), g.w(c), g.w(c), g.w(c, low=0.5, high=1.5)]
    return g("BatchNormalization", x, *params, epsilon=1e-3)


@exporter
def tensorflow_mobilenet() -> onnx.ModelProto:
    """Return blocks of MobileNet: every operator on images between Transposes, squeeze and excite, pads apart."""
    g = Graph(15)
    x = g.input("x", "N", 8, 8, 3)
    x = g("Sub", g("Mul", x, g.const(2 / 255)), g.const(1.0))
    x = g("Pad", x, g.ints(0, 0, 0, 0, 0, 1, 1, 0))
    y = g("Conv", nchw(g, x), g.w(4, 3, 3, 3), strides=[2, 2], kernel_shape=[3, 3])
    y = nhwc(g, batchnorm(g, y, 4))
    y = g("Min", g("Max", y, g.const(0.0)), g.const(6.0))
    d = g("Conv", nchw(g, y), g.w(4, 1, 3, 3), g.w(4), group=4, auto_pad="SAME_UPPER")
    d = nhwc(g, batchnorm(g, d, 4))
    d = g(
        "Mul",
        d,
        g("Div", g("Clip", g("Add", d, g.const(3.0)), g.const(0.0), g.const(6.0)), g.const(6.0)),
    )
    s = g("ReduceMean", d, axes=[1, 2], keepdims=0)
    s = g("Reshape", s, g.ints(-1, 1, 1, 4))
    s = nhwc(g, g("Conv", nchw(g, s), g.w(2, 4, 1, 1), g.w(2)))
    s = nhwc(g, g("Conv", nchw(g, g("Relu", s)), g.w(4, 2, 1, 1), g.w(4)))
    d = g("Mul", d, g("Sigmoid", s))
    p = nhwc(g, g("Conv", nchw(g, d), g.w(4, 4, 1, 1)))
    p = g("Add", p, y)
    q = g("Squeeze", g("GlobalAveragePool", nchw(g, p)), g.ints(2, 3))
    out = g("Softmax", g("Add", g("MatMul", q, g.w(4, 5)), g.w(5)), axis=-1)
    return g.model(y=(out, FLOAT, "N", 5))


@exporter
def tensorflow_shapes() -> onnx.ModelProto:
    """Return what tf.shape, strided_slice and stack become: casts to int32 and back around every step."""
    g = Graph(13)
    x = g.input("x", "N", 6, 4)
    shape = g("Cast", g("Shape", x), to=TensorProto.INT32)
    first = g("Slice", shape, g.ints(0), g.ints(1), g.ints(0))
    first = g("Squeeze", first, g.ints(0))
    first = g("Cast", g("Mul", first, g.const(2, np.int32)), to=TensorProto.INT64)
    parts = [
        g("Unsqueeze", v, g.ints(0)) for v in (first, g.const(3, np.int64), g.const(-1, np.int64))
    ]
    target = g("Cast", g("Concat", *parts, axis=0), to=TensorProto.INT32)
    y = g("Reshape", x, g("Cast", target, to=TensorProto.INT64))
    y = g("Transpose", g("MatMul", y, g.w(4, 4)), perm=[0, 2, 1])
    y = g("Expand", g("Unsqueeze", y, g.ints(1)), g.ints(1, 2, 1, 1))
    return g.model(y=(y, FLOAT, None, 2, 4, 3))


@exporter
def tensorflow_depthwise_dilated() -> onnx.ModelProto:
    """Return a dilated convolution as SpaceToBatch, Conv, BatchToSpace."""
    g = Graph(11)
    x = g.input("x", "N", 4, 4, 2)
    y = nchw(g, g("Pad", x, g.ints(0, 2, 2, 0, 0, 2, 2, 0)))
    y = g("Transpose", y, perm=[1, 0, 2, 3])
    y = g("SpaceToDepth", y, blocksize=2)
    y = g("Transpose", g("Reshape", y, g.ints(2, 4, -1, 4, 4)), perm=[1, 2, 0, 3, 4])
    y = g("Reshape", y, g.ints(-1, 2, 4, 4))
    y = g("Conv", y, g.w(2, 1, 3, 3), group=2)
    y = g("Transpose", g("Reshape", y, g.ints(4, -1, 2, 2, 2)), perm=[2, 0, 1, 3, 4])
    y = g(
        "DepthToSpace",
        g("Transpose", g("Reshape", y, g.ints(2, 4, -1, 4)), perm=[0, 1, 2, 3]),
        blocksize=2,
    )
    y = g("Reshape", y, g.ints(2, -1, 4, 4))
    y = g("Transpose", y, perm=[1, 2, 3, 0])
    return g.model(y=(y, FLOAT, None, 4, 4, 2))


# --- Paddle ----------------------------------------------------------------------------------------------------


@exporter
def paddle_recognizer() -> onnx.ModelProto:
    """Return a text recogniser: scale operators, Constant nodes, squeezes, LSTM with its transposes."""
    g = Graph(11)

    def number(value, dtype=np.float32, **shape) -> str:
        return g("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    x = g.input("x", "N", 3, 8, "W")
    y = g("Add", g("Mul", x, number([2.0])), number([-1.0]))  # scale
    y = g("Conv", y, g.w(4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 1], dilations=[1, 1], group=1)
    y = batchnorm(g, y, 4)
    y = g("Mul", y, g("HardSigmoid", y, alpha=1 / 6, beta=0.5))
    y = g("MaxPool", y, kernel_shape=[4, 1], strides=[4, 1], pads=[0, 0, 0, 0])
    shape = g("Cast", g("Shape", y), to=TensorProto.INT32)
    n = g("Slice", shape, number([0], np.int64), number([1], np.int64), number([0], np.int64))
    y = g("Transpose", g("Squeeze", y, axes=[2]), perm=[0, 2, 1])
    target = [
        g("Cast", v, to=TensorProto.INT64)
        for v in (n, number([-1], np.int32), number([4], np.int32))
    ]
    y = g("Reshape", y, g("Concat", *target, axis=0))
    y = g("Transpose", y, perm=[1, 0, 2])
    zero = g(
        "Expand",
        number([[[0.0]]]),
        g("Concat", number([2], np.int64), target[0], number([3], np.int64), axis=0),
    )
    y, _, _ = g(
        "LSTM",
        y,
        g.w(2, 12, 4),
        g.w(2, 12, 3),
        g.w(2, 24),
        "",
        zero,
        zero,
        outs=3,
        direction="bidirectional",
        hidden_size=3,
    )
    y = g("Reshape", g("Transpose", y, perm=[0, 2, 1, 3]), number([0, 0, -1], np.int64))
    y = g("Transpose", y, perm=[1, 0, 2])
    y = g("Add", g("MatMul", y, g.w(6, 5)), g.w(5))
    y = g("Softmax", g("Identity", y), axis=2)
    return g.model(y=(g("Add", g("Mul", y, number([1.0])), number([0.0])), FLOAT, "N", "W", 5))


# --- Keras's recurrent layers ------------------------------------------------------------------------------------


def cell(x: str, h: str, w: str, u: str, prefix: str) -> list[onnx.NodeProto]:
    """Return the nodes of a simple cell, whose result is called PREFIXnew."""
    n = helper.make_node
    return [
        n("MatMul", [x, w], [f"{prefix}a"]),
        n("MatMul", [h, u], [f"{prefix}b"]),
        n("Add", [f"{prefix}a", f"{prefix}b"], [f"{prefix}s"]),
        n("Split", [f"{prefix}s"], [f"{prefix}z", f"{prefix}c"], axis=1),
        n("Sigmoid", [f"{prefix}z"], [f"{prefix}g"]),
        n("Tanh", [f"{prefix}c"], [f"{prefix}t"]),
        n("Mul", [f"{prefix}g", f"{prefix}t"], [f"{prefix}m"]),
        n("Add", [f"{prefix}m", h], [f"{prefix}new"]),
    ]


def info(name: str, *dims, kind: int = FLOAT) -> onnx.ValueInfoProto:
    """Return a declaration."""
    return helper.make_tensor_value_info(name, kind, dims)


@exporter
def keras_loop() -> onnx.ModelProto:
    """Return a while loop over time: gathers from a captured input, weights captured and passed, results stacked."""
    g = Graph(12)
    x = g("Transpose", g.input("x", "N", 4, 3), perm=[1, 0, 2])
    w, u = g.w(3, 4), g.w(2, 4)
    start = g(
        "ConstantOfShape",
        g("Concat", g("Slice", g("Shape", x), g.ints(1), g.ints(2)), g.ints(2), axis=0),
    )
    nodes = [
        helper.make_node("Gather", [x, "i"], ["xi"], axis=0),
        *cell("xi", "h", "w_in", u, "k_"),
        helper.make_node("Identity", ["w_in"], ["w_out"]),
        helper.make_node("Identity", ["k_new"], ["h_out"]),
        helper.make_node("Add", ["i", "one"], ["next"]),
        helper.make_node("Less", ["next", "four"], ["more"]),
        helper.make_node("And", ["go", "more"], ["again"]),
    ]
    body = helper.make_graph(
        nodes,
        "body",
        [info("i", kind=7), info("go", kind=9), info("h", None, 2), info("w_in", 3, 4)],
        [
            info("again", kind=9),
            info("h_out", None, 2),
            info("w_out", 3, 4),
            info("k_new", None, 2),
        ],
        [numpy_helper.from_array(np.array(k, np.int64), n) for n, k in (("one", 1), ("four", 4))],
    )
    go = g.const(True, np.bool_)
    last, _, every = g("Loop", g.ints(9), go, start, w, outs=3, body=body)
    return g.model(
        last=(last, FLOAT, "N", 2),
        every=(g("Transpose", every, perm=[1, 0, 2]), FLOAT, "N", None, 2),
    )


@exporter
def keras_scan() -> onnx.ModelProto:
    """Return a Scan over time in both directions, over weights of the outer graph."""
    g = Graph(11)
    x = g("Transpose", g.input("x", "N", 4, 3), perm=[1, 0, 2])
    batch = g("Slice", g("Shape", x), g.ints(1), g.ints(2))
    start = g("ConstantOfShape", g("Concat", batch, g.ints(2), axis=0))
    every = []
    for direction in (0, 1):
        w, u = g.w(3, 4), g.w(2, 4)
        nodes = [
            *cell("xi", "h", w, u, f"s{direction}_"),
            helper.make_node("Identity", [f"s{direction}_new"], ["out"]),
        ]
        body = helper.make_graph(
            nodes,
            f"scan{direction}",
            [info("h", None, 2), info("xi", None, 3)],
            [info(f"s{direction}_new", None, 2), info("out", None, 2)],
        )
        more = {"scan_input_directions": [direction], "scan_output_directions": [direction]}
        every.append(g("Scan", start, x, outs=2, num_scan_inputs=1, body=body, **more)[1])
    y = g("Transpose", g("Concat", *every, axis=2), perm=[1, 0, 2])
    return g.model(y=(y, FLOAT, "N", 4, 4))


# --- scikit-learn, ML.NET ----------------------------------------------------------------------------------------


@exporter
def sklearn_pipeline() -> onnx.ModelProto:
    """Return a pipeline: columns picked, imputed and scaled, a linear and a tree classifier, their mean."""
    g = Graph(15, ai_onnx_ml=3)
    ml = {"domain": "ai.onnx.ml"}
    x = g.input("x", "N", 4)
    left = g("ArrayFeatureExtractor", x, g.ints(0, 1), **ml)
    right = g("ArrayFeatureExtractor", x, g.ints(2, 3), **ml)
    left = g(
        "Scaler",
        g("Imputer", left, imputed_value_floats=[0.5], **ml),
        offset=[0.1, 0.2],
        scale=[2.0, 0.5],
        **ml,
    )
    right = g("Normalizer", g("Binarizer", right, threshold=0.0, **ml), norm="L2", **ml)
    both = g("Concat", left, right, axis=1)
    both = g("Cast", g("Identity", both), to=FLOAT)
    label, a = g(
        "LinearClassifier",
        both,
        outs=2,
        coefficients=[0.1, -0.2, 0.3, 0.4, -0.1, 0.2, -0.3, -0.4],
        intercepts=[0.1, -0.1],
        classlabels_ints=[0, 1],
        post_transform="SOFTMAX",
        multi_class=1,
        **ml,
    )
    _, b = g(
        "TreeEnsembleClassifier",
        both,
        outs=2,
        classlabels_int64s=[0, 1],
        class_treeids=[0, 0, 0, 0],
        class_nodeids=[1, 1, 2, 2],
        class_ids=[0, 1, 0, 1],
        class_weights=[0.75, 0.25, 0.125, 0.875],
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[1, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.25, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        post_transform="NONE",
        **ml,
    )
    mean = g("Div", g("Add", g("Mul", a, g.const([1.0])), b), g.const([2.0]))
    top = g("ArgMax", mean, axis=1, keepdims=0)
    named = g("Cast", g("Reshape", top, g.ints(-1)), to=TensorProto.INT64)
    g("ZipMap", mean, classlabels_int64s=[0, 1], **ml)  # read by nobody: it goes
    return g.model(
        label=(label, TensorProto.INT64, "N"),
        named=(named, TensorProto.INT64, None),
        mean=(mean, FLOAT, "N", 2),
    )


# --- quantisers --------------------------------------------------------------------------------------------------


@exporter
def quantized_chain() -> onnx.ModelProto:
    """Return QLinear operators in a row, as ONNX Runtime's static quantiser writes them."""
    g = Graph(13)
    x = g.input("x", "N", 2, 4, 4)
    by = [g.const(0.03125), g.const(128, np.uint8)]
    w = g.const(g.rng.integers(-100, 100, (3, 2, 3, 3)), np.int8)
    w_by = [g.const([0.01, 0.02, 0.015]), g.const([0, 0, 0], np.int8)]
    q = g("QuantizeLinear", x, *by)
    y = g("QLinearConv", q, *by, w, *w_by, *by, pads=[1, 1, 1, 1])
    y = g("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = g("Flatten", y, axis=1)
    m = g.const(g.rng.integers(-100, 100, (12, 5)), np.int8)
    y = g("QLinearMatMul", y, *by, m, g.const(0.01), g.const(0, np.int8), *by)
    return g.model(y=(g("DequantizeLinear", y, *by), FLOAT, "N", 5))


@exporter
def quantized_pairs() -> onnx.ModelProto:
    """Return a residual block of operators between Quantize and Dequantize, weights by channel."""
    g = Graph(13)
    x = g.input("x", "N", 3, 4, 4)

    def pair(v: str) -> str:
        by = [g.const(0.0625), g.const(0, np.int8)]
        return g("DequantizeLinear", g("QuantizeLinear", v, *by), *by)

    def conv(v: str) -> str:
        w = g.const(g.rng.integers(-100, 100, (3, 3, 3, 3)), np.int8)
        w = g(
            "DequantizeLinear", w, g.const([0.01, 0.02, 0.01]), g.const([0, 0, 0], np.int8), axis=0
        )
        b = g.const(g.rng.integers(-100, 100, 3), np.int32)
        b = g(
            "DequantizeLinear",
            b,
            g.const([0.001, 0.002, 0.001]),
            g.const([0, 0, 0], np.int32),
            axis=0,
        )
        return g("Conv", pair(v), w, b, pads=[1, 1, 1, 1])

    y = g("Relu", conv(x))
    y = g("Add", pair(conv(y)), pair(x))
    y = g("GlobalAveragePool", pair(g("Relu", y)))
    return g.model(y=(g("Flatten", pair(y)), FLOAT, "N", 3))


@exporter
def quantized_dynamically() -> onnx.ModelProto:
    """Return linear layers that quantise their input as they run."""
    g = Graph(13)
    y = g.input("x", "N", 4)
    for k, n in ((4, 6), (6, 3)):
        q, scale, zero = g("DynamicQuantizeLinear", y, outs=3)
        w = g.const(g.rng.integers(-100, 100, (k, n)), np.int8)
        p = g("Cast", g("MatMulInteger", q, w, zero, g.const(0, np.int8)), to=FLOAT)
        p = g("Mul", p, g("Mul", scale, g.const(0.01)))
        y = g("Relu", g("Add", p, g.w(n)))
    return g.model(y=(y, FLOAT, "N", 3))


# --- old opsets --------------------------------------------------------------------------------------------------


@exporter
def pytorch_of_2018() -> onnx.ModelProto:
    """Return a decoder of opset 9: Upsample by computed scales, views by Shape, Gather, Unsqueeze and Concat."""
    g = Graph(9, ir=4)
    x = g.input("x", "N", 4, 3, 3)
    y = g("Relu", batchnorm(g, g("Conv", x, g.w(4, 4, 1, 1)), 4))
    scales = [
        g("Constant", value=numpy_helper.from_array(np.array([s], np.float32)))
        for s in (1, 1, 2, 2)
    ]
    y = g("Upsample", y, g("Concat", *scales, axis=0), mode="nearest")
    y = g("Pad", y, pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="reflect")
    y = g("Clip", y, min=0.0, max=6.0)
    shape = g("Shape", y)
    zero = g("Constant", value=numpy_helper.from_array(np.array(0, np.int64)))
    n = g("Unsqueeze", g("Gather", shape, zero, axis=0), axes=[0])
    y = g("Reshape", y, g("Concat", n, g.ints(-1), axis=0))
    y = g("Dropout", y, ratio=0.5)
    y = g("Gemm", y, g.w(256, 5), g.w(5), alpha=1.0, beta=1.0)
    return g.model(y=(g("LogSoftmax", y, axis=1), FLOAT, "N", 5))


@exporter
def mxnet_of_2017() -> onnx.ModelProto:
    """Return opset 7: every initializer is an input, images are blocks of Conv, BatchNormalization, PRelu."""
    g = Graph(7, ir=3)
    x = g.input("x", "N", 3, 6, 6)
    y = g("Mul", g("Sub", x, g.const([0.5])), g.const([2.0]))
    y = batchnorm(g, g("Conv", y, g.w(4, 3, 3, 3), kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 4)
    y = g("PRelu", y, g.w(4, 1, 1))
    y = g("Sum", y, g("Identity", y))
    y = g("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = g("Dropout", g("Flatten", y, axis=1), ratio=0.5)
    y = g("Gemm", y, g.w(5, 36), g.w(5), transB=1)
    y = g("Div", y, g("Sqrt", g("ReduceSum", g("Mul", y, y), axes=[1], keepdims=1)))
    y = g("Slice", y, axes=[1], starts=[0], ends=[2147483647])
    return g.model(y=(g("Squeeze", g("Unsqueeze", y, axes=[2]), axes=[2]), FLOAT, "N", 5))
