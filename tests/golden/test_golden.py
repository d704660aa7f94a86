"""Golden tests: every case of every pass. The format: tests/support/golden.py."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

import golden
import numeric

HERE = Path(__file__).resolve().parent
CASES = sorted(HERE.glob("*/*.txt"))
ROUNDING = [path for path in CASES if "\ntolerance:" in path.read_text()]
SEEDS = (0, 1)
PRIMES = (2, 3, 5, 7, 11, 13)


def case_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def optimise(tool, source: Path, out: Path, flags: list[str]) -> list[str]:
    """Optimise source to out; returns the remarks, one a line."""
    report = out.with_suffix(".json")
    tool.ok(source, out, "-q", "--remarks=all", "--json", report, *flags)
    remarks = json.loads(report.read_text())["remarks"]
    return [
        f"{'fired' if r['fired'] else 'missed'} {r['rule']} {r['node']}: {r['text']}"
        for r in remarks
    ]


def interface(model: onnx.ModelProto) -> list[bytes]:
    """Inputs and outputs; before IR version 4 the inputs that initializers need are none."""
    constants = {t.name for t in model.graph.initializer} if model.ir_version < 4 else ()
    inputs = [v for v in model.graph.input if v.name not in constants]
    values = [*inputs, *model.graph.output]
    return [v.SerializeToString(deterministic=True) for v in values]


def bindings(model: onnx.ModelProto, forced: dict[str, int]) -> list[dict[str, int]]:
    """Sizes to try for the named dims: all different, all one, none."""
    names = numeric.dim_names(model)
    tries = [
        {n: PRIMES[i % len(PRIMES)] for i, n in enumerate(names)},
        dict.fromkeys(names, 1),
        dict.fromkeys(names, 0),
    ]
    return [{**t, **forced} for t in (tries if names else tries[:1])]


def compare(before, after, case, level, exact) -> None:
    """Compare two models in ONNX Runtime, at every size and seed the first works for."""
    sessions = [numeric.session(m.SerializeToString(), level, threads=1) for m in (before, after)]
    names = [o.name for o in sessions[1].get_outputs()]
    bitwise = level == "off" and case.get("kernel") is None
    bitwise = bitwise and (exact or case.get("tolerance") is None)
    refusals, compared = [], 0
    for binding in bindings(after, case.dims):
        for seed in SEEDS:
            fed = numeric.feeds(after, seed, binding, case.bounds, bitwise and seed == 1)
            try:
                wanted = numeric.run(sessions[0], fed)
            except Exception as error:  # a size or an index the model does not work for
                refusals.append(str(error))
                continue
            wanted = dict(zip((o.name for o in sessions[0].get_outputs()), wanted, strict=True))
            got = numeric.run(sessions[1], fed)
            for name, value in zip(names, got, strict=True):
                where = f"output {name}, level {level}, dims {binding}, seed {seed}"
                agree(wanted[name], value, bitwise, case, where)
            compared += 1
    assert compared, f"ONNX Runtime ran nothing (keys range and dims may help): {refusals}"


def agree(wanted, got, bitwise: bool, case, where: str) -> None:
    """Insist on equal outputs."""
    if not hasattr(wanted, "dtype"):  # a sequence, an optional or a map
        assert repr(wanted) == repr(got), where
        return
    if bitwise:
        assert numeric.same_bits(wanted, got), f"{where}\nbefore {wanted}\nafter {got}"
        return
    allowed = numeric.tolerance(wanted) * float(case.get("tolerance") or 1e-5) / 1e-5
    assert wanted.dtype == got.dtype and wanted.shape == got.shape, where
    diff = numeric.max_diff(wanted, got)
    assert diff <= allowed, f"{where}: differs by {diff}, allowed {allowed}"


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_case(path, tool, tmp_path, pytestconfig):
    case = golden.parse_case(path)
    model = case.model
    onnx.checker.check_model(model, full_check=True)
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(model.SerializeToString(deterministic=True))
    remarks = optimise(tool, source, out, case.flags)
    after = onnx.load(out)
    text = golden.model_text(after)
    if pytestconfig.getoption("--update-golden"):
        case.update(text, remarks)
        case = golden.parse_case(case.path)

    assert text == case.expected
    if "remarks" in case.sections:
        assert "\n".join(remarks) == case.sections["remarks"].strip("\n")
    onnx.checker.check_model(after, full_check=True)
    if case.get("interface") is None:
        assert interface(after) == interface(model)

    again = tmp_path / "again.onnx"
    optimise(tool, out, again, case.flags)
    assert again.read_bytes() == out.read_bytes(), "not idempotent"

    if case.get("numeric") is None:
        for level in numeric.LEVELS:
            compare(model, after, case, level, "--exact" in case.flags)


@pytest.mark.parametrize("path", ROUNDING, ids=case_id)
def test_exact(path, tool, tmp_path):
    """Whatever a case rounds, --exact keeps every bit of it."""
    case = golden.parse_case(path)
    model, out = case.model, tmp_path / "out.onnx"
    source = tmp_path / "in.onnx"
    source.write_bytes(model.SerializeToString(deterministic=True))
    optimise(tool, source, out, [*case.flags, "--exact"])
    compare(model, onnx.load(out), case, "off", exact=True)


def test_there_are_cases():
    assert CASES, "tests/golden has no case"
