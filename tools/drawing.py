"""Graphs as SVG: boxes in layers from top to bottom, laid out by grandalf.

Fills and lines stand in the elements, so that a file can be looked at by itself; a page that has the SVG in it may give
the classes (`box`, a box's kind, `edge`, `tip`, `title`) other colours, for a dark background say.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from html import escape

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

COLOURS = {
    "product": ("#cfe2ff", "#2b5fa8"),
    "layout": ("#ffe3c2", "#b8680f"),
    "softmax": ("#d8f0d2", "#3b7d2a"),
    "shape": ("#ececec", "#888888"),
    "other": ("#f6f0ff", "#7a5ab5"),
    "gone": ("#ffe0dc", "#c0392b"),
    "made": ("#d8f0d2", "#3b7d2a"),
    "value": ("#ffffff", "#999999"),
}
"""Fill and line of each kind of box."""
LINE, PAD, GAP, LETTER, MARGIN = 15, 7, 22, 7.2, 16


@dataclass
class Box:
    """What a vertex shows: a line or more, and of which kind it is. Size and middle are what grandalf asks for."""

    lines: list[str]
    kind: str = "other"
    xy: tuple[float, float] = (0.0, 0.0)

    @property
    def w(self) -> float:
        """The width that the longest line needs."""
        return LETTER * max(len(line) for line in self.lines) + 16

    @property
    def h(self) -> float:
        """The height that the lines need."""
        return LINE * len(self.lines) + PAD


@dataclass
class Panel:
    """A graph under a title."""

    title: str
    boxes: dict[Hashable, Box] = field(default_factory=dict)
    edges: list[tuple[Hashable, Hashable]] = field(default_factory=list)

    def place(self) -> None:
        """Give every box its middle; parts that are not connected stand side by side."""
        vertices = {key: Vertex(key) for key in self.boxes}
        for key, vertex in vertices.items():
            vertex.view = self.boxes[key]
        edges = [Edge(vertices[a], vertices[b]) for a, b in dict.fromkeys(self.edges)]
        left = 0.0
        for component in Graph(list(vertices.values()), edges).C:
            layout = SugiyamaLayout(component)
            layout.yspace, layout.xspace = GAP, 14
            layout.init_all(optimize=True)
            layout.draw(8)
            boxes = [v.view for v in component.sV]
            shift = left - min(b.xy[0] - b.w / 2 for b in boxes)
            for box in boxes:
                box.xy = (box.xy[0] + shift, box.xy[1])
            left = max(b.xy[0] + b.w / 2 for b in boxes) + 2 * MARGIN


def edge(start: Box, end: Box, at: tuple[float, float]) -> str:
    """Return the arrow from one box to another: it leaves and arrives straight down."""
    x1, y1 = start.xy[0] + at[0], start.xy[1] + at[1] + start.h / 2
    x2, y2 = end.xy[0] + at[0], end.xy[1] + at[1] - end.h / 2
    bend = (y2 - y1) / 2
    path = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"
    return (
        f'<path class="edge" d="{path}" fill="none" stroke="#999"/>'
        f'<path class="tip" d="M{x2:.0f} {y2:.0f}l-3 -6h6z" fill="#999"/>'
    )


def drawn(box: Box, at: tuple[float, float]) -> str:
    """Return a box with its text."""
    x, y = box.xy[0] + at[0], box.xy[1] + at[1]
    fill, line = COLOURS[box.kind]
    top = y - box.h / 2
    corner = 11 if box.kind == "value" else 4
    text = ""
    for i, words in enumerate(box.lines):
        small = ' font-size="10"' if i else ""
        text += (
            f'<text x="{x:.0f}" y="{top + PAD / 2 + LINE * i + 11:.0f}" text-anchor="middle"{small}>'
            f"{escape(words)}</text>"
        )
    return (
        f'<g class="box {box.kind}"><rect x="{x - box.w / 2:.0f}" y="{top:.0f}" width="{box.w:.0f}"'
        f' height="{box.h:.0f}" rx="{corner}" fill="{fill}" stroke="{line}"/>{text}</g>'
    )


def panel_svg(panel: Panel, left: float) -> tuple[list[str], float, float]:
    """Return the SVG of one panel, its right edge and its height."""
    panel.place()
    boxes = panel.boxes.values()
    at = (
        left - min((b.xy[0] - b.w / 2 for b in boxes), default=0),
        34 - min((b.xy[1] - b.h / 2 for b in boxes), default=0),
    )
    lines = [
        f'<text class="title" x="{left:.0f}" y="20" font-weight="bold">{escape(panel.title)}</text>'
    ]
    lines += [edge(panel.boxes[a], panel.boxes[b], at) for a, b in dict.fromkeys(panel.edges)]
    lines += [drawn(b, at) for b in boxes]
    right = max((b.xy[0] + b.w / 2 + at[0] for b in boxes), default=left)
    return lines, right, max((b.xy[1] + b.h / 2 + at[1] for b in boxes), default=34)


def svg(panels: list[Panel], background: str | None = "white") -> str:
    """Return panels side by side as an SVG document; without a background it is for a page that has one."""
    lines, left, height = [], float(MARGIN), 0.0
    for panel in panels:
        made, right, tall = panel_svg(panel, left)
        lines += made
        left = max(right, left + LETTER * len(panel.title)) + 3 * MARGIN
        height = max(height, tall)
    width, height = left - 2 * MARGIN, height + MARGIN
    label = escape(", ".join(panel.title for panel in panels), quote=True)
    paper = f'<rect width="100%" height="100%" fill="{background}"/>' if background else ""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}"'
        f' font-family="sans-serif" font-size="12">{paper}'
    )
    return "\n".join([head, *lines, "</svg>", ""])
