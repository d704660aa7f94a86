"""The console script: OnnxSlim's flags are put into our own, and the C program in the package does the rest.

Where both have a flag of the same name, OnnxSlim's meaning holds: ``-v`` prints the version, and ``--inputs``
and ``--outputs`` are followed by several names (``--inputs=a,b`` is ours).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from onnxslim import _binary
from onnxslim._runtime import environment

_USAGE = 1


class _RefusalError(Exception):
    """What to print, as one line."""


def _one(flag: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise _RefusalError(f"{flag} needs one value")
    return values[0]


def _several(flag: str, values: Sequence[str]) -> Sequence[str]:
    if not values:
        raise _RefusalError(f"{flag} needs a value")
    return values


def _names(values: Sequence[str]) -> str:
    return ",".join(value.replace(",", "\\,") for value in values)


def _skip_optimizations(values: Sequence[str]) -> list[str]:
    from onnxslim._peers import skipped_by_optimization

    return [f"--skip={_names(skipped_by_optimization(values))}"]


def _skip_patterns(values: Sequence[str]) -> list[str]:
    from onnxslim._peers import skipped_by_pattern

    return [f"--skip={_names(skipped_by_pattern(values))}"]


# Flags that are followed by several values, and those by one; what they are in our words.
_SEVERAL: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "--input-shapes": lambda values: [f"--input-shape={value}" for value in values],
    "--inputs": lambda values: [f"--inputs={_names(values)}"],
    "--outputs": lambda values: [f"--outputs={_names(values)}"],
    "--model-check-inputs": lambda values: [f"--feed={_names(values)}"],
    "--skip-optimizations": _skip_optimizations,
    "--skip-fusion-patterns": _skip_patterns,
}
_ONE: dict[str, Callable[[str], list[str]]] = {
    "--size-threshold": lambda value: [f"--max-fold={value}"],
}
_SWITCHES: dict[str, list[str]] = {
    "--model-check": ["--verify=1"],
    "--no-shape-infer": [],
    "--save-as-external-data": ["--external-data"],
}


def _values(arguments: Sequence[str], at: int) -> Sequence[str]:
    end = at
    while end < len(arguments) and not arguments[end].startswith("-"):
        end += 1
    return arguments[at:end]


def translate(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with OnnxSlim's flags in our words; the others stay as they are."""
    out: list[str] = []
    i = 0
    while i < len(arguments):
        flag, equals, value = arguments[i].partition("=")
        i += 1
        if flag == "--":
            return [*out, *arguments[i - 1 :]]
        if flag in _SWITCHES and not equals:
            out += _SWITCHES[flag]
        elif flag in _ONE:
            values = [value] if equals else arguments[i : i + 1]
            i += not equals
            out += _ONE[flag](_one(flag, values))
        elif flag in _SEVERAL and not equals:
            values = _several(flag, _values(arguments, i))
            i += len(values)
            out += _SEVERAL[flag](values)
        elif flag in _SEVERAL and flag not in ("--inputs", "--outputs"):
            out += _SEVERAL[flag]([value])
        else:
            out.append(arguments[i - 1])
    return out


def _inspect(arguments: Sequence[str]) -> int:
    """OnnxSlim's ``--inspect``: a table of the models."""
    from onnxslim import OnnxSlimError, slim

    models = [argument for argument in arguments if not argument.startswith("-")]
    flags = {argument for argument in arguments if argument.startswith("-")}
    unknown = flags - {"--inspect", "--dump-to-disk", "--verbose"}
    if unknown:
        raise _RefusalError(f"{min(unknown)} does not go with --inspect")
    try:
        slim(models, dump_to_disk="--dump-to-disk" in flags)
    except OnnxSlimError as error:
        raise _RefusalError(str(error)) from error
    return 0


def _run(program: str, arguments: Sequence[str]) -> int:
    """Become the C program; where that cannot be, run it."""
    if os.name == "posix":
        os.execve(program, ["onnxslim", *arguments], environment())
    return subprocess.run([program, *arguments], env=environment(), check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the console script; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["batch"]:
            from onnxslim.batch import main as batch

            return batch(given[1:])
        if "-v" in given:
            from onnxslim import __version__

            print(__version__)
            return 0
        if "--inspect" in given:
            return _inspect(given)
        if "--dump-to-disk" in given:
            raise _RefusalError("--dump-to-disk goes with --inspect")
        return _run(str(_binary.find()), translate(given))
    except (_RefusalError, ValueError, FileNotFoundError) as error:
        print(f"onnxslim: error: {error}", file=sys.stderr)
        return _USAGE
