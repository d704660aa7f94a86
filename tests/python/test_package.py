"""The package itself: memory, threads, interrupts, what it imports."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import onnx
import pytest
from onnx import helper

import onnxslim

pytestmark = pytest.mark.plain
ROOT = Path(__file__).resolve().parents[2]


def test_the_last_view_frees_the_buffer(model, monkeypatch):
    from onnxslim import _native

    freed = []
    give_back = _native.Context._give_back

    def count(self, address):
        freed.append(address)
        give_back(self, address)

    monkeypatch.setattr(_native.Context, "_give_back", count)
    view = onnxslim.optimize(model.SerializeToString()).model
    part, copy = view[10:20], bytes(view)
    del view
    gc.collect()
    assert not freed
    assert part == copy[10:20]
    del part
    gc.collect()
    assert len(freed) == 1


def test_contexts_end(model, monkeypatch):
    from onnxslim import _native

    made = []
    init = _native.Context.__init__

    def keep(self, *args):
        init(self, *args)
        made.append(weakref.ref(self))

    monkeypatch.setattr(_native.Context, "__init__", keep)
    onnxslim.slim(model)
    gc.collect()
    assert made
    assert all(ref() is None for ref in made)


def chain(length: int) -> bytes:
    """A long chain that takes a while and stays as it is."""
    nodes = [
        helper.make_node(("Sin", "Cos")[i % 2], [f"v{i}"], [f"v{i + 1}"]) for i in range(length)
    ]
    ends = [helper.make_tensor_value_info(name, 1, [4]) for name in ("v0", f"v{length}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets).SerializeToString()


def test_python_runs_while_c_works():
    """The interpreter lock is free: another thread gets on with its work between callbacks, too."""
    data = chain(60_000)
    ticks, stop = [], threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    onnxslim.optimize(data)
    end = time.perf_counter()
    stop.set()
    ticker.join()
    assert len([at for at in ticks if start < at < end]) >= 5


def test_threads_get_the_same(model, convolution):
    inputs = [m.SerializeToString() for m in (model, convolution)]
    expected = [onnxslim.slim(data).tobytes() for data in inputs]
    results: dict[int, list[bytes]] = {}

    def work(i: int) -> None:
        results[i] = [onnxslim.slim(data).tobytes() for data in inputs]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[i] for i in range(8)] == [expected] * 8


def test_progress_tells_and_cancels(model):
    phases = []
    onnxslim.optimize(model, progress=lambda phase, done, total: phases.append(phase))
    assert {"read", "optimize", "write"} <= set(phases)
    with pytest.raises(onnxslim.errors.CancelledError, match="cancelled during read"):
        onnxslim.optimize(model, progress=lambda *_: True)


def test_what_a_callback_raises_comes_out(model, tmp_path):
    def interrupt(phase: str, done: int, total: int) -> None:
        if phase == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        onnxslim.optimize(model, tmp_path / "out.onnx", progress=interrupt)
    assert not list(tmp_path.iterdir())


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def test_paths_and_bytes_need_no_packages(model, tmp_path):
    onnx.save(model, tmp_path / "m.onnx")
    code = f"""
import sys, json, onnxslim
data = open({str(tmp_path / "m.onnx")!r}, "rb").read()
onnxslim.slim(data)
onnxslim.slim({str(tmp_path / "m.onnx")!r}, {str(tmp_path / "out.onnx")!r})
onnxslim.optimize(data, attribution=True)
print(json.dumps([name for name in ("onnx", "numpy", "google.protobuf") if name in sys.modules]))
"""
    assert json.loads(python(code).splitlines()[-1]) == []


def test_names_are_listed_and_unknown_ones_are_errors():
    assert {"slim", "simplify", "optimize", "verify", "rules"} <= set(dir(onnxslim))
    for name in onnxslim.__all__:
        assert getattr(onnxslim, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = onnxslim.nothing


def test_a_missing_library_is_an_import_error():
    code = """
import os
os.environ["ONNXSLIM_LIBRARY"] = "/nowhere/libonnxslim.so"
try:
    from onnxslim import slim
except ImportError as error:
    print(error)
"""
    assert "/nowhere/libonnxslim.so" in python(code)


def test_the_version_is_that_of_the_header():
    header = (ROOT / "include" / "onnxslim.h").read_text()
    assert f'#define ONNXSLIM_VERSION "{onnxslim.__version__}"' in header
