"""Whether the attention block is the same subgraph in all of the BERT family, and elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import attention
import lab

TITLE = "Experiment 09: one attention block, many exports"
FAMILY = ("bert_base", "distilbert_base", "roberta_base", "albert_base")
MODELS = (*FAMILY, "whisper_tiny_encoder", "deit_small", "phi_2")
PASS = "cleanup_attention"


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {m: ((m,), partial(measure, bench, m)) for m in MODELS}


def measure(bench: lab.Lab, model: str) -> dict:
    """Return the first block's canonical form and pieces, and what the pass takes alone."""
    source = bench.model(model)
    found = attention.blocks(source)
    said = bench.say(source, "--only", PASS, "--dry-run")
    first = found[0]
    return {
        "blocks": len(found),
        "alike": sum(b.canonical == first.canonical for b in found),
        "nodes_in_block": first.count,
        "canonical": first.canonical,
        "pieces": dict(first.pieces()),
        "sequence": first.sequence(),
        "nodes": said["nodes"],
    }


def common(a: dict, b: dict) -> float:
    """Return the share of pieces that two blocks have in common."""
    keys = a["pieces"].keys() | b["pieces"].keys()
    both = [(a["pieces"].get(k, 0), b["pieces"].get(k, 0)) for k in keys]
    return sum(min(p) for p in both) / (sum(max(p) for p in both) or 1)


def relation(a: dict, b: dict) -> str:
    """Say how two blocks compare."""
    if a["canonical"] == b["canonical"]:
        return "same"
    share = common(a, b)
    return f"overlapping ({100 * share:.0f} %)" if share else "different"


def page(kept: dict) -> str:
    """Return the table, the relations and the sequences."""
    rows = []
    for model, f in kept.items():
        before, after = f["nodes"]["before"], f["nodes"]["after"]
        rows.append(
            [model, f["blocks"], f["alike"], f["nodes_in_block"], relation(kept["bert_base"], f)]
            + [lab.signed(after - before), lab.percent(after - before, before)]
        )
    head = (
        "model",
        "blocks",
        "like the first",
        "nodes in one",
        "against BERT's",
        "Δ nodes",
        "of the model",
    )
    same = [m for m in FAMILY if relation(kept["bert_base"], kept[m]) == "same"]
    lines = [[a, *(relation(kept[a], kept[b]) for b in kept)] for a in kept]
    text = (
        f"Δ nodes: {PASS} alone on the raw export. Blocks are compared by a canonical form that is computed from the\n"
        "graph: operators over the block's inputs, constants and other values, whatever anything is called. What is\n"
        f"not the same overlaps by the patterns of depth {attention.DEPTH} that both have.\n\n"
        f"{lab.table(head, rows)}\nAll pairs:\n\n{lab.table(['', *kept], lines)}\n"
        f"The same subgraph within the BERT family: {', '.join(same)}.\n\n## The sequences\n\n"
    )
    for model, f in kept.items():
        text += f"- {model}: {' → '.join(f['sequence'])}\n"
    return text


def plot(kept: dict, path: Path) -> None:
    """Draw how much any two blocks have in common."""
    figure, axes = lab.axes(6.4, 5)
    share = [[common(a, b) for b in kept.values()] for a in kept.values()]
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(kept)), kept, rotation=45, ha="right")
    axes.set_yticks(range(len(kept)), kept)
    for y, row in enumerate(share):
        for x, value in enumerate(row):
            axes.text(
                x,
                y,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=7,
                color="w" if value > 0.6 else "k",
            )
    figure.colorbar(image, label="patterns in common")
    lab.save(figure, path)
