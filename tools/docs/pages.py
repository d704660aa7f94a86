"""What the site generator reads, in build/docs: docs/ with what is generated put in, and its configuration.

    python tools/docs/pages.py --build build

`<!-- make NAME -->` in a page is replaced by what the function of that name makes.  Pages that lie elsewhere in the
repository (SOURCES) get a place in the site; links between pages follow.  A linked file that is no page comes along.
`make docs` runs this and then the site generator (docs/mkdocs.yml).
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("tools", "tools/docs", "tests/support")]

import header_reference  # noqa: E402  (found through the line above)
import help_tables  # noqa: E402
import pass_pages  # noqa: E402
import readme  # noqa: E402

SOURCES = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "SECURITY.md": "security.md",
    "models/README.md": "contributing/zoo.md",
    "results/latency.md": "results/latency.md",
    "results/peers.md": "results/peers.md",
    "results/placement.md": "results/placement.md",
}
"""Pages outside docs/, and where the site has them."""
FILES = "files"
"""The site's folder of files that pages link to."""
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#]+)(#[^)\s]*)?(\))")
MAKE = re.compile(r"^<!-- make (\w+) -->$", re.M)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.M | re.S)


def sources() -> dict[str, str]:
    """Return every page of the repository with its place in the site."""
    own = [p.relative_to(ROOT / "docs").as_posix() for p in sorted((ROOT / "docs").rglob("*.md"))]
    return {f"docs/{page}": page for page in own} | SOURCES


def resolved(source: str, target: str) -> str:
    """Return a relative link's target as a path in the repository."""
    return os.path.normpath(PurePosixPath(source).parent / target)


def relinked(text: str, source: str, places: dict[str, str], linked: set[str]) -> str:
    """Return a page with its links as the site needs them; files that must come along are added to `linked`.

    A forge wants `|` escaped in code in tables, the site's generator does not.
    """
    here = PurePosixPath(places[source]).parent

    def link(match: re.Match[str]) -> str:
        target = match[2]
        if ":" in target:
            return match[0]
        path = resolved(source, target)
        place = places.get(path)
        if place is None and (ROOT / path).is_file():
            linked.add(path)
            place = f"{FILES}/{path}"
        place = os.path.relpath(place, here) if place else target
        return f"{match[1]}{place}{match[3] or ''}{match[4]}"

    parts, at = [], 0
    for code in _CODE.finditer(text):
        shown = code[0] if code[0].startswith("```") else code[0].replace("\\|", "|")
        parts += [_LINK.sub(link, text[at : code.start()]), shown]
        at = code.end()
    return "".join([*parts, _LINK.sub(link, text[at:])])


def zoo() -> str:
    """Return what becomes of the zoo's models, without the columns that need an explanation."""
    rows = [row[:4] for row in readme.zoo_rows()]
    return readme.table(["nodes", "after", "reduction"], rows)


def python_reference() -> str:
    """Return what the site generator makes of docstrings: the names of the package, then its modules."""
    tree = ast.parse((ROOT / "python" / "onnxslim" / "__init__.py").read_text())
    said = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("_LATER", "_MODULES")
    }
    homes = {name: home for name, home in said["_LATER"].items() if not name.startswith("_")}
    shown = [name for name, home in homes.items() if home not in said["_MODULES"]]
    text = "## onnxslim\n\n"
    for name in sorted(shown, key=lambda name: (name[0].isupper(), name)):
        text += f"::: onnxslim.{homes[name]}.{name}\n\n"
    for module in sorted(said["_MODULES"]):
        text += f"## onnxslim.{module}\n\n"
        text += f"::: onnxslim.{module}\n    options:\n      show_root_heading: false\n"
        text += "      show_root_toc_entry: false\n\n"
    return text


def makers(tool: Path) -> dict[str, Callable[[], str]]:
    """Return what pages can ask for."""
    return {
        "zoo": zoo,
        "passes": lambda: pass_pages.overview(pass_pages.listed(tool)),
        "commands": lambda: help_tables.commands(tool),
        "flags": lambda: help_tables.flags(tool),
        "environment": lambda: help_tables.environment(tool),
        "exit_codes": lambda: help_tables.exit_codes(tool),
        "python_reference": python_reference,
        "c_reference": header_reference.reference,
    }


def hand_written(tool: Path, out: Path) -> None:
    """Write the pages that people wrote, completed."""
    made, places, linked = makers(tool), sources(), set()
    for source, place in places.items():
        text = relinked((ROOT / source).read_text(), source, places, linked)
        text = MAKE.sub(lambda m: made[m[1]](), text)
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).write_text(text)
    for path in linked:
        (out / FILES / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, out / FILES / path)
    shutil.copytree(ROOT / "docs" / "assets", out / "assets", dirs_exist_ok=True)


def generated(tool: Path, out: Path) -> None:
    """Write a page for each pass."""
    for one in pass_pages.listed(tool):
        (out / "passes" / f"{one['name']}.md").write_text(pass_pages.page(tool, one))


def configuration(tool: Path) -> str:
    """Return the site generator's configuration with the pages of the passes in its navigation."""
    first = "      - passes/index.md\n"
    pages = "".join(f"      - passes/{one['name']}.md\n" for one in pass_pages.listed(tool))
    before, after = (ROOT / "docs" / "mkdocs.yml").read_text().split(first)
    return before.replace("../python", str(ROOT / "python")) + first + pages + after


def main() -> int:
    """Write all pages anew."""
    parser = argparse.ArgumentParser(description="Make the pages of the site.")
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    tool = options.build.resolve() / "onnxslim"
    hand_written(tool, options.out / "pages")
    generated(tool, options.out / "pages")
    (options.out / "mkdocs.yml").write_text(configuration(tool))
    return 0


if __name__ == "__main__":
    sys.exit(main())
