"""Random models of one node, of all opsets since 7: what shapes depend on most, in all its forms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto, helper, numpy_helper

IR_VERSION = 8


@dataclass
class Sample:
    """A node with its inputs; None is an input left out."""

    op: str
    opset: int
    inputs: list[np.ndarray | None]
    attributes: dict = field(default_factory=dict)
    outputs: int = 1

    def model(self, dims, constants) -> ModelProto:
        """The model; dims(input, axis, size) names or states a dim, constants are the frozen inputs."""
        names = ["" if x is None else f"x{i}" for i, x in enumerate(self.inputs)]
        outs = [f"y{i}" for i in range(self.outputs)]
        node = helper.make_node(self.op, names, outs, **self.attributes)
        inputs, inits = [], []
        for i, x in enumerate(self.inputs):
            if x is None:
                continue
            if i in constants:
                inits.append(numpy_helper.from_array(x, names[i]))
                continue
            shape = [dims(i, k, n) for k, n in enumerate(x.shape)]
            dtype = helper.np_dtype_to_tensor_dtype(x.dtype)
            inputs.append(helper.make_tensor_value_info(names[i], dtype, shape))
        results = [helper.make_empty_tensor_value_info(o) for o in outs]
        graph = helper.make_graph([node], "g", inputs, results, inits)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=IR_VERSION
        )

    def __str__(self) -> str:
        """Describe it: shapes of tensors, values of vectors."""
        inputs = [
            x.tolist() if x is not None and x.ndim < 2 and x.size < 9 else getattr(x, "shape", None)
            for x in self.inputs
        ]
        return f"{self.op}-{self.opset} {inputs} {self.attributes}"

    def feeds(self):
        return {f"x{i}": x for i, x in enumerate(self.inputs) if x is not None}


def _tensor(rng, shape, dtype=np.float32):
    return (rng.integers(-3, 4, shape)).astype(dtype)


def _ints(values):
    return np.array(values, np.int64)


def _shape(rng, rank=None, least=0, most=6):
    rank = int(rng.integers(1, 5)) if rank is None else rank
    return [int(n) for n in rng.integers(least, most + 1, rank)]


def _axis(rng, rank):
    return int(rng.integers(-rank, rank))


def _axes(rng, rank):
    count = int(rng.integers(1, rank + 1))
    axes = rng.permutation(rank)[:count]
    return [int(a) - (rank if rng.random() < 0.3 else 0) for a in axes]


def _window(rng, rank, attributes, dilated=True, padded=True):
    kernel = [int(k) for k in rng.integers(1, 5, rank)]
    if rng.random() < 0.7:
        attributes["strides"] = [int(k) for k in rng.integers(1, 4, rank)]
    if dilated and rng.random() < 0.4:
        attributes["dilations"] = [int(k) for k in rng.integers(1, 3, rank)]
    if padded:
        mode = rng.choice(
            ["", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"], p=[0.5, 0.15, 0.1, 0.15, 0.1]
        )
        if mode:
            attributes["auto_pad"] = str(mode)
        if mode in ("", "NOTSET") and rng.random() < 0.7:
            attributes["pads"] = [
                int(min(p, kernel[i % rank] - 1))
                for i, p in enumerate(rng.integers(0, 3, 2 * rank))
            ]
    return kernel


def conv(rng):
    rank, attributes = int(rng.integers(1, 4)), {}
    kernel = _window(rng, rank, attributes)
    if rng.random() < 0.5:
        attributes["kernel_shape"] = kernel
    group = int(rng.choice([1, 2]))
    attributes["group"] = group
    x = _tensor(rng, [int(rng.integers(1, 3)), 2 * group, *_shape(rng, rank, 3, 12)])
    w = _tensor(rng, [2 * group, 2, *kernel])
    return Sample("Conv", int(rng.choice([7, 11, 22])), [x, w], attributes)


def conv_transpose(rng):
    rank, attributes = int(rng.integers(1, 3)), {}
    kernel = _window(rng, rank, attributes, dilated=False)
    strides = attributes.get("strides", [1] * rank)
    if rng.random() < 0.3:
        attributes["output_padding"] = [int(rng.integers(0, s)) for s in strides]
    x = _tensor(rng, [1, 3, *_shape(rng, rank, 2, 7)])
    return Sample(
        "ConvTranspose",
        int(rng.choice([7, 11, 22])),
        [x, _tensor(rng, [3, 4, *kernel])],
        attributes,
    )


def pool(rng):
    rank, attributes = int(rng.integers(1, 4)), {}
    op = str(rng.choice(["MaxPool", "AveragePool", "LpPool"]))
    versions = {
        "MaxPool": [7, 8, 10, 11, 12, 22],
        "AveragePool": [7, 10, 11, 19, 22],
        "LpPool": [7, 11, 18, 22],
    }
    opset = int(rng.choice(versions[op]))
    dilated = opset >= {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op]
    attributes["kernel_shape"] = _window(rng, rank, attributes, dilated)
    if opset >= (18 if op == "LpPool" else 10) and rng.random() < 0.5:
        attributes["ceil_mode"] = 1
    outputs = 2 if op == "MaxPool" and opset >= 8 and rng.random() < 0.3 else 1
    return Sample(op, opset, [_tensor(rng, [1, 2, *_shape(rng, rank, 7, 14)])], attributes, outputs)


def slice_(rng):
    x = _tensor(rng, _shape(rng))
    axes = _axes(rng, x.ndim) if rng.random() < 0.8 else None
    n = len(axes) if axes else int(rng.integers(1, x.ndim + 1))
    far = [2**31 - 1, 2**63 - 1, -(2**63), -(2**31)]
    ends = [
        int(rng.choice(far)) if rng.random() < 0.3 else int(rng.integers(-9, 10)) for _ in range(n)
    ]
    starts = [int(v) for v in rng.integers(-9, 10, n)]
    if rng.random() < 0.3:
        attributes = {"starts": starts, "ends": ends, **({"axes": axes} if axes else {})}
        return Sample("Slice", 9, [x], attributes)
    steps = [int(s) for s in rng.choice([-3, -2, -1, 1, 1, 2, 3], n)]
    inputs = [x, _ints(starts), _ints(ends), _ints(axes) if axes else None, _ints(steps)]
    if rng.random() < 0.3:
        inputs = inputs[:4] if axes else inputs[:3]
    return Sample("Slice", int(rng.choice([10, 11, 13])), inputs)


def reshape(rng):
    shape = _shape(rng, least=0 if rng.random() < 0.3 else 1)
    x, total = _tensor(rng, shape), int(np.prod(shape))
    target = []
    for i in range(int(rng.integers(1, 5))):
        choices = [
            1,
            2,
            3,
            total,
            *([0] if i < len(shape) else []),
            *([shape[i]] if i < len(shape) else []),
        ]
        target.append(int(rng.choice(choices)))
    if rng.random() < 0.7:
        target[int(rng.integers(0, len(target)))] = -1
    opset = int(rng.choice([7, 13, 14, 19]))
    attributes = {"allowzero": 1} if opset >= 14 and rng.random() < 0.3 else {}
    return Sample("Reshape", opset, [x, _ints(target)], attributes)


def reduce(rng):
    op = "Reduce" + str(rng.choice(["Sum", "Prod", "Max", "Min", "Mean", "L2", "SumSquare"]))
    opset = int(rng.choice([7, 11, 13, 18]))
    rank = int(rng.integers(1, 5))
    x = _tensor(rng, _shape(rng, rank, 1), rng.choice([np.float32, np.int32]))
    attributes = {"keepdims": int(rng.integers(0, 2))} if rng.random() < 0.7 else {}
    axes = _axes(rng, rank) if rng.random() < 0.8 else None
    by_input = opset >= (13 if op == "ReduceSum" else 18)
    if by_input and rng.random() < 0.3:
        attributes["noop_with_empty_axes"] = 1
    if axes and not by_input:
        attributes["axes"] = [a % rank if opset < 11 else a for a in axes]
    return Sample(op, opset, [x, _ints(axes)] if axes and by_input else [x], attributes)


def squeeze(rng):
    shape = [int(n) for n in rng.choice([1, 1, 2, 3], int(rng.integers(1, 5)))]
    opset, ones = int(rng.choice([7, 11, 13, 21])), [i for i, n in enumerate(shape) if n == 1]
    axes = ones[: int(rng.integers(0, len(ones) + 1))]
    x = _tensor(rng, shape)
    if not axes:
        return Sample("Squeeze", opset, [x])
    if opset >= 11:
        axes = [a - len(shape) if rng.random() < 0.3 else a for a in axes]
    return Sample(
        "Squeeze",
        opset,
        [x, _ints(axes)] if opset >= 13 else [x],
        {} if opset >= 13 else {"axes": axes},
    )


def unsqueeze(rng):
    x, opset = _tensor(rng, _shape(rng)), int(rng.choice([7, 11, 13, 21]))
    count = int(rng.integers(1, 4))
    axes = [int(a) for a in rng.permutation(x.ndim + count)[:count]]
    if opset >= 11:
        axes = [a - x.ndim - count if rng.random() < 0.3 else a for a in axes]
    return Sample(
        "Unsqueeze",
        opset,
        [x, _ints(axes)] if opset >= 13 else [x],
        {} if opset >= 13 else {"axes": axes},
    )


def split(rng):
    opset, shape = int(rng.choice([7, 11, 13, 18])), _shape(rng, least=1, most=9)
    axis = int(rng.integers(0, len(shape)))
    n, x = int(rng.integers(1, 4)), _tensor(rng, shape)
    attributes, inputs = {"axis": axis}, [x]
    if rng.random() < 0.5:
        cuts = sorted(int(c) for c in rng.integers(0, shape[axis] + 1, n - 1))
        sizes = [b - a for a, b in zip([0, *cuts], [*cuts, shape[axis]], strict=True)]
        if opset >= 13:
            inputs.append(_ints(sizes))
        else:
            attributes["split"] = sizes
    elif opset >= 18:
        attributes["num_outputs"] = n
    return Sample("Split", opset, inputs, attributes, n)


def pad(rng):
    opset, x = int(rng.choice([7, 11, 13, 18])), _tensor(rng, _shape(rng, least=2))
    pads = [int(p) for p in rng.integers(-1, 3, 2 * x.ndim)]
    if opset < 11:
        return Sample("Pad", opset, [x], {"pads": pads})
    if opset >= 18 and rng.random() < 0.6:
        axes = _axes(rng, x.ndim)
        return Sample("Pad", opset, [x, _ints(pads[: 2 * len(axes)]), None, _ints(axes)])
    return Sample("Pad", opset, [x, _ints(pads)])


def concat(rng):
    shape = _shape(rng)
    axis, inputs = _axis(rng, len(shape)), []
    for _ in range(int(rng.integers(1, 4))):
        own = list(shape)
        own[axis] = int(rng.integers(0, 4))
        inputs.append(_tensor(rng, own, np.int64))
    return Sample("Concat", int(rng.choice([11, 13])), inputs, {"axis": axis})


def gather(rng):
    shape = _shape(rng, least=1)
    axis = _axis(rng, len(shape))
    index = rng.integers(-shape[axis], shape[axis], _shape(rng, int(rng.integers(0, 3))))
    x = _tensor(rng, shape, rng.choice([np.float32, np.int64]))
    return Sample(
        "Gather", int(rng.choice([11, 13])), [x, np.asarray(index, np.int64)], {"axis": axis}
    )


def binary(rng):
    op = str(
        rng.choice(["Add", "Sub", "Mul", "Div", "Mod", "Less", "Greater", "Equal", "Max", "Min"])
    )
    opset = int(rng.choice([12, 13, 14] if op in ("Max", "Min", "Mod") else [9, 11, 13, 14]))
    shape = _shape(rng, least=0 if rng.random() < 0.2 else 1)
    inputs = []
    for _ in range(2):
        own = [n if rng.random() < 0.6 else 1 for n in shape]
        x = _tensor(rng, own[int(rng.integers(0, len(own) + 1)) :], np.int64)
        inputs.append(x)
    inputs[1] = np.where(inputs[1] == 0, 2, inputs[1]) if op in ("Div", "Mod") else inputs[1]
    return Sample(op, opset, inputs)


def where(rng):
    shape = _shape(rng, least=0 if rng.random() < 0.2 else 1)
    inputs = [
        _tensor(rng, [n if rng.random() < 0.6 else 1 for n in shape], np.int64) for _ in range(3)
    ]
    return Sample("Where", int(rng.choice([9, 16])), [inputs[0] > 0, *inputs[1:]])


def expand(rng):
    shape = _shape(rng, least=0 if rng.random() < 0.2 else 1)
    own = [n if rng.random() < 0.6 else 1 for n in shape][int(rng.integers(0, len(shape) + 1)) :]
    target = [n if rng.random() < 0.6 else 1 for n in shape]
    return Sample("Expand", int(rng.choice([8, 13])), [_tensor(rng, own, np.int64), _ints(target)])


def tile(rng):
    x = _tensor(rng, _shape(rng), np.int64)
    return Sample("Tile", int(rng.choice([7, 13])), [x, rng.integers(0, 4, x.ndim)])


def range_(rng):
    start, limit = (np.int64(v) for v in rng.integers(-9, 10, 2))
    delta = np.int64(rng.choice([-3, -2, -1, 1, 2, 3]))
    dtype = rng.choice([np.int64, np.int32, np.float32])
    return Sample("Range", 11, [np.array(v, dtype) for v in (start, limit, delta)])


def transpose(rng):
    x = _tensor(rng, _shape(rng), np.int64)
    perm = {"perm": [int(p) for p in rng.permutation(x.ndim)]} if rng.random() < 0.8 else {}
    return Sample("Transpose", int(rng.choice([7, 13, 21])), [x], perm)


def resize(rng):
    x, opset = _tensor(rng, [1, 2, *_shape(rng, 2, 1, 9)]), int(rng.choice([7, 9, 10, 11, 13, 18]))
    scales = np.array([1, 1, *rng.choice([0.5, 1.0, 1.5, 2.0, 3.0, 0.3, 1.7, 2.6], 2)], np.float32)
    if opset < 9:
        return Sample("Upsample", opset, [x], {"scales": [float(s) for s in np.maximum(scales, 1)]})
    if opset == 9:
        return Sample("Upsample", opset, [x, np.maximum(scales, 1)])
    if opset == 10:
        return Sample("Resize", opset, [x, scales])
    roi, empty = np.zeros(0, np.float32), np.zeros(0, np.float32)
    sizes = _ints([1, 2, *rng.integers(1, 12, 2)])
    if rng.random() < 0.5:
        return Sample("Resize", opset, [x, roi, scales])
    attributes = {}
    if opset >= 18 and rng.random() < 0.5:
        attributes, sizes = {"axes": [2, 3]}, sizes[2:]
        if rng.random() < 0.5:
            attributes["keep_aspect_ratio_policy"] = str(rng.choice(["not_larger", "not_smaller"]))
    return Sample("Resize", opset, [x, roi, empty if opset == 11 else None, sizes], attributes)


def top_k(rng):
    x, opset = _tensor(rng, _shape(rng, least=1)), int(rng.choice([7, 10, 11]))
    axis = _axis(rng, x.ndim)
    k = int(rng.integers(0, x.shape[axis] + 1))
    if opset < 10:
        return Sample("TopK", opset, [x], {"axis": axis % x.ndim, "k": max(k, 1)}, 2)
    return Sample("TopK", opset, [x, _ints([k])], {"axis": axis}, 2)


def matmul(rng):
    m, k, n = (int(v) for v in rng.integers(1, 5, 3))
    lead = _shape(rng, int(rng.integers(0, 3)), 1)
    sides = [
        [v if rng.random() < 0.6 else 1 for v in lead][int(rng.integers(0, len(lead) + 1)) :]
        for _ in range(2)
    ]
    a = _tensor(rng, [k] if rng.random() < 0.2 else [*sides[0], m, k])
    b = _tensor(rng, [k] if rng.random() < 0.2 else [*sides[1], k, n])
    return Sample("MatMul", int(rng.choice([9, 13])), [a, b])


def recurrent(rng):
    op = str(rng.choice(["RNN", "GRU", "LSTM"]))
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
    both = bool(rng.random() < 0.5)
    seq, batch, width, hidden = (int(v) for v in rng.integers(1, 5, 4))
    d = 2 if both else 1
    weights = [_tensor(rng, [d, gates * hidden, width]), _tensor(rng, [d, gates * hidden, hidden])]
    attributes = {"hidden_size": hidden, "direction": "bidirectional" if both else "forward"}
    outputs = 3 if op == "LSTM" else 2
    return Sample(
        op,
        int(rng.choice([7, 14])),
        [_tensor(rng, [seq, batch, width]), *weights],
        attributes,
        outputs,
    )


KINDS = {
    "binary": binary, "concat": concat, "conv": conv, "conv_transpose": conv_transpose, "expand": expand,
    "gather": gather, "matmul": matmul, "pad": pad, "pool": pool, "range": range_, "recurrent": recurrent,
    "reduce": reduce, "reshape": reshape, "resize": resize, "slice": slice_, "split": split, "squeeze": squeeze,
    "tile": tile, "top_k": top_k, "transpose": transpose, "unsqueeze": unsqueeze, "where": where,
}  # fmt: skip
