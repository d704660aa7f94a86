"""The completion scripts, loaded in their shells; the manual page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from terminal import environment, open_terminal

SHELLS = ["bash", "zsh", "fish"]
MODELS = {"model.onnx", "my model.onnx", "sub"}


@pytest.fixture(params=SHELLS)
def shell(request) -> str:
    """Each shell that is installed here."""
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed here")
    return request.param


@pytest.fixture
def folder(tmp_path) -> Path:
    """Files to complete."""
    for name in ("model.onnx", "my model.onnx", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.fixture(scope="session")
def passes(tool) -> dict[str, list[str]]:
    """The rules of each pass."""
    listed = json.loads(tool.ok("passes", "--json", "-").stdout)
    return {p["name"]: [r["name"] for r in p["rules"]] for p in listed["passes"]}


def flags_of(tool) -> set[str]:
    text = tool.ok("--help").stdout.decode()
    return set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE))


def commands_of(tool) -> set[str]:
    text = tool.ok("--help").stdout.decode()
    return set(re.findall(r"^  ([a-z]+)\b", text.split("\nInterface:")[0], re.MULTILINE))


# --- what each shell offers ---------------------------------------------------------------

BASH = """source <("$1" completion bash) || exit 1
shift; COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _onnxslim
printf '%s\\n' "${COMPREPLY[@]}" """

# zsh completes only while a line is edited, on a terminal: the words go to _onnxslim there, and compadd says
# what they would add.
ZSH = r"""autoload -Uz compinit && compinit -u -D && source <("$ONNXSLIM" completion zsh) || exit 1
TRAPEXIT() { }
complete-and-tell() {
  compadd() {
    local -a found
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then builtin compadd "$@"; return; fi
    builtin compadd -O found "$@"
    print -rl -- "${(@)found}" >>$FOUND
    builtin compadd "$@"
  }
  _main_complete
}
zle -C tell complete-word complete-and-tell
bindkey '^I' tell
PS1='ready> '
"""


def split_at_equals(words: list[str]) -> list[str]:
    """Return the words as bash hands them to a completion: --flag=value in three parts."""
    parts = []
    for word in words:
        flag, equals, value = word.partition("=")
        whole = not (equals and flag.startswith("--"))
        parts += [word] if whole else [flag, equals, value] if value else [flag, equals]
    return parts


def ask_bash(tool, folder: Path, words: list[str]) -> set[str]:
    command = ["bash", "--norc", "-c", BASH, "bash", tool.path, "onnxslim", *split_at_equals(words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert not done.stderr
    return {line for line in done.stdout.splitlines() if line}


def ask_fish(tool, folder: Path, words: list[str]) -> set[str]:
    line = " ".join(["onnxslim", *words])
    script = f"'{tool.path}' completion fish | source; complete -C '{line}'"
    env = environment(HOME=str(folder / "sub"))
    command = ["fish", "--private", "--no-config", "-c", script]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert not done.stderr
    found = {row.split("\t")[0] for row in done.stdout.splitlines()}
    return {word.removeprefix(words[-1].partition("=")[0] + "=").rstrip("/") for word in found}


def ask_zsh(tool, folder: Path, words: list[str]) -> set[str]:
    home = folder.parent / (folder.name + ".zsh")
    home.mkdir(exist_ok=True)
    (home / ".zshrc").write_text(ZSH)
    found = home / "found"
    found.write_text("")
    leader, follower = open_terminal(200)
    env = environment(ZDOTDIR=str(home), HOME=str(home), FOUND=str(found), ONNXSLIM=str(tool.path))
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    running = subprocess.Popen(
        ["zsh", "-d", "-i"], cwd=folder, env=env, start_new_session=True, **streams
    )
    os.close(follower)
    wait_for(leader, b"ready> ")
    os.write(leader, " ".join(["onnxslim", *words]).encode() + b"\t")
    time.sleep(0.3)
    end = time.monotonic() + 10
    while not found.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.3)
    running.kill()
    running.wait()
    os.close(leader)
    lines = found.read_text().replace("\\ ", " ").splitlines()
    return {line.rstrip("/") for line in lines if line}


def wait_for(leader: int, wanted: bytes) -> None:
    text, end = b"", time.monotonic() + 60
    while wanted not in text:
        assert time.monotonic() < end, text
        text += os.read(leader, 4096)


@pytest.fixture
def ask(tool, shell, folder):
    """A function from the words of a line, the last one unfinished, to what the shell offers."""
    asks = {"bash": ask_bash, "fish": ask_fish, "zsh": ask_zsh}
    return lambda *words: asks[shell](tool, folder, list(words))


def test_completes_commands_and_models(tool, ask):
    found = ask("")
    assert commands_of(tool) | MODELS <= found
    assert "notes.txt" not in found
    assert {"inspect"} == {word for word in ask("insp") if not word.endswith(".onnx")}


def test_completes_the_arguments_of_commands(ask):
    assert ask("inspect", "") >= MODELS and "notes.txt" not in ask("inspect", "")
    assert ask("completion", "") == set(SHELLS)
    assert not ask("passes", "") & MODELS


def test_completes_flags(tool, ask):
    assert flags_of(tool) <= ask("--")
    assert ask("model.onnx", "--input") >= {"--inputs", "--input-shape"}


def test_completes_enumerated_values(ask):
    assert ask("--target", "") == {"ort", "tflite", "coreml"}
    assert ask("--target=") == {"ort", "tflite", "coreml"}
    assert ask("--remarks=") == {"all", "fired", "missed"}
    assert ask("--color=a") == {"auto", "always"}
    assert "max" in ask("--opset", "")


def test_completes_files_as_values(ask):
    assert {"notes.txt", *MODELS} <= ask("--json", "")
    assert {"notes.txt", "keep"} <= ask("--external-data=")


def test_completes_passes_and_rules(ask, passes):
    assert set(passes) == ask("--passes=")
    assert set(passes) == ask("--only", "")
    rules = {rule for own in passes.values() for rule in own}
    assert set(passes) | rules == ask("--skip", "")


def test_completes_lists_after_a_comma(ask):
    found = ask("--skip=fold_constants,fuse_conv_b")
    assert {word.rpartition(",")[2] for word in found} == {"fuse_conv_batchnorm"}


def test_a_value_that_needs_an_equals_sign_is_not_the_next_argument(ask):
    assert ask("--remarks", "") >= MODELS


def test_bash_completes_a_line(tool, folder):
    """As a user does: on a terminal, with the tab key."""
    leader, follower = open_terminal(200)
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    env = environment(PS1="ready> ", PATH=f"{tool.path.parent}:{os.environ['PATH']}")
    running = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=folder,
        env=env,
        start_new_session=True,
        **streams,
    )
    os.close(follower)
    os.write(leader, b"source <(onnxslim completion bash); echo load''ed\n")
    wait_for(leader, b"loaded")
    os.write(leader, b"echo =; onnxslim mod\t--skip=fuse_conv_b\t,fold_c\t --tar\ttf\t")
    wait_for(leader, b"model.onnx --skip=fuse_conv_batchnorm,fold_constants --target tflite")
    running.kill()
    running.wait()
    os.close(leader)


def test_unknown_shells_are_an_error(tool):
    done = tool("completion", "tcsh")
    assert done.returncode == 1 and b"bash|zsh|fish" in done.stderr


# --- the manual page ------------------------------------------------------------------------


@pytest.fixture
def page(tool, tmp_path) -> Path:
    """The page in a file."""
    path = tmp_path / "onnxslim.1"
    path.write_bytes(tool.ok("man").stdout)
    return path


def test_the_page_lists_everything_once(tool, page, passes):
    entries = re.findall(r"^\.TP\n\\fB(.*)\\fR$", page.read_text(), re.MULTILINE)
    texts = [entry.replace("\\-", "-").replace("\\e", "\\") for entry in entries]
    flags = Counter(
        found[0] for text in texts if (found := re.findall(r"^(?:-\w, )?(--[\w-]+)", text))
    )
    assert flags == Counter(flags_of(tool))
    words = Counter(text.split()[0] for text in texts)
    assert all(words[command] == 1 for command in commands_of(tool))
    assert all(words[name] == 1 for name in passes)
    names = re.findall(r"^\.SH (.+)$", page.read_text(), re.MULTILINE)
    assert names[0] == "NAME" and "EXIT STATUS" in names and "EXAMPLES" in names


LINTERS = {
    "man": ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
    "groff": ["groff", "-man", "-Tutf8", "-ww", "-z"],
    "mandoc": ["mandoc", "-T", "lint", "-W", "warning"],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_the_page_has_no_warnings(page, linter):
    if not shutil.which(linter):
        pytest.skip(f"{linter} is not installed here")
    done = subprocess.run(
        [*LINTERS[linter], page],
        capture_output=True,
        text=True,
        env=environment(MANWIDTH="80"),
        check=False,
    )
    # A date would have to be kept by hand, or make each build another one.
    found = [
        line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line
    ]
    assert not found if linter == "mandoc" else (done.returncode, done.stderr) == (0, "")


def test_the_page_reads_well(page):
    if not shutil.which("groff"):
        pytest.skip("groff is not installed here")
    command = ["groff", "-man", "-Tascii", "-P-cbou", page]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^ +--freeze DIM=N,\.\.\.\n +give named dims a size", text, re.MULTILINE)
    assert re.search(r"^ +-q, --quiet$", text, re.MULTILINE)
