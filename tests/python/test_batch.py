"""Many models: isolation, resuming, the line for each, the exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from onnxslim import batch

pytestmark = pytest.mark.plain


@pytest.fixture
def hub(model, convolution, tmp_path, monkeypatch) -> Path:
    """Three models in two folders; the test runs beside them."""
    (tmp_path / "hub" / "deep").mkdir(parents=True)
    onnx.save(model, tmp_path / "hub" / "a.onnx")
    onnx.save(convolution, tmp_path / "hub" / "deep" / "b.onnx")
    onnx.save(model, tmp_path / "hub" / "deep" / "c.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def run(capsys, *arguments: str) -> tuple[int, dict[str, dict]]:
    code = batch.main(["hub/**/*.onnx", "-o", "out", *arguments])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {line["input"]: line for line in lines}


def statuses(lines: dict[str, dict]) -> dict[str, str]:
    return {Path(name).name: line["status"] for name, line in lines.items()}


def test_all_are_done_and_keep_their_place(hub, capsys):
    code, lines = run(capsys, "--verify=1")
    assert code == 0
    assert statuses(lines) == {"a.onnx": "done", "b.onnx": "done", "c.onnx": "done"}
    assert len(onnx.load("out/deep/b.onnx").graph.node) == 2
    line = lines["hub/deep/b.onnx"]
    assert line["output"] == "out/deep/b.onnx"
    assert line["nodes"] == {"before": 3, "after": 2}
    assert line["exit_code"] == 0
    logged = [json.loads(text) for text in Path("out/batch.jsonl").read_text().splitlines()]
    assert {row["input"] for row in logged} == set(lines)


def test_a_second_run_does_what_is_new(hub, capsys, convolution):
    run(capsys)
    code, lines = run(capsys)
    assert code == 0
    assert set(statuses(lines).values()) == {"resumed"}
    assert set(statuses(run(capsys, "--exact")[1]).values()) == {"done"}  # other options
    assert set(statuses(run(capsys)[1]).values()) == {"resumed"}
    onnx.save(convolution, hub / "a.onnx")  # another input
    Path("out/deep/b.onnx").unlink()  # a result that is gone
    expected = {"a.onnx": "done", "b.onnx": "done", "c.onnx": "resumed"}
    assert statuses(run(capsys)[1]) == expected


def test_a_run_that_was_cut_off_goes_on(hub, capsys):
    run(capsys)
    log = Path("out/batch.jsonl")
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:2]) + lines[2][:40])
    code, again = run(capsys)
    assert code == 0
    assert sorted(statuses(again).values()) == ["done", "resumed", "resumed"]
    whole = [text for text in log.read_text().splitlines() if text.endswith("}")]
    assert len([json.loads(text) for text in whole]) == 3


def test_external_data_belongs_to_the_digest(hub, capsys, convolution):
    onnx.save(
        convolution, hub / "a.onnx", save_as_external_data=True, location="a.bin", size_threshold=0
    )
    run(capsys)
    assert statuses(run(capsys)[1])["a.onnx"] == "resumed"
    data = bytearray((hub / "a.bin").read_bytes())
    data[3] ^= 1
    (hub / "a.bin").write_bytes(data)
    expected = {"a.onnx": "done", "b.onnx": "resumed", "c.onnx": "resumed"}
    assert statuses(run(capsys)[1]) == expected


def test_bad_models_do_not_stop_the_others(hub, capsys):
    (hub / "a.onnx").write_bytes(b"no model")
    code, lines = run(capsys)
    assert code == 2
    assert statuses(lines) == {"a.onnx": "failed", "b.onnx": "done", "c.onnx": "done"}
    assert "a.onnx" in lines["hub/a.onnx"]["error"]
    assert lines["hub/a.onnx"]["exit_code"] == 2
    assert statuses(run(capsys)[1])["a.onnx"] == "failed"  # it is tried again


@pytest.fixture
def treacherous(build, tmp_path, monkeypatch):
    """A program that dies, or hangs, on some models."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "libonnxslim.so").symlink_to(build / "libonnxslim.so")
    program = folder / "onnxslim"
    program.write_text(
        f"""#!/bin/sh
case "$1" in
  */a.onnx) kill -SEGV $$ ;;
  */c.onnx) exec sleep 60 ;;
esac
exec {build / "onnxslim"} "$@"
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("ONNXSLIM_LIBRARY", str(folder / "libonnxslim.so"))


@pytest.mark.usefixtures("treacherous")
def test_crashes_and_hangs_do_not_stop_the_others(hub, capsys):
    code, lines = run(capsys, "--timeout=5")
    assert code == 2
    assert statuses(lines) == {"a.onnx": "failed", "b.onnx": "done", "c.onnx": "failed"}
    assert lines["hub/a.onnx"]["error"] == "killed by SIGSEGV"
    assert lines["hub/deep/c.onnx"]["error"] == "not done after 5 s"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nothing/*.onnx", "-o", "out"], "'nothing/*.onnx' names no file"),
        (["hub/a.onnx", "hub/deep/../a.onnx", "-o", "out"], "would both become 'a.onnx'"),
    ],
)
def test_usage(hub, capsys, arguments, why):
    assert batch.main(arguments) == 1
    assert why in capsys.readouterr().err


def test_flags_hold_for_each_model(hub, capsys):
    code, lines = run(capsys, "--model-check", "--skip-fusion-patterns=FusionConvBN")
    assert code == 0
    assert lines["hub/deep/b.onnx"]["nodes"]["after"] == 3
    with pytest.raises(SystemExit):
        batch.main(["hub", "-o", "out", "--json=x"])
    assert "--json makes no sense" in capsys.readouterr().err


def test_folders_stand_for_what_is_in_them(hub, capsys):
    assert batch.main(["hub", "-o", "out", "-j", "2"]) == 0
    assert {p.as_posix() for p in Path("out").rglob("*.onnx")} == {
        "out/a.onnx", "out/deep/b.onnx", "out/deep/c.onnx"}  # fmt: skip


# --- Dask: what needs the package's environment (make setup-package)


def package_python() -> str:
    python = Path(__file__).resolve().parents[2] / ".venv-package" / "bin" / "python"
    if not python.exists():
        pytest.skip("make setup-package installs Dask")
    return str(python)


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, python: str, folder: Path) -> None:
        self.python, self.folder = python, folder
        self.address_file = folder / "scheduler.json"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        common = ["--scheduler-file", str(self.address_file)]
        scheduler = [
            python,
            "-m",
            "distributed.cli.dask_scheduler",
            "--port",
            "0",
            "--no-dashboard",
        ]
        self.processes = [subprocess.Popen([*scheduler, *common], **quiet)]
        worker = [python, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
        worker += ["--no-dashboard", "--local-directory", str(folder)]
        self.workers = [subprocess.Popen([*worker, *common], **quiet) for _ in range(2)]
        self.processes += self.workers

    def address(self) -> str:
        code = f"""
from distributed import Client
with Client(scheduler_file={str(self.address_file)!r}, timeout=120) as client:
    client.wait_for_workers(2, timeout=120)
    print(client.scheduler.address)
"""
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    python = package_python()
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Cluster(python, folder)
    yield made
    made.close()


def test_dask_goes_on_when_a_worker_is_lost(hub, cluster, model):
    for i in range(12):
        onnx.save(model, hub / f"m{i}.onnx")
    command = [cluster.python, "-m", "onnxslim", "batch", str(hub), "-o", "out"]
    started = subprocess.Popen(
        [*command, "--scheduler", cluster.address()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = started.stdout.readline()
    cluster.workers[0].kill()
    rest, errors = started.communicate(timeout=300)
    assert started.returncode == 0, errors
    lines = [json.loads(text) for text in [first, *rest.splitlines()]]
    assert len(lines) == 15
    assert {line["status"] for line in lines} == {"done"}
    assert cluster.workers[0].wait() < 0
    assert len(list(Path("out").rglob("*.onnx"))) == 15


def test_without_dask_the_scheduler_is_refused(hub, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert batch.main(["hub", "-o", "out", "--scheduler", "tcp://127.0.0.1:1"]) == 1
    assert "onnxslim[dask]" in capsys.readouterr().err
    shutil.rmtree("out")
    assert not os.path.exists("out")  # noqa: PTH110
