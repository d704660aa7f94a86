"""WebAssembly and Windows: the same bytes, the same messages, the same manners as here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import onnx
import pytest

import golden
import ported
import symbols
import weights

pytestmark = [pytest.mark.plain]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FOLDERS = sorted({path.parent for path in GOLDEN.glob("*/*.txt")})


@pytest.fixture(scope="module")
def wasm() -> ported.Wasm:
    """The build for WebAssembly."""
    ported.need_wasm()
    ported.make("wasm")
    return ported.Wasm()


@pytest.fixture(scope="module")
def windows(tmp_path_factory) -> ported.Windows:
    """The build for Windows."""
    ported.need("setup-windows", "x86_64-w64-mingw32-gcc", "wine")
    ported.make("windows")
    return ported.Windows(tmp_path_factory.mktemp("wine"))


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"port-{name}"))
        for name in ("wasm", "windows")
    ]
)
def port(request):
    """Each of the builds."""
    return request.getfixturevalue(request.param)


def check_same(port, tool, folder: Path, cases: list[golden.Case]) -> None:
    """Optimise each case here and there: files, codes and messages are the same."""
    runs = []
    for i, case in enumerate(cases):
        (folder / f"{i}.onnx").write_bytes(case.model.SerializeToString())
        runs.append([f"{i}.onnx", f"{i}.out", "-q", *case.flags])
    for i, (case, got) in enumerate(zip(cases, port(folder, runs), strict=True)):
        there = folder / f"{i}.out"
        found = there.read_bytes() if there.exists() else None
        there.unlink(missing_ok=True)
        here = tool(*runs[i], cwd=folder)
        assert got == ported.Run(here.returncode, here.stdout, here.stderr), case.path
        assert found == (there.read_bytes() if there.exists() else None), case.path


@pytest.mark.xdist_group("port-wasm")
@pytest.mark.parametrize("pass_folder", FOLDERS, ids=lambda path: path.name)
def test_every_golden_case_in_webassembly(wasm, tool, tmp_path, pass_folder):
    check_same(
        wasm, tool, tmp_path, [golden.parse_case(p) for p in sorted(pass_folder.glob("*.txt"))]
    )


@pytest.mark.xdist_group("port-windows")
@pytest.mark.parametrize("pass_folder", FOLDERS, ids=lambda path: path.name)
def test_golden_cases_of_every_pass_in_windows(windows, tool, tmp_path, pass_folder):
    """Wine takes a second to start: the first and the last of each."""
    paths = sorted(pass_folder.glob("*.txt"))
    check_same(windows, tool, tmp_path, [golden.parse_case(p) for p in {paths[0], paths[-1]}])


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a name that is not ASCII, and a model with external data in it."""
    place = tmp_path / "Modèle 模型"
    place.mkdir()
    (place / "whole.onnx").write_bytes(weights.model().SerializeToString())
    onnx.save_model(
        weights.model(), place / "split.onnx", save_as_external_data=True, location="split.data"
    )
    return place


def names(folder: Path) -> list[str]:
    """What is in the folder."""
    return sorted(path.name for path in folder.iterdir())


def test_external_data(port, tool, folder):
    """Read, rewritten, referenced; the file names of the data are the same, too."""
    before = names(folder)
    runs = [
        ["split.onnx", "a.onnx"],
        ["whole.onnx", "b.onnx", "--external-data=b.data"],
        ["split.onnx", "c.onnx", "--external-data=keep"],
    ]
    for got in port(folder, runs):
        assert got.code == 0, got.err.decode()
    made = {name: (folder / name).read_bytes() for name in names(folder) if name not in before}
    assert {"a.onnx", "b.onnx", "b.data", "c.onnx"} <= set(made)
    for name in made:
        (folder / name).unlink()
    for args in runs:
        tool.ok(*args, cwd=folder)
    assert made == {n: (folder / n).read_bytes() for n in names(folder) if n not in before}


