"""The weight recipe, the skeletons and the materialiser."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import recipe
import zoo
from materialize import is_built, materialize
from recipe import Recipe
from skeleton import Skeleton

SMALL = "mobilenetv3_small"
TIED = "albert_base"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, built in a folder of its own."""
    return materialize(SMALL, tmp_path_factory.mktemp("built"))


def test_recipe_gives_the_pinned_values() -> None:
    weight = recipe.draw(Recipe("layer.weight", (2, 3), 0.0, 0.02))
    scale = recipe.draw(Recipe("layer.scale", (4,), 1.0, 0.1, "float16"))
    assert weight.tobytes().hex() == "189889baf89d8e3c2eac8b3b51c7133b2721043da9eede3c"
    assert scale.tobytes().hex() == "ae3ca23b183bbe3a"


def test_recipe_has_the_spread_it_is_given() -> None:
    values = recipe.draw(Recipe("any", (1000, 1000), 1.0, 0.1)).astype(np.float64)
    assert abs(values.mean() - 1) < 1e-3
    assert abs(values.std() - 0.1) < 1e-3
    assert values.min() > 1 - 0.1 * 3**0.5 - 1e-4


def test_chunks_do_not_depend_on_each_other() -> None:
    tensor = Recipe("any", (2 * recipe.CHUNK + 5,), 0.0, 1.0)
    whole = recipe.draw(tensor)
    assert tensor.chunks == 3
    for index in (2, 0, 1):
        start = index * recipe.CHUNK
        expected = whole[start : start + recipe.CHUNK]
        np.testing.assert_array_equal(recipe.chunk(tensor, index), expected)


def test_recipe_refuses_a_mean_it_cannot_hold() -> None:
    with pytest.raises(ValueError, match="too far from 0"):
        recipe.draw(Recipe("any", (1,), 1.0, 1e-6))


def test_built_file_is_the_registered_one(built: Path) -> None:
    fact = zoo.MODELS[SMALL].facts.files[-1]
    assert built.name == fact.name
    assert hashlib.sha256(built.read_bytes()).hexdigest() == fact.sha256
    assert [path.name for path in built.parent.iterdir() if ".part" in path.name] == []


def test_built_model_is_valid_and_as_registered(built: Path) -> None:
    onnx.checker.check_model(str(built))
    model, graph = zoo.MODELS[SMALL], onnx.load(built).graph
    assert len(graph.node) == model.facts.nodes
    assert [value.name for value in graph.input] == [i.name for i in model.inputs]
    assert [value.name for value in graph.output] == list(model.outputs)


def test_no_parameter_is_constant(built: Path) -> None:
    for tensor in onnx.load(built).graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        assert values.size == 1 or np.ptp(values) > 0, tensor.name
        assert "running_var" not in tensor.name or values.min() > 0


def test_building_again_leaves_the_file_alone(built: Path) -> None:
    before = built.stat().st_mtime_ns
    assert materialize(SMALL, built.parent) == built
    assert built.stat().st_mtime_ns == before


def test_a_damaged_file_is_built_again(built: Path, tmp_path: Path) -> None:
    model = zoo.MODELS[SMALL]
    path = materialize(SMALL, tmp_path)
    path.write_bytes(built.read_bytes()[:-1])
    assert not is_built(model, tmp_path)
    materialize(SMALL, tmp_path)
    assert path.read_bytes() == built.read_bytes()


def test_a_wrong_digest_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_SQRT12", 3.0)
    with pytest.raises(ValueError, match="SHA-256"):
        materialize(SMALL, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_tied_parameters_stay_tied() -> None:
    file = Skeleton.load(zoo.MODELS[TIED].skeleton).files[-1]
    layers = [part for part in file.parts if isinstance(part, str) and "ffn.w" in part]
    assert len(layers) == 1


def test_every_model_has_a_skeleton_and_they_are_small() -> None:
    assert len(zoo.names(extras=False)) == 18
    sizes = [zoo.MODELS[name].skeleton.stat().st_size for name in zoo.names()]
    assert sum(sizes) < 15_000_000


def test_command_line_refuses_an_unknown_model() -> None:
    command = [sys.executable, zoo.HERE / "materialize.py", "no_such_model"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such model: no_such_model" in done.stderr
