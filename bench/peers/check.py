"""Judge what a peer wrote: python bench/peers/check.py SOURCE OUT REFERENCE prints JSON.

A first line says what there is to count, a second one the same with the verdict: the process may not live to
write it. Valid by onnx.checker, the interface as it was, and in ONNX Runtime the same outputs on seeded inputs.  The
outputs of SOURCE are kept in the file REFERENCE, so that they are computed once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "models")]

import numeric  # noqa: E402  (found through the line above)
import slimzoo  # noqa: E402

SEEDS = (0, 1)
LEAN = 2 << 30
"""Bytes from which ONNX Runtime is told to save memory."""


def skeleton(model: Path) -> onnx.ModelProto:
    """Return a model without its external data."""
    return onnx.load(model, load_external_data=False)


def weight(model: Path) -> int:
    """Return the bytes of a model with its external data."""
    return sum(p.stat().st_size for p in model.parent.glob(f"{model.name}*"))


def interface(graph: onnx.GraphProto) -> list[bytes]:
    """Return the inputs and outputs as declared."""
    return [v.SerializeToString(deterministic=True) for v in [*graph.input, *graph.output]]


def outputs(model: Path, feeds: list[dict], lean: bool) -> list[list[np.ndarray]]:
    """Run a model at ONNX Runtime's default level."""
    return numeric.run_all(model, "default", feeds, lean=lean)


def reference(source: Path, kept: Path, feeds: list[dict], lean: bool) -> list[list[np.ndarray]]:
    """Return the outputs of the original, computed once."""
    if not kept.exists():
        made = outputs(source, feeds, lean)
        flat = {f"{i}.{k}": o for i, row in enumerate(made) for k, o in enumerate(row)}
        with kept.with_suffix(".part").open("wb") as stream:
            np.savez(stream, **flat)
        kept.with_suffix(".part").replace(kept)
    with np.load(kept) as stored:
        names = sorted(stored.files, key=lambda n: [int(x) for x in n.split(".")])
        rows: list[list[np.ndarray]] = [[] for _ in feeds]
        for name in names:
            rows[int(name.split(".")[0])].append(stored[name])
    return rows


def facts(before: onnx.ModelProto, after: onnx.ModelProto, out: Path) -> dict:
    """Return what there is to count."""
    return {
        "status": "unchecked",
        "reason": "not compared with the original",
        "nodes": slimzoo.node_count(after.graph),
        "bytes": weight(out),
        "opset": {o.domain: o.version for o in after.opset_import}.get("", 0),
        "foreign": sorted({n.domain for n in after.graph.node} - {"", "ai.onnx"}),
        "interface": interface(before.graph) == interface(after.graph),
    }


def judge(source: Path, out: Path, kept: Path) -> dict:
    """Return whether OUT is valid and computes the same."""
    try:
        onnx.checker.check_model(str(out))
    except Exception as error:
        return {"status": "invalid", "reason": str(error).strip().splitlines()[0]}
    graph = skeleton(source).graph
    feeds = [slimzoo.feeds(graph, seed) for seed in SEEDS]
    lean = weight(source) > LEAN
    want = reference(source, kept, feeds, lean)
    try:
        got = outputs(out, feeds, lean)
    except Exception as error:
        return {"status": "does not run", "reason": str(error).strip().splitlines()[0]}
    if [len(r) for r in want] != [len(r) for r in got]:
        return {"status": "wrong", "reason": "another number of outputs"}
    pairs = [(x, y) for a, b in zip(want, got, strict=True) for x, y in zip(a, b, strict=True)]
    worst = max(numeric.max_diff(x, y) for x, y in pairs)
    right = all(numeric.max_diff(x, y) <= numeric.tolerance(x) for x, y in pairs)
    verdict = {"status": "ok", "reason": "", "max_diff": worst}
    return verdict if right else verdict | {"status": "wrong", "reason": f"differs by {worst:.1e}"}


def main() -> None:
    """Run the command line."""
    source, out, kept = map(Path, sys.argv[1:])
    said = facts(skeleton(source), skeleton(out), out)
    print(json.dumps(said), flush=True)
    print(json.dumps(said | judge(source, out, kept)))


if __name__ == "__main__":
    main()
