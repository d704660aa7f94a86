"""YOLOv8n as ultralytics exports it: its Transposes are needed, its shape arithmetic is not."""

from __future__ import annotations

from every_model import EveryModel


class TestYolov8n(EveryModel, name="yolov8n"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
    )
