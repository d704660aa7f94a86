"""Random models before and after; and that the fuzzer would find a wrong rewrite, and make it small."""

import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fuzz"))

import differential
import graphs
import reduce as reducer

BLOCK = 40
"""Seeds of a test: enough to be worth a process."""
FLAGS = {
    "default": (),
    "exact": ("--exact",),
    "on request": (
        "--fuse=swish,hardswish,mish",
        "--decompose=einsum_to_matmul,decompose_layernorm",
    ),
    "nothing grows": ("--max-growth=0",),
    "lifted": ("--opset=max",),
    "inlined": ("--inline-functions",),
    "frozen": ("--freeze", "--target=tflite"),
}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("block", range(4))
def test_no_difference(build, flags, block):
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    verdicts = dict(differential.try_seed(build / "onnxslim", build, flags, seed) for seed in seeds)
    assert {s: v for s, v in verdicts.items() if v} == {}
    assert sum(v == "" for v in verdicts.values()) > 0.9 * BLOCK, "most seeds should be cases"


def trial(seed: int) -> tuple[int, str]:
    """Try a seed; one dies as ONNX Runtime does of some models."""
    if seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed, ""


def test_a_model_that_kills_onnx_runtime_is_no_case():
    verdicts = dict(differential.verdicts(trial, range(20), 2))
    assert verdicts.pop(3) == "our model kills ONNX Runtime", "the model itself runs"
    assert verdicts == dict.fromkeys([*range(3), *range(4, 20)], "")


def test_a_seed_is_a_model():
    assert graphs.make(7) == graphs.make(7)
    assert graphs.make(7) != graphs.make(8)


@dataclass(frozen=True)
class Wrong(differential.Fuzzer):
    """An optimizer that takes a difference for a sum."""

    def optimise(self, model):
        ours = onnx.ModelProto()
        ours.CopyFrom(model)
        for node in ours.graph.node:
            if node.op_type == "Sub":
                node.op_type = "Add"
        return ours, ""


def test_a_wrong_rewrite_is_found_and_shrunk():
    fuzzer, found = Wrong(Path(), Path()), []
    for seed in range(100):
        model = graphs.make(seed)
        feeds = graphs.feeds(model, seed)
        try:
            verdict = fuzzer.verdict(model, feeds)
        except differential.InvalidError:
            continue
        if verdict:
            holds = partial(fuzzer.fails, like=verdict)
            small, _ = reducer.reduce((model, feeds), holds, differential.intermediate)
            found.append((len(model.graph.node), [n.op_type for n in small.graph.node]))
    assert len(found) >= 3, "the motifs should reach Sub now and then"
    assert all(ops == ["Sub"] for _, ops in found), found
    assert max(before for before, _ in found) > 5


def test_differences_of_every_kind_are_seen():
    one = [np.array([1.0, 2.0], np.float32)]
    assert differential.compare(one, one) == ""
    assert "differs" in differential.compare(one, [np.array([1.0, 2.1], np.float32)])
    assert "differs" in differential.compare(one, [np.array([1.0, np.nan], np.float32)])
    assert "is float32" in differential.compare(one, [np.array([[1.0, 2.0]], np.float32)])
    assert "differs" in differential.compare([np.array([1])], [np.array([2])])
