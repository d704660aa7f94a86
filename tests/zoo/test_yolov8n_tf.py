"""YOLOv8n by way of TensorFlow: a Transpose on each side of every convolution."""

from __future__ import annotations

from every_model import EveryModel


class TestYolov8nTf(EveryModel, name="yolov8n_tf"):
    FIRES = (
        "eliminate_redundant_transposes",
        "fold_constants",
        "simplify_shape_chains",
    )
