"""One package on one model, in a process of its own: python bench/python/worker.py CALL MODEL OUT REPEATS.

CALL is `file` (path in, path out) or `proto` (ModelProto in and out, as ultralytics calls it); the seconds of each
call, after the import and a first one, are printed as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time


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
    call, source, out, repeats = sys.argv[1:]
    with contextlib.redirect_stdout(io.StringIO()):
        seconds = timed(call, source, out, int(repeats))
    print(json.dumps(seconds))


main()
