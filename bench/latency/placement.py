"""Whether it matters where things stand in a file.

    python bench/latency/placement.py [MODEL...]        (bert_base; the flags of run.py)

The same computation with its nodes and initializers in other orders, and with its weights inside and outside the
model file, at offsets that can be mapped and at some that can't: results/placement.json and .md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
from onnx.external_data_helper import set_external_data
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import measure
import page
import run

PLACES = page.RESULTS.with_name("placement.json")
OFF = 4
"""Bytes by which the weights of the misplaced variant miss a cache line."""


def depth_first(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes as ONNX Runtime runs and writes them: each behind its inputs, from the outputs down."""
    makers = {name: node for node in graph.node for name in node.output if name}
    done: set[int] = set()
    ordered = []
    stack = [(makers[o.name], False) for o in reversed(graph.output) if o.name in makers]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            ordered.append(node)
        else:
            stack.append((node, True))
            stack += [(makers[name], False) for name in reversed(node.input) if name in makers]
    return ordered


def reordered(source: Path, out: Path, field: str, items: list) -> Path:
    """Write a model with the nodes or initializers of its graph in another order."""
    model = onnx.load(source)
    kept = [type(i).FromString(i.SerializeToString()) for i in items]
    model.graph.ClearField(field)
    getattr(model.graph, field).extend(kept)
    onnx.save(model, out)
    return out


def misplaced(source: Path, out: Path) -> Path:
    """Write a model with its weights outside, none of them at a multiple of 64 bytes."""
    model, data = onnx.load(source), out.with_suffix(".data")
    with data.open("wb") as stream:
        for tensor in model.graph.initializer:
            if not tensor.raw_data:
                continue
            stream.write(bytes((OFF - stream.tell()) % 64))
            place = (data.name, stream.tell(), len(tensor.raw_data))
            stream.write(tensor.raw_data)
            set_external_data(tensor, *place)
            tensor.ClearField("raw_data")
    onnx.save(model, out)
    return out


def variants(name: str, build: Path, work: Path) -> dict[str, Path]:
    """Write the files."""
    files = run.candidates(name, build, work, with_peer=False)
    source, graph = files[page.BASE], onnx.load(files[page.BASE]).graph
    nodes, initializers = depth_first(graph), list(graph.initializer)[::-1]
    outside = [str(build / "onnxslim"), "-q", "--external-data"]
    as_is = [*outside, "--passes", "eliminate_unused_initializers"]
    for label, command in (("onnxslim, outside", outside), ("original, outside", as_is)):
        files[label] = work / f"{label.replace(', ', '_')}.onnx"
        subprocess.run([*command, source, files[label]], check=True)
    return files | {
        "nodes depth first": reordered(source, work / "nodes.onnx", "node", nodes),
        "initializers reversed": reordered(
            source, work / "reversed.onnx", "initializer", initializers
        ),
        "original, outside, misplaced": misplaced(source, work / "misplaced.onnx"),
    }


TEXT = """# Where things stand in a file

Written by `bench/latency/placement.py`; read as [docs/latency.md](../docs/latency.md) says. *Outside*: the weights are
external data, which ONNX Runtime maps; *misplaced*: none of them at a multiple of 64 bytes.
Measured on {cores} cores of {cpu}, clock: {clock}, {processes} processes of {runs} rounds.

| model | setting | file | ms | of the original | open, ms |
|---|---|---|--:|--:|--:|
"""


def main() -> None:
    """Measure."""
    options = run.arguments()
    latency = run.Latency(options)
    how = {key: getattr(options, key) for key in ("clock", "processes", "runs")}
    models, lines = {}, []
    for name in options.names or ["bert_base"]:
        latency.clean()
        files = variants(name, options.build, latency.work)
        with Progress() as progress:
            task = progress.add_task(name, total=len(latency.settings(False)) * options.processes)
            models[name], _ = latency.measure(
                files, False, lambda task=task: progress.advance(task)
            )
        lines += page.rows(name, models[name])
        print("\n".join(page.rows(name, models[name])))
    shutil.rmtree(latency.work)
    machine = measure.machine()
    PLACES.write_text(json.dumps({"machine": machine, **how, "models": models}, indent=1) + "\n")
    PLACES.with_suffix(".md").write_text(TEXT.format(**machine, **how) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
