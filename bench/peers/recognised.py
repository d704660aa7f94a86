"""What `onnxruntime.transformers.optimizer` still recognises in a model: results/recognised.json.

    python bench/peers/recognised.py [--build build]

That tool looks for BERT's attention node by node: two Unsqueezes, Cast and Sub in front of the mask, the
square root of the scale as a node of its own.  Every optimizer that folds those hides it, which is why it is
meant for raw exports.  It also takes the scale to be 1/sqrt(head size) without looking: where
`fold-scale` has moved it into the weights, a match would compute something else.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "models")]

from onnxruntime.transformers import optimizer  # noqa: E402

import materialize  # noqa: E402  (found through the line above)

RESULTS = ROOT / "results" / "recognised.json"
MODEL, HEADS, HIDDEN = "bert_base", 12, 768
SKIPS = (
    "",
    "merge-sibling-projections",
    "cleanup_attention",
    "cleanup_attention,merge-sibling-projections,fold_constants,merge-reshapes",
)
"""What of onnxslim is left out, from nothing to all that hides a form from that tool."""
BESIDE = ("onnxsim", "OnnxSlim", "ORT basic")


def recognised(model: Path) -> dict[str, int]:
    """Return the fused operators the tool finds, by name, and the nodes that are left."""
    made = optimizer.optimize_model(
        str(model), model_type="bert", num_heads=HEADS, hidden_size=HIDDEN, opt_level=0
    )
    found = {k: v for k, v in made.get_fused_operator_statistics().items() if v}
    return {"Attention": 0, **found, "nodes left": len(made.nodes())}


def main() -> None:
    """Measure the original, ours with ever fewer rules, and some peers."""
    parser = argparse.ArgumentParser(description="Run ONNX Runtime's transformers tool.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    build = parser.parse_args().build.resolve()
    logging.disable(logging.CRITICAL)
    source, work = materialize.materialize(MODEL), build / "recognised"
    commands = {"as exported": None}
    for skip in SKIPS:
        name = f"onnxslim --skip {skip}" if skip else "onnxslim"
        commands[name] = [build / "onnxslim", "-q", *(["--skip", skip] if skip else [])]
    commands |= {peer: [sys.executable, HERE / "peer.py", peer] for peer in BESIDE}
    rows = {}
    for name, command in commands.items():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        out = work / source.name
        if command:
            subprocess.run([*command, source, out], check=True, stdout=subprocess.DEVNULL)
        rows[name] = recognised(out if command else source)
        print(f"{name:70} {rows[name]}", flush=True)
    shutil.rmtree(work)
    RESULTS.write_text(json.dumps({MODEL: rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
