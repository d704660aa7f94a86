"""The wheel: built, put into a fresh environment, used there; and the types of the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import onnx
import pytest

pytestmark = [pytest.mark.plain, pytest.mark.xdist_group("wheel")]
ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv-package" / "bin"


def run(*command: object, **more) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def tools() -> Path:
    if not (TOOLS / "cmake").exists():
        pytest.skip("make setup-package installs scikit-build-core, CMake and mypy")
    return TOOLS


@pytest.fixture(scope="session")
def wheel(tools, tmp_path_factory) -> Path:
    """Built as `make wheel` does, with the tools of requirements/package.txt only."""
    out = tmp_path_factory.mktemp("wheel")
    path = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(out)}
    build = [
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        out,
        ROOT,
    ]
    run(tools / "python", *build, "-C", f"build-dir={out / 'build'}", env=path)
    return next(out.glob("*.whl"))


def test_one_wheel_for_every_python(wheel):
    version = next(
        line
        for line in (ROOT / "include" / "onnxslim.h").read_text().splitlines()
        if "_VERSION" in line
    ).split('"')[1]
    assert wheel.name.startswith(f"onnxslim-{version}-py3-none-linux")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("libonnxslim.so", "bin/onnxslim", "py.typed", "__init__.py"):
        assert f"onnxslim/{name}" in names
    ours = {f"onnxslim/{p.name}" for p in (ROOT / "python" / "onnxslim").glob("*.py")}
    assert ours <= set(names)
    strangers = {name.split("/")[0] for name in names} - {
        "onnxslim",
        f"onnxslim-{version}.dist-info",
    }
    assert not strangers


def test_a_fresh_environment_needs_nothing_else(wheel, model, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    bin_ = tmp_path / "venv" / "bin"
    run(bin_ / "python", "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    onnx.save(model, tmp_path / "in.onnx")
    clean = {"PATH": "/usr/bin:/bin"}  # neither PYTHONPATH nor ONNXSLIM_LIBRARY
    code = "import onnxslim; onnxslim.slim('in.onnx', 'out.onnx'); print(onnxslim.__file__)"
    shown = run(bin_ / "python", "-c", code, env=clean, cwd=tmp_path)
    assert str(tmp_path / "venv") in shown.splitlines()[-1]
    assert len(onnx.load(tmp_path / "out.onnx").graph.node) == 2
    run(bin_ / "onnxslim", "in.onnx", "cli.onnx", "-q", env=clean, cwd=tmp_path)
    assert len(onnx.load(tmp_path / "cli.onnx").graph.node) == 2
    run(
        bin_ / "python", "-m", "onnxslim", "batch", "in.onnx", "-o", "many", env=clean, cwd=tmp_path
    )
    assert (tmp_path / "many" / "in.onnx").exists()
    needs = run(bin_ / "python", "-m", "pip", "show", "onnxslim", env=clean)
    assert "Requires: \n" in needs + "\n"


def test_types_are_strict(tools):
    run(tools / "python", "-m", "mypy", "--python-executable", sys.executable, cwd=ROOT)
