"""Golden cases: one file each, models in ONNX text syntax.

    # What is tested, in a sentence or two.
    flags: --only=eliminate_identity_ops
    --- in
    g (float[N, 3] x) => (float[N, 3] y) { a = Identity(x)  y = Relu(a) }
    --- out
    g (float[N,3] x) => (float[N,3] y) { y = Relu (x) }
    --- remarks
    fired eliminate-identity Identity 'a': ...

A model without its header gets `<ir_version: 10, opset_import: ["" : 21]>`.  `out` is
`unchanged` where the optimizer must leave the model alone.  `remarks`, if there, lists
every remark of the run.  Keys before the first section:

    flags: ...         of the command line
    tolerance: T       the rewrite rounds: outputs differ by at most T * max(1, largest);
                       the case is then run with --exact too, which must keep every bit
    kernel: REASON     bitwise by specification, but ONNX Runtime's kernels round apart:
                       compare with 1e-5 even under --exact
    range: NAME LO HI  the integers an input may have (indices), both ends included
    dims: NAME=N ...   a size the named dim must have for the model to run
    interface: REASON  the flags ask for other inputs or outputs
    numeric: REASON    why ONNX Runtime cannot run the model
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnx.parser
import onnx.printer

HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'
UNCHANGED = "unchanged"
_SECTIONS = ("in", "out", "remarks")
_KEYS = ("flags", "tolerance", "kernel", "range", "dims", "interface", "numeric")


@dataclass
class Case:
    """A golden case as its file says it."""

    path: Path
    comment: list[str] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        """Return the value of a key that is there at most once."""
        values = [v for k, v in self.keys if k == key]
        assert len(values) <= 1, f"{key}: is there {len(values)} times"
        return values[0] if values else None

    @property
    def flags(self) -> list[str]:
        """The flags for the command line."""
        return shlex.split(self.get("flags") or "")

    @property
    def bounds(self) -> dict[str, tuple[int, int]]:
        """Ranges of integer inputs."""
        split = [v.split() for k, v in self.keys if k == "range"]
        return {name: (int(low), int(high)) for name, low, high in split}

    @property
    def dims(self) -> dict[str, int]:
        """Sizes that named dims must have."""
        pairs = (item.split("=") for item in (self.get("dims") or "").split())
        return {name: int(size) for name, size in pairs}

    @property
    def model(self) -> onnx.ModelProto:
        """The model before."""
        return parse_model(self.sections["in"])

    @property
    def expected(self) -> str:
        """The normalised text of the model after."""
        section = self.sections.get("out", "")
        if section.strip() == UNCHANGED:
            return model_text(self.model)
        return model_text(parse_model(section)) if section.strip() else ""

    def update(self, text: str, remarks: list[str]) -> None:
        """Rewrite what the file expects."""
        same = text == model_text(self.model)
        self.sections["out"] = UNCHANGED + "\n" if same else text.removeprefix(_header(HEADER))
        if "remarks" in self.sections:
            self.sections["remarks"] = "".join(line + "\n" for line in remarks)
        lines = [*self.comment, *(f"{k}: {v}" for k, v in self.keys)]
        for name in _SECTIONS:
            if name in self.sections:
                lines += [f"--- {name}", self.sections[name].strip("\n")]
        self.path.write_text("\n".join(line for line in lines if line.strip()) + "\n")


def parse_case(path: Path) -> Case:
    """Read a case; an error names the line."""
    case, section = Case(path), None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("--- "):
            section = line[4:].strip()
            if section not in _SECTIONS or section in case.sections:
                raise ValueError(f"{path}:{number}: unknown or repeated section {section!r}")
            case.sections[section] = ""
        elif section:
            case.sections[section] += line + "\n"
        elif line.startswith("#"):
            case.comment.append(line)
        elif line.strip():
            key, colon, value = line.partition(":")
            if not colon or key not in _KEYS:
                raise ValueError(f"{path}:{number}: unknown key {key!r}")
            case.keys.append((key, value.strip()))
    if not case.comment or "in" not in case.sections:
        raise ValueError(f"{path}: a case needs a comment and a section in")
    return case


def parse_model(text: str) -> onnx.ModelProto:
    """Parse a model in ONNX text syntax, with the usual header if it has none."""
    full = text if text.lstrip().startswith("<") else HEADER + text
    return onnx.parser.parse_model(full)


def model_text(model: onnx.ModelProto) -> str:
    """Print a model in its one normal form."""
    lines = onnx.printer.to_text(model).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _header(text: str) -> str:
    """Return a header as the printer prints it."""
    printed = model_text(onnx.parser.parse_model(text + "g () => () {}"))
    return printed[: printed.index("g ()")]
