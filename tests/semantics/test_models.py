"""Small models of each family, as exporters and quantizers write them."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    quantize_dynamic,
    quantize_static,
)

import golden


def weighted(text: str, seed: int = 0, **shapes: tuple[int, ...]) -> onnx.ModelProto:
    """Parse a model and give it random weights."""
    model = golden.parse_model(text)
    rng = np.random.default_rng(seed)
    for name, shape in shapes.items():
        array = (rng.standard_normal(shape) / 4).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


CNN = """<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 3, 8, 8] x) => (float[N, 5] y) <float[4] mean = {0, 0.1, 0.2, 0}, float[4] var = {1, 2, 1, 0.5}> {
  a = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w1, b1)
  n = BatchNormalization (a, s1, o1, mean, var)
  r = Relu (n)
  p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
  c = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (p, w2)
  s = Add (c, p)
  q = GlobalAveragePool (s)
  f = Flatten (q)
  m = MatMul (f, w3)
  y = Add (m, b3)
}"""

BERT = """<ir_version: 8, opset_import: ["" : 14]>
g (float[B, S, 8] x) => (float[B, S, 8] y)
<int64[4] heads = {0, 0, 2, 4}, int64[3] merged = {0, 0, 8}, float scale = {2}, int64[1] last = {-1}> {
  q0 = MatMul (x, wq)  q1 = Add (bq, q0)  q2 = Reshape (q1, heads)  q = Transpose <perm = [0, 2, 1, 3]> (q2)
  k0 = MatMul (x, wk)  k1 = Add (bk, k0)  k2 = Reshape (k1, heads)  k = Transpose <perm = [0, 2, 3, 1]> (k2)
  v0 = MatMul (x, wv)  v1 = Add (bv, v0)  v2 = Reshape (v1, heads)  v = Transpose <perm = [0, 2, 1, 3]> (v2)
  s0 = MatMul (q, k)  s1 = Div (s0, scale)  p = Softmax <axis = -1> (s1)
  c0 = MatMul (p, v)  c1 = Transpose <perm = [0, 2, 1, 3]> (c0)  c2 = Reshape (c1, merged)
  o0 = MatMul (c2, wo)  o1 = Add (o0, bq)  o = Add (o1, x)
  i = Identity (o)
  y = Relu (i)
}"""

DECODER = """<ir_version: 8, opset_import: ["" : 17]>
g (float[B, S, 8] x, float[B, 2, P, 4] past_k, float[B, 2, P, 4] past_v)
=> (float[B, S, 8] y, float[B, 2, T, 4] present_k, float[B, 2, T, 4] present_v)
<int64 zero = {0}, int64 one = {1}, int64[1] axis0 = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[1] eight = {8},
 float scale = {0.5}> {
  shape = Shape (x)  b0 = Gather (shape, zero)  s0 = Gather (shape, one)
  b = Unsqueeze (b0, axis0)  s = Unsqueeze (s0, axis0)
  heads = Concat <axis = 0> (b, s, two, four)  merged = Concat <axis = 0> (b, s, eight)
  q0 = MatMul (x, wq)  q1 = Reshape (q0, heads)  q = Transpose <perm = [0, 2, 1, 3]> (q1)
  k0 = MatMul (x, wk)  k1 = Reshape (k0, heads)  k = Transpose <perm = [0, 2, 1, 3]> (k1)
  v0 = MatMul (x, wv)  v1 = Reshape (v0, heads)  v = Transpose <perm = [0, 2, 1, 3]> (v1)
  present_k = Concat <axis = -2> (past_k, k)  present_v = Concat <axis = -2> (past_v, v)
  kt = Transpose <perm = [0, 1, 3, 2]> (present_k)
  m0 = MatMul (q, kt)  m = Mul (m0, scale)  p = Softmax (m)  c0 = MatMul (p, present_v)
  c1 = Transpose <perm = [0, 2, 1, 3]> (c0)  c2 = Reshape (c1, merged)  y = MatMul (c2, wo)
}"""

LSTM = """<ir_version: 7, opset_import: ["" : 14]>
g (float[T, N, 3] x) => (float[T, N, 8] y, float[2, N, 4] last)
<int64 one = {1}, int64[1] ax0 = {0}, int64[1] ax1 = {1}, int64[1] two = {2}, int64[1] four = {4},
 int64[3] flat = {0, 0, -1}> {
  s = Shape (x)  n0 = Gather (s, one)  n = Unsqueeze (n0, ax0)  dims = Concat <axis = 0> (two, n, four)
  h0 = ConstantOfShape (dims)
  a, last, cell = LSTM <hidden_size = 4, direction = "bidirectional"> (x, w, r, b, "", h0, h0)
  t = Transpose <perm = [0, 2, 1, 3]> (a)
  f = Reshape (t, flat)
  i = Identity (f)
  y = Tanh (i)
}"""

DYNAMO = """<ir_version: 10, opset_import: ["" : 18, "pkg.torch" : 1, "pkg.onnxscript" : 1], producer_name: "pytorch">
g (float[s0, 4] x) => (float[s0, 6] y, int64 n) {
  [node_linear] l = pkg.torch.Linear <eps = 0.5> (x, w, b)
  [node_copy] i = Identity (l)
  [node_rank] n = pkg.onnxscript.Rank (i)
  [node_act] y = Relu (i)
}
<domain: "pkg.torch", opset_import: ["" : 18, "pkg.onnxscript" : 1]>
Linear <eps> (input, weight, bias) => (result) {
  weight_t = Transpose <perm = [1, 0]> (weight)
  product = MatMul (input, weight_t)
  copy = Identity (product)
  sum = Add (copy, bias)
  result = LeakyRelu <alpha: float = @eps> (sum)
}
<domain: "pkg.onnxscript", opset_import: ["" : 18]>
Rank (input) => (rank) { shape = Shape (input)  rank = Size (shape) }"""


class Batches(CalibrationDataReader):
    """Three random batches."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.left = [rng.standard_normal((2, 3, 8, 8)).astype(np.float32) for _ in range(3)]

    def get_next(self):
        return {"x": self.left.pop()} if self.left else None


