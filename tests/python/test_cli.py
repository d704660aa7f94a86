"""The console script: OnnxSlim's flags in our words, and the C program for the rest."""

from __future__ import annotations

import os
import subprocess
import sys

import onnx
import pytest

import onnxslim

pytestmark = pytest.mark.plain


def script(*arguments: object, cwd=None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "onnxslim", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("in.onnx out.onnx", "in.onnx out.onnx"),
        ("in.onnx out.onnx --exact --skip=fold -q", "in.onnx out.onnx --exact --skip=fold -q"),
        ("a b --no-shape-infer --model-check", "a b --verify=1"),
        ("a b --input-shapes x:1,3 y:2", "a b --input-shape=x:1,3 --input-shape=y:2"),
        ("a b --input-shapes=x:1,3", "a b --input-shape=x:1,3"),
        ("--inputs x:fp32 y -q a b", "--inputs=x:fp32,y -q a b"),
        ("a b --outputs y:fp32 z", "a b --outputs=y:fp32,z"),
        ("--outputs=y,z a b", "--outputs=y,z a b"),
        ("a b --model-check-inputs x:1,3 y:d.npy", "a b --feed=x:1\\,3,y:d.npy"),
        ("--size-threshold 1024 a b", "--max-fold=1024 a b"),
        ("--size-threshold=1024 a b", "--max-fold=1024 a b"),
        ("a b --dtype fp16", "a b --dtype fp16"),
        ("a b --save-as-external-data", "a b --external-data"),
        ("a b --skip-fusion-patterns FusionConvBN", "a b --skip=conv-batchnorm"),
        ("a b --skip-optimizations constant_folding", "a b --skip=fold_constants"),
        ("a -- --model-check", "a -- --model-check"),
        ("verify a b", "verify a b"),
    ],
)
def test_onnxslim_s_flags_in_our_words(given, ours):
    from onnxslim._cli import translate

    assert translate(given.split()) == ours.split()


def test_models_are_optimized(model, tmp_path):
    onnx.save(model, tmp_path / "in.onnx")
    done = script("in.onnx", "out.onnx", "--model-check", "--input-shapes", "x:2,4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "in.onnx" in done.stdout
    made = onnx.load(tmp_path / "out.onnx")
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2
    assert len(made.graph.node) == 2


def test_v_is_the_version():
    assert script("-v").stdout.strip() == onnxslim.__version__
    assert script("--version").stdout.strip() == f"onnxslim {onnxslim.__version__}"


def test_inspect_is_a_table(model, convolution, tmp_path):
    onnx.save(model, tmp_path / "a.onnx")
    onnx.save(convolution, tmp_path / "b.onnx")
    done = script("--inspect", "a.onnx", "b.onnx", "--dump-to-disk", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Model Name" in done.stdout
    assert (tmp_path / "a.onnx_model_info.csv").exists()
    assert "BatchNormalization" in done.stdout


@pytest.mark.parametrize(
    ("given", "code", "why"),
    [
        ("none.onnx out.onnx", 4, "none.onnx"),
        ("--inspect none.onnx", 1, "none.onnx"),
        ("a b --dump-to-disk", 1, "goes with --inspect"),
        ("a b --size-threshold", 1, "needs one value"),
        ("a b --input-shapes", 1, "needs a value"),
        ("a b --skip-optimizations nothing", 1, "no optimization 'nothing'"),
        ("a --inspect --exact", 1, "--exact does not go with --inspect"),
    ],
)
def test_errors_are_one_line_and_a_code(given, code, why, tmp_path):
    done = script(*given.split(), cwd=tmp_path)
    assert done.returncode == code
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_program_takes_the_place_of_python(tmp_path):
    """A signal reaches the C program itself, and nothing waits in between."""
    from onnxslim import _binary

    fake = tmp_path / "onnxslim"
    fake.write_text('#!/bin/sh\necho "$$ $0"\n')
    fake.chmod(0o755)
    environment = {**os.environ, "ONNXSLIM_LIBRARY": str(tmp_path / "libonnxslim.so")}
    with subprocess.Popen(
        [sys.executable, "-m", "onnxslim", "x"], stdout=subprocess.PIPE, text=True, env=environment
    ) as started:
        assert started.stdout.read().split()[0] == str(started.pid)
    assert _binary.find().name == "onnxslim"
