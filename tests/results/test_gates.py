"""The gates judge: what is not measured fails, what is too little fails, what is enough is met."""

from __future__ import annotations

import pytest

import gates


@pytest.fixture
def measured(monkeypatch):
    """The results a test makes up, by file."""
    made: dict[str, dict] = {}
    monkeypatch.setattr(gates, "results", lambda name: made.get(name, {}))
    return made


def test_what_is_not_measured_is_not_met(measured, capsys):
    assert gates.main()
    assert capsys.readouterr().out.count("\n") == len(gates.GATES)
    for gate in (gates.transposes, gates.accurate, gates.faster, gates.none_slower, gates.matrix):
        with pytest.raises(gates.NotMeasuredError):
            gate()


@pytest.mark.parametrize(("taken", "met"), [(10, True), (9, False)])
def test_transposes(measured, taken, met):
    measured["exp_02_transposes"] = {
        "units": {"yolov8n": {"alone": 0}, "yolov8n_tf": {"alone": -taken}}
    }
    assert gates.transposes() == (met, f"{taken} nodes on yolov8n_tf")


@pytest.mark.parametrize(("change", "met"), [(-50, True), (-49, False), (0, False)])
def test_share_of_a_pass_alone(measured, change, met):
    unit = {"nodes": 1000, "passes": {"cleanup_attention": {"nodes": change}}}
    measured["exp_01_attribution"] = {"units": {gates.BERT: unit}}
    assert gates.alone("cleanup_attention", gates.ATTENTION)().met == met


def timed(low: float, high: float) -> dict:
    return {"ratio": (low + high) / 2, "low": low, "high": high}


@pytest.mark.parametrize(
    ("low", "high", "faster", "none_slower"),
    [
        (0.95, 0.97, True, True),
        (0.98, 1.01, False, True),
        (1.00, 1.04, False, True),
        (1.03, 1.05, False, False),
    ],
)
def test_latency(measured, low, high, faster, none_slower):
    same = timed(0.99, 1.01)
    rows = {"original again": same, "onnxslim": timed(low, high), "ORT basic": same}
    settings = {"default, 1": rows, "off, 1": rows | {"onnxslim": timed(2, 3)}}
    measured["latency"] = {"models": {"resnet50": {"settings": settings}}}
    assert gates.faster().met == faster
    assert gates.none_slower().met == none_slower
