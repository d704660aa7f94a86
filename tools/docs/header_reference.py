"""The C reference, made of include/onnxslim.h: its sections, comments and declarations, in its order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "onnxslim.h"
_SECTION = re.compile(r"/\* --- (.+?) -+(?: \*/)?$")
_NAME = re.compile(r"\b(ONNXSLIM_VERSION|onnxslim_\w+)(?=\(|;|$| \{)")


@dataclass
class Item:
    """Declarations that stand together, with the comment in front of them."""

    comment: str
    code: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """What is declared: functions, types."""
        text = "\n".join(self.code)
        found = re.findall(r"^ONNXSLIM_API[^;(]*?(onnxslim_\w+)\(", text, re.M)
        found += re.findall(r"^typedef (?:enum|struct) (onnxslim_\w+)(?: \{| onnxslim)", text, re.M)
        found += re.findall(r"^struct (onnxslim_\w+) \{", text, re.M)
        found += re.findall(r"^#define (ONNXSLIM_[A-Z]+) \"", text, re.M)
        return sorted(dict.fromkeys(found), key=text.index)


def comment_text(lines: list[str]) -> str:
    """Return a comment without its marks."""
    text = " ".join(line.strip().removeprefix("/*").removeprefix("* ").strip() for line in lines)
    return re.sub(r"\s*\*/$", "", text).removesuffix("*").strip()


def sections() -> dict[str, list[Item]]:
    """Return the items of the header under the titles of its sections."""
    lines = HEADER.read_text().splitlines()
    found: dict[str, list[Item]] = {}
    title, item, i = "versions and status", None, lines.index("#define ONNXSLIM_API") + 2
    while i < len(lines) and lines[i] != "#ifdef __cplusplus":
        line = lines[i]
        if section := _SECTION.match(line):
            title, item = section[1], None
        elif line.startswith("/*"):
            end = next(n for n in range(i, len(lines)) if lines[n].endswith("*/"))
            item = Item(comment_text(lines[i : end + 1]))
            found.setdefault(title, []).append(item)
            i = end
        elif not line.strip():
            item = None
        elif line.strip() not in ("*/",) and not line.startswith(" *"):
            if item is None:
                item = Item("")
                found.setdefault(title, []).append(item)
            if line.endswith("{"):
                end = next(n for n in range(i, len(lines)) if lines[n].startswith("}"))
                item.code += lines[i : end + 1]
                i = end
            else:
                item.code.append(line)
        i += 1
    return found


def as_text(comment: str) -> str:
    """Return a comment as Markdown: names of the interface are code."""
    return re.sub(r"\b((?:onnxslim|ONNXSLIM)_\w+(?:\(\))?)", r"`\1`", comment).replace("*r", "\\*r")


def reference() -> str:
    """Return the reference."""
    text = ""
    for title, items in sections().items():
        text += f"## {title[:1].upper()}{title[1:]}\n\n"
        for item in items:
            if not item.code:
                text += f"{as_text(item.comment)}\n\n"
                continue
            names = ", ".join(f"`{name}`" for name in item.names)
            code = "\n".join(re.sub(r"^ONNXSLIM_API ", "", line) for line in item.code)
            code = re.sub(r"\n {12,}", "\n    ", code)
            text += f"### {names}\n\n" if names else ""
            text += f"{as_text(item.comment)}\n\n" if item.comment else ""
            text += f"```c\n{code}\n```\n\n"
    return text
