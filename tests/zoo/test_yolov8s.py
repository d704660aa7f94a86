"""YOLOv8s as ultralytics exports it: as YOLOv8n, with wider layers."""

from __future__ import annotations

from every_model import EveryModel


class TestYolov8s(EveryModel, name="yolov8s"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
    )
