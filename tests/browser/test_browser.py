"""The page that slims models in the browser: the tests of page.test.mjs, in Debian's Chromium."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import onnx
import pytest

import ported
import weights

pytestmark = [pytest.mark.plain, pytest.mark.xdist_group("port-wasm")]
HERE = Path(__file__).resolve().parent
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
RUNS = [
    ["whole.onnx", "made/whole.slim.onnx"],
    ["split.onnx", "made/split.slim.onnx"],
    ["flags.onnx", "made/flags.slim.onnx", "--exact", "--freeze=N=4", "--external-data=w.data"],
]


@pytest.fixture(scope="module")
def page() -> Path:
    """The built page."""
    ported.need_wasm()
    ported.need("setup-ui", "npm")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: make setup-ui")
    if not (ported.ROOT / "ui/browser/node_modules/playwright-core").exists():
        pytest.skip("ui/browser/node_modules is not there: make setup-ui")
    ported.make("browser")
    return ported.ROOT / "build" / "browser" / "index.html"


@pytest.fixture
def models(tool, tmp_path) -> Path:
    """Models, and in made/ what the native command line makes of them."""
    (tmp_path / "made").mkdir()
    model = weights.model()
    for name in ("whole", "flags"):
        (tmp_path / f"{name}.onnx").write_bytes(model.SerializeToString())
    onnx.save_model(
        model, tmp_path / "split.onnx", save_as_external_data=True, location="split.data"
    )
    (tmp_path / "bad.onnx").write_bytes(b"\x3a\xff\xff\xff\xff\x0f")
    for args in RUNS:
        tool.ok(*args, "-q", cwd=tmp_path)
    return tmp_path


def test_page(page, models):
    env = os.environ | {"ONNXSLIM_PAGE": str(page), "ONNXSLIM_MODELS": str(models)}
    done = subprocess.run(
        ["node", "--test", HERE / "page.test.mjs"],
        env=env, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
