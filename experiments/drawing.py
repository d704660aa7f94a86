"""Graphs as SVG: boxes in layers from top to bottom, laid out by grandalf."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

from attention import SHAPES, Block

CLASSES = {
    "product": ({"MatMul", "Gemm"}, "#cfe2ff", "#2b5fa8"),
    "layout": ({"Reshape", "Transpose", "Split", "Squeeze", "Flatten"}, "#ffe3c2", "#b8680f"),
    "softmax": ({"Softmax", "Attention"}, "#d8f0d2", "#3b7d2a"),
    "shape": (SHAPES, "#ececec", "#888888"),
}
HEIGHT, GAP, LETTER, MARGIN = 22, 22, 7.2, 16


@dataclass
class Box:
    """The size and, after the layout, the middle of a vertex: what grandalf asks for."""

    w: float
    h: float = HEIGHT
    xy: tuple[float, float] = (0.0, 0.0)


def colours(op: str) -> tuple[str, str]:
    """Return the fill and the line of a box."""
    return next(
        ((f, line) for ops, f, line in CLASSES.values() if op in ops), ("#f6f0ff", "#7a5ab5")
    )


def vertex(text: str) -> Vertex:
    """Return a vertex that is wide enough for its text."""
    made = Vertex(text)
    made.view = Box(LETTER * len(text) + 16)
    return made


def laid_out(block: Block) -> tuple[list[Vertex], list[Edge]]:
    """Return a block's nodes and ends as placed vertices, and the edges between them."""
    by_value = {name: vertex(name.rsplit("/", 1)[-1]) for name in block.sources}
    boxes, edges = list(by_value.values()), []
    for node in block.nodes:
        box = vertex(node.op_type)
        boxes.append(box)
        edges += [
            Edge(by_value[name], box) for name in dict.fromkeys(node.input) if name in by_value
        ]
        by_value.update(dict.fromkeys(node.output, box))
    for component in Graph(boxes, edges).C:
        layout = SugiyamaLayout(component)
        layout.yspace, layout.xspace = GAP, 14
        layout.init_all(optimize=True)
        layout.draw(8)
    return boxes, edges


def panel(block: Block, title: str, left: float) -> tuple[list[str], float, float]:
    """Return the SVG of one block, its right edge and its height."""
    boxes, edges = laid_out(block)
    x0 = min(b.view.xy[0] - b.view.w / 2 for b in boxes)
    y0 = min(b.view.xy[1] for b in boxes) - HEIGHT - 34
    place = {b: (b.view.xy[0] - x0 + left, b.view.xy[1] - y0) for b in boxes}
    lines = [f'<text x="{left}" y="20" font-weight="bold">{escape(title)}</text>']
    for edge in edges:
        (x1, y1), (x2, y2) = (place[v] for v in edge.v)
        y1, y2, bend = y1 + HEIGHT / 2, y2 - HEIGHT / 2, (y2 - y1) / 2
        path = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"
        lines.append(f'<path d="{path}" fill="none" stroke="#999" marker-end="url(#tip)"/>')
    for b in boxes:
        (x, y), (fill, line) = place[b], colours(b.data)
        lines.append(
            f'<rect x="{x - b.view.w / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{b.view.w:.0f}" height="{HEIGHT}"'
            f' rx="4" fill="{fill}" stroke="{line}"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle">{escape(b.data)}</text>'
        )
    right = max(place[b][0] + b.view.w / 2 for b in boxes)
    return lines, right, max(y for _, y in place.values()) + HEIGHT


def draw(panels: list[tuple[str, Block]], path: Path) -> None:
    """Draw blocks side by side."""
    lines, left, height = [], float(MARGIN), 0.0
    for title, block in panels:
        made, right, tall = panel(block, title, left)
        lines += made
        left, height = max(right, left + LETTER * len(title)) + 3 * MARGIN, max(height, tall)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left:.0f}" height="{height + MARGIN:.0f}"'
        ' font-family="sans-serif" font-size="12">'
        '<marker id="tip" markerWidth="6" markerHeight="6" refX="5" refY="3" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="#999"/></marker><rect width="100%" height="100%" fill="white"/>'
    )
    path.write_text("\n".join([head, *lines, "</svg>", ""]))
