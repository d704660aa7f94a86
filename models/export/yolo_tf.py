"""YOLOv8 by the TensorFlow route: PyTorch, ONNX, a SavedModel, and ONNX again.

onnx2tf converts the zoo's (or, with pretrained weights, the exported) YOLOv8 to
TensorFlow's layout; tf2onnx converts that back with its own graph optimizer switched
off.  What comes out is full of Transposes, as such models are in the field.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import onnx2tf
import tf2onnx.convert

import zoo
from materialize import materialize
from recipe import Recipe
from skeleton import Skeleton

_CALIBRATION = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads this file unless it finds one; its values have no influence."""


def _to_saved_model(source: str, folder: str) -> None:
    """Convert an ONNX file to a SavedModel: `onnx2tf -i SOURCE -o FOLDER -n -osd`."""
    np.save(_CALIBRATION, np.zeros((20, 128, 128, 3), np.float32))
    onnx2tf.convert(
        input_onnx_file_path=source,
        output_folder_path=folder,
        not_use_onnxsim=True,
        output_signaturedefs=True,
        non_verbose=True,
    )


def _to_onnx(folder: str, opset: int, path: Path) -> None:
    """Convert a SavedModel to ONNX: tf2onnx's command line, without its optimizer."""
    arguments = f"convert --saved-model {folder} --opset {opset} --output {path}"
    with (
        mock.patch("sys.argv", arguments.split()),
        mock.patch("tf2onnx.optimizer._get_optimizers", dict),
    ):
        tf2onnx.convert.main()


def export(model: zoo.Model, path: Path, pretrained: bool) -> list[Recipe]:
    """Export the converted model to path; its recipes are those of its source."""
    original = zoo.MODELS[model.source]
    if pretrained:
        source, recipes = path.with_name(f"{original.name}.onnx"), []
    else:
        source = materialize(original.name)
        recipes = list(Skeleton.load(original.skeleton).tensors.values())
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copy(source, "source.onnx")  # onnx2tf writes to the file it reads
        _to_saved_model("source.onnx", "saved_model")
        _to_onnx("saved_model", model.opset, path)
    return recipes
