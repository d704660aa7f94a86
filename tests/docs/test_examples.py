"""What the pages show works: each command, each Python and C block, page by page, in a folder with small models.

A block that needs what is not installed here is passed over, and the page is then reported as skipped with what was
missing, after all else on it has run. Lines of the shell that are not ours are not run; OTHERS says which there may be.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

import golden

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")),
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
INNER = ("docs/contributing/",)
"""Pages whose C is of the inside of the library: no program shows it."""
OTHERS = {
    "make": "targets of the Makefile: they must exist",
    "pip": "installs",
    "python": "runs other tools",
    "cmake": "builds",
    "cc": "builds",
    "gcc": "builds",
    "npm": "installs",
    "npx": "runs other tools",
    "node": "runs other tools",
    "apt-get": "installs",
    "optimum-cli": "another tool",
    "yolo": "another tool",
    "paddle2onnx": "another tool",
    "source": "the shell's",
    "eval": "the shell's",
    "man": "another tool",
    "git": "another tool",
    ".venv-bench/bin/python": "measures for hours",
}
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.M | re.S)
EXITS = re.compile(r"(?:exits|exit code) (\d)")
MODEL = """g (float[batch, 16] x, float[batch, seq, 16] t) => (float[batch, 8] y, float[batch, seq, 4, 4] z)
<float[8] b = {1, 2, 3, 4, 5, 6, 7, 8}, int64[1] four = {4}, int64 i0 = {0}, int64 i1 = {1}, int64[1] first = {0}> {
  a = Identity (x)
  h = MatMul (a, w)
  s = Add (h, b)
  y = Relu (s)
  dims = Shape (t)
  n = Gather (dims, i0)
  m = Gather (dims, i1)
  n1 = Unsqueeze (n, first)
  m1 = Unsqueeze (m, first)
  to = Concat <axis = 0> (n1, m1, four, four)
  r = Reshape (t, to)
  p = Transpose <perm = [0, 2, 1, 3]> (r)
  z = Transpose <perm = [0, 2, 1, 3]> (p)
}"""


@dataclass
class Folder:
    """Where the blocks of a page run, one after the other."""

    path: Path
    build: Path
    ort: str
    names: dict

    @property
    def env(self) -> dict[str, str]:
        """The environment of a user who has installed it."""
        return {
            **os.environ,
            "PATH": f"{self.path / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "python"),
            "ONNXSLIM_LIBRARY": str(self.build / "libonnxslim.so"),
            "ONNXSLIM_ORT": self.ort,
        }


@pytest.fixture
def folder(build, ort, tmp_path, monkeypatch) -> Folder:
    """A folder with models, the program on the PATH, and the package."""
    proto = golden.parse_model(MODEL)
    weight = onnx.helper.make_tensor("w", 1, [16, 8], [i / 64 for i in range(128)])
    proto.graph.initializer.append(weight)
    for i, node in enumerate(proto.graph.node):  # names are unique: ONNX Runtime insists
        first = all(other.op_type != node.op_type for other in proto.graph.node[:i])
        node.name = f"/fc/{node.op_type}" if first else f"/fc/{node.op_type}_{i}"
    for name in ("model", "in", "a", "b", "before", "after", "other", "slim"):
        onnx.save(proto, tmp_path / f"{name}.onnx")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "onnxslim").symlink_to(build / "onnxslim")
    (tmp_path / "build").symlink_to(build)
    made = Folder(tmp_path, build, ort, {"__name__": "page"})
    for name in ("PYTHONPATH", "ONNXSLIM_LIBRARY", "ONNXSLIM_ORT"):
        monkeypatch.setenv(name, made.env[name])
    monkeypatch.syspath_prepend(str(ROOT / "python"))
    monkeypatch.chdir(tmp_path)
    return made


# --- the shell --------------------------------------------------------------------------------------------------


def run_line(folder: Folder, line: str) -> str | None:
    """Run a line; returns why it was not run."""
    command, _, comment = line.partition(" #")
    words = command.split()
    if not words or words[0].startswith("#"):
        return None
    if words[0] not in ("onnxslim", "build/onnxslim"):
        assert words[0] in OTHERS, f"neither run nor known: {line}"
        if words[0] == "make" and len(words) > 1:
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
            assert words[1] in targets or "=" in words[1], line
        return None
    missing = [w for w in words[1:2] if w.endswith(".onnx") and not (folder.path / w).exists()]
    if missing:
        return f"no {missing[0]}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder.path,
        env=folder.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    allowed = EXITS.search(comment)
    assert done.returncode == (int(allowed[1]) if allowed else 0), f"{line}\n{done.stderr}"
    return None


def run_shell(folder: Folder, block: str) -> list[str]:
    """Run the lines of a block; returns why some were not run."""
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    return [why for line in lines if (why := run_line(folder, line))]


# --- Python -----------------------------------------------------------------------------------------------------


def run_python(folder: Folder, block: str) -> list[str]:
    """Run a block in the page's names; returns what is not installed."""
    tree = ast.parse(block)
    wanted = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    wanted |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    absent = sorted(name for name in wanted if not importlib.util.find_spec(name.split(".")[0]))
    if absent:
        return [f"{', '.join(absent)} not installed"]
    try:
        exec(compile(tree, "page", "exec"), folder.names)
    finally:
        folder.names.pop("__builtins__", None)
    return []


