"""The layer check itself: silent on this tree, loud on one that breaks the rules."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def check_layers():
    path = ROOT / "tools" / "check_layers.py"
    spec = importlib.util.spec_from_file_location("check_layers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_this_tree_holds(check_layers):
    assert check_layers.errors() == []


BROKEN = [
    ("src/base/a.c", '#include "ir/ir.h"', "base must not include ir/ir.h"),
    ("src/ir/a.c", '#include "missing.h"', "missing.h is in no layer"),
    ("src/onnx/a.c", '#  include "passes/p.h"', "onnx must not include passes/p.h"),
    ("src/util/a.c", "int x;", "util/ is no layer"),
    ("cli/main.c", '#include "ir/ir.h"', "clients include <onnxslim.h> only"),
]


@pytest.mark.parametrize(("file", "text", "message"), BROKEN, ids=[b[2] for b in BROKEN])
def test_breach_is_found(check_layers, tmp_path, file, text, message):
    for existing in ("src/ir/ir.h", "src/passes/p.h", file):
        (tmp_path / existing).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / existing).touch()
    (tmp_path / file).write_text(text + "\n")
    found = check_layers.errors(tmp_path)
    assert len(found) == 1 and message in found[0]
