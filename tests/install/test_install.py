"""What is installed is complete: another project finds it, links it in every way and runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import golden
from symbols import SONAME, VERSION, declared, defined

pytestmark = [pytest.mark.plain, pytest.mark.xdist_group("install")]
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "examples" / "optimize.c"
COMPILERS = {"c": "cc", "cpp": "c++"}
LINKAGES = ("shared", "static")


def need(*names: str) -> str:
    """The first of the programs that is there, in the tests' environment or on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"{' or '.join(names)} is not installed here")


def sh(*args, **kwargs) -> str:
    """Run a command that must succeed; its output."""
    done = subprocess.run(
        [str(a) for a in args], capture_output=True, text=True, check=False, **kwargs
    )
    assert done.returncode == 0, f"{args}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def cmake_build(build) -> Path:
    """A build by CMake, kept between runs."""
    cmake, folder = need("cmake"), build / "cmake"
    sh(cmake, "-S", ROOT, "-B", folder, "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON")
    sh(cmake, "--build", folder, "--parallel", len(os.sched_getaffinity(0)))
    return folder


@pytest.fixture(scope="module")
def cmake_prefix(cmake_build, tmp_path_factory) -> Path:
    """A prefix that CMake installed into, then moved: nothing in it may know where it lay."""
    root = tmp_path_factory.mktemp("by-cmake")
    sh(need("cmake"), "--install", cmake_build, "--prefix", root / "usr")
    return (root / "usr").rename(root / "moved")


@pytest.fixture(scope="module")
def make_prefix(build, tmp_path_factory) -> Path:
    """The same by make, staged as packagers do it."""
    stage = tmp_path_factory.mktemp("by-make")
    places = [f"DESTDIR={stage}", "PREFIX=/usr", "LIBDIR=lib/here"]
    sh(need("make"), "-C", ROOT, f"BUILD={build}", "install", *places)
    return stage / "usr"


@pytest.fixture(scope="module", params=["make_prefix", "cmake_prefix"])
def prefix(request) -> Path:
    """Both."""
    return request.getfixturevalue(request.param)


def library_folder(prefix: Path) -> Path:
    """Where the libraries are: lib, lib64 or lib/<triplet>."""
    (found,) = prefix.rglob("libonnxslim.a")
    return found.parent


def check_runs(program: Path, tmp_path: Path, **env: str) -> None:
    """The example works: three nodes become one, and the result is a model."""
    model = golden.parse_model(
        "g (float[3] x) => (float[3] y) { a = Identity(x)  b = Identity(a)  y = Relu(b) }"
    )
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(model.SerializeToString())
    assert sh(program, source, out, env=os.environ | env) == "3 -> 1 nodes\n"
    onnx.checker.check_model(onnx.load(out))


def needed(program: Path) -> set[str]:
    """The shared libraries a program asks for."""
    return set(re.findall(r"NEEDED.*\[(.+?)\]", sh(need("readelf"), "-d", program)))


def test_command_line_runs(prefix):
    assert sh(prefix / "bin" / "onnxslim", "--version").split()[:2] == ["onnxslim", VERSION]


def test_versions_and_symbols(prefix):
    folder = library_folder(prefix)
    shared = folder / "libonnxslim.so"
    assert shared.resolve().name == f"libonnxslim.so.{VERSION}"
    assert (folder / SONAME).resolve() == shared.resolve()
    assert f"[{SONAME}]" in sh(need("readelf"), "-d", shared)
    assert defined("-D", shared) == {f"{name}@@ONNXSLIM_1.0" for name in declared()}
    assert defined("-g", folder / "libonnxslim.a") == declared()


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("language", list(COMPILERS))
def test_pkg_config(prefix, tmp_path, language, linkage):
    compiler, pkg_config = need(COMPILERS[language]), need("pkg-config", "pkgconf")
    folder = library_folder(prefix)
    env = os.environ | {"PKG_CONFIG_LIBDIR": str(folder / "pkgconfig")}
    static = ["--static"] if linkage == "static" else []
    assert sh(pkg_config, "--modversion", "onnxslim", env=env).strip() == VERSION
    flags = sh(pkg_config, "--cflags", "--libs", *static, "onnxslim", env=env).split()
    source = Path(shutil.copy(PROGRAM, tmp_path / f"program.{language}"))
    if static:  # the archive, where the linker would take the shared library that lies beside it
        flags = ["-l:libonnxslim.a" if flag == "-lonnxslim" else flag for flag in flags]
    sh(compiler, source, "-o", tmp_path / "program", *flags)
    assert (SONAME in needed(tmp_path / "program")) == (linkage == "shared")
    check_runs(tmp_path / "program", tmp_path, LD_LIBRARY_PATH=str(folder))


TEXTS = {
    "share/man/man1/onnxslim.1": ["man"],
    "share/bash-completion/completions/onnxslim": ["completion", "bash"],
    "share/zsh/site-functions/_onnxslim": ["completion", "zsh"],
    "share/fish/vendor_completions.d/onnxslim.fish": ["completion", "fish"],
}


def test_manual_page_and_completions(prefix):
    """Where man and the shells look for them."""
    for place, words in TEXTS.items():
        assert (prefix / place).read_text() == sh(prefix / "bin" / "onnxslim", *words)


@pytest.fixture(scope="module")
def consumers(cmake_prefix, tmp_path_factory) -> Path:
    """The folder of the programs that another CMake project made."""
    cmake, folder = need("cmake"), tmp_path_factory.mktemp("consumer")
    need("c++")
    sh(
        cmake, "-S", ROOT / "tests" / "install" / "consumer", "-B", folder,
        f"-DCMAKE_PREFIX_PATH={cmake_prefix}", f"-DPROGRAM={PROGRAM}",
    )  # fmt: skip
    sh(cmake, "--build", folder)
    return folder


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("language", list(COMPILERS))
def test_find_package(consumers, tmp_path, language, linkage):
    program = consumers / f"{language}_{linkage}"
    assert (SONAME in needed(program)) == (linkage == "shared")
    check_runs(program, tmp_path)


def test_another_major_version_is_refused(cmake_prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(p LANGUAGES NONE)\n"
        f"find_package(onnxslim {int(VERSION.split('.')[0]) + 1}.0 REQUIRED)\n"
    )
    done = subprocess.run(
        [
            need("cmake"),
            "-S",
            tmp_path,
            "-B",
            tmp_path / "b",
            f"-DCMAKE_PREFIX_PATH={cmake_prefix}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode and f"version: {VERSION}" in done.stderr


def test_cmake_and_make_build_the_same(build, cmake_build, tmp_path):
    """Whatever the build, the same bytes come out."""
    model = golden.parse_model(
        "g (float[2, 3] x) => (float[2, 4] y)\n"
        "<float[3, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[4] b = {1, 2, 3, 4}>\n"
        "{ m = MatMul(x, w)  y = Add(m, b) }"
    )
    source = tmp_path / "in.onnx"
    source.write_bytes(model.SerializeToString())
    for name, folder in (("make", build), ("cmake", cmake_build)):
        sh(folder / "onnxslim", source, tmp_path / f"{name}.onnx")
    assert (tmp_path / "make.onnx").read_bytes() == (tmp_path / "cmake.onnx").read_bytes()
