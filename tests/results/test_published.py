"""What is published agrees: the pages, results/, the pinned node counts, the registry of the zoo."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import measured
import readme
import zoo
from every_model import EXPECTED

PINNED = json.loads(EXPECTED.read_text())


def published() -> Iterator[tuple[str, str, int, int | None]]:
    """Give each published node count: where it stands, the model, nodes before, nodes after if it says so."""
    for model, row in measured.results("zoo").get("models", {}).items():
        yield "zoo", model, row["nodes"]["before"], row["nodes"]["after"]
        if "accuracy" in row:
            nodes = row["accuracy"]["nodes"]
            yield "zoo, accuracy", model, nodes["before"], nodes["after"]
    for model, unit in measured.units("exp_01_attribution").items():
        yield "exp_01", model, unit["nodes"], unit["nodes"] + unit["passes"]["all"]["nodes"]
    for model, unit in measured.units("exp_03_bert").items():
        yield "exp_03", model, unit["nodes"]["before"], unit["nodes"]["after"]
    for model, unit in measured.units("exp_08_operators").items():
        yield "exp_08", model, unit["nodes"], None


@pytest.mark.parametrize("name", zoo.names())
def test_node_counts_agree(name):
    pinned = PINNED[name]
    assert pinned["before"] == zoo.MODELS[name].facts.nodes
    wrong = [
        (where, before, after)
        for where, model, before, after in published()
        if model == name
        and (before, after or pinned["after"]) != (pinned["before"], pinned["after"])
    ]
    assert wrong == [], f"pinned: {pinned}; measure again: make results, make experiments"


def test_blocks_are_up_to_date():
    assert readme.behind() == [], "run make readme"


@pytest.mark.parametrize("name", readme.FILES)
def test_every_block_is_known(name):
    text = (readme.ROOT / name).read_text()
    begun = [line.split()[2] for line in text.splitlines() if line.startswith("<!-- begin ")]
    assert begun
    assert set(begun) <= set(readme.BLOCKS)