@pytest.mark.parametrize("model", ["whole.onnx", "split.onnx"])
def test_in_place(port, tool, folder, model):
    """The model takes its own place, mapped as it is; nothing is left beside it."""
    tool.ok(model, "wanted.onnx", "-q", cwd=folder)
    wanted = onnx.load(folder / "wanted.onnx")
    (got,) = port(folder, [[model, model, "-q"]])
    assert got == ported.Run(0, b"", b"")
    assert onnx.load(folder / model) == wanted
    left = [name for name in names(folder) if name.endswith((".tmp", ".old"))]
    assert not left


def test_paths_of_the_platform(port, tool, folder):
    """Sub-folders, names outside of ASCII, an output where nobody may write one."""
    (folder / "unter").mkdir()
    model = (folder / "whole.onnx").rename(folder / "unter" / "größe ≥ 1.onnx")
    name = f"unter/{model.name}"
    good, bad = port(folder, [[name, "unter/ß.onnx", "-q"], [name, "nowhere/x.onnx", "-q"]])
    assert good == ported.Run(0, b"", b"")
    tool.ok(name, "native.onnx", "-q", cwd=folder)
    assert (folder / "unter" / "ß.onnx").read_bytes() == (folder / "native.onnx").read_bytes()
    assert bad.code == 4 and b"cannot write 'nowhere/x.onnx'" in bad.err


def test_data_outside_the_folder_is_refused(port, folder):
    """A model cannot name files that lie elsewhere, however it spells them."""
    (folder / "in").mkdir()
    model = onnx.load(folder / "split.onnx", load_external_data=False)
    locations = ["../split.data", "/split.data", "a/../../split.data"]
    if isinstance(port, ported.Windows):
        locations += [
            "..\\split.data",
            "C:\\split.data",
            "C:split.data",
            "\\\\server\\x\\split.data",
        ]
    for i, location in enumerate(locations):
        for tensor in model.graph.initializer:
            tensor.external_data[0].value = location
        (folder / "in" / f"{i}.onnx").write_bytes(model.SerializeToString())
    runs = [[f"in/{i}.onnx", "out.onnx", "-q"] for i in range(len(locations))]
    for location, got in zip(locations, port(folder, runs), strict=True):
        assert got.code == 4 and b"leaves the model" in got.err, (location, got)
    assert not (folder / "out.onnx").exists()


def test_streams(port, tool, folder):
    """From standard input to standard output, and the text of a model."""
    (got,) = port(folder, [["-", "-", "-q"]], stdin="whole.onnx")
    here = tool.ok("-", "-", "-q", stdin=(folder / "whole.onnx").read_bytes())
    assert got == ported.Run(0, here.stdout, here.stderr)
    (got,) = port(folder, [["print", "whole.onnx"]])
    assert got == ported.Run(0, tool.ok("print", "whole.onnx", cwd=folder).stdout, b"")


def test_errors(port, tool, folder):
    """Codes and messages as here."""
    (folder / "bad.onnx").write_bytes(b"\x3a\xff\xff\xff\xff\x0f")
    (folder / "empty.onnx").write_bytes(b"")
    runs = [
        ["missing.onnx"],
        ["bad.onnx"],
        ["empty.onnx"],
        ["."],
        ["whole.onnx", "--no-such"],
        ["--version"],
    ]
    for args, got in zip(runs, port(folder, runs), strict=True):
        here = tool(*args, cwd=folder)
        assert got == ported.Run(here.returncode, here.stdout, here.stderr), args


@pytest.mark.xdist_group("port-wasm")
def test_webassembly_says_that_it_runs_no_models(wasm, folder):
    (got,) = wasm(folder, [["verify", "whole.onnx", "whole.onnx"]])
    assert got.code == 4 and b"ONNX Runtime was not found" in got.err


@pytest.mark.xdist_group("port-windows")
def test_the_dll_exports_the_header(windows):
    done = subprocess.run(
        ["x86_64-w64-mingw32-nm", ported.ROOT / "build/windows/libonnxslim.dll.a"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(re.findall(r" T (\S+)", done.stdout)) == symbols.declared()
