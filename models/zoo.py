"""The registry of the zoo: every fact about a model, once.

What a model *is* (architecture, exporter, opset, interface) is written below;
what its export *came out as* (nodes, files, sizes, SHA-256) is in zoo.json,
which the exporter writes.  `python models/zoo.py` prints the README's table;
with --readme it is put into README.md.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
FACTS = HERE / "zoo.json"
EXPORT_DIMS = {"batch": 1, "seq": 128, "enc_seq": 1500}
"""What a named dimension is while the exporter traces."""


@dataclass(frozen=True)
class Input:
    """A graph input; a named dimension is dynamic."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    @property
    def traced_shape(self) -> tuple[int, ...]:
        """The shape the exporter traces with."""
        return tuple(EXPORT_DIMS[d] if isinstance(d, str) else d for d in self.shape)


@dataclass(frozen=True)
class File:
    """A file of a model: its name, size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Facts:
    """An export as measured. Nodes count subgraphs and Constants; model file last."""

    nodes: int
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Model:
    """One model of the zoo."""

    name: str
    family: str
    source: str
    exporter: str
    opset: int
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    extra: bool = False

    @property
    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """The dynamic axes of the inputs, as torch.onnx.export takes them."""
        axes = {
            i.name: {axis: d for axis, d in enumerate(i.shape) if isinstance(d, str)}
            for i in self.inputs
        }
        return {name: named for name, named in axes.items() if named}

    @property
    def facts(self) -> Facts:
        """What the export came out as."""
        record = facts()[self.name]
        return Facts(record["nodes"], tuple(File(**file) for file in record["files"]))

    @property
    def skeleton(self) -> Path:
        """Where the committed skeleton lies."""
        return HERE / "skeletons" / f"{self.name}.xz"


@cache
def facts() -> dict[str, dict]:
    """Return zoo.json."""
    return json.loads(FACTS.read_text())


def record(name: str, measured: Facts) -> None:
    """Write a model's facts into zoo.json."""
    table = facts() if FACTS.exists() else {}
    table[name] = {
        "nodes": measured.nodes,
        "files": [vars(file) for file in measured.files],
    }
    ordered = {name: table[name] for name in MODELS if name in table}
    FACTS.write_text(json.dumps(ordered, indent=1) + "\n")
    facts.cache_clear()


def _image(name: str, side: int) -> tuple[Input, ...]:
    return (Input(name, (1, 3, side, side)),)


_TEXT = (
    Input("input_ids", ("batch", "seq"), "int64"),
    Input("attention_mask", ("batch", "seq"), "int64"),
)
_MEL = (Input("input_features", (1, 80, 3000)),)
_HIDDEN = ("last_hidden_state",)
_POOLED = ("last_hidden_state", "pooler_output")
_LEVELS = tuple(f"{head}_p{level}" for head in ("class", "box") for level in range(3, 8))

MODELS = {
    model.name: model
    for model in (
        Model("yolov8n", "yolo", "yolov8n", "yolo", 12,
              _image("images", 640), ("output0",)),
        Model("yolov8s", "yolo", "yolov8s", "yolo", 12,
              _image("images", 640), ("output0",)),
        Model("yolov8n_tf", "yolo", "yolov8n", "yolo_tf", 17,
              (Input("images", (1, 640, 640, 3)),), ("output_0",)),
        Model("resnet50", "cnn", "resnet50", "cnn", 12,
              _image("input", 224), ("output",)),
        Model("mobilenetv2", "cnn", "mobilenet_v2", "cnn", 12,
              _image("input", 224), ("output",)),
        Model("mobilenetv3_small", "cnn", "mobilenet_v3_small", "cnn", 12,
              _image("input", 224), ("output",)),
        Model("efficientnet_b0", "cnn", "efficientnet_b0", "cnn", 12,
              _image("input", 224), ("output",)),
        Model("efficientdet_d0", "detector", "tf_efficientdet_d0", "detector", 12,
              _image("input", 512), _LEVELS),
        Model("bert_base", "bert", "bert-base-uncased", "encoders", 14,
              _TEXT, _POOLED),
        Model("bert_large", "bert", "bert-large-uncased", "encoders", 14,
              _TEXT, _POOLED),
        Model("distilbert_base", "bert", "distilbert-base-uncased", "encoders", 14,
              _TEXT, _HIDDEN),
        Model("roberta_base", "bert", "roberta-base", "encoders", 14,
              _TEXT, _POOLED),
        Model("albert_base", "bert", "albert-base-v2", "encoders", 14,
              _TEXT, _POOLED),
        Model("whisper_tiny_encoder", "whisper", "openai/whisper-tiny", "encoders", 14,
              _MEL, _HIDDEN),
        Model("whisper_base_encoder", "whisper", "openai/whisper-base", "encoders", 14,
              _MEL, _HIDDEN),
        Model("mobilevit_small", "hybrid", "apple/mobilevit-small", "encoders", 14,
              _image("pixel_values", 256), _POOLED),
        Model("deit_small", "vit", "facebook/deit-small-patch16-224", "encoders", 14,
              _image("pixel_values", 224), _POOLED),
        Model("phi_2", "llm", "microsoft/phi-2", "decoders", 14,
              _TEXT, ("logits",)),
        Model("whisper_tiny_decoder", "whisper", "openai/whisper-tiny", "decoders", 14,
              (Input("input_ids", ("batch", "seq"), "int64"),
               Input("encoder_hidden_states", ("batch", "enc_seq", 384))),
              _HIDDEN, extra=True),
    )
}  # fmt: skip
"""The zoo by name, in the order of its tables; `extra` models are not counted."""


def names(extras: bool = True) -> list[str]:
    """Return the names of the models."""
    return [m.name for m in MODELS.values() if extras or not m.extra]


def table() -> str:
    """Return the zoo as a Markdown table."""
    lines = [
        "| model | built from | opset | nodes | MB | SHA-256 of the .onnx |",
        "|---|---|--:|--:|--:|---|",
    ]
    for model in MODELS.values():
        facts = model.facts
        lines.append(
            f"| {model.name} | {model.source} | {model.opset} | {facts.nodes}"
            f" | {facts.size / 1e6:.1f} | `{facts.files[-1].sha256[:16]}…` |"
        )
    return "\n".join(lines) + "\n"


def update_readme() -> None:
    """Put the table into README.md, between its two marks."""
    path = HERE / "README.md"
    head, _, rest = path.read_text().partition("<!-- table -->\n")
    tail = rest.partition("<!-- /table -->")[2]
    path.write_text(f"{head}<!-- table -->\n{table()}<!-- /table -->{tail}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--readme"]:
        update_readme()
    else:
        print(table(), end="")
