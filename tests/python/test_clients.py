"""What ultralytics and optimum make with the package, their own code unmodified, in an environment apart.

Both only warn if the call fails: so what they wrote is looked at. `make clients` installs them (6 GB).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import onnx
import pytest

pytestmark = [pytest.mark.plain, pytest.mark.xdist_group("clients")]
ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(os.environ.get("ONNXSLIM_CLIENTS", ROOT / ".venv-clients"))
TIMEOUT = 1800

# Notes which slim() is called with what, and hands the call on.
SPY = """
import functools, json, onnxslim
calls, real = [], onnxslim.slim
@functools.wraps(real)
def spy(*args, **kwargs):
    made = real(*args, **kwargs)
    calls.append({"given": type(args[0]).__name__, "made": type(made).__name__})
    return made
onnxslim.slim = spy
"""
REPORT = """
print("CALLS", json.dumps({"calls": calls, "file": onnxslim.__file__, "version": onnxslim.__version__}))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    found = CLIENTS / "bin" / "python"
    if not found.exists():
        pytest.skip("make clients installs ultralytics and optimum-onnx (6 GB)")
    return found


def run(python: Path, folder: Path, code: str) -> dict:
    """Run a script in their environment, offline and without ours in the way."""
    away = {"PYTHONPATH", "ONNXSLIM_LIBRARY"}
    environment = {key: value for key, value in os.environ.items() if key not in away}
    environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "YOLO_OFFLINE": "true"}
    environment |= {"YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(folder)}
    environment |= {"HF_HOME": str(folder / "hub"), "CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [python, "-c", SPY + code + REPORT],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    line = next(text for text in done.stdout.splitlines() if text.startswith("CALLS "))
    return json.loads(line.removeprefix("CALLS "))


def check_package(seen: dict) -> None:
    """It was ours, from the wheel, that was called."""
    assert Path(seen["file"]).is_relative_to(CLIENTS.absolute())
    header = (ROOT / "include" / "onnxslim.h").read_text()
    assert f'"{seen["version"]}"' in header
    assert (Path(seen["file"]).parent / "libonnxslim.so").exists()


def operators(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)


def test_ultralytics_export(python, tmp_path):
    seen = run(
        python,
        tmp_path,
        """
import shutil
from ultralytics import YOLO
for simplify, name in ((False, "plain"), (True, "slim")):
    made = YOLO("yolov8n.yaml").export(format="onnx", simplify=simplify, imgsz=64, opset=17)
    shutil.move(made, name + ".onnx")
""",
    )
    check_package(seen)
    assert seen["calls"] == [{"given": "ModelProto", "made": "ModelProto"}]
    plain, slim = operators(tmp_path / "plain.onnx"), operators(tmp_path / "slim.onnx")
    assert slim.total() < plain.total()
    assert slim["Conv"] == plain["Conv"] > 0
    onnx.checker.check_model(str(tmp_path / "slim.onnx"), full_check=True)
    names = {entry.key for entry in onnx.load(tmp_path / "slim.onnx").metadata_props}
    assert {"stride", "names", "task"} <= names


def test_optimum_export_slim(python, tmp_path):
    seen = run(
        python,
        tmp_path,
        """
from transformers import BertConfig, BertModel, BertTokenizerFast
from optimum.exporters.onnx import main_export
tiny = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                  intermediate_size=48, max_position_embeddings=32)
BertModel(tiny).save_pretrained("tiny")
open("vocab.txt", "w").write("\\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]))
BertTokenizerFast("vocab.txt").save_pretrained("tiny")
for slim, name in ((False, "plain"), (True, "slim")):
    main_export("tiny", name, task="feature-extraction", slim=slim)
""",
    )
    check_package(seen)
    assert seen["calls"] == [{"given": "str", "made": "ModelProto"}]
    plain = operators(tmp_path / "plain" / "model.onnx")
    slim = operators(tmp_path / "slim" / "model.onnx")
    assert slim.total() < plain.total()
    assert not slim["Identity"]
    onnx.checker.check_model(str(tmp_path / "slim" / "model.onnx"), full_check=True)
