"""The zoo's models as tests use them: rebuilt once, optimised once, with their inputs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx

import materialize
import numeric
import zoo
from tool import Tool

LARGE = 300_000_000
"""Bytes from which a model is too large for instrumented builds."""
LIFTED = ["--opset=max"]
DIMS = {"batch": 2, "seq": 24, "enc_seq": 1500}


class Subject:
    """A model of the zoo and what the optimizer makes of it, in a folder of its own."""

    def __init__(self, name: str, tool: Tool, work: Path) -> None:
        self.model, self.tool, self.work = zoo.MODELS[name], tool, work / name

    @cached_property
    def source(self) -> Path:
        """The model as exported."""
        return materialize.materialize(self.model.name)

    @cached_property
    def optimised(self) -> Path:
        """The model as the optimizer writes it, with the default passes."""
        return self.optimise(self.source, "once")

    @cached_property
    def report(self) -> dict:
        """The optimizer's own report of that run."""
        return json.loads((self.optimised.parent / "report.json").read_text())

    def optimised_again(self) -> Path:
        """Optimise what was optimised; the same file names, so the same bytes."""
        return self.optimise(self.optimised, "twice")

    def optimise(self, source: Path, folder: str, *flags: str) -> Path:
        """Optimise a file into a folder of its own."""
        out = self.work / folder / source.name
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir(parents=True)
        self.tool.ok(source, out, "-q", "--json", out.parent / "report.json", *flags)
        return out

    @property
    def variants(self) -> dict[str, list[str]]:
        """Flags that are published too, by name."""
        sizes = [f"{d}={zoo.EXPORT_DIMS[d]}" for d in numeric.dim_names(self.exported)]
        frozen = ["--freeze", ",".join(sizes)]
        found = {"lifted": LIFTED}
        return {"frozen": frozen, **found, "frozen and lifted": frozen + LIFTED} if sizes else found

    def nodes_left(self, flags: list[str]) -> int:
        """Count the nodes that are left; nothing is written but the report."""
        report = self.work / "variant.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        self.tool.ok(self.source, "-q", "--json", report, *flags)
        return json.loads(report.read_text())["nodes"]["after"]

    def clean(self) -> None:
        """Remove what was written; the zoo is 20 GB with its optimised twin."""
        shutil.rmtree(self.work, ignore_errors=True)

    @cached_property
    def exported(self) -> onnx.ModelProto:
        """The exported model, without its external data."""
        return onnx.load(self.source, load_external_data=False)

    @property
    def graph(self) -> onnx.GraphProto:
        """Its graph."""
        return self.exported.graph

    def feeds(self, seed: int) -> dict[str, np.ndarray]:
        """Seeded inputs."""
        return feeds(self.graph, seed)


def feeds(
    graph: onnx.GraphProto, seed: int, dims: Mapping[str, int] = DIMS
) -> dict[str, np.ndarray]:
    """Make seeded inputs; ids stay inside the table they index, masks are 0 or 1."""
    rng = np.random.default_rng(seed)
    made = {}
    for info in graph.input:
        kind = info.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        shape = [d.dim_value or dims[d.dim_param] for d in kind.shape.dim]
        if info.name == "attention_mask":
            values = rng.random(shape) < 0.8
            values[:, 0] = True
        elif np.issubdtype(dtype, np.integer):
            values = rng.integers(0, _table(graph, info.name), shape)
        else:
            values = rng.standard_normal(shape)
        made[info.name] = np.asarray(values).astype(dtype)
    return made


def _table(graph: onnx.GraphProto, name: str) -> int:
    """Return the rows of the smallest table an input indexes; 1 if it indexes none."""
    rows = {t.name: t.dims[0] for t in graph.initializer if t.dims}
    same, found = {name}, []
    for node in graph.node:
        if node.op_type in ("Reshape", "Identity", "Cast") and node.input[0] in same:
            same.update(node.output)
        if node.op_type == "Gather" and node.input[1] in same and node.input[0] in rows:
            found.append(rows[node.input[0]])
    return min(found, default=1)


def files(model: Path) -> dict[str, str]:
    """Return the SHA-256 of every file beside a model but the report, by name."""
    found = {}
    for path in sorted(model.parent.iterdir()):
        if path.suffix != ".json":
            with path.open("rb") as stream:
                found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def node_count(graph: onnx.GraphProto) -> int:
    """Count nodes as the zoo does: those of subgraphs and Constant nodes too."""
    bodies = (
        body
        for node in graph.node
        for attribute in node.attribute
        for body in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
    )
    return len(graph.node) + sum(node_count(body) for body in bodies)
