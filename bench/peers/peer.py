"""One peer on one model, in a process of its own: python bench/peers/peer.py PEER [FLAG...] IN OUT.

Each peer runs as its own documentation says to: by its command line where it has one, with its standard
settings and the flags given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

EXTERNAL = 2 << 30
"""Bytes from which a model file must have its weights outside: protobuf's limit."""


def _command(module: str, function: str, *arguments: str) -> None:
    """Run a peer's command line in this process."""
    sys.argv = [module, *arguments]
    code = getattr(__import__(module, fromlist=[function]), function)()
    if code:
        raise SystemExit(code)


def _weights(model: Path) -> int:
    """Return the bytes of a model with its external data."""
    return sum(p.stat().st_size for p in model.parent.glob(f"{model.name}*"))


def onnxsim(source: Path, out: Path, *flags: str) -> None:
    """`onnxsim IN OUT`."""
    external = ["--save-as-external-data"] if _weights(source) > EXTERNAL else []
    _command("onnxsim", "main", str(source), str(out), *external, *flags)


def onnxslim(source: Path, out: Path) -> None:
    """`onnxslim IN OUT`."""
    external = ["--save-as-external-data"] if _weights(source) > EXTERNAL else []
    _command("onnxslim.cli", "main", str(source), str(out), *external)


def onnxoptimizer(source: Path, out: Path) -> None:
    """`python -m onnxoptimizer IN OUT`: the default passes."""
    _command("onnxoptimizer", "main", str(source), str(out))


def polygraphy(source: Path, out: Path) -> None:
    """`polygraphy surgeon sanitize IN --fold-constants --cleanup --toposort -o OUT`."""
    options = ["--fold-constants", "--cleanup", "--toposort", "-o", str(out)]
    if _weights(source) > EXTERNAL:
        options += ["--save-external-data", f"{out.name}.data"]
    _command("polygraphy.tools", "main", "surgeon", "sanitize", str(source), *options)


def onnxscript(source: Path, out: Path) -> None:
    """`onnxscript.optimizer.optimize()`: it has no command line."""
    import onnx_ir
    from onnxscript import optimizer

    model = onnx_ir.load(source)
    optimizer.optimize_ir(model)
    external = f"{out.name}.data" if _weights(source) > EXTERNAL else None
    onnx_ir.save(model, out, external_data=external)


def ort_basic(source: Path, out: Path) -> None:
    """ONNX Runtime's offline optimisation at the level that keeps standard operators."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(out)
    if _weights(source) > EXTERNAL:
        prefix = "session.optimized_model_external_initializers"
        options.add_session_config_entry(f"{prefix}_file_name", f"{out.name}.data")
        options.add_session_config_entry(f"{prefix}_min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


PEERS: dict[str, tuple[str, Callable[..., None]]] = {
    "onnxsim": ("onnxsim", onnxsim),
    "OnnxSlim": ("onnxslim", onnxslim),
    "ORT basic": ("onnxruntime", ort_basic),
    "onnxscript": ("onnxscript", onnxscript),
    "onnxoptimizer": ("onnxoptimizer", onnxoptimizer),
    "polygraphy": ("polygraphy", polygraphy),
}
"""The package a peer comes in and how it is run, by the name it has in tables."""


def version(peer: str) -> str:
    """Return the installed version of a peer."""
    return metadata.version(PEERS[peer][0])


def main() -> None:
    """Run the command line."""
    peer, *flags, source, out = sys.argv[1:]
    PEERS[peer][1](Path(source), Path(out), *flags)


if __name__ == "__main__":
    main()