def cnn() -> onnx.ModelProto:
    return weighted(
        CNN, w1=(4, 3, 3, 3), b1=(4,), s1=(4,), o1=(4,), w2=(4, 4, 3, 3), w3=(4, 5), b3=(5,)
    )


def bert() -> onnx.ModelProto:
    square = dict.fromkeys(("wq", "wk", "wv", "wo"), (8, 8))
    return weighted(BERT, **square, **dict.fromkeys(("bq", "bk", "bv"), (8,)))


def test_cnn(optimise):
    ops = optimise(cnn()).ops
    assert "BatchNormalization" not in ops
    assert "Gemm" in ops


def test_qdq_cnn(optimise, tmp_path):
    """The pairs stay around what computes; weights are quantized already."""
    source, quantized = tmp_path / "float.onnx", tmp_path / "qdq.onnx"
    onnx.save(cnn(), source)
    quantize_static(source, quantized, Batches(), QuantFormat.QDQ)
    before = onnx.load(quantized)
    done = optimise(before)
    kept = [
        sum(n.op_type == "DequantizeLinear" for n in m.graph.node) for m in (before, done.model)
    ]
    assert kept[0] == kept[1] > 4
    assert len(done.model.graph.node) <= len(before.graph.node)


def test_dynamically_quantized_bert(optimise, tmp_path):
    source, quantized = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(bert(), source)
    quantize_dynamic(source, quantized)
    before = onnx.load(quantized)
    done = optimise(before)
    assert done.ops.count("MatMulInteger") == sum(
        n.op_type == "MatMulInteger" for n in before.graph.node
    )
    assert len(done.model.graph.node) < len(before.graph.node)


def test_float_bert(optimise):
    done = optimise(bert())
    assert "Identity" not in done.ops
    assert len(done.ops) < 24


def test_decoder_with_past(optimise):
    done = optimise(weighted(DECODER, **dict.fromkeys(("wq", "wk", "wv", "wo"), (8, 8))))
    assert not {"Shape", "Gather", "Unsqueeze"} & set(done.ops)
    assert [o.name for o in done.model.graph.output] == ["y", "present_k", "present_v"]


def test_lstm(optimise):
    done = optimise(weighted(LSTM, w=(2, 16, 3), r=(2, 16, 4), b=(2, 32)))
    assert done.ops.count("LSTM") == 1
    assert "Identity" not in done.ops


def dynamo() -> onnx.ModelProto:
    model = weighted(DYNAMO, w=(6, 4), b=(6,))
    for node in model.graph.node:
        node.metadata_props.add(key="namespace", value=f"model/{node.name}")
        node.metadata_props.add(key="pkg.torch.onnx.fx_node", value=f"%{node.name}")
    helper.set_model_props(model, {"exporter": "dynamo"})
    return model


def test_dynamo_export(optimise):
    before = dynamo()
    done = optimise(before)
    assert "Identity" not in done.ops
    assert {f.name for f in done.model.functions} == {"Linear", "Rank"}
    assert list(done.model.metadata_props) == list(before.metadata_props)
    (linear,) = (n for n in done.model.graph.node if n.op_type == "Linear")
    assert [p.value for p in linear.metadata_props] == ["model/node_linear", "%node_linear"]


def test_dynamo_export_inlined(optimise):
    done = optimise(dynamo(), "--inline-functions")
    assert done.ops == ["Gemm", "LeakyRelu", "Constant", "Relu"]
    assert not done.model.functions
    assert {n.name for n in done.model.graph.node} >= {"node_act"}
