"""One package on one model, in a process of its own: python bench/python/worker.py PACKAGE CALL MODEL OUT [REPEATS].

CALL is `script` (import, path in, path out, once), or, after the import and a first call, `file` (path in, path out)
or `proto` (ModelProto in and out, as ultralytics calls it): then the seconds of each call are printed as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time


def once(package: str, source: str, out: str) -> None:
    """Do what a user's script does, its table included."""
    if package == "onnxsim":
        import onnx
        import onnxsim

        onnx.save(onnxsim.simplify(source)[0], out)
    else:
        import onnxslim

        onnxslim.slim(source, out)


def timed(call: str, source: str, out: str, repeats: int) -> list[float]:
    """Time slim() in a process that has imported everything; a peer may change what it is given."""
    import onnx

    import onnxslim

    seconds = []
    for _ in range(repeats + 1):
        given = (onnx.load(source),) if call == "proto" else (source, out)
        start = time.perf_counter()
        onnxslim.slim(*given)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> None:
    """Run what the arguments say; the tables go nowhere."""
    package, call, source, out, *repeats = sys.argv[1:]
    seconds = None
    with contextlib.redirect_stdout(io.StringIO()):
        if call == "script":
            once(package, source, out)
        else:
            seconds = timed(call, source, out, int(repeats[0]))
    if seconds:
        print(json.dumps(seconds))


main()
