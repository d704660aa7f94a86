"""What becomes of one attention block: diagrams of it before and after, drawn from the models."""

from __future__ import annotations

from collections import Counter
from functools import partial

import accuracy
import attention
import drawing
import lab

TITLE = "Experiment 04: one attention block, before and after"
CASES = {
    "BERT": ("bert_base", 0),
    "Whisper encoder": ("whisper_tiny_encoder", 0),
    "Whisper decoder, self-attention": ("whisper_tiny_decoder", 0),
    "Whisper decoder, cross-attention": ("whisper_tiny_decoder", 1),
}
LAYOUT = ("Reshape", "Transpose")
KINDS = {
    "product": {"MatMul", "Gemm"},
    "layout": {"Reshape", "Transpose", "Split", "Squeeze", "Flatten"},
    "softmax": {"Softmax", "Attention"},
    "shape": attention.SHAPES,
}
"""How operators are coloured."""


def units(bench: lab.Lab) -> dict:
    """One unit a block."""
    return {c: ((m,), partial(measure, bench, m, i)) for c, (m, i) in CASES.items()}


def facts(block: attention.Block) -> dict:
    """Return what is said of a block."""
    ops = block.ops()
    return {"nodes": block.count, "ops": dict(ops.most_common()), "sequence": block.sequence()}


def picture(model: str, index: int) -> str:
    """Return the name of a block's picture."""
    return f"exp_04_{model}_{index}.svg"


def kind(op: str) -> str:
    """Return how a box is coloured."""
    return next((name for name, ops in KINDS.items() if op in ops), "other")


def panel(title: str, block: attention.Block) -> drawing.Panel:
    """Return a block's nodes and ends, with the values that go from one to the other."""
    made = drawing.Panel(title)
    by_value: dict[str, str | int] = {name: name for name in block.sources}
    for name in block.sources:
        made.boxes[name] = drawing.Box([name.rsplit("/", 1)[-1]])
    for i, node in enumerate(block.nodes):
        made.boxes[i] = drawing.Box([node.op_type], kind(node.op_type))
        made.edges += [(by_value[name], i) for name in node.input if name in by_value]
        by_value.update(dict.fromkeys(node.output, i))
    return made


def measure(bench: lab.Lab, model: str, index: int) -> dict:
    """Draw the block in the model as exported, after cleanup_attention alone and after the pipeline."""
    source = bench.model(model)
    alone, _ = bench.optimise(source, "alone", "--only", "cleanup_attention")
    whole, _ = bench.optimise(source, "whole")
    stages = {"as exported": source, "cleanup_attention alone": alone, "whole pipeline": whole}
    found = {stage: attention.blocks(path)[index] for stage, path in stages.items()}
    panels = [panel(f"{s}: {b.count} nodes", b) for s, b in found.items()]
    (lab.RESULTS / picture(model, index)).write_text(drawing.svg(panels))
    diffs = accuracy.differences(source, alone, range(3))
    return {
        "stages": {stage: facts(block) for stage, block in found.items()},
        "max_diff": max(d["absolute"] for rows in diffs["levels"].values() for d in rows),
    }


def page(kept: dict) -> str:
    """Return the counts and the pictures."""
    rows = []
    for case, found in kept.items():
        for stage, f in found["stages"].items():
            rows.append([case, stage, f["nodes"], *(f["ops"].get(op, 0) for op in LAYOUT)])
    text = (
        "A block is everything between what its projections read and the result of the output projection, constant\n"
        "nodes included; these are counted but not drawn.\n\n"
        f"{lab.table(['block', 'stage', 'nodes', *LAYOUT], rows, left=2)}\n"
    )
    for case, (model, index) in CASES.items():
        found = kept[case]
        before, after = (found["stages"][s] for s in ("as exported", "whole pipeline"))
        redundant = {op: before["ops"].get(op, 0) - after["ops"].get(op, 0) for op in LAYOUT}
        text += (
            f"## {case}\n\nRedundant: {redundant['Reshape']} Reshapes, {redundant['Transpose']} Transposes. "
            f"{before['nodes'] - after['nodes']} nodes less. Largest difference of the model's outputs after\n"
            f"cleanup_attention alone, three seeds, both levels of ONNX Runtime: {found['max_diff']:.1e}.\n\n"
            f"![{case}]({picture(model, index)})\n\n"
        )
    return text + families(kept)


def families(kept: dict) -> str:
    """Say in which operators the exported blocks differ from BERT's."""
    lines = ["## What the families differ in", ""]
    first = Counter(kept["BERT"]["stages"]["as exported"]["sequence"])
    for case, found in list(kept.items())[1:]:
        own = Counter(found["stages"]["as exported"]["sequence"])
        more = ", ".join(f"{n} {op}" for op, n in (own - first).items()) or "nothing"
        less = ", ".join(f"{n} {op}" for op, n in (first - own).items()) or "nothing"
        lines.append(f"- {case}, as exported, has {more} more than BERT, and {less} less.")
    return "\n".join(lines) + "\n"
