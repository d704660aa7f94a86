"""Which part of which golden case shows a rule best.

A case often tries a pattern several times side by side.  What is drawn is one such part: outputs that share no node
with the others, before or after; the whole model if something in it is needed by no output.  Of the parts in which a
rule fires, the best example is plain (floats, no bodies, no functions), has the fewest other rules, then the fewest
nodes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import onnx

import golden
from graph_panel import captured

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "golden"
ODD = re.compile(r"\b(b?float16|double|string|seq|optional)\b")


@dataclass(frozen=True)
class Shown:
    """A part of a golden case that changes: the model before and after, and the rules that fire in it."""

    case: golden.Case
    before: onnx.ModelProto
    after: onnx.ModelProto
    fired: frozenset[str]

    @property
    def rank(self) -> tuple:
        """What makes an example good, the least is the best."""
        graphs = [a.g for n in self.before.graph.node for a in n.attribute if a.HasField("g")]
        odd = bool(graphs or self.before.functions or ODD.search(self.case.sections["in"]))
        nodes = len(self.before.graph.node)
        return odd, len(self.fired), nodes, len(self.case.sections["in"]), self.case.path.name

    @property
    def name(self) -> str:
        """The case's path in the repository."""
        return self.case.path.relative_to(ROOT).as_posix()

    @property
    def comment(self) -> str:
        """What the case says of itself."""
        return " ".join(line.lstrip("# ") for line in self.case.comment)


def cone(graph: onnx.GraphProto, outputs: set[str]) -> list[int]:
    """Return the nodes that the outputs need."""
    wanted, found = set(outputs), []
    for i in reversed(range(len(graph.node))):
        if wanted.intersection(graph.node[i].output):
            found.append(i)
            wanted.update(captured(graph.node[i]))
    return found[::-1]


def has_unused(model: onnx.ModelProto) -> bool:
    """Tell whether a node or an initializer is needed by no output."""
    outputs = {v.name for v in model.graph.output}
    whole = part(model, outputs).graph
    return any(len(a) != len(b) for a, b in _members(whole, model.graph))


def _members(*graphs: onnx.GraphProto) -> zip:
    return zip(*((g.node, g.initializer) for g in graphs), strict=True)


def groups(models: tuple[onnx.ModelProto, onnx.ModelProto]) -> list[set[str]]:
    """Return the outputs in groups: those of different groups share no node, in any of the models."""
    outputs = [v.name for v in models[1].graph.output]
    if has_unused(models[0]):
        return [set(outputs)]
    parts: list[tuple[set[str], list[set[int]]]] = []
    for output in outputs:
        names, cones = {output}, [set(cone(m.graph, {output})) for m in models]
        for other in [p for p in parts if any(a & b for a, b in zip(p[1], cones, strict=True))]:
            parts.remove(other)
            names |= other[0]
            cones = [a | b for a, b in zip(other[1], cones, strict=True)]
        parts.append((names, cones))
    return [names for names, _ in parts]


def part(model: onnx.ModelProto, outputs: set[str]) -> onnx.ModelProto:
    """Return the model with these outputs alone, and what they need."""
    graph = model.graph
    nodes = [graph.node[i] for i in cone(graph, outputs)]
    used = outputs.union(*(captured(node) for node in nodes))
    kept = onnx.helper.make_graph(
        nodes,
        graph.name,
        [v for v in graph.input if v.name in used],
        [v for v in graph.output if v.name in outputs],
        [t for t in graph.initializer if t.name in used],
    )
    return onnx.helper.make_model(
        kept,
        ir_version=model.ir_version,
        opset_imports=model.opset_import,
        functions=model.functions,
    )


def names(model: onnx.ModelProto) -> set[str]:
    """Return what remarks may call the nodes of a model, those in bodies and functions too."""
    todo, found = [*model.graph.node, *(n for f in model.functions for n in f.node)], set()
    while todo:
        node = todo.pop()
        found |= {node.name, *node.output}
        todo += [n for a in node.attribute for n in a.g.node]
    return found


def remarks(tool: Path, model: onnx.ModelProto, flags: list[str]) -> list[dict]:
    """Optimise a model; return what fired where."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model.SerializeToString())
        file.flush()
        command = [tool, file.name, "--dry-run", "-q", "--remarks=fired", "--json", "-", *flags]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return json.loads(done.stdout)["remarks"]


def parts(tool: Path, path: Path) -> list[Shown]:
    """Return the parts of a case that change; none if the optimizer leaves its model alone."""
    case = golden.parse_case(path)
    if case.sections.get("out", "").strip() in ("", golden.UNCHANGED):
        return []
    models = case.model, golden.parse_model(case.sections["out"])
    fired_at = remarks(tool, models[0], case.flags)
    rows = [(r["rule"], set(re.findall(r"'([^']+)'", r["node"]))) for r in fired_at]
    everywhere = names(models[0]) | names(models[1])
    found = []
    parted = groups(models)
    for outputs in parted:
        before, after = models if len(parted) == 1 else (part(m, outputs) for m in models)
        if before == after:
            continue
        here = names(before) | names(after)
        fired = {rule for rule, where in rows if where & here or not where & everywhere}
        found.append(Shown(case, before, after, frozenset(fired)))
    return found


def shown(tool: Path, folder: str) -> list[Shown]:
    """Return what the cases of a pass show, the best examples first."""
    paths = sorted((CASES / folder).glob("*.txt"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [s for some in pool.map(lambda path: parts(tool, path), paths) for s in some]
    return sorted(found, key=lambda s: s.rank)


def choose(examples: list[Shown], rules: Iterable[str]) -> dict[str, Shown]:
    """Return the best example of each rule that has one."""
    best = {rule: next((e for e in examples if rule in e.fired), None) for rule in rules}
    return {rule: example for rule, example in best.items() if example}
