"""The pages of the site: complete, drawn, without dead links; and the site, where its generator is installed."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
PASSES = re.findall(r"^PASS\((\w+)\)", (ROOT / "src/passes/passes.def").read_text(), re.M)

pytest.importorskip("grandalf", reason="grandalf draws the graphs: make setup")
pytestmark = pytest.mark.xdist_group("docs")

import header_reference  # noqa: E402  (needs what is looked for above)
import help_tables  # noqa: E402
import pages  # noqa: E402
import pass_pages  # noqa: E402


@pytest.fixture(scope="module")
def made(build, tmp_path_factory) -> Path:
    """All pages, as the site generator gets them."""
    out = tmp_path_factory.mktemp("docs")
    subprocess.run(
        [sys.executable, ROOT / "tools/docs/pages.py", "--build", build, "--out", out], check=True
    )
    return out


@pytest.fixture(scope="module")
def listed(tool) -> dict[str, dict]:
    """What the library says of its passes."""
    return {one["name"]: one for one in pass_pages.listed(tool.path)}


def without_code(text: str) -> str:
    """A page without its code, which may look like links."""
    return re.sub(r"^( *)```.*?^\1```$|`[^`\n]+`", "", text, flags=re.M | re.S)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the site has them."""
    found = set()
    for heading in re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M
    ):
        if named := re.search(r"\{ #(\S+) \}$", heading):
            found.add(named[1])
            continue
        plain = re.sub(r"[^\w\s-]", "", html.unescape(heading)).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", plain))
    return found


# --- what pass files say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_file_opens_with_what_it_does(name):
    fields = [field for field, _ in pass_pages.header(name) if field]
    assert {"Before", "After", "Exactness"} <= set(fields), fields
    text = (ROOT / "src/passes" / f"{name}.c").read_text().split("*/")[0]
    hidden = re.findall(r"(?<!\* )(?:Before|After|Formula|When not|Exactness):", text)
    assert hidden == [], (
        "a field does not begin its line: clang-format joins lines that are too long"
    )


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_has_a_page_with_drawings(made, listed, name):
    text = (made / "pages/passes" / f"{name}.md").read_text()
    rules = listed[name]["rules"]
    sections = re.split(r"^(?=### )", text, flags=re.M)
    assert [re.findall(r"`(.+?)`", s)[0] for s in sections[1:]] == [r["name"] for r in rules]
    for section in sections[1:] or sections:
        drawings = re.findall(r"<svg .*?</svg>", section, re.S)
        titles = [ElementTree.fromstring(svg).get("aria-label", "") for svg in drawings]
        assert [title.split(":")[0] for title in titles] == ["before", "after"], section[:200]
        assert drawings[0] != drawings[1]
    for rule in rules:
        word = "bit-exact" if rule["bitwise"] else "rounds"
        assert re.search(rf"^\| \[`{re.escape(rule['name'])}`\].*>{word}<", text, re.M)


# --- what is generated ------------------------------------------------------------------------------------------


def test_nothing_is_left_to_be_made(made):
    for page in (made / "pages").rglob("*.md"):
        assert not pages.MAKE.search(page.read_text()), page.name


def test_the_command_line_is_complete(made, tool):
    text = (made / "pages/command-line.md").read_text()
    printed = tool.ok("--help").stdout.decode()
    for flag in set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", printed, re.M)):
        assert re.search(rf"`[^`\n]*{flag}\b", text), flag
    assert len(help_tables.groups(tool.path)["Exit codes"]) == 5


def test_the_c_interface_is_complete(made):
    text = (made / "pages/c-api.md").read_text()
    header = header_reference.HEADER.read_text()
    declared = set(re.findall(r"ONNXSLIM_API[^;(]*?(onnxslim_\w+)\(", header))
    declared |= set(re.findall(r"^\} (onnxslim_\w+);", header, re.M))
    titles = " ".join(re.findall(r"^### (.+)$", text, re.M))
    assert declared - set(re.findall(r"\w+", titles)) == set()
    comments = re.findall(r"^/\* (\w+ \w+ \w+)", header[header.index("simple ---") :], re.M)
    assert [words for words in comments if words not in text.replace("`", "")] == []


# --- links ------------------------------------------------------------------------------------------------------


def dead_links(page: Path) -> list[str]:
    """The links of a page that lead nowhere: no such file, no such heading."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        if ":" in link:
            continue
        if not path.exists() or (anchor and anchor not in anchors(path.read_text())):
            dead.append(f"{page}: {link}")
    return dead


def test_links_in_the_repository_resolve():
    """As they are read on a forge, from the files themselves."""
    sources = [*pages.sources(), "README.md"]
    assert [link for source in sources for link in dead_links(ROOT / source)] == []


def test_links_in_the_site_resolve(made):
    assert [link for page in (made / "pages").rglob("*.md") for link in dead_links(page)] == []


def test_every_page_is_in_the_navigation(made):
    config = (made / "mkdocs.yml").read_text()
    navigation = re.findall(r"^ +- (?:[\w ]+: )?(\S+\.md)$", config[config.index("\nnav:") :], re.M)
    found = {p.relative_to(made / "pages").as_posix() for p in (made / "pages").rglob("*.md")}
    assert sorted(navigation) == sorted(found - {p for p in found if p.startswith("files/")})


# --- the site ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not MKDOCS.exists(), reason="the site generator is not installed: make docs")
def test_the_site_is_built_and_needs_no_network(made):
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [MKDOCS, "build", "--quiet", "--strict", "-f", made / "mkdocs.yml"]
    subprocess.run([*command, "--site-dir", made / "site"], check=True, env=env)
    written = list((made / "site").rglob("*.html"))
    assert len(written) > len(PASSES)
    for page in written:
        foreign = re.findall(
            r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//[^\">\s]+",
            page.read_text(),
        )
        assert [f for f in foreign if 'rel="canonical"' not in f] == [], page.name
