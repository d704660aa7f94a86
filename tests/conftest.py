"""What all tests share: the build under test, the command line, the C unit tests."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tests/support", "models", "tools", "tools/docs", "bench/scaling")
sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]

from tool import Tool  # noqa: E402  (found through the line above)

pytest.register_assert_rewrite("every_model")

UNIT_TIMEOUT = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the test suite."""
    group = parser.getgroup("onnxslim")
    group.addoption("--build", default="build", help="folder of the build under test")
    group.addoption("--update-golden", action="store_true", help="rewrite what golden cases expect")
    group.addoption("--update-zoo", action="store_true", help="rewrite tests/zoo/expected.json")


def build_dir(config: pytest.Config) -> Path:
    """Return the folder of the build under test."""
    return (ROOT / config.getoption("--build")).resolve()


@pytest.fixture(scope="session")
def build(pytestconfig: pytest.Config) -> Path:
    """Return the folder of the build under test."""
    return build_dir(pytestconfig)


@pytest.fixture(scope="session")
def tool(build: Path) -> Tool:
    """Return the command line under test."""
    return Tool(build / "onnxslim")


@pytest.fixture(scope="session")
def ort() -> str:
    """Return the path of the ONNX Runtime library inside the installed Python package."""
    package = Path(importlib.util.find_spec("onnxruntime").origin).parent
    return str(next(iter(sorted((package / "capi").glob("libonnxruntime.so*")))))


class UnitFile(pytest.File):
    """A file of C unit tests; each TEST() in it is an item."""

    def collect(self):
        """Ask the test binary which tests this file has."""
        unit = build_dir(self.config) / "unit"
        if not unit.exists():
            raise self.CollectError(f"{unit} is not built: run make")
        listed = subprocess.run([unit, "--list"], capture_output=True, text=True, check=True)
        own = self.path.relative_to(ROOT).as_posix() + "::"
        for line in listed.stdout.splitlines():
            if line.startswith(own):
                yield UnitItem.from_parent(self, name=line.removeprefix(own), unit=unit)


class UnitTestError(Exception):
    """A C unit test failed; the text is what it printed."""


class UnitItem(pytest.Item):
    """One C unit test, run in a process of its own."""

    def __init__(self, *, unit: Path, **kwargs) -> None:
        super().__init__(**kwargs)
        self.unit = unit

    def runtest(self) -> None:
        """Run the test; a crash is a failure too."""
        own = f"{self.path.relative_to(ROOT).as_posix()}::{self.name}"
        try:
            done = subprocess.run(
                [self.unit, "--run", own],
                capture_output=True,
                text=True,
                errors="replace",
                cwd=ROOT,
                timeout=UNIT_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UnitTestError(f"still running after {UNIT_TIMEOUT} s") from error
        if done.returncode < 0:
            raise UnitTestError(f"{done.stderr}killed by signal {-done.returncode}")
        if done.returncode:
            raise UnitTestError(done.stderr + done.stdout)

    def repr_failure(self, excinfo):
        """Show what the C test printed, without a Python traceback."""
        if isinstance(excinfo.value, UnitTestError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        """Name the test in reports."""
        return self.path, None, self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector):
    """Collect tests/unit/test_*.c."""
    if file_path.suffix == ".c" and file_path.match("tests/unit/test_*.c"):
        return UnitFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the large models: they take turns on one worker, all else fits beside."""
    items.sort(key=lambda item: item.get_closest_marker("large") is None)
