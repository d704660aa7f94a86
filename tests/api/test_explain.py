"""onnxslim_explain() tries rules, also those that are off, and takes everything back.

onnxslim_inspect() leaves no trace either.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import onnx
import pytest

import golden

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(GOLDEN.glob("*/*.txt"))
PER_PASS = 6


def some_cases() -> list[Path]:
    """A few of each pass, spread over its folder."""
    chosen = []
    for folder in sorted(GOLDEN.iterdir()):
        cases = [c for c in CASES if c.parent == folder]
        chosen += cases[:: max(1, len(cases) // PER_PASS)]
    return chosen


class Library:
    """What is needed of libonnxslim."""

    def __init__(self, build: Path) -> None:
        path = next(iter(sorted(build.glob("libonnxslim.so.*"))), None)
        if not path:
            pytest.skip("the shared library is not built")
        self.lib = ctypes.CDLL(str(path))
        for name in ("context_new", "options_new", "error"):
            getattr(self.lib, f"onnxslim_{name}").restype = ctypes.c_void_p
        self.lib.onnxslim_error.restype = ctypes.c_char_p
        self.cx = ctypes.c_void_p(self.lib.onnxslim_context_new(None, None))

    def ok(self, status: int) -> None:
        assert status == 0, self.lib.onnxslim_error(self.cx)

    def options(self, flags: list[str]) -> ctypes.c_void_p:
        """Options from flags as the command line takes them."""
        o = ctypes.c_void_p(self.lib.onnxslim_options_new(self.cx))
        rest = iter(flags)
        for flag in rest:
            name, equals, value = flag.removeprefix("--").partition("=")
            takes = name in ("freeze", "input-shape", "keep", "outputs", "inputs", "decompose")
            text = value if equals else next(rest) if takes else None
            self.ok(
                self.lib.onnxslim_options_set(
                    o, name.encode(), None if text is None else text.encode()
                )
            )
        return o

    def explained(self, model: bytes, flags: list[str]) -> bytes:
        """The bytes of the model after onnxslim_inspect() and onnxslim_explain()."""
        o, m, x = self.options(flags), ctypes.c_void_p(), ctypes.c_void_p()
        self.ok(
            self.lib.onnxslim_load_bytes(
                self.cx, model, ctypes.c_size_t(len(model)), None, ctypes.byref(m)
            )
        )
        summary = ctypes.c_void_p()
        self.ok(self.lib.onnxslim_inspect(m, ctypes.byref(summary)))
        self.lib.onnxslim_summary_free(summary)
        self.ok(self.lib.onnxslim_explain(m, o, None, ctypes.byref(x)))
        out, n = ctypes.c_void_p(), ctypes.c_size_t()
        self.ok(self.lib.onnxslim_save_bytes(m, o, ctypes.byref(out), ctypes.byref(n)))
        data = ctypes.string_at(out, n.value)
        self.lib.onnxslim_buffer_free(self.cx, out)
        self.lib.onnxslim_explanation_free(x)
        self.lib.onnxslim_model_free(m)
        self.lib.onnxslim_options_free(o)
        return data


@pytest.fixture(scope="module")
def library(build) -> Library:
    return Library(build)


@pytest.mark.parametrize("path", some_cases(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_model_is_that_of_an_ordinary_run(tool, library, tmp_path, path):
    case = golden.parse_case(path)
    model = golden.parse_model(case.sections["in"]).SerializeToString()
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(model)
    flags = [f for f in case.flags if not f.startswith("--remarks")]
    if tool(source, out, "-q", *flags).returncode:
        pytest.skip("the case is about an error")
    assert onnx.load_model_from_string(library.explained(model, flags)) == onnx.load(out)
