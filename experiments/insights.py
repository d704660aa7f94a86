"""The blocks of docs/insights.md, made from results/; tools/readme.py puts them there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("experiments", "tools", "models", "tests/support", "bench/latency")
sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]

import exp_05_order  # noqa: E402  (found through the line above)
import exp_07_size  # noqa: E402
import exp_09_family  # noqa: E402
import lab  # noqa: E402
import page as latency  # noqa: E402
import zoo  # noqa: E402
from measured import UNKNOWN, results, settings, units  # noqa: E402

NOTABLE = 0.01
"""Share of a model's nodes from which a pass is worth a line."""
ALL = exp_07_size.PIPELINE


def needs(*names: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Return what a block says before its experiments were run."""

    def wrap(block: Callable[[], str]) -> Callable[[], str]:
        @wraps(block)
        def made() -> str:
            missing = [name for name in names if not results(name)]
            return f"{UNKNOWN}: {', '.join(missing)}\n" if missing else block()

        return made

    return wrap


def listed(names: list[str]) -> str:
    """Return names in a row."""
    return ", ".join(names) or "none"


def span(values: list[float]) -> str:
    """Return shares as a range of percents."""
    low, high = (round(100 * value) for value in (min(values), max(values)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def shares() -> dict[str, dict[str, float]]:
    """Return the share of nodes that each pass takes alone, by model."""
    return {
        model: {name: -row["nodes"] / found["nodes"] for name, row in found["passes"].items()}
        for model, found in units("exp_01_attribution").items()
    }


@needs("exp_01_attribution")
def gains() -> str:
    """Return which family gains from which pass."""
    by_family: dict[str, list[dict[str, float]]] = {}
    for model, share in shares().items():
        by_family.setdefault(zoo.MODELS[model].family, []).append(share)
    rows = []
    for family, models in by_family.items():
        best = {name: [share[name] for share in models] for name in models[0] if name != ALL}
        best = {name: values for name, values in best.items() if max(values) >= NOTABLE}
        order = sorted(best, key=lambda name: -max(best[name]))
        passes = ", ".join(f"{name} {span(best[name])}" for name in order)
        rows.append([family, len(models), passes or "none", span([m[ALL] for m in models])])
    return lab.table(["family", "models", "passes, alone", "all together"], rows, left=3)


@needs("exp_01_attribution")
def idle() -> str:
    """Return the passes that change nothing, and the models with which little can be done."""
    found = units("exp_01_attribution")
    names = next(iter(found.values()))["passes"]
    still = [
        name
        for name in names
        if not any(f["passes"][name]["nodes"] or f["passes"][name]["bytes"] for f in found.values())
    ]
    least = min(shares().items(), key=lambda item: item[1][ALL])
    return (
        f"- Passes that, alone, change neither nodes nor bytes of any model as exported: {listed(still)}.\n"
        f"- The model with the smallest gain is {least[0]}: {100 * least[1][ALL]:.1f} % of its nodes.\n"
    )


@needs("exp_01_attribution")
def size() -> str:
    """Return how nodes and bytes go together."""
    found = units("exp_01_attribution")
    nodes, size_ = (
        {m: f["passes"][ALL][k] / f[k] for m, f in found.items()} for k in ("nodes", "bytes")
    )
    r = exp_07_size.correlation(
        [(f["passes"][ALL]["nodes"], f["passes"][ALL]["bytes"]) for f in found.values()]
    )
    adding = [
        name
        for name, points in exp_07_size.by_pass(found).items()
        if sum(bytes_ for _, bytes_ in points) > 0 and name != ALL
    ]
    grown = [m for m, change in size_.items() if change > 0]
    return (
        f"- The pipeline takes {span([-v for v in nodes.values()])} of the nodes, and changes the bytes by "
        f"{100 * min(size_.values()):+.2f} to {100 * max(size_.values()):+.2f} %.\n"
        f"- Over the models, Pearson's r of nodes taken and bytes taken is "
        f"{'not defined' if r is None else f'{r:+.2f}'}.\n"
        f"- Passes that add bytes over the zoo: {listed(adding)}. Models that end larger: {listed(grown)}.\n"
    )


@needs("exp_09_family")
def family() -> str:
    """Return how alike the attention blocks are, and what cleanup_attention takes of each."""
    kept = units("exp_09_family")
    reference = exp_09_family.FAMILY[0]
    rows = []
    for model, f in kept.items():
        before, after = f["nodes"]["before"], f["nodes"]["after"]
        relation = exp_09_family.relation(kept[reference], f) if reference in kept else UNKNOWN
        rows.append(
            [model, relation, lab.signed(after - before), lab.percent(after - before, before)]
        )
    return lab.table(
        ["model", f"block against {reference}'s", "Δ nodes", "of the model"], rows, left=2
    )


@needs("exp_05_order")
def order() -> str:
    """Return whether the order of passes matters."""
    kept = units("exp_05_order")
    asked = len(exp_05_order.MODELS) * 24
    if len(kept) < asked:
        return f"{UNKNOWN}: {len(kept)} of {asked} orders\n"
    text = exp_05_order.verdict(kept)
    for model in exp_05_order.MODELS:
        rows = [r for r in kept.values() if r["model"] == model]
        once, fixed, worklist = (
            " or ".join(map(str, sorted({r[k] for r in rows})))
            for k in ("once", "fixed", "worklist")
        )
        text += f"\n- {model}: each pass once leaves {once} nodes; again until nothing changes {fixed}; "
        text += f"one worklist {worklist}."
    return text + "\n"


@needs("latency")
def speed() -> str:
    """Return the models that became faster, stayed, and became slower."""
    groups: dict[str, list[str]] = {"Faster": [], "Slower": [], "Noise": []}
    for model in results("latency")["models"]:
        found = settings(model).get(latency.LEAD)
        if not found:
            continue
        if latency.is_noise(found):
            groups["Noise"].append(model)
        else:
            group = "Faster" if found[latency.OURS]["ratio"] < 1 else "Slower"
            groups[group].append(f"{model} {latency.change(found)}")
    return "".join(f"- {group}: {listed(models)}.\n" for group, models in groups.items())


@needs("exp_02_transposes")
def transposes() -> str:
    """Return what becomes of YOLO's Transposes."""
    return "".join(
        f"- {model}: {f['before']} Transposes, {f['surviving']} left; nodes by the pass alone: "
        f"{lab.signed(f['alone'])}.\n"
        for model, f in units("exp_02_transposes").items()
    )


def lifted() -> str:
    """Return what a newer opset adds, from the counts that the tests pin."""
    pinned = json.loads((ROOT / "tests" / "zoo" / "expected.json").read_text())
    rows = [
        [
            model,
            row["after"],
            row["lifted"],
            lab.percent(row["lifted"] - row["after"], row["after"]),
        ]
        for model, row in pinned.items()
        if row["lifted"] != row["after"]
    ]
    return lab.table(["model", "nodes left", "with --opset max", "Δ"], rows)


@needs("exp_13_auto")
def auto() -> str:
    """Return what --auto saves."""
    kept = units("exp_13_auto")
    share = [1 - f["auto"]["tries"] / f["standard"]["tries"] for f in kept.values()]
    plain, less = (sum(f[how]["seconds"] for f in kept.values()) for how in ("standard", "auto"))
    other = [model for model, f in kept.items() if not f["same"]]
    return (
        f"- {span(share)} of the tries fall away; over {len(kept)} models the passes take {1000 * less:.0f} ms "
        f"instead of {1000 * plain:.0f} ({lab.percent(less - plain, plain)}).\n"
        f"- Models whose output differs: {listed(other)}.\n"
    )


@needs("exp_06_tolerance")
def accuracy() -> str:
    """Return the models on which every output keeps its bits, and the worst of the others."""
    kept = units("exp_06_tolerance")
    same = {
        w: [m for m, f in kept.items() if f[w]["absolute"]["max"] == 0] for w in ("off", "default")
    }
    share = {m: max(f[w]["share"]["max"] for w in same) for m, f in kept.items()}
    worst = max(share, key=share.__getitem__)
    return (
        f"- No output differs with ONNX Runtime's optimizer off: {listed(same['off'])}; at its default level: "
        f"{listed(same['default'])}.\n"
        f"- The largest difference is {share[worst]:.2f} of what is allowed, on {worst}.\n"
    )


BLOCKS = {
    block.__name__: block
    for block in (gains, lifted, idle, auto, size, family, order, speed, transposes, accuracy)
}