# --- C ----------------------------------------------------------------------------------------------------------


def as_program(block: str) -> str:
    """Return a block as a program; statements are put into one."""
    if "int main(" in block:
        return block
    includes = re.findall(r"^#include .*$", block, re.M)
    statements = re.sub(r"^#include .*$", "", block, flags=re.M)
    return "\n".join(
        ["#include <stdio.h>", *includes, f"int main(void) {{ {statements} return 0; }}"]
    )


def run_c(folder: Folder, block: str) -> list[str]:
    """Compile a block and run it on a model."""
    source, program = folder.path / "page.c", folder.path / "page"
    source.write_text(as_program(block))
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    libraries = [folder.build / "libonnxslim.a", "-lm", "-lpthread", "-ldl"]
    subprocess.run(["cc", *flags, "-o", program, source, *libraries], check=True)
    subprocess.run([program, "model.onnx", "from_c.onnx"], cwd=folder.path, check=True)
    onnx.checker.check_model(
        os.fspath(folder.path / ("from_c.onnx" if "argv" in block else "slim.onnx"))
    )
    return []


RUN = {"sh": run_shell, "python": run_python, "c": run_c}


@pytest.mark.parametrize("page", PAGES)
def test_examples(page, folder):
    blocks = FENCE.findall((ROOT / page).read_text())
    if not any(language in RUN for language, _ in blocks):
        return
    left_out = []
    for language, block in blocks:
        if language in RUN and not (language == "c" and page.startswith(INNER)):
            left_out += RUN[language](folder, block)
    if left_out:
        pytest.skip(f"the rest ran; {'; '.join(dict.fromkeys(left_out))}")


def test_the_pass_of_the_guide_compiles(tmp_path):
    """Step by step it is followed by people; that its file and its case are right is seen here."""
    page = (ROOT / "docs/contributing/writing-a-pass.md").read_text()
    blocks = [block for language, block in FENCE.findall(page) if language == "c"]
    source = tmp_path / "eliminate_double_negation.c"
    source.write_text(blocks[0])
    flags = [
        "-std=c11",
        "-D_GNU_SOURCE",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-fsyntax-only",
    ]
    declared = "-include", tmp_path / "declared.h"
    declared[1].write_text(
        '#include "passes/passes.h"\nextern const Pass pass_eliminate_double_negation;\n'
    )
    folders = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'src'}"]
    subprocess.run(["cc", *flags, *folders, *declared, source], check=True)
    assert re.fullmatch(r"PASS\(eliminate_double_negation\) +/\* .+ \*/\n", blocks[1])
    case = re.search(r"^```\n(# Two negations.*?)^```$", page, re.M | re.S)
    (tmp_path / "cancels.txt").write_text(case[1])
    assert len(golden.parse_case(tmp_path / "cancels.txt").model.graph.node) == 3


def test_fences_come_in_pairs():
    for page in PAGES:
        fences = re.findall(r"^ *```(.*)$", (ROOT / page).read_text(), re.M)
        assert len(fences) % 2 == 0 and not any(fences[1::2]), page
