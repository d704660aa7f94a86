"""Print the words of a fuzz target (wire, rules, pipeline) as a libFuzzer dictionary, from the library's tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"
WIRE_TYPES = {"VARINT": 0, "FIXED64": 1, "BYTES": 2, "FIXED32": 5}
GRAMMAR = ["(", ")", ",", "...", "#", "?", "_", "|", "&", ":", "::", "com.microsoft::", "\n"]
NUMBERS = [0, -1, 2**31, 2**62, -(2**62), 2**63 - 1, -(2**63)]


def varint(value: int) -> bytes:
    """Encode a number as protobuf does."""
    value &= 2**64 - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def rows(table: str, macro: str) -> list[list[str]]:
    """Return the arguments of every row of an X-macro table."""
    found = re.findall(rf"^{macro}\(([^()]*)", (SRC / table).read_text(), re.MULTILINE)
    return [[arg.strip() for arg in row.split(",")] for row in found]


def words(target: str) -> set[bytes]:
    """Return the words of a target."""
    operators = {row[0].encode() for row in rows("ops/ops.def", "OP")}
    if target == "rules":
        return operators | {word.encode() for word in GRAMMAR}
    tags = {
        varint(int(row[2]) << 3 | WIRE_TYPES[row[3]]) for row in rows("onnx/schema.def", "FIELD")
    }
    attributes = {row[1].encode() for row in rows("ops/attrs.def", r"ATTR_\w+")}
    numbers = {varint(n) for n in NUMBERS} | {n.to_bytes(8, "little", signed=True) for n in NUMBERS}
    return operators | tags | attributes | numbers


def main() -> None:
    """Print one quoted word a line."""
    for word in sorted(words(sys.argv[1])):
        print('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"')


if __name__ == "__main__":
    main()
