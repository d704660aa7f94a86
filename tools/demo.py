"""What `make demo` shows: a real exported model, optimised and verified.

The model is rebuilt from its committed skeleton (models/), optimised by the command
line, and its outputs are compared in ONNX Runtime on three seeds.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "models"))


def runtime() -> Path:
    """Return the ONNX Runtime library inside the installed Python package."""
    package = Path(importlib.util.find_spec("onnxruntime").origin).parent
    return next(iter(sorted((package / "capi").glob("libonnxruntime.so*"))))


def main() -> int:
    """Rebuild, optimise, verify."""
    parser = argparse.ArgumentParser(description="Optimise a model of the zoo.")
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("model", nargs="?", default="bert_base")
    options = parser.parse_args()
    import materialize
    import zoo

    if options.model not in zoo.MODELS:
        parser.error(f"no such model: {options.model}; there are {', '.join(zoo.names())}")
    print(f"Rebuilding {options.model} from its skeleton", flush=True)
    source = Path(os.path.relpath(materialize.materialize(options.model), ROOT))
    folder = options.build / "demo"
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    out = folder / source.name
    command = [str(options.build / "onnxslim"), str(source), str(out), "--verify=3"]
    print(f"\n$ {shlex.join(command)}", flush=True)
    environment = {**os.environ, "ONNXSLIM_ORT": str(runtime())}
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
