"""Attention blocks in a graph: from what the projections read to what the output projection gives.

A block is found from its core, the Softmax (or Attention) node, by walking to the nearest products, and holds every
node on a path between its ends, with the constant ones that feed them.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import onnx

PRODUCTS = {"MatMul", "Gemm", "FusedMatMul"}
SHAPES = {
    "Shape",
    "Gather",
    "Unsqueeze",
    "Concat",
    "Slice",
    "Cast",
    "Squeeze",
    "ConstantOfShape",
    "Equal",
    "Expand",
}
DEPTH = 3
"""How far a node's own pattern looks, where blocks are compared piece by piece."""


@dataclass
class Graph:
    """A main graph with its edges both ways."""

    nodes: list[onnx.NodeProto]
    maker: dict[str, int] = field(default_factory=dict)
    users: dict[str, list[int]] = field(default_factory=dict)
    constant: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, path) -> Graph:
        """Read a model's main graph."""
        proto = onnx.load(path, load_external_data=False).graph
        graph = cls(list(proto.node), constant={t.name for t in proto.initializer})
        for i, node in enumerate(graph.nodes):
            for name in node.output:
                graph.maker[name] = i
            for name in node.input:
                graph.users.setdefault(name, []).append(i)
            if all(name in graph.constant for name in node.input if name):
                graph.constant.update(node.output)
        return graph

    def live(self, i: int) -> list[str]:
        """Return the inputs of a node that are computed at run time."""
        return [name for name in self.nodes[i].input if name and name not in self.constant]

    def is_projection(self, i: int) -> bool:
        """Tell whether a node is a product with constant weights."""
        return self.nodes[i].op_type in PRODUCTS and len(self.live(i)) == 1

    def is_product(self, i: int) -> bool:
        """Tell whether a node is a product of two computed values."""
        return self.nodes[i].op_type in PRODUCTS and len(self.live(i)) == 2

    def above(self, value: str, found: Callable[[int], bool]) -> int | None:
        """Return the nearest node above a value for which `found` holds."""
        queue, seen = deque([value]), {value}
        while queue:
            i = self.maker.get(queue.popleft())
            if i is None:
                continue
            if found(i):
                return i
            queue.extend(name for name in self.live(i) if name not in seen)
            seen.update(self.live(i))
        return None

    def below(self, value: str, found: Callable[[int], bool]) -> int | None:
        """Return the nearest node below a value for which `found` holds."""
        queue, seen = deque([value]), {value}
        while queue:
            for i in self.users.get(queue.popleft(), []):
                if found(i):
                    return i
                queue.extend(name for name in self.nodes[i].output if name not in seen)
                seen.update(self.nodes[i].output)
        return None

    def between(self, sources: Iterable[str], end: str) -> list[int]:
        """Return the nodes on paths from the sources to the end, in graph order."""
        down, up = set(sources), {end}
        for node in self.nodes:
            if any(name in down for name in node.input):
                down.update(node.output)
        inside = []
        for i in range(self.maker[end], -1, -1):
            node = self.nodes[i]
            if any(name in up for name in node.output) and any(name in down for name in node.input):
                up.update(name for name in node.input if name not in sources)
                inside.append(i)
        return inside[::-1]

    def feeding(self, inside: list[int]) -> set[int]:
        """Return the constant nodes that some nodes read, and what those read."""
        found: set[int] = set()
        queue = [name for i in inside for name in self.nodes[i].input if name in self.constant]
        while queue:
            i = self.maker.get(queue.pop())
            if i is not None and i not in found:
                found.add(i)
                queue.extend(self.nodes[i].input)
        return found


@dataclass(frozen=True)
class Block:
    """One attention block: its nodes in order, the values it starts from, the value it ends in."""

    graph: Graph
    inside: tuple[int, ...]
    constants: frozenset[int]
    sources: tuple[str, ...]
    end: str

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """The nodes that compute at run time."""
        return [self.graph.nodes[i] for i in self.inside]

    @property
    def count(self) -> int:
        """How many nodes it has, constant ones included."""
        return len(self.inside) + len(self.constants)

    def ops(self) -> Counter:
        """Count its operators."""
        return Counter(self.graph.nodes[i].op_type for i in (*self.inside, *self.constants))

    def label(self, value: str, depth: int = 1 << 30) -> str:
        """Return the canonical form of what computes a value: operators over sources, constants and others."""
        if value in self.sources:
            return f"x{self.sources.index(value)}"
        i = self.graph.maker.get(value)
        if value in self.graph.constant or not value:
            return "c" if value else "-"
        if i not in self.inside:
            return "other"
        node = self.graph.nodes[i]
        if not depth:
            return node.op_type
        parts = ",".join(self.label(name, depth - 1) for name in node.input)
        text = f"{node.op_type}({parts})"
        return hashlib.sha256(text.encode()).hexdigest()[:16] if depth > DEPTH else text

    @property
    def canonical(self) -> str:
        """The canonical form of the whole."""
        return self.label(self.end)

    def pieces(self) -> Counter:
        """Count the canonical forms of its nodes, each with what is right above it."""
        return Counter(self.label(name, DEPTH) for node in self.nodes for name in node.output[:1])

    def sequence(self) -> list[str]:
        """Return its operators in order, without the arithmetic on shapes."""
        return [n.op_type for n in self.nodes if n.op_type not in SHAPES]


def overlap(a: Block, b: Block) -> float:
    """Return the share of the pieces of both that they have in common."""
    mine, theirs = a.pieces(), b.pieces()
    return (mine & theirs).total() / ((mine | theirs).total() or 1)


def from_core(graph: Graph, core: int) -> Block | None:
    """Return the block around a Softmax node."""
    node = graph.nodes[core]
    scores = graph.above(node.input[0], graph.is_product)
    context = graph.below(node.output[0], graph.is_product)
    if scores is None or context is None:
        return None
    operands = [
        *graph.live(scores),
        *(v for v in graph.live(context) if not reaches(graph, core, v)),
    ]
    ends = [graph.above(v, graph.is_projection) for v in operands]
    out = graph.below(graph.nodes[context].output[0], graph.is_projection)
    if out is None or None in ends:
        return None
    sources = tuple(dict.fromkeys(graph.live(i)[0] for i in ends))
    end = graph.nodes[out].output[0]
    bias = graph.users.get(end, [])
    if len(bias) == 1 and graph.nodes[bias[0]].op_type == "Add" and len(graph.live(bias[0])) == 1:
        end = graph.nodes[bias[0]].output[0]
    inside = graph.between(sources, end)
    return Block(graph, tuple(inside), frozenset(graph.feeding(inside)), sources, end)


def reaches(graph: Graph, core: int, value: str) -> bool:
    """Tell whether a value is computed from the core's result, a few nodes down."""
    return graph.above(value, lambda i: i == core) is not None


def blocks(path) -> list[Block]:
    """Return the attention blocks of a model, in order."""
    graph = Graph.load(path)
    cores = [i for i, node in enumerate(graph.nodes) if node.op_type == "Softmax"]
    return [b for core in cores if (b := from_core(graph, core))]
