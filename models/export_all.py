"""Export the zoo again, from the frameworks: `python models/export_all.py [NAME...]`.

Creates the pinned environments in models/.envs, exports every model in its own
process, and rewrites the skeletons, zoo.json and the README's table.  With
--pretrained, which needs a network, the real weights are exported to --out instead.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import zoo

ENVIRONMENTS = zoo.HERE / ".envs"
REQUIREMENTS = zoo.HERE / "export"

_ENVIRONMENT = {
    "yolo": "torch",
    "cnn": "torch",
    "detector": "torch",
    "encoders": "torch",
    "decoders": "decoders",
    "yolo_tf": "tensorflow",
}
"""The environment each module of the export package runs in."""

_BASE = {"decoders": "torch"}
"""Environments that see the packages of another one behind their own."""


def _site_packages(environment: str) -> Path:
    lib = ENVIRONMENTS / environment / "lib"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return lib / version / "site-packages"


def prepare(environment: str) -> Path:
    """Create an environment, unless it is there as pinned, and return its Python."""
    folder = ENVIRONMENTS / environment
    pins = REQUIREMENTS / f"requirements-{environment}.txt"
    stamp = folder / "requirements.sha256"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    base = _BASE.get(environment)
    if base:
        prepare(base)
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"installing the {environment} environment …", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *(["--no-deps"] if base else []), "-r", str(pins)], check=True)
        if base:
            path = _site_packages(environment) / "base.pth"
            path.write_text(f"{_site_packages(base)}\n")
        stamp.write_text(digest)
    return folder / "bin" / "python"


def export(model: zoo.Model, out: Path, *flags: str) -> None:
    """Export one model in its environment; its chatter is shown if it fails."""
    python = prepare(_ENVIRONMENT[model.exporter])
    command = [str(python), "-m", "export", model.name, "--out", str(out.resolve()), *flags]
    done = subprocess.run(
        command,
        cwd=zoo.HERE,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{model.name}: the export failed")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Export the zoo's models again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: every model")
    parser.add_argument("--pretrained", action="store_true", help="take real weights")
    parser.add_argument("--out", type=Path, help="folder for --pretrained's models")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in zoo.MODELS]:
        parser.error(f"no such model: {unknown[0]}")
    if options.pretrained != bool(options.out):
        parser.error("--pretrained and --out go together")
    names = options.names or zoo.names()
    for number, name in enumerate(names, 1):
        start = time.monotonic()
        print(f"[{number}/{len(names)}] {name} …", end=" ", flush=True)
        if options.pretrained:
            export(zoo.MODELS[name], options.out, "--pretrained")
        else:
            with tempfile.TemporaryDirectory(dir=zoo.HERE, prefix=".exports-") as out:
                export(zoo.MODELS[name], Path(out))
        print(f"{time.monotonic() - start:.0f} s", flush=True)
    if not options.pretrained:
        zoo.facts.cache_clear()
        zoo.update_readme()


if __name__ == "__main__":
    main()
