"""--report: the page that it writes, without a browser."""

from __future__ import annotations

import json

import pytest

import report_pages

USAGE, IO = 1, 4


@pytest.fixture
def save(tmp_path):
    """Write one of the models for the page."""

    def write(name: str):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(report_pages.MODELS[name]().SerializeToString(deterministic=True))
        return path

    return write


@pytest.mark.parametrize("name", report_pages.MODELS)
def test_the_page_holds_the_report(tool, save, tmp_path, name):
    path = save(name)
    tool.ok(
        path,
        tmp_path / "out.onnx",
        "-q",
        "--report",
        tmp_path / "page.html",
        "--json",
        tmp_path / "r.json",
    )
    page = (tmp_path / "page.html").read_text()
    assert report_pages.report_in(page) == json.loads((tmp_path / "r.json").read_text())
    assert page.count("</script>") == 2
    assert page.endswith("</html>\n")


def test_to_standard_output(tool, save):
    done = tool.ok(save("small"), "--report=-")
    assert report_pages.report_in(done.stdout.decode())["nodes"]["before"] == 27
    assert b"nodes" in done.stderr


def test_the_model_is_the_same(tool, save, tmp_path):
    path = save("small")
    tool.ok(path, tmp_path / "plain.onnx", "-q")
    tool.ok(path, tmp_path / "shown.onnx", "-q", "--report", tmp_path / "page.html")
    assert (tmp_path / "plain.onnx").read_bytes() == (tmp_path / "shown.onnx").read_bytes()


def test_a_page_that_cannot_be_written(tool, save, tmp_path):
    done = tool(save("small"), "-q", "--report", tmp_path / "no" / "page.html")
    assert done.returncode == IO
    assert b"cannot write" in done.stderr


def test_a_full_disk(tool, save):
    done = tool(save("small"), "-q", "--report=/dev/full")
    assert done.returncode == IO


def test_a_file_is_needed(tool, save):
    assert tool(save("small"), "--report").returncode == USAGE
