"""Export models by name: `python -m export NAME... --out DIR`, run in models/.

Every model's module in this package has `export(model, path, pretrained)`, which
writes the .onnx to path and returns the recipes its parameters were filled by.
The skeleton and the registry's facts follow from that.  With --pretrained (needs a
network) the real weights are taken; skeletons and registry are then left alone.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import zoo
from export.cut import cut


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("names", nargs="+", choices=zoo.MODELS, metavar="NAME")
    parser.add_argument("--out", type=Path, required=True, help="folder to export to")
    parser.add_argument("--pretrained", action="store_true", help="take real weights")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        model = zoo.MODELS[name]
        path = (options.out / f"{name}.onnx").resolve()
        module = importlib.import_module(f"export.{model.exporter}")
        recipes = module.export(model, path, options.pretrained)
        if not options.pretrained:
            cut(model, path, recipes)
        print(path, flush=True)


if __name__ == "__main__":
    main()
