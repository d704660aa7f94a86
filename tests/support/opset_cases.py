"""Nodes of operators whose definitions changed, in several opsets."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

RNG = np.random.default_rng(3)


def floats(*dims):
    return RNG.standard_normal(dims).astype(np.float32)


def i64(*values):
    return np.array(values, dtype=np.int64)


X, POSITIVE = floats(2, 3, 4), np.abs(floats(3, 5)) + 1
IMAGE = floats(1, 4, 6, 6)
INTS = RNG.integers(-50, 50, (3, 4)).astype(np.int32)

# operator, opsets, inputs, attributes, number of outputs
CASES = [
    ("Softmax", (7, 11, 12, 13, 17), [X], {}, 1),
    ("Softmax", (7, 12, 13), [X], {"axis": 0}, 1),
    ("LogSoftmax", (7, 12, 13), [X], {"axis": 1}, 1),
    ("Hardmax", (7, 12, 13), [X], {}, 1),
    ("Squeeze", (7, 11), [floats(1, 3, 1)], {"axes": [0]}, 1),
    ("Squeeze", (11,), [floats(1, 3, 1)], {"axes": [-1]}, 1),
    ("Squeeze", (7, 12, 13), [floats(1, 3, 1)], {}, 1),
    ("Squeeze", (13, 17, 21), [floats(1, 3, 1), i64(-1)], {}, 1),
    ("Unsqueeze", (7, 11), [X], {"axes": [0, 2]}, 1),
    ("Unsqueeze", (13, 17, 21), [X, i64(-1, 0)], {}, 1),
    ("Slice", (7, 9), [X], {"starts": [0, -2], "ends": [1, 1000], "axes": [0, 2]}, 1),
    ("Slice", (10, 11, 13), [X, i64(3, 0), i64(-100, 2), i64(2, 1), i64(-2, 1)], {}, 1),
    ("Slice", (11, 13), [X, i64(1), i64(-1), i64(-1)], {}, 1),
    ("Split", (7, 11), [X], {"axis": 1, "split": [1, 2]}, 2),
    ("Split", (7, 12), [X], {"axis": 2}, 2),
    ("Split", (13, 17), [X, i64(3, 1)], {"axis": -1}, 2),
    ("Split", (13, 17), [X], {"axis": 0}, 2),
    ("Split", (18, 21), [floats(7, 2)], {"axis": 0, "num_outputs": 3}, 3),
    ("Pad", (7, 10), [X], {"pads": [0, 1, 0, 0, 0, 2], "value": 1.5}, 1),
    ("Pad", (7, 10), [X], {"pads": [0, 1, 2, 0, 0, 1], "mode": "reflect"}, 1),
    ("Pad", (11, 13, 18), [X, i64(0, -1, 1, 0, 0, 0), np.float32(2)], {}, 1),
    ("Pad", (11, 18), [X, i64(1, 1, 1, 1, 1, 2)], {"mode": "edge"}, 1),
    ("Pad", (18, 19), [X, i64(1, 2), np.float32(0), i64(-1)], {}, 1),
    ("Pad", (19, 21), [X, i64(1, 2, 0, 0, 1, 3)], {"mode": "wrap"}, 1),
    ("Clip", (7, 10), [X], {"min": -0.5, "max": 0.25}, 1),
    ("Clip", (7, 10, 11, 13), [X], {}, 1),
    ("Clip", (11, 12, 13), [X, np.float32(-0.5), np.float32(0.5)], {}, 1),
    ("Clip", (12, 13), [INTS.astype(np.int64), np.int64(-5)], {}, 1),
    ("TopK", (7, 9), [X], {"k": 2, "axis": 1}, 2),
    ("TopK", (10, 11, 21), [X, i64(3)], {"axis": -1}, 2),
    ("TopK", (11,), [X, i64(2)], {"axis": 0, "largest": 0}, 2),
    ("ReduceSum", (7, 11, 12), [X], {"axes": [0, 2], "keepdims": 0}, 1),
    ("ReduceSum", (13, 18), [X, i64(-1)], {}, 1),
    ("ReduceSum", (13, 18), [X], {"noop_with_empty_axes": 1}, 1),
    ("ReduceSum", (13,), [INTS], {"keepdims": 0}, 1),
    ("ReduceMean", (7, 11, 13), [X], {"axes": [1]}, 1),
    ("ReduceMean", (18, 20), [X, i64(1, 2)], {"keepdims": 0}, 1),
    ("ReduceMax", (7, 12, 13), [X], {"axes": [1]}, 1),
    ("ReduceMin", (18, 20), [INTS, i64(0)], {}, 1),
    ("ReduceL2", (7, 13), [X], {"axes": [2]}, 1),
    ("ReduceLogSumExp", (13, 18), [X], {}, 1),
    ("ReduceProd", (13,), [INTS], {"axes": [0]}, 1),
    ("ArgMax", (7, 11, 13), [X], {"axis": 1}, 1),
    ("ArgMin", (12, 13), [np.float32([[1, 0, 0]])], {"axis": 1, "select_last_index": 1}, 1),
    ("Flatten", (7, 9, 11, 13), [X], {"axis": 2}, 1),
    ("Flatten", (11, 13), [X], {"axis": -1}, 1),
    ("Reshape", (7, 13, 14), [X, i64(0, -1)], {}, 1),
    ("Expand", (8, 13), [floats(3, 1), i64(2, 1, 4)], {}, 1),
    ("Tile", (7, 13), [X, i64(1, 2, 3)], {}, 1),
    ("Concat", (7, 11, 13), [X, X], {"axis": 2}, 1),
    ("Transpose", (7, 13), [X], {}, 1),
    ("Gather", (7, 11, 13), [X, i64(0, 2)], {"axis": 1}, 1),
    ("Gather", (11, 13), [X, i64(-1)], {"axis": 2}, 1),
    ("GatherND", (11, 12, 13), [X, np.array([[0, 1], [1, -1]])], {}, 1),
    ("ScatterND", (11, 13, 16), [X, np.array([[0], [1]]), floats(2, 3, 4)], {}, 1),
    ("ScatterND", (16, 18), [X, np.array([[0], [0]]), floats(2, 3, 4)], {"reduction": "add"}, 1),
    ("ScatterElements", (11, 18), [X, np.zeros((1, 3, 4), np.int64), floats(1, 3, 4)], {}, 1),
    ("OneHot", (9, 11), [i64(0, -1, 7), np.int64(4), np.float32([0, 2])], {"axis": 0}, 1),
    ("DepthToSpace", (7, 11, 13), [IMAGE], {"blocksize": 2}, 1),
    ("DepthToSpace", (11, 13), [IMAGE], {"blocksize": 2, "mode": "CRD"}, 1),
    ("SpaceToDepth", (7, 13), [IMAGE], {"blocksize": 3}, 1),
    ("BatchNormalization", (7, 9, 14, 15), [IMAGE, *np.abs(floats(4, 4)) + 0.5], {}, 1),
    (
        "Gemm",
        (7, 9, 11, 13),
        [floats(3, 2), floats(4, 3), floats(4)],
        {"transA": 1, "transB": 1, "alpha": 0.5},
        1,
    ),
    ("Gemm", (11, 13), [floats(2, 3), floats(3, 4)], {}, 1),
    ("MatMul", (7, 9, 13), [floats(2, 1, 3, 4), floats(5, 4, 2)], {}, 1),
    ("MatMul", (13,), [floats(4), floats(2, 4, 3)], {}, 1),
    (
        "Conv",
        (7, 11),
        [IMAGE, floats(6, 2, 3, 3), floats(6)],
        {"group": 2, "pads": [1, 0, 1, 0], "strides": [2, 1]},
        1,
    ),
    (
        "Conv",
        (11, 22),
        [IMAGE, floats(2, 4, 2, 2)],
        {"auto_pad": "SAME_LOWER", "dilations": [1, 1]},
        1,
    ),
    (
        "MaxPool",
        (7, 10, 12),
        [IMAGE],
        {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0]},
        1,
    ),
    ("MaxPool", (8, 12), [IMAGE], {"kernel_shape": [2, 2]}, 2),
    ("MaxPool", (10, 12), [IMAGE], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, 1),
    (
        "AveragePool",
        (7, 11),
        [IMAGE],
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        1,
    ),
    ("AveragePool", (7, 19), [IMAGE], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, 1),
    ("GlobalAveragePool", (7, 13), [IMAGE], {}, 1),
    ("LayerNormalization", (17,), [X, floats(3, 4), floats(4)], {"axis": 1}, 1),
    ("Pow", (7, 12, 13), [POSITIVE, floats(5)], {}, 1),
    ("Pow", (12, 13), [POSITIVE, i64(2)], {}, 1),
    ("Pow", (12, 13), [INTS, np.float32(3)], {}, 1),
    ("Mod", (10, 13), [INTS, np.int32([-3, 7, 5, -1])], {}, 1),
    ("Mod", (10, 13), [X, np.float32(0.3)], {"fmod": 1}, 1),
    ("Div", (7, 13, 14), [INTS, np.int32([-3, 7, 5, -1])], {}, 1),
    ("Add", (7, 14), [X, floats(3, 1)], {}, 1),
    ("Equal", (7, 11, 13), [INTS, INTS[:1]], {}, 1),
    ("Less", (9, 13), [INTS, INTS[:1]], {}, 1),
    ("Max", (8, 12, 13), [X, floats(4), floats(3, 1)], {}, 1),
    ("Sum", (8, 13), [X, floats(4), floats(3, 1)], {}, 1),
    ("Mean", (8, 13), [X, floats(4)], {}, 1),
    ("Where", (9, 16), [X > 0, X, floats(4)], {}, 1),
    ("Cast", (7, 9, 13, 19), [X * 3], {"to": TensorProto.INT32}, 1),
    ("Cast", (7, 13), [X], {"to": TensorProto.FLOAT16}, 1),
    ("Cast", (9, 13), [INTS], {"to": TensorProto.INT8}, 1),
    ("Cast", (9, 13), [X], {"to": TensorProto.BOOL}, 1),
    ("Shape", (7, 13, 15), [X], {}, 1),
    ("Shape", (15, 19), [X], {"start": -2, "end": 100}, 1),
    ("Size", (7, 13), [X], {}, 1),
    ("Range", (11,), [np.int64(10), np.int64(-5), np.int64(-4)], {}, 1),
    ("Range", (11,), [np.float32(1), np.float32(4), np.float32(0.5)], {}, 1),
    ("CumSum", (11, 14), [X, np.int32(-1)], {"exclusive": 1, "reverse": 1}, 1),
    ("NonZero", (9, 13), [INTS * (INTS > 0)], {}, 1),
    ("Unique", (11,), [np.int64([3, 1, 3, 2])], {"sorted": 0}, 4),
    ("Trilu", (14,), [X, np.int64(-1)], {"upper": 0}, 1),
    ("EyeLike", (9,), [np.zeros((3, 4), np.float32)], {"k": -1}, 1),
    ("Erf", (9, 13), [X], {}, 1),
    ("Gelu", (20,), [X], {"approximate": "tanh"}, 1),
    ("HardSigmoid", (7, 13), [X], {}, 1),
    ("HardSwish", (14,), [X], {}, 1),
    ("LeakyRelu", (7, 16), [X], {"alpha": 0.3}, 1),
    ("PRelu", (7, 9), [X, floats(4)], {}, 1),
    ("Elu", (7,), [X], {}, 1),
    ("Selu", (7,), [X], {}, 1),
    ("Round", (11,), [np.float32([0.5, 1.5, -2.5, 2.4])], {}, 1),
    ("Sign", (9, 13), [INTS], {}, 1),
    ("BitShift", (11,), [np.uint8([1, 200]), np.uint8([3, 1])], {"direction": "LEFT"}, 1),
]


def bare(op, opset, inputs, attrs, n_out):
    """A model of one node whose inputs are the graph's."""
    arrays = [np.asarray(a) for a in inputs]
    values = [
        helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for i, a in enumerate(arrays)
    ]
    names = [f"y{i}" for i in range(n_out)]
    node = helper.make_node(op, [v.name for v in values], names, **attrs)
    outputs = [onnx.ValueInfoProto(name=name) for name in names]
    graph = helper.make_graph([node], "g", values, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


RUNS = [(*case, opset) for case in CASES for opset in case[1]]
IDS = [f"{op}-{opset}-{k}" for k, (op, _, _, _, _, opset) in enumerate(RUNS)]
